//! A program's connection, as the service holds it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use eni_efa_abi::control::{self, Event};
use eni_efa_channel::ControlSocket;

use crate::caller::Caller;

/// Messages that may wait for a program to read; one that reads so little is cut off.
const MAX_QUEUED_EVENTS: usize = 4_096;

#[derive(Debug)]
pub(super) struct Program {
    pub(super) socket: ControlSocket,
    pub(super) caller: Caller,
    queue: VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
}

impl Program {
    pub(super) fn new(socket: ControlSocket, caller: Caller) -> Self {
        Self {
            socket,
            caller,
            queue: VecDeque::new(),
        }
    }

    /// Sends an event, or queues it until the program has read.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub(super) fn send(&mut self, event: &Event, attached: Vec<OwnedFd>) -> io::Result<()> {
        let bytes = control::encode(event).map_err(io::Error::other)?;
        if self.queue.len() >= MAX_QUEUED_EVENTS {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
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
