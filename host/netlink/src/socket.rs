//! A blocking netlink socket.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable,
};
use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::NetlinkError;

/// How long a request may wait for the kernel. A device's deletion waits for the kernel's grace periods
/// (milliseconds); seconds mean that something is wrong.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The kernel fills at most 32 KiB of a dump at once (`netlink_dump`, NLMSG_GOODSIZE upwards).
const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;

/// An rtnetlink socket, bound to the namespace of the thread that opened it for as long as it lives.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    sequence_number: u32,
    buffer: Vec<u8>,
}

impl Netlink {
    /// Opens a socket in the calling thread's network namespace; [`crate::Namespace::netlink`] opens one elsewhere.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`] when the kernel gives no socket.
    pub fn open() -> Result<Self, NetlinkError> {
        Self::open_to(SockProtocol::NetlinkRoute)
    }

    /// Opens a socket to another part of the kernel.
    pub(crate) fn open_to(part: SockProtocol) -> Result<Self, NetlinkError> {
        let failed = |errno| NetlinkError::Socket {
            request: "open a netlink socket".to_owned(),
            errno,
        };
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            part,
        )
        .map_err(failed)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0)).map_err(failed)?;
        let timeout = TimeVal::seconds(ANSWER_TIMEOUT.as_secs().cast_signed());
        setsockopt(&socket, sockopt::ReceiveTimeout, &timeout).map_err(failed)?;
        Ok(Self {
            socket,
            sequence_number: 0,
            buffer: vec![0; RECEIVE_BUFFER_BYTES],
        })
    }

    /// Sends `message` and waits for the kernel's acknowledgement.
    pub(crate) fn request(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        words: impl FnOnce() -> String,
    ) -> Result<(), NetlinkError> {
        self.exchange(message, flags | NLM_F_ACK, words, |_| ())
    }

    /// Sends `message`, hands the object of the answer to `each`, and waits for the kernel's acknowledgement.
    pub(crate) fn get(
        &mut self,
        message: RouteNetlinkMessage,
        words: impl FnOnce() -> String,
        each: impl FnMut(RouteNetlinkMessage),
    ) -> Result<(), NetlinkError> {
        self.exchange(message, NLM_F_ACK, words, each)
    }

    /// Sends `message` as a dump and hands every object of the answer to `each`.
    pub(crate) fn dump(
        &mut self,
        message: RouteNetlinkMessage,
        words: impl FnOnce() -> String,
        each: impl FnMut(RouteNetlinkMessage),
    ) -> Result<(), NetlinkError> {
        self.exchange(message, NLM_F_DUMP, words, each)
    }

    /// The socket's descriptor.
    pub(crate) fn descriptor(&self) -> &OwnedFd {
        &self.socket
    }

    /// Sends `message` and hands every object of the answer to `each`, until the kernel says that this was all.
    pub(crate) fn exchange<M: NetlinkSerializable + NetlinkDeserializable>(
        &mut self,
        message: M,
        flags: u16,
        words: impl FnOnce() -> String,
        mut each: impl FnMut(M),
    ) -> Result<(), NetlinkError> {
        match self.try_exchange(message, flags, &mut each) {
            Ok(()) => Ok(()),
            Err(Failure::Refused(errno)) => Err(NetlinkError::Refused {
                request: words(),
                errno,
            }),
            Err(Failure::Socket(errno)) => Err(NetlinkError::Socket {
                request: words(),
                errno,
            }),
            Err(Failure::Unreadable(source)) => Err(NetlinkError::Unreadable {
                request: words(),
                source,
            }),
        }
    }

    fn try_exchange<M: NetlinkSerializable + NetlinkDeserializable>(
        &mut self,
        message: M,
        flags: u16,
        each: &mut impl FnMut(M),
    ) -> Result<(), Failure> {
        self.sequence_number = self.sequence_number.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence_number;
        let mut packet = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        packet.finalize();
        let mut bytes = vec![0; packet.buffer_len()];
        packet.serialize(&mut bytes);
        send(self.socket.as_raw_fd(), &bytes, MsgFlags::empty()).map_err(Failure::Socket)?;
        while !self.receive(each)? {}
        Ok(())
    }

    /// Reads one datagram; true when the exchange is over.
    fn receive<M: NetlinkDeserializable>(
        &mut self,
        each: &mut impl FnMut(M),
    ) -> Result<bool, Failure> {
        let length = loop {
            match recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Err(Errno::EINTR) => {}
                other => break other.map_err(Failure::Socket)?,
            }
        };
        let mut rest = self.buffer.get(..length).unwrap_or_default();
        while !rest.is_empty() {
            let answer = NetlinkMessage::<M>::deserialize(rest).map_err(Failure::Unreadable)?;
            let taken = usize::try_from(answer.header.length).unwrap_or(usize::MAX);
            rest = rest.get(taken.next_multiple_of(4)..).unwrap_or_default();
            if answer.header.sequence_number != self.sequence_number {
                continue; // the late answer of a request that timed out
            }
            match answer.payload {
                NetlinkPayload::InnerMessage(object) => each(object),
                NetlinkPayload::Done(_) => return Ok(true),
                NetlinkPayload::Error(error) => {
                    return match error.code {
                        None => Ok(true),
                        Some(code) => Err(Failure::Refused(Errno::from_raw(-code.get()))),
                    };
                }
                _ => {}
            }
        }
        Ok(false)
    }
}

enum Failure {
    Refused(Errno),
    Socket(Errno),
    Unreadable(netlink_packet_core::DecodeError),
}
