//! Hearing of routes that somebody deletes.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use netlink_packet_core::{NLM_F_REPLACE, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};

use crate::route::route_of;
use crate::{NetlinkError, Route};

/// The groups of routes, as bits of `sockaddr_nl.nl_groups` (`RTMGRP_IPV4_ROUTE`, `RTMGRP_IPV6_ROUTE` in
/// `linux/rtnetlink.h`).
const ROUTES: u32 = 0x40 | 0x400;

/// The kernel sends one route in each message. One that is longer than this has many next hops, and is cut off and not
/// heard of: [`Route`] has one.
const BUFFER_BYTES: usize = 1024;

/// Messages read at once. Whoever changes routes faster must not keep the reader here.
const MAX_MESSAGES: usize = 4096;

/// Hears of the routes that are deleted or replaced in the namespace of the thread that opened it. Of those of IPv4 that the
/// kernel drops by itself, with a device or because it was set down, nothing is heard (`fib_flush` in `net/ipv4`); nor of
/// those of IPv6 where `net.ipv6.route.skip_notify_on_dev_down` is set.
#[derive(Debug)]
pub struct RouteWatch {
    socket: OwnedFd,
}

/// What a [`RouteWatch`] has heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LostRoutes {
    /// Routes that were deleted, or in whose place others are.
    pub routes: Vec<Route>,
    /// Whether there was more than the kernel or the reader keeps: any other may have been deleted as well.
    pub and_others: bool,
}

impl RouteWatch {
    /// Hears from now on.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`].
    pub fn open() -> Result<Self, NetlinkError> {
        let failed = |errno| NetlinkError::Socket {
            request: "listen for routes".to_owned(),
            errno,
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let protocol = SockProtocol::NetlinkRoute;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol);
        let socket = socket.map_err(failed)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, ROUTES)).map_err(failed)?;
        Ok(Self { socket })
    }

    /// What was heard since the last call. Does not wait.
    pub fn heard(&mut self) -> LostRoutes {
        let mut lost = LostRoutes::default();
        let mut buffer = [0; BUFFER_BYTES];
        for _ in 0..MAX_MESSAGES {
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(length) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    lost.routes.extend(lost_route(bytes));
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return lost,
                // ENOBUFS: more came than the socket holds.
                Err(_) => lost.and_others = true,
            }
        }
        lost.and_others = true;
        lost
    }
}

impl AsFd for RouteWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The route that a message says is gone.
fn lost_route(bytes: &[u8]) -> Option<Route> {
    let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).ok()?;
    let replaces = message.header.flags & NLM_F_REPLACE != 0;
    match message.payload {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelRoute(route)) => route_of(&route),
        // The one in its place has its destination, table and metric.
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route)) if replaces => {
            route_of(&route)
        }
        _ => None,
    }
}
