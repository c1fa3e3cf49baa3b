//! All services together, on one thread.

use std::io;
use std::sync::Arc;

use eni_metadata::TokenKey;
use eni_model::Source;
use tokio::sync::watch;

use crate::{Askers, MetadataService, TimeService};

/// What guests find at the addresses of [`eni_abi::Service`].
pub struct Services {
    metadata: Arc<MetadataService>,
}

impl Services {
    /// Of what `source` publishes, for the attachments that `askers` knows; tokens of instance metadata are by `key`.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, askers: Arc<Askers>, key: TokenKey) -> Self {
        Self {
            metadata: Arc::new(MetadataService::new(source, askers, key)),
        }
    }

    /// Serves until `stop` holds or its sender is gone. To be called in the services' network namespace.
    ///
    /// # Errors
    /// When nobody can listen there.
    pub async fn serve(&self, stop: watch::Receiver<bool>) -> io::Result<()> {
        let listener = MetadataService::listen().await?;
        let time = TimeService::listen()?;
        tokio::join!(
            self.metadata.serve(listener, stop.clone()),
            time.serve(stop),
        );
        Ok(())
    }
}
