//! The cgroup of a region and those of its instances (cgroup v2).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use eni_types::InstanceId;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};

use crate::error::file_error;
use crate::{InstanceError, RunDirectory};

/// How long killed processes may take to end: they only have to be scheduled once more.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);
const KILL_POLL: Duration = Duration::from_millis(1);

/// The directory that holds a region's cgroups: `openeni-KEY` in the machine's cgroup v2 hierarchy.
#[derive(Clone, Debug)]
pub(crate) struct RegionCgroup {
    directory: PathBuf,
    /// The mount of our own, where the machine has none.
    own_mount: PathBuf,
}

/// The cgroup of one instance.
#[derive(Clone, Debug)]
pub(crate) struct InstanceCgroup(PathBuf);

impl RegionCgroup {
    /// Finds the machine's hierarchy, or mounts it in the run directory where it is mounted nowhere (it has only one).
    pub(crate) fn open(run: &RunDirectory) -> Result<Self, InstanceError> {
        let own = run.path().join("cgroup");
        let mounts = Path::new("/proc/self/mountinfo");
        let table = fs::read_to_string(mounts).map_err(file_error("read", mounts))?;
        let mount_point = match mounted(&table) {
            Some(mount_point) => mount_point,
            None => mount_at(own.clone())?,
        };
        Ok(Self {
            directory: mount_point.join(format!("openeni-{}", run.key())),
            own_mount: own,
        })
    }

    pub(crate) fn instance(&self, id: InstanceId) -> InstanceCgroup {
        InstanceCgroup(self.directory.join(id.to_string()))
    }

    /// The instances that have a cgroup.
    pub(crate) fn instances(&self) -> Vec<InstanceId> {
        let entries = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect()
    }

    /// Removes the region's directory, and the hierarchy's mount if it is ours. Its instances' are gone before.
    pub(crate) fn remove(&self) -> Result<(), InstanceError> {
        gone_is_fine(fs::remove_dir(&self.directory))
            .map_err(file_error("remove", &self.directory))?;
        let failed = |source| file_error("unmount", &self.own_mount)(source);
        match umount2(&self.own_mount, MntFlags::MNT_DETACH) {
            Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        gone_is_fine(fs::remove_dir(&self.own_mount)).map_err(failed)
    }
}

impl InstanceCgroup {
    /// Writing a process id there moves the process here.
    pub(crate) fn processes(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }

    /// Says whether there are processes in it, and is changed when that changes.
    pub(crate) fn events(&self) -> PathBuf {
        self.0.join("cgroup.events")
    }

    pub(crate) fn create(&self) -> Result<(), InstanceError> {
        fs::create_dir_all(&self.0).map_err(file_error("make cgroup", &self.0))
    }

    /// Whether the cgroup exists: cgroups do not outlive the machine's run.
    pub(crate) fn exists(&self) -> bool {
        self.0.exists()
    }

    /// Whether any process is in it or below it.
    pub(crate) fn is_populated(&self) -> bool {
        fs::read_to_string(self.events())
            .is_ok_and(|events| events.lines().any(|line| line == "populated 1"))
    }

    pub(crate) fn holds(&self, process_id: i32) -> bool {
        fs::read_to_string(self.processes())
            .is_ok_and(|list| list.lines().any(|line| line.parse() == Ok(process_id)))
    }

    /// Kills every process in it and waits for their end (at most [`KILL_TIMEOUT`]).
    pub(crate) fn kill(&self) -> Result<(), InstanceError> {
        let file = self.0.join("cgroup.kill");
        gone_is_fine(fs::write(&file, "1")).map_err(file_error("write", &file))?;
        let deadline = Instant::now() + KILL_TIMEOUT;
        while self.is_populated() {
            if Instant::now() > deadline {
                return Err(InstanceError::Unkillable(self.0.clone()));
            }
            thread::sleep(KILL_POLL);
        }
        Ok(())
    }

    /// Kills what is in it and removes it, with what guests have made below it.
    pub(crate) fn remove(&self) -> Result<(), InstanceError> {
        self.kill()?;
        remove_tree(&self.0).map_err(file_error("remove cgroup", &self.0))
    }
}

fn remove_tree(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    gone_is_fine(fs::remove_dir(directory))
}

fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The writable cgroup v2 mount in a `mountinfo` table (proc_pid_mountinfo(5)). Only below `/sys`, where systems mount it:
/// one elsewhere may be another region's own, and go with it.
fn mounted(table: &str) -> Option<PathBuf> {
    table.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut fields = left.split(' ').skip(4);
        let (mount_point, options) = (fields.next()?, fields.next()?);
        let writable = options.split(',').any(|option| option == "rw");
        (right.starts_with("cgroup2 ") && writable && mount_point.starts_with("/sys/"))
            .then(|| mount_point.into())
    })
}

fn mount_at(mount_point: PathBuf) -> Result<PathBuf, InstanceError> {
    let failed = |source| file_error("mount cgroup2 on", mount_point.clone())(source);
    fs::create_dir_all(&mount_point).map_err(failed)?;
    if !is_hierarchy(&mount_point) {
        mount_hierarchy(&mount_point).map_err(|errno| failed(errno.into()))?;
    }
    Ok(mount_point)
}

fn is_hierarchy(directory: &Path) -> bool {
    statfs(directory).is_ok_and(|found| found.filesystem_type() == CGROUP2_SUPER_MAGIC)
}

/// Mounts the hierarchy, unless another process has just done so: the kernel mounts none twice on the same directory.
fn mount_hierarchy(mount_point: &Path) -> Result<(), Errno> {
    let (source, none) = (Some("cgroup2"), None::<&str>);
    match mount(source, mount_point, source, MsFlags::empty(), none) {
        Err(Errno::EBUSY) if is_hierarchy(mount_point) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use nix::sched::{CloneFlags, unshare};

    use super::*;

    #[test]
    fn root_the_hierarchy_is_mounted_once_by_whoever_comes_first() {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
        let none: Option<&str> = None;
        mount(none, "/", none, private, none).unwrap();
        let temporary = tempfile::tempdir().unwrap();
        let mount_point = temporary.path().join("cgroup");
        // Each has seen that it is not there.
        fs::create_dir(&mount_point).unwrap();
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    mount_hierarchy(&mount_point).unwrap();
                });
            }
        });
        assert!(is_hierarchy(&mount_point));
        assert_eq!(mount_at(mount_point.clone()).unwrap(), mount_point);
        umount2(&mount_point, MntFlags::empty()).unwrap();
        assert!(!is_hierarchy(&mount_point));
        // What is not there cannot have been mounted by another.
        let gone = mount_point.join("gone");
        assert_eq!(mount_hierarchy(&gone), Err(Errno::ENOENT));
    }

    #[test]
    fn the_hierarchy_is_found_wherever_it_is_mounted_writable() {
        let cases = [
            (
                "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw",
                Some("/sys/fs/cgroup/unified"),
            ),
            (
                "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw",
                Some("/sys/fs/cgroup"),
            ),
            (
                "30 23 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw",
                None,
            ),
            (
                "99 23 0:26 / /var/lib/openeni/run/cgroup rw - cgroup2 cgroup2 rw",
                None,
            ),
            (
                "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
                None,
            ),
        ];
        for (line, want) in cases {
            assert_eq!(mounted(line), want.map(PathBuf::from), "{line}");
        }
    }
}
