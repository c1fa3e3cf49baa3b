//! Who connects: the process, its network namespace, and what it keeps mapped.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};
use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::broker::{NamespaceId, RegionIdentity};

/// How long a process may take to be looked at: a million mappings are read in less than a second.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// A program at the other end of a socket. The descriptor keeps its number from meaning another process.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) process: OwnedFd,
    number: Pid,
}

impl Caller {
    /// The process that made the connection.
    pub(crate) fn of(socket: &impl AsFd) -> io::Result<Self> {
        let credentials = rustix::net::sockopt::socket_peercred(socket)?;
        let process = match getsockopt(socket, sockopt::PeerPidfd) {
            Ok(process) => process,
            // Kernels before 6.5. The process may have ended and its number been given away since it connected.
            Err(Errno::ENOPROTOOPT) => pidfd_open(credentials.pid, PidfdFlags::empty())?,
            Err(other) => return Err(other.into()),
        };
        Ok(Self {
            process,
            number: credentials.pid,
        })
    }

    /// The network namespace that the process is in.
    pub(crate) fn network_namespace(&self) -> io::Result<NamespaceId> {
        let namespace = namespace_of(&self.directory().join("ns/net"))?;
        // Still the same process, so what was read is its own.
        self.is_running()
            .then_some(namespace)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Which of the regions the process still has: mapped, or as open descriptors. One that runs and cannot be looked at,
    /// or not within [`LOOK_LIMIT`], is taken to have all. Ends early at `stop`, and is of no worth then.
    pub(crate) fn kept(
        &self,
        regions: &HashSet<RegionIdentity>,
        stop: &AtomicBool,
    ) -> HashSet<RegionIdentity> {
        let mut kept = HashSet::new();
        let until = Instant::now() + LOOK_LIMIT;
        let mut takes_too_long = false;
        let mut keep = |file: RegionIdentity| {
            if regions.contains(&file) {
                kept.insert(file);
            }
            takes_too_long = Instant::now() > until;
            !takes_too_long && !stop.load(Ordering::Relaxed)
        };
        let looked = self
            .each_mapped(&mut keep)
            .and_then(|()| self.each_open(&mut keep));
        if looked.is_err() || takes_too_long {
            kept.clone_from(regions);
        }
        if !kept.is_empty() && !self.is_running() {
            kept.clear();
        }
        kept
    }

    /// Tells every file that is mapped, until `keep` says false.
    fn each_mapped(&self, keep: &mut impl FnMut(RegionIdentity) -> bool) -> io::Result<()> {
        let mut maps = BufReader::new(File::open(self.directory().join("maps"))?);
        let mut line = Vec::new();
        while maps.read_until(b'\n', &mut line)? > 0 {
            // File names there may be any bytes.
            let file = mapped_file(&String::from_utf8_lossy(&line));
            if !file.is_none_or(&mut *keep) {
                return Ok(());
            }
            line.clear();
        }
        Ok(())
    }

    /// Tells every file that is open, until `keep` says false.
    fn each_open(&self, keep: &mut impl FnMut(RegionIdentity) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(self.directory().join("fd"))?.flatten() {
            // Not the file system's own answer, which may be a program's, and never come.
            let known = AtFlags::STATX_DONT_SYNC;
            let Ok(status) = statx(CWD, entry.path(), known, StatxFlags::INO) else {
                continue;
            };
            let file = RegionIdentity {
                device: rustix::fs::makedev(status.stx_dev_major, status.stx_dev_minor),
                inode: status.stx_ino,
            };
            if !keep(file) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Ends the process.
    pub(crate) fn kill(&self) {
        // One that has ended already needs no more.
        let _killed = pidfd_send_signal(&self.process, Signal::KILL);
    }

    pub(crate) fn number(&self) -> i32 {
        self.number.as_raw_nonzero().get()
    }

    fn is_running(&self) -> bool {
        rustix::process::test_kill_process(self.number).is_ok() && self.is_same_process()
    }

    /// A pidfd is readable once its process has ended.
    fn is_same_process(&self) -> bool {
        let mut ended = [rustix::event::PollFd::new(
            &self.process,
            rustix::event::PollFlags::IN,
        )];
        let now = rustix::event::Timespec::default();
        matches!(rustix::event::poll(&mut ended, Some(&now)), Ok(0))
    }

    fn directory(&self) -> PathBuf {
        Path::new("/proc").join(self.number().to_string())
    }
}

/// The namespace that a file such as `/proc/PID/ns/net` or `/run/netns/NAME` stands for.
///
/// # Errors
/// The kernel's.
pub fn namespace_of(path: &Path) -> io::Result<NamespaceId> {
    let status = fs::metadata(path)?;
    Ok(NamespaceId {
        device: status.st_dev(),
        inode: status.st_ino(),
    })
}

/// The file of a line of `/proc/PID/maps`: address, permissions, offset, `major:minor`, inode, path.
fn mapped_file(line: &str) -> Option<RegionIdentity> {
    let mut words = line.split_ascii_whitespace().skip(3);
    let (major, minor) = words.next()?.split_once(':')?;
    let inode = words.next()?.parse().ok()?;
    let major = u32::from_str_radix(major, 16).ok()?;
    let minor = u32::from_str_radix(minor, 16).ok()?;
    Some(RegionIdentity {
        device: rustix::fs::makedev(major, minor),
        inode,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_maps_names_its_file() {
        let line =
            "7f0000000000-7f0000042000 r--s 00000000 00:01 1234  /memfd:openeni-efa (deleted)";
        let want = RegionIdentity {
            device: rustix::fs::makedev(0, 1),
            inode: 1234,
        };
        assert_eq!(mapped_file(line), Some(want));
        assert_eq!(
            mapped_file("7ffc-7ffd rw-p 00000000 00:00 0"),
            Some(RegionIdentity {
                device: 0,
                inode: 0
            })
        );
        assert_eq!(mapped_file(""), None);
    }
}
