//! A program's connection, as the service holds it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use eni_efa_abi::control::{self, Event};
use eni_efa_channel::ControlSocket;

use crate::broker::MAX_UNSETTLED;
use crate::caller::Caller;

/// Messages that may wait for a program to read; one that reads so little is cut off.
const MAX_QUEUED_EVENTS: usize = 4_096;
/// Descriptors among them. They count against the process's limit of open files, which all programs share.
const MAX_QUEUED_DESCRIPTORS: usize = 256;
// What others offer does not cut off a program, however slowly it reads.
const _: () = assert!(MAX_UNSETTLED < MAX_QUEUED_DESCRIPTORS);

#[derive(Debug)]
pub(super) struct Program {
    pub(super) socket: ControlSocket,
    pub(super) caller: Arc<Caller>,
    queue: VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
    queued_descriptors: usize,
}

impl Program {
    pub(super) fn new(socket: ControlSocket, caller: Caller) -> Self {
        Self {
            socket,
            caller: Arc::new(caller),
            queue: VecDeque::new(),
            queued_descriptors: 0,
        }
    }

    /// Sends an event, or queues it until the program has read.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub(super) fn send(&mut self, event: &Event, attached: Vec<OwnedFd>) -> io::Result<()> {
        let bytes = control::encode(event).map_err(io::Error::other)?;
        let descriptors = self.queued_descriptors + attached.len();
        if self.queue.len() >= MAX_QUEUED_EVENTS || descriptors > MAX_QUEUED_DESCRIPTORS {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.queued_descriptors = descriptors;
        self.queue.push_back((bytes, attached));
        self.flush()
    }

    /// Sends what is queued.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while let Some((bytes, attached)) = self.queue.front() {
            let files: Vec<_> = attached.iter().map(AsFd::as_fd).collect();
            match self.socket.send(bytes, &files, false) {
                Ok(()) => {
                    self.queued_descriptors -= attached.len();
                    self.queue.pop_front();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn has_queue(&self) -> bool {
        !self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eni_efa_abi::{Gid, Peer};
    use eni_efa_channel::Received;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    /// A program, and the socket at which it reads.
    fn program() -> (Program, ControlSocket) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let caller = Caller::of(&ours).unwrap();
        let program = Program::new(ControlSocket::from(ours), caller);
        (program, ControlSocket::from(theirs))
    }

    fn region(conversation: u64) -> (Event, Vec<OwnedFd>) {
        let event = Event::Region {
            endpoint: 1,
            conversation,
            peer: Peer {
                gid: Gid::default(),
                queue_pair: 2,
            },
            attempt: None,
        };
        (
            event,
            vec![std::fs::File::open("/dev/null").unwrap().into()],
        )
    }

    #[test]
    fn a_program_that_does_not_read_holds_few_descriptors() {
        let (mut program, theirs) = program();
        let mut sent = 0;
        let refused = loop {
            let (event, files) = region(sent);
            match program.send(&event, files) {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
            let held: usize = program.queue.iter().map(|(_, files)| files.len()).sum();
            assert_eq!(held, program.queued_descriptors);
            assert!(held <= MAX_QUEUED_DESCRIPTORS, "{held}");
        };
        assert_eq!(refused.kind(), io::ErrorKind::QuotaExceeded);
        // What has none still finds its place.
        let other = Event::Failed {
            endpoint: 1,
            attempt: 0,
            cause: eni_efa_abi::control::Cause::PeerGone,
        };
        program.send(&other, Vec::new()).unwrap();
        // One that reads again gets everything, and there is room again.
        let mut received = 0;
        while program.has_queue() || received <= sent {
            match theirs.receive::<Event>() {
                Ok(Received::Message(..)) => received += 1,
                Ok(Received::End) => panic!("the connection has ended"),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            program.flush().unwrap();
        }
        assert_eq!((received, program.queued_descriptors), (sent + 1, 0));
        let (event, files) = region(sent);
        program.send(&event, files).unwrap();
    }
}
