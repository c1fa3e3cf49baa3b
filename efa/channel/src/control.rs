//! The control socket between a program and the service: packets with descriptors.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use eni_efa_abi::control::{self, MessageError};
use eni_efa_abi::limits::{MAX_CONTROL_DESCRIPTORS, MAX_CONTROL_MESSAGE};
use rustix::net::{
    self, AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketAddrUnix, SocketFlags,
    SocketType, sockopt,
};

/// One end of a connection.
#[derive(Debug)]
pub struct ControlSocket(OwnedFd);

/// A packet, or the end.
#[derive(Debug)]
pub enum Received<T> {
    /// A message and what was attached to it.
    Message(T, Vec<OwnedFd>),
    /// The other side has closed.
    End,
}

impl ControlSocket {
    /// Connects to the service that listens at `path`. Sends and receives wait for `timeout` at most.
    ///
    /// # Errors
    /// The kernel's.
    pub fn connect(path: &Path, timeout: Duration) -> io::Result<Self> {
        let kind = SocketType::SEQPACKET;
        let socket = net::socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(timeout))?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(timeout))?;
        net::connect(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(Self(socket))
    }

    /// Lets receives wait for ever.
    ///
    /// # Errors
    /// The kernel's.
    pub fn wait_for_ever(&self) -> io::Result<()> {
        sockopt::set_socket_timeout(&self.0, sockopt::Timeout::Recv, None)?;
        Ok(())
    }

    /// Sends an encoded message, without waiting where not `wait`.
    ///
    /// # Errors
    /// The kernel's: [`io::ErrorKind::WouldBlock`] where the other side has not read enough yet.
    pub fn send(&self, message: &[u8], attached: &[BorrowedFd<'_>], wait: bool) -> io::Result<()> {
        let mut space =
            [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_CONTROL_DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !attached.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(attached)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let flags = if wait {
            SendFlags::NOSIGNAL
        } else {
            SendFlags::NOSIGNAL | SendFlags::DONTWAIT
        };
        loop {
            match net::sendmsg(&self.0, &[IoSlice::new(message)], &mut ancillary, flags) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Receives one message.
    ///
    /// # Errors
    /// The kernel's; [`io::ErrorKind::InvalidData`] for a packet that is not one message, whose descriptors are closed.
    pub fn receive<T: serde::de::DeserializeOwned>(&self) -> io::Result<Received<T>> {
        let mut bytes = [0; MAX_CONTROL_MESSAGE];
        let mut space =
            [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_CONTROL_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            let mut buffer = [IoSliceMut::new(&mut bytes)];
            let flags = RecvFlags::CMSG_CLOEXEC;
            match net::recvmsg(&self.0, &mut buffer, &mut ancillary, flags) {
                Ok(received) => break received,
                Err(rustix::io::Errno::INTR) => {}
                // A connection that was cut with something unread in it has ended all the same.
                Err(rustix::io::Errno::CONNRESET) => return Ok(Received::End),
                Err(error) => return Err(error.into()),
            }
        };
        let mut descriptors = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = message {
                descriptors.extend(files);
            }
        }
        if received.bytes == 0 {
            return Ok(Received::End);
        }
        if received
            .flags
            .intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC)
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                MessageError::TooLong,
            ));
        }
        let message = bytes
            .get(..received.bytes)
            .ok_or(MessageError::TooLong)
            .and_then(control::decode)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(Received::Message(message, descriptors))
    }

    /// Ends the connection for both sides, and wakes whoever waits for it.
    pub fn shut_down(&self) {
        // Where the other side has ended it already, there is nothing left to end.
        let _ended = net::shutdown(&self.0, Shutdown::Both);
    }
}

impl From<OwnedFd> for ControlSocket {
    fn from(socket: OwnedFd) -> Self {
        Self(socket)
    }
}

impl AsFd for ControlSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
