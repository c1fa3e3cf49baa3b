//! What tells a network namespace from all others.

use nix::libc;
use nix::sys::socket::getsockopt;
use nix::{getsockopt_impl, sockopt_impl};

use crate::{Netlink, NetlinkError};

sockopt_impl!(
    /// Since Linux 5.14 (`SO_NETNS_COOKIE` in `asm-generic/socket.h`).
    Cookie,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_NETNS_COOKIE,
    u64
);

impl Netlink {
    /// A number that the socket's namespace has and no other has or will have until the machine is started anew; its inode's
    /// is given to another when it has ended.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`].
    pub fn namespace_cookie(&self) -> Result<u64, NetlinkError> {
        getsockopt(self.descriptor(), Cookie).map_err(|errno| NetlinkError::Socket {
            request: "tell the network namespace".to_owned(),
            errno,
        })
    }
}
