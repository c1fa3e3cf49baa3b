//! The caller's terminal, while a command in an instance has one of its own.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Stdio;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::openpty;
use rustix::termios::{
    OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr, tcsetwinsize,
};

/// What is copied at once.
const CHUNK_BYTES: usize = 4096;

/// A pseudoterminal whose far end the command has. The caller's own one passes on every key until this is dropped.
pub(crate) struct Terminal {
    near: File,
    far: Option<OwnedFd>,
    before: Termios,
    /// Keys that the command has not taken yet.
    typed: Vec<u8>,
    /// Whether the caller's terminal still gives keys, and the command's output.
    reads: bool,
    prints: bool,
}

impl Terminal {
    /// A terminal like the caller's, if the caller sits at one: standard input is a terminal, and this process is not in
    /// its background, where it could not change it.
    pub(crate) fn like_callers() -> io::Result<Option<Self>> {
        let stdin = io::stdin();
        if !stdin.is_terminal() || tcgetpgrp(&stdin).ok() != Some(rustix::process::getpgrp()) {
            return Ok(None);
        }
        let before = tcgetattr(&stdin)?;
        let pair = openpty(None, None)?;
        tcsetattr(&pair.slave, OptionalActions::Now, &before)?;
        tcsetwinsize(&pair.master, tcgetwinsize(&stdin)?)?;
        fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Drain, &raw)?;
        Ok(Some(Self {
            near: pair.master.into(),
            far: Some(pair.slave),
            before,
            typed: Vec::new(),
            reads: true,
            prints: true,
        }))
    }

    /// The command's standard input, output and error: its terminal, but where the caller's is none.
    pub(crate) fn streams(&self) -> io::Result<[Stdio; 3]> {
        let far = || -> io::Result<Stdio> {
            let far = self.far.as_ref().map(OwnedFd::try_clone).transpose()?;
            Ok(far.map_or_else(Stdio::null, Stdio::from))
        };
        let or_callers = |is_terminal: bool| match is_terminal {
            true => far(),
            false => Ok(Stdio::inherit()),
        };
        Ok([
            far()?,
            or_callers(io::stdout().is_terminal())?,
            or_callers(io::stderr().is_terminal())?,
        ])
    }

    /// Leaves the far end to the command, so that its end is seen.
    pub(crate) fn hand_over(&mut self) {
        self.far = None;
    }

    pub(crate) fn near(&self) -> BorrowedFd<'_> {
        self.near.as_fd()
    }

    /// Whether keys are waited for: not while the command takes none.
    pub(crate) fn wants_keys(&self) -> bool {
        self.reads && self.typed.is_empty()
    }

    /// Whether the command has keys to take.
    pub(crate) fn has_keys(&self) -> bool {
        !self.typed.is_empty()
    }

    /// Whether the command may still print.
    pub(crate) fn prints(&self) -> bool {
        self.prints
    }

    /// Takes the window's size over.
    pub(crate) fn resize(&self) {
        // A caller whose terminal is gone is told so elsewhere.
        let _ = tcgetwinsize(io::stdin()).and_then(|size| tcsetwinsize(&self.near, size));
    }

    /// Takes keys; whether the caller's terminal is still there.
    pub(crate) fn take_keys(&mut self) -> bool {
        let mut bytes = [0; CHUNK_BYTES];
        match rustix::io::read(io::stdin(), &mut bytes) {
            Ok(0) | Err(rustix::io::Errno::IO) => self.reads = false,
            Ok(length) => self.typed.extend(bytes.iter().take(length)),
            Err(_) => {}
        }
        self.reads
    }

    /// Gives keys to the command, as many as it takes.
    pub(crate) fn give_keys(&mut self) {
        match self.near.write(&self.typed) {
            Ok(length) => drop(self.typed.drain(..length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.typed.clear(),
        }
    }

    /// Prints what the command has printed by now.
    pub(crate) fn print(&mut self) -> io::Result<()> {
        let mut bytes = [0; CHUNK_BYTES];
        loop {
            match self.near.read(&mut bytes) {
                // EIO: nobody has the far end any more.
                Ok(0) => self.prints = false,
                Ok(length) => {
                    show(bytes.get(..length).unwrap_or_default())?;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => self.prints = false,
            }
            return Ok(());
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
    }
}

/// Writes to the caller's terminal, whichever of the standard streams it is.
fn show(bytes: &[u8]) -> io::Result<()> {
    if io::stdout().is_terminal() {
        let mut output = io::stdout().lock();
        output.write_all(bytes)?;
        return output.flush();
    }
    io::stderr().write_all(bytes)
}
