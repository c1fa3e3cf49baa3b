//! The two system calls that Rust cannot check.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::unistd::{ForkResult, fork};

/// Splits the process in two. Only for a process with one thread: [`crate::init::run`] promises that.
pub(crate) fn fork_single_threaded() -> nix::Result<ForkResult> {
    // SAFETY: with a single thread no lock can be held by a thread that the child lacks.
    unsafe { fork() }
}

/// Makes `command`'s process join the cgroup whose `cgroup.procs` is `processes` before it becomes the command.
pub(crate) fn join_cgroup_first(command: &mut Command, processes: File) {
    let join = move || -> io::Result<()> { (&processes).write_all(b"0") };
    // SAFETY: between fork and exec the closure only writes to an open descriptor, which is async-signal-safe.
    unsafe { command.pre_exec(join) };
}
