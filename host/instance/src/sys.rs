//! The system calls that Rust cannot check.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::{ForkResult, fork, setsid};
use rustix::process::ioctl_tiocsctty;

/// Splits the process in two. Only for a process with one thread: [`crate::init::run`] promises that.
pub(crate) fn fork_single_threaded() -> nix::Result<ForkResult> {
    // SAFETY: with a single thread no lock can be held by a thread that the child lacks.
    unsafe { fork() }
}

/// Makes `command`'s process join the cgroup whose `cgroup.procs` is `processes` before it becomes the command, and keep
/// `leash`, under its number.
pub(crate) fn join_cgroup_first(command: &mut Command, processes: File, leash: OwnedFd) {
    let join = move || -> io::Result<()> {
        fcntl(&leash, FcntlArg::F_SETFD(FdFlag::empty()))?;
        (&processes).write_all(b"0")
    };
    // SAFETY: between fork and exec the closure only makes system calls on open descriptors, which are
    // async-signal-safe.
    unsafe { command.pre_exec(join) };
}

/// Makes `command`'s process lead a session whose terminal is its standard input.
pub(crate) fn lead_session_on_stdin(command: &mut Command) {
    let lead = || -> io::Result<()> {
        setsid()?;
        Ok(ioctl_tiocsctty(io::stdin())?)
    };
    // SAFETY: between fork and exec the closure only makes system calls, which are async-signal-safe.
    unsafe { command.pre_exec(lead) };
}

/// The descriptor that the process was started with under this number, which nothing else here uses; it is not handed on
/// to what this process starts.
pub(crate) fn inherited_descriptor(number: i32) -> Option<OwnedFd> {
    const FIRST_AFTER_STANDARD: i32 = 3;
    if number < FIRST_AFTER_STANDARD {
        return None;
    }
    // SAFETY: this is called once, at the start of a process that has opened nothing yet, so that whatever has the number
    // was inherited and has no other owner; that it is open is checked next.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    match fcntl(&descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)) {
        Ok(_) => Some(descriptor),
        Err(_) => {
            std::mem::forget(descriptor);
            None
        }
    }
}
