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
    instance_id: InstanceId,
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

    /// An instance, by an interface that no other has the `address` of. It is asked before each call whether it still may.
    #[must_use]
    pub fn guest(
        address: IpAddr,
        instance_id: InstanceId,
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

    /// The instance that it is.
    pub(crate) fn instance_id(&self) -> Option<InstanceId> {
        self.guest.as_ref().map(|guest| guest.instance_id)
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

/// In the log: an instance's id, and nothing of anybody else.
impl Display for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.instance_id() {
            Some(id) => write!(formatter, " {id}"),
            None => Ok(()),
        }
    }
}
