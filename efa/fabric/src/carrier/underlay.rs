//! The UDP sockets between hosts: one that receives, and one for every path to send from.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use eni_srd::Instant;
use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
    sockopt as options,
};
use rustix::net::sockopt;

use super::faults::{Fate, FaultyLine, LATEST, Late};
use super::options::{Faults, UnderlayOptions};

/// The largest UDP payload, joined datagrams included.
const MAX_JOINED: usize = 65_535;
/// What a socket may hold until it is read: several connections' receive credit, and the kernel's bookkeeping.
const SOCKET_BUFFER: usize = 32 << 20;

pub(super) struct Underlay {
    receiver: UdpSocket,
    paths: Vec<UdpSocket>,
    buffer: Vec<u8>,
    /// Where the kernel says how it joined.
    space: Vec<u8>,
    faults: Option<FaultyLine>,
    /// Datagrams that the kernel had no room for; SRD sends what they held again.
    pub(super) unsent: u64,
}

/// Datagrams of one host that the kernel joined (GRO), in the buffer that [`Underlay::give_back`] wants again.
pub(super) struct Joined {
    pub(super) host: IpAddr,
    buffer: Vec<u8>,
    length: usize,
    stride: usize,
}

impl Joined {
    /// Whether nothing was joined.
    pub(super) fn is_one(&self) -> bool {
        self.length <= self.stride
    }

    pub(super) fn datagrams(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.buffer[..self.length].chunks_mut(self.stride)
    }
}

impl Underlay {
    pub(super) fn open(options: &UnderlayOptions) -> io::Result<Self> {
        let receiver = UdpSocket::bind(options.listen)?;
        receiver.set_nonblocking(true)?;
        setsockopt(&receiver, options::UdpGroSegment, &true)?;
        enlarge(&receiver);
        let paths = (0..options.paths).map(|_| {
            let socket = UdpSocket::bind(SocketAddr::new(options.listen.ip(), 0))?;
            socket.set_nonblocking(true)?;
            enlarge(&socket);
            Ok(socket)
        });
        Ok(Self {
            receiver,
            paths: paths.collect::<io::Result<_>>()?,
            buffer: vec![0; MAX_JOINED],
            space: cmsg_space!(i32),
            faults: options
                .faults
                .map(|Faults { seed, lost, late }| FaultyLine::new(seed, lost, late)),
            unsent: 0,
        })
    }

    pub(super) fn receiver(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }

    /// Receives what one call gives.
    pub(super) fn receive(&mut self) -> Option<Joined> {
        let mut slices = [IoSliceMut::new(&mut self.buffer)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let space = Some(self.space.as_mut_slice());
        // Nothing there, or an error that an earlier datagram caused at its destination.
        let message =
            recvmsg::<SockaddrStorage>(self.receiver.as_raw_fd(), &mut slices, space, flags)
                .ok()?;
        let host = host_of(message.address.as_ref()?)?;
        let joined = message.cmsgs().ok()?.find_map(|control| match control {
            ControlMessageOwned::UdpGroSegments(size) => usize::try_from(size).ok(),
            _ => None,
        });
        let length = message.bytes;
        Some(Joined {
            host,
            length,
            stride: joined.unwrap_or(length).max(1),
            buffer: std::mem::take(&mut self.buffer),
        })
    }

    pub(super) fn give_back(&mut self, joined: Joined) {
        self.buffer = joined.buffer;
    }

    /// It is `now`: sends what faults have kept for long enough.
    #[inline]
    pub(super) fn turn(&mut self, now: Instant) {
        if let Some(faults) = &mut self.faults {
            faults.turn(now);
            self.send_late();
        }
    }

    #[cold]
    fn send_late(&mut self) {
        let Some(faults) = &mut self.faults else {
            return;
        };
        while let Some(late) = faults.due() {
            let Late {
                path,
                destination,
                datagram,
                ..
            } = late;
            let socket = &self.paths[usize::from(path) % self.paths.len()];
            send_one(socket, destination, &datagram, &mut self.unsent);
        }
    }

    /// How long the carrier may sleep, for the sake of what faults have kept.
    pub(super) fn longest_sleep(&self) -> Option<Duration> {
        let has_late = self.faults.as_ref().is_some_and(FaultyLine::has_late);
        has_late.then_some(LATEST)
    }

    /// Sends datagrams of `segment` bytes each, the last may be shorter, on a path.
    pub(super) fn send(
        &mut self,
        path: u8,
        destination: SocketAddr,
        joined: &[u8],
        segment: usize,
    ) {
        let Self {
            faults,
            paths,
            unsent,
            ..
        } = self;
        let Some(socket) = paths.get(usize::from(path) % paths.len().max(1)) else {
            return;
        };
        if let Some(faults) = faults {
            for datagram in joined.chunks(segment) {
                if faults.judge(path, destination, datagram) == Fate::Now {
                    send_one(socket, destination, datagram, unsent);
                }
            }
            self.send_late();
        } else if joined.len() <= segment {
            send_one(socket, destination, joined, unsent);
        } else {
            send_joined(socket, destination, joined, segment as u16, unsent);
        }
    }
}

fn host_of(address: &SockaddrStorage) -> Option<IpAddr> {
    if let Some(address) = address.as_sockaddr_in() {
        return Some(address.ip().into());
    }
    Some(address.as_sockaddr_in6()?.ip().to_canonical())
}

fn send_one(socket: &UdpSocket, destination: SocketAddr, datagram: &[u8], unsent: &mut u64) {
    if socket.send_to(datagram, destination).is_err() {
        *unsent += 1;
    }
}

/// One call for all (GSO).
fn send_joined(
    socket: &UdpSocket,
    destination: SocketAddr,
    joined: &[u8],
    segment: u16,
    unsent: &mut u64,
) {
    let slices = [IoSlice::new(joined)];
    let controls = [ControlMessage::UdpGsoSegments(&segment)];
    let destination = SockaddrStorage::from(destination);
    let flags = MsgFlags::MSG_DONTWAIT;
    if sendmsg(
        socket.as_raw_fd(),
        &slices,
        &controls,
        flags,
        Some(&destination),
    )
    .is_err()
    {
        *unsent += 1;
    }
}

/// As large as the kernel lets it be.
fn enlarge(socket: &UdpSocket) {
    if sockopt::set_socket_recv_buffer_size_force(socket, SOCKET_BUFFER).is_err() {
        let _as_large_as_allowed = sockopt::set_socket_recv_buffer_size(socket, SOCKET_BUFFER);
    }
    let _as_large_as_allowed = sockopt::set_socket_send_buffer_size(socket, SOCKET_BUFFER);
}
