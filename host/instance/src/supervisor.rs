//! What watches over a command inside an instance: `openeni instance-exec`, a command of ours that users never type.
//!
//! It is the child of whoever asks for the command, and the command's parent. Both see each other end: the asker by
//! waiting, and this by a pipe, the *leash*, that only the asker can write to. A byte on it is a signal for the command;
//! its end is the asker's, however it came about, and ends the command too. What the command has started in a session of
//! its own is not touched, as by the closing of a terminal.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{self, Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};

use crate::sys;

/// How long a command may take to end itself once it is told to.
const GRACE: Duration = Duration::from_secs(2);
/// Exit codes of shells: no such command, a command that cannot be run, and what is added to a signal's number
/// (POSIX, Shell Command Language, 2.8.2).
const NOT_FOUND: i32 = 127;
const NOT_RUN: i32 = 126;
const SIGNALLED: i32 = 128;
/// What is run where no command is given: the first that is there.
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];

/// What the asker says before the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The descriptor of the leash.
    pub(crate) leash: i32,
    /// Whether standard input is a terminal of the command's own.
    pub(crate) terminal: bool,
}

/// Runs the command after `instance-exec LEASH TERMINAL`, and exits as it does: with its exit code, or 128 and the number
/// of the signal that ended it; 127 where it is not found, 126 where it cannot be run.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ! {
    let arguments: Vec<OsString> = arguments.collect();
    process::exit(match Settings::parse(&arguments) {
        Some((settings, command)) => watch_over(settings, command),
        None => {
            eprintln!("openeni: not to be called by hand");
            NOT_RUN
        }
    })
}

impl Settings {
    pub(crate) fn arguments(self) -> [OsString; 2] {
        [self.leash.to_string(), self.terminal.to_string()].map(Into::into)
    }

    fn parse(arguments: &[OsString]) -> Option<(Self, &[OsString])> {
        let [leash, terminal, command @ ..] = arguments else {
            return None;
        };
        let settings = Self {
            leash: leash.to_str()?.parse().ok()?,
            terminal: terminal.to_str()?.parse().ok()?,
        };
        Some((settings, command))
    }
}

fn watch_over(settings: Settings, command: &[OsString]) -> i32 {
    // The asker keeps back signals that are the command's.
    if SigSet::empty().thread_set_mask().is_err() {
        return NOT_RUN;
    }
    let Some(leash) = sys::inherited_descriptor(settings.leash) else {
        return NOT_RUN;
    };
    let shell = || SHELLS.into_iter().find(|shell| Path::new(shell).exists());
    let shell = [shell().unwrap_or("sh").into()];
    let (program, arguments) = command
        .split_first()
        .unwrap_or((&shell[0], Default::default()));
    let mut command = Command::new(program);
    command.args(arguments);
    if settings.terminal {
        sys::lead_session_on_stdin(&mut command);
    } else {
        command.process_group(0);
    }
    match command.spawn() {
        Ok(mut child) => match wait(&mut child, leash) {
            Ok(status) => status
                .code()
                .unwrap_or(SIGNALLED + status.signal().unwrap_or_default()),
            Err(error) => {
                eprintln!("openeni: {}: {error}", program.display());
                NOT_RUN
            }
        },
        Err(error) => {
            let (reason, code) = not_run(Path::new(program), &error);
            eprintln!("openeni: {}: {reason}", program.display());
            code
        }
    }
}

/// Why a command was not run, and the exit code for that.
fn not_run(program: &Path, error: &io::Error) -> (String, i32) {
    match error.kind() {
        io::ErrorKind::NotFound if program.exists() => {
            ("its interpreter is not there".into(), NOT_FOUND)
        }
        io::ErrorKind::NotFound => ("command not found".into(), NOT_FOUND),
        io::ErrorKind::PermissionDenied => ("not executable".into(), NOT_RUN),
        _ => (error.to_string(), NOT_RUN),
    }
}

/// Waits for the command's end, and hands on what comes by the leash meanwhile.
fn wait(child: &mut Child, leash: OwnedFd) -> io::Result<ExitStatus> {
    let id = i32::try_from(child.id()).map_err(io::Error::other)?;
    let group = Pid::from_raw(id);
    let ended = rustix::process::Pid::from_raw(id).ok_or(io::ErrorKind::NotFound)?;
    let ended = pidfd_open(ended, PidfdFlags::empty())?;
    let mut leash = Some(io::PipeReader::from(leash));
    let mut deadline: Option<Instant> = None;
    loop {
        let timeout = match deadline {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    let _gone = killpg(group, Signal::SIGKILL);
                    return child.wait();
                }
                PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
            }
            None => PollTimeout::NONE,
        };
        let mut sources = vec![PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
        sources.extend(
            leash
                .as_ref()
                .map(|leash| PollFd::new(leash.as_fd(), PollFlags::POLLIN)),
        );
        match poll(&mut sources, timeout) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let told = sources
            .get(1)
            .is_some_and(|leash| leash.any() == Some(true));
        if let Some(status) = child.try_wait()? {
            if deadline.is_some() {
                // Told to end: also what the command has left behind in its group.
                let _gone = killpg(group, Signal::SIGKILL);
            }
            return Ok(status);
        }
        if !told {
            continue;
        }
        let signal = leash.as_mut().map_or(Ok(None), next_signal)?;
        // Without the asker the command has lost its terminal, as it were.
        let _gone = killpg(group, signal.unwrap_or(Signal::SIGHUP));
        if signal.is_none() {
            leash = None;
        }
        if matches!(signal, None | Some(Signal::SIGTERM | Signal::SIGHUP)) {
            deadline = deadline.or(Some(Instant::now() + GRACE));
        }
    }
}

/// The next signal on the leash; none at its end.
fn next_signal(leash: &mut io::PipeReader) -> io::Result<Option<Signal>> {
    let mut byte = [0];
    Ok(match leash.read(&mut byte)? {
        0 => None,
        _ => Some(Signal::try_from(i32::from(byte[0])).unwrap_or(Signal::SIGTERM)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_travel_before_the_command() {
        let settings = Settings {
            leash: 7,
            terminal: true,
        };
        let mut arguments = settings.arguments().to_vec();
        arguments.extend(["true", "7"].map(Into::into));
        let (parsed, command) = Settings::parse(&arguments).unwrap();
        assert_eq!((parsed, command), (settings, &arguments[2..]));
        assert!(Settings::parse(&arguments[..1]).is_none());
        assert!(Settings::parse(&arguments[1..]).is_none());
    }
}
