//! Whoever is at the other end of a connection.

use std::fmt::{self, Display};
use std::net::IpAddr;
use std::sync::Arc;

use eni_types::InstanceId;
use tokio::sync::Notify;

/// Whoever is at the other end of a connection.
#[derive(Clone)]
pub struct Client {
    address: IpAddr,
    guest: Option<Arc<Guest>>,
    end: Arc<Notify>,
}

struct Guest {
    instance_id: Option<InstanceId>,
    may_call: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Client {
    /// Somebody who has come to a listener of the host's from `address`.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self {
            address,
            guest: None,
            end: Arc::default(),
        }
    }

    /// A guest of the fabric's, by a way that no other has the `address` of; the instance, where that is known. It is asked before
    /// each call whether it still may.
    #[must_use]
    pub fn guest(
        address: IpAddr,
        instance_id: Option<InstanceId>,
        may_call: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        let guest = Guest {
            instance_id,
            may_call: Box::new(may_call),
        };
        Self {
            address,
            guest: Some(Arc::new(guest)),
            end: Arc::default(),
        }
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// Whether it has come by the fabric.
    pub(crate) fn is_guest(&self) -> bool {
        self.guest.is_some()
    }

    pub(crate) fn may_call(&self) -> bool {
        self.guest.as_ref().is_none_or(|guest| (guest.may_call)())
    }

    /// Ends the connection.
    pub(crate) fn end(&self) {
        self.end.notify_one();
    }

    /// Completes when the connection is to be ended.
    pub(crate) async fn to_end(&self) {
        self.end.notified().await;
    }
}

/// In the log: an instance's id, or that somebody else has come by an endpoint; of others nothing.
impl Display for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.guest.as_ref().map(|guest| guest.instance_id) {
            Some(Some(id)) => write!(formatter, " {id}"),
            Some(None) => formatter.write_str(" endpoint"),
            None => Ok(()),
        }
    }
}
