//! Commands inside a running instance.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::thread;

use eni_types::InstanceId;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{chroot, fchdir};

use crate::cgroup::RegionCgroup;
use crate::environment::Environment;
use crate::init::BootRecord;
use crate::{InstanceError, RunDirectory, sys};

/// Runs `command` inside the instance, as root, in its namespaces and its cgroup, with the caller's standard input and
/// output, but without the caller's environment. Gives its exit code, or 128 and the signal's number, as shells do.
///
/// # Errors
/// [`InstanceError::NotRunning`], or [`InstanceError::Exec`], for example when there is no such command.
pub fn exec(
    run: &RunDirectory,
    id: InstanceId,
    command: &[OsString],
) -> Result<i32, InstanceError> {
    let cgroup = RegionCgroup::open(run)?.instance(id);
    let init = BootRecord::read(&run.instance(id))
        .map(|record| record.process_id)
        .ok_or(InstanceError::NotRunning(id))?;
    let failed = |source| InstanceError::Exec { id, source };
    let surroundings = Surroundings::of(init).map_err(|_| InstanceError::NotRunning(id))?;
    // Asked after the surroundings were opened: a process id that another process has got since is not in the cgroup.
    if !cgroup.holds(init) {
        return Err(InstanceError::NotRunning(id));
    }
    let processes = OpenOptions::new()
        .write(true)
        .open(cgroup.processes())
        .map_err(failed)?;
    let environment = Environment::read(&run.instance(id));
    let joined = thread::scope(|scope| {
        let inside = scope.spawn(|| run_inside(&surroundings, processes, &environment, command));
        inside.join()
    });
    let status = joined
        .unwrap_or_else(|_| Err(io::Error::other("the thread in the instance panicked")))
        .map_err(failed)?;
    Ok(status.code().unwrap_or(128 + status.signal().unwrap_or(0)))
}

/// Namespaces are a thread's own, so this takes a thread of its own. What it starts is inside.
fn run_inside(
    surroundings: &Surroundings,
    processes: File,
    environment: &Environment,
    command: &[OsString],
) -> io::Result<ExitStatus> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| io::Error::other("no command given"))?;
    // A mount namespace cannot be entered while root and working directory are shared with other threads.
    unshare(CloneFlags::CLONE_FS)?;
    for (namespace, kind) in &surroundings.namespaces {
        setns(namespace, *kind)?;
    }
    // Entering a mount namespace leads to its topmost root, which is not the instance's where the region is in a chroot.
    fchdir(&surroundings.root)?;
    chroot(".")?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/");
    // The caller's environment may hold the region's secret key, which is none of the instance's.
    environment.give(&mut command);
    if let Some(terminal) = std::env::var_os("TERM") {
        command.env("TERM", terminal);
    }
    sys::join_cgroup_first(&mut command, processes);
    command.status()
}

/// Where a process is.
struct Surroundings {
    namespaces: Vec<(File, CloneFlags)>,
    root: File,
}

impl Surroundings {
    fn of(process_id: i32) -> io::Result<Self> {
        let directory = Path::new("/proc").join(process_id.to_string());
        let namespaces = [
            ("uts", CloneFlags::CLONE_NEWUTS),
            ("net", CloneFlags::CLONE_NEWNET),
            ("pid", CloneFlags::CLONE_NEWPID),
            ("mnt", CloneFlags::CLONE_NEWNS),
        ]
        .into_iter()
        .map(|(name, kind)| Ok((File::open(directory.join("ns").join(name))?, kind)))
        .collect::<io::Result<_>>()?;
        Ok(Self {
            namespaces,
            root: File::open(directory.join("root"))?,
        })
    }
}

impl BootRecord {
    pub(crate) fn read(directory: &Path) -> Option<Self> {
        let text = fs::read_to_string(directory.join(crate::run_directory::BOOT_RECORD)).ok()?;
        let (boot_count, process_id) = text.trim().split_once(' ')?;
        Some(Self {
            boot_count: boot_count.parse().ok()?,
            process_id: process_id.parse().ok()?,
        })
    }

    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        let (path, new) = (
            directory.join(crate::run_directory::BOOT_RECORD),
            directory.join("boot.new"),
        );
        fs::write(&new, format!("{} {}\n", self.boot_count, self.process_id))?;
        fs::rename(new, path)
    }
}
