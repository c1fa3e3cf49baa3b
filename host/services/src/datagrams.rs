//! Questions in UDP's datagrams: who asks, when they came, and in what order they are answered.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use eni_abi::Service;
use nix::cmsg_space;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType,
    SockaddrStorage, bind, recvmsg, sendmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::yield_now;
use tracing::debug;

use crate::clock;
use crate::families::{Families, everywhere};
use crate::inbox::Inbox;
use crate::measure;

/// What the socket may hold until it is read. It is read before each answer, so that this fills only as long as one takes:
/// what all interfaces may send at once then fits.
const RECEIVE_BUFFER_BYTES: usize = 8 << 20;
/// Datagrams that are taken in between two answers at most.
const MAX_TAKEN_IN: usize = 256;

/// Who has asked, by which way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// The service that was called, and the vport whose guest it is.
    pub(crate) service: Service,
    pub(crate) vport: u32,
    called: IpAddr,
    from: SocketAddr,
}

impl Caller {
    /// The same caller, who listens at another port than it has asked from.
    pub(crate) fn at_port(mut self, port: u16) -> Self {
        self.from.set_port(port);
        self
    }
}

/// A datagram.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) caller: Caller,
    /// When the kernel got it, since 1970.
    pub(crate) received: Duration,
    pub(crate) bytes: Vec<u8>,
}

/// The socket that the guests of all interfaces call, each by an address of its own.
pub(crate) struct Datagrams {
    socket: UdpSocket,
    /// Those of whom it hears.
    families: Families,
    /// The largest question; a longer one is none.
    max_bytes: usize,
}

impl Datagrams {
    /// At a port of all addresses; at one that the kernel picks for 0. To be called in the services' network namespace.
    pub(crate) fn bind(port: u16, max_bytes: usize) -> io::Result<Self> {
        Families::open(|families| Self::bind_for(families, port, max_bytes))
    }

    fn bind_for(families: Families, port: u16, max_bytes: usize) -> io::Result<Self> {
        let family = match families {
            Families::Both => AddressFamily::Inet6,
            Families::Ipv4 => AddressFamily::Inet,
        };
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket: OwnedFd = socket(family, SockType::Datagram, flags, None)?;
        match families {
            Families::Both => {
                setsockopt(&socket, sockopt::Ipv6V6Only, &false)?;
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            }
            Families::Ipv4 => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
        }
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err() {
            // Without the right to it, as in tests: as much as anybody gets.
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES)?;
        }
        let address = everywhere(families, port);
        bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
        Ok(Self {
            socket: UdpSocket::from_std(socket.into())?,
            families,
            max_bytes,
        })
    }

    #[cfg(test)]
    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    /// Gives `answer` one question after the other, of each interface in turn, until `stop` holds or its sender is gone.
    pub(crate) async fn serve(
        &self,
        mut stop: watch::Receiver<bool>,
        mut answer: impl FnMut(Question),
    ) {
        let mut inbox = Inbox::default();
        let mut buffer = vec![0; self.max_bytes + 1];
        loop {
            self.take_in(&mut inbox, &mut buffer);
            if let Some(question) = inbox.next() {
                answer(question);
                // The thread's other servers have theirs.
                yield_now().await;
                if *stop.borrow() {
                    return;
                }
                continue;
            }
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                ready = self.socket.readable() => {
                    if let Err(error) = ready {
                        debug!(%error, "cannot wait for guests' datagrams");
                        return;
                    }
                }
            }
        }
    }

    fn take_in(&self, inbox: &mut Inbox<Question>, buffer: &mut [u8]) {
        for _ in 0..MAX_TAKEN_IN {
            let received = self
                .socket
                .try_io(Interest::READABLE, || self.receive(buffer));
            match received {
                Ok(Some(question)) => {
                    let Caller { service, vport, .. } = question.caller;
                    if !inbox.push(vport, question) {
                        measure::dropped(service);
                    }
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // What an earlier answer has met with: its receiver is gone.
                Err(error) => debug!(%error, "a guest's datagram"),
            }
        }
    }

    /// The next one; `None` if nobody's guest calls like this.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Question>> {
        let mut space = cmsg_space!(in6_pktinfo, TimeSpec);
        let mut slices = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let descriptor = self.socket.as_raw_fd();
        let message = recvmsg::<SockaddrStorage>(descriptor, &mut slices, Some(&mut space), flags)?;
        let (length, from) = (message.bytes, message.address.and_then(socket_address));
        let (mut called, mut received) = (None, None);
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    let address = Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes());
                    called = Some(IpAddr::V4(address));
                }
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                    called = Some(IpAddr::V6(address));
                }
                ControlMessageOwned::ScmTimestampns(time) => received = Some(Duration::from(time)),
                _ => {}
            }
        }
        let (Some(called), Some(from)) = (called, from) else {
            return Ok(None);
        };
        let question = buffer.get(..length).filter(|_| length <= self.max_bytes);
        let asked = Service::called(called).zip(question);
        Ok(asked.map(|((service, vport), bytes)| Question {
            caller: Caller {
                service,
                vport,
                called,
                from,
            },
            received: received.unwrap_or_else(clock::now),
            bytes: bytes.to_vec(),
        }))
    }

    /// Answers by the way the question came. What does not reach its guest is lost, as datagrams are.
    pub(crate) fn answer(&self, caller: &Caller, bytes: &[u8]) {
        if let Err(error) = self.send(caller, bytes) {
            debug!(%error, vport = caller.vport, "an answer is lost");
        }
    }

    fn send(&self, caller: &Caller, bytes: &[u8]) -> nix::Result<usize> {
        let (slices, flags) = ([IoSlice::new(bytes)], MsgFlags::MSG_DONTWAIT);
        let descriptor = self.socket.as_raw_fd();
        let to = SockaddrStorage::from(caller.from);
        match (caller.called, self.families) {
            (IpAddr::V4(called), Families::Ipv4) => {
                let own = in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: in_addr {
                        s_addr: u32::from_ne_bytes(called.octets()),
                    },
                    ipi_addr: in_addr { s_addr: 0 },
                };
                let controls = [ControlMessage::Ipv4PacketInfo(&own)];
                sendmsg(descriptor, &slices, &controls, flags, Some(&to))
            }
            (called, _) => {
                let called = match called {
                    IpAddr::V4(called) => called.to_ipv6_mapped(),
                    IpAddr::V6(called) => called,
                };
                let own = in6_pktinfo {
                    ipi6_addr: in6_addr {
                        s6_addr: called.octets(),
                    },
                    ipi6_ifindex: 0,
                };
                let controls = [ControlMessage::Ipv6PacketInfo(&own)];
                sendmsg(descriptor, &slices, &controls, flags, Some(&to))
            }
        }
    }
}

fn socket_address(address: SockaddrStorage) -> Option<SocketAddr> {
    let ipv4 = address
        .as_sockaddr_in()
        .map(|ipv4| SocketAddr::V4((*ipv4).into()));
    ipv4.or_else(|| Some(SocketAddr::V6((*address.as_sockaddr_in6()?).into())))
}
