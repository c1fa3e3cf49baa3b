//! The UDP sockets between hosts: one that receives, and one for every path to send from.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use quinn_udp::{RecvMeta, UdpSocketState};
use rustix::net::sockopt;

use super::faults::{Fate, FaultyLine};
use super::options::{Faults, UnderlayOptions};

/// Buffers of one receive call; each takes what the kernel joined (GRO).
const RECEIVE_BATCH: usize = 8;
/// The largest UDP payload, joined datagrams included.
const MAX_JOINED: usize = 65_535;
/// What a socket may hold until it is read: several connections' receive credit, and the kernel's bookkeeping.
const SOCKET_BUFFER: usize = 32 << 20;

#[derive(Debug)]
pub(super) struct Underlay {
    receiver: UdpSocket,
    receiver_state: UdpSocketState,
    paths: Vec<(UdpSocket, UdpSocketState)>,
    buffers: Vec<Vec<u8>>,
    meta: Vec<RecvMeta>,
    faults: Option<FaultyLine>,
    /// Datagrams that the kernel had no room for; SRD sends what they held again.
    pub(super) unsent: u64,
}

impl Underlay {
    pub(super) fn open(options: &UnderlayOptions) -> io::Result<Self> {
        let receiver = UdpSocket::bind(options.listen)?;
        let receiver_state = UdpSocketState::new((&receiver).into())?;
        enlarge(&receiver);
        let paths = (0..options.paths).map(|_| {
            let socket = UdpSocket::bind(SocketAddr::new(options.listen.ip(), 0))?;
            let state = UdpSocketState::new((&socket).into())?;
            enlarge(&socket);
            Ok((socket, state))
        });
        Ok(Self {
            receiver_state,
            receiver,
            paths: paths.collect::<io::Result<_>>()?,
            buffers: vec![vec![0; MAX_JOINED]; RECEIVE_BATCH],
            meta: vec![RecvMeta::default(); RECEIVE_BATCH],
            faults: options
                .faults
                .map(|Faults { seed, lost, late }| FaultyLine::new(seed, lost, late)),
            unsent: 0,
        })
    }

    pub(super) fn receiver(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }

    /// Receives what is there, one call's worth. Returns how many buffers [`take`](Self::take) has.
    pub(super) fn receive(&mut self) -> usize {
        let mut slices: Vec<_> = self
            .buffers
            .iter_mut()
            .map(|buffer| IoSliceMut::new(buffer))
            .collect();
        let received =
            self.receiver_state
                .recv((&self.receiver).into(), &mut slices, &mut self.meta);
        // Nothing there, or an error that an earlier datagram caused at its destination.
        received.unwrap_or(0)
    }

    /// Takes a buffer that was received; [`give_back`](Self::give_back) it.
    pub(super) fn take(&mut self, index: usize) -> Joined {
        let meta = &self.meta[index];
        Joined {
            host: meta.addr.ip().to_canonical(),
            buffer: std::mem::take(&mut self.buffers[index]),
            length: meta.len,
            stride: meta.stride.max(1),
        }
    }

    pub(super) fn give_back(&mut self, index: usize, joined: Joined) {
        self.buffers[index] = joined.buffer;
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
        let Some((socket, state)) = paths.get(usize::from(path) % paths.len().max(1)) else {
            return;
        };
        if let Some(faults) = faults {
            for datagram in joined.chunks(segment) {
                match faults.judge(path, destination, datagram) {
                    Fate::Now => send_one(socket, destination, datagram, unsent),
                    Fate::Gone => {}
                }
                while let Some((path, destination, late)) = faults.due() {
                    let (socket, _) = &paths[usize::from(path) % paths.len()];
                    send_one(socket, destination, &late, unsent);
                }
            }
        } else if joined.len() <= segment {
            send_one(socket, destination, joined, unsent);
        } else {
            let transmit = quinn_udp::Transmit {
                destination,
                ecn: None,
                contents: joined,
                segment_size: Some(segment),
                src_ip: None,
            };
            if state.try_send(socket.into(), &transmit).is_err() {
                *unsent += 1;
            }
        }
    }
}

/// Datagrams of one host that the kernel joined.
pub(super) struct Joined {
    pub(super) host: IpAddr,
    buffer: Vec<u8>,
    length: usize,
    stride: usize,
}

impl Joined {
    pub(super) fn datagrams(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.buffer[..self.length].chunks_mut(self.stride)
    }
}

fn send_one(socket: &UdpSocket, destination: SocketAddr, datagram: &[u8], unsent: &mut u64) {
    if socket.send_to(datagram, destination).is_err() {
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
