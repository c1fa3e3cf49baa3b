//! All services together, on one thread.

use std::io;
use std::sync::Arc;

use eni_metadata::Keys;
use eni_model::Source;
use tokio::sync::watch;

use crate::names::{DnsUpstream, NameService, NameSockets};
use crate::{
    AddressService, AddressSockets, ApiService, Askers, GuestApi, MetadataService, TimeService,
};

/// What guests find at the addresses of [`eni_abi::Service`].
pub struct Services {
    metadata: Arc<MetadataService>,
    names: Arc<NameService>,
    addresses: AddressService,
    api: Option<ApiService>,
}

impl Services {
    /// Of what `source` publishes, for the attachments that `askers` knows; what instance metadata gives is made with `keys`. What names
    /// are not known there, `upstream` is asked from the calling thread's network namespace. Where there is an `api`, guests find it.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(
        source: Arc<dyn Source>,
        askers: Arc<Askers>,
        keys: Keys,
        upstream: DnsUpstream,
        api: Option<GuestApi>,
    ) -> io::Result<Self> {
        let names = NameService::new(Arc::clone(&source), Arc::clone(&askers), upstream)?;
        let addresses = AddressService::new(Arc::clone(&source), Arc::clone(&askers));
        let api = api
            .map(|api| ApiService::new(Arc::clone(&source), Arc::clone(&askers), api))
            .transpose()?;
        Ok(Self {
            metadata: Arc::new(MetadataService::new(source, askers, keys)),
            names: Arc::new(names),
            addresses,
            api,
        })
    }

    /// Serves until `stop` holds or its sender is gone. To be called in the services' network namespace.
    ///
    /// # Errors
    /// When nobody can listen there.
    pub async fn serve(&self, stop: watch::Receiver<bool>) -> io::Result<()> {
        let listener = MetadataService::listen().await?;
        let time = TimeService::listen()?;
        let names = NameSockets::open()?;
        let addresses = AddressSockets::open()?;
        let calls = match &self.api {
            Some(api) => Some((api, ApiService::listen()?)),
            None => None,
        };
        let calls_stop = stop.clone();
        let calls = async {
            if let Some((api, listener)) = calls {
                api.serve(listener, calls_stop).await;
            }
        };
        tokio::join!(
            calls,
            self.metadata.serve(listener, stop.clone()),
            time.serve(stop.clone()),
            self.names.serve(names, stop.clone()),
            self.addresses.serve(addresses, stop),
        );
        Ok(())
    }
}
