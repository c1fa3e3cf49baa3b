//! Hearing of changes of devices.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};

use crate::NetlinkError;

/// The group of devices, as a bit of `sockaddr_nl.nl_groups` (`RTMGRP_LINK` in `linux/rtnetlink.h`).
const LINKS: u32 = 1;

/// Messages dropped at once. Whoever changes devices faster must not keep the reader here.
const MAX_MESSAGES: usize = 4096;

/// Becomes readable when a device of the namespace of the thread that opened it is made, changed or deleted, its other end
/// being set up or down included. What has changed is asked for by [`crate::Netlink::links`].
#[derive(Debug)]
pub struct LinkWatch {
    socket: OwnedFd,
}

impl LinkWatch {
    /// Hears from now on.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`].
    pub fn open() -> Result<Self, NetlinkError> {
        let failed = |errno| NetlinkError::Socket {
            request: "listen for devices".to_owned(),
            errno,
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let protocol = SockProtocol::NetlinkRoute;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol);
        let socket = socket.map_err(failed)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, LINKS)).map_err(failed)?;
        Ok(Self { socket })
    }

    /// Forgets what was heard: it is readable again after the next change. Does not wait.
    pub fn clear(&self) {
        for _ in 0..MAX_MESSAGES {
            // A message that does not fit is cut off. ENOBUFS says that more came than the socket holds.
            let heard = recv(self.socket.as_raw_fd(), &mut [0; 1], MsgFlags::empty());
            if heard == Err(Errno::EAGAIN) {
                return;
            }
        }
    }
}

impl AsFd for LinkWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
