//! Questions in UDP's datagrams: who asks, when they came, and in what order they are answered.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::time::Duration;

use eni_abi::Service;
use nix::cmsg_space;
use nix::libc::{in_addr, in_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt,
    sockopt,
};
use nix::sys::time::TimeSpec;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::yield_now;
use tracing::debug;

use crate::clock;
use crate::inbox::Inbox;

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
    called: Ipv4Addr,
    from: SockaddrIn,
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
    /// The largest question; a longer one is none.
    max_bytes: usize,
}

impl Datagrams {
    /// To be called in the services' network namespace.
    pub(crate) fn bind(address: SocketAddrV4, max_bytes: usize) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err() {
            // Without the right to it, as in tests: as much as anybody gets.
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES)?;
        }
        Ok(Self {
            socket: UdpSocket::from_std(socket)?,
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
                Ok(Some(question)) => inbox.push(question.caller.vport, question),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // What an earlier answer has met with: its receiver is gone.
                Err(error) => debug!(%error, "a guest's datagram"),
            }
        }
    }

    /// The next one; `None` if nobody's guest calls like this.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Question>> {
        let mut space = cmsg_space!(in_pktinfo, TimeSpec);
        let mut slices = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let descriptor = self.socket.as_raw_fd();
        let message = recvmsg::<SockaddrIn>(descriptor, &mut slices, Some(&mut space), flags)?;
        let (length, from) = (message.bytes, message.address);
        let (mut called, mut received) = (None, None);
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    called = Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()));
                }
                ControlMessageOwned::ScmTimestampns(time) => received = Some(Duration::from(time)),
                _ => {}
            }
        }
        let (Some(called), Some(from)) = (called, from) else {
            return Ok(None);
        };
        let question = buffer.get(..length).filter(|_| length <= self.max_bytes);
        let asked = Service::of_address(called.into()).zip(question);
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
        let own = in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: in_addr {
                s_addr: u32::from_ne_bytes(caller.called.octets()),
            },
            ipi_addr: in_addr { s_addr: 0 },
        };
        let (slices, flags) = ([IoSlice::new(bytes)], MsgFlags::MSG_DONTWAIT);
        let controls = [ControlMessage::Ipv4PacketInfo(&own)];
        let descriptor = self.socket.as_raw_fd();
        if let Err(error) = sendmsg(descriptor, &slices, &controls, flags, Some(&caller.from)) {
            debug!(%error, vport = caller.vport, "an answer is lost");
        }
    }
}
