//! The numbers by which a network namespace knows others.

use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};

use crate::{Netlink, NetlinkError};

impl Netlink {
    /// The id of `namespace` in the socket's namespace, by which links name where their other end is; none if it has none
    /// yet: the kernel gives it one when it first lists such a link.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`] or [`NetlinkError::Unreadable`].
    pub fn namespace_id(&mut self, namespace: BorrowedFd<'_>) -> Result<Option<i32>, NetlinkError> {
        let mut request = NsidMessage::default();
        let descriptor = namespace.as_raw_fd().unsigned_abs(); // an open one is not negative
        request.attributes = vec![NsidAttribute::Fd(descriptor)];
        let mut id = None;
        self.get(
            RouteNetlinkMessage::GetNsId(request),
            || "find the id of a namespace".to_owned(),
            |object| {
                if let RouteNetlinkMessage::NewNsId(message) = object {
                    id = message
                        .attributes
                        .iter()
                        .find_map(|attribute| match attribute {
                            // NETNSA_NSID_NOT_ASSIGNED is -1.
                            NsidAttribute::Id(id) => u32::try_from(*id).is_ok().then_some(*id),
                            _ => None,
                        });
                }
            },
        )?;
        Ok(id)
    }
}
