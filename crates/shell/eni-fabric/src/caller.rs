//! Who connects: the process, its network namespace, and what it keeps mapped.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::broker::{NamespaceId, RegionIdentity};

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

    /// Whether the process still has one of the regions: mapped, or as an open descriptor. One that runs and cannot be
    /// looked at is taken to.
    pub(crate) fn keeps(&self, regions: &HashSet<RegionIdentity>) -> bool {
        let found = self
            .has_mapped(regions)
            .and_then(|mapped| Ok(mapped || self.has_open(regions)?));
        found.unwrap_or(true) && self.is_running()
    }

    fn has_mapped(&self, regions: &HashSet<RegionIdentity>) -> io::Result<bool> {
        // File names there may be any bytes.
        let maps = fs::read(self.directory().join("maps"))?;
        Ok(maps
            .split(|byte| *byte == b'\n')
            .filter_map(|line| mapped_file(&String::from_utf8_lossy(line)))
            .any(|file| regions.contains(&file)))
    }

    fn has_open(&self, regions: &HashSet<RegionIdentity>) -> io::Result<bool> {
        let entries = fs::read_dir(self.directory().join("fd"))?;
        Ok(entries.flatten().any(|entry| {
            fs::metadata(entry.path()).is_ok_and(|status| {
                regions.contains(&RegionIdentity {
                    device: status.st_dev(),
                    inode: status.st_ino(),
                })
            })
        }))
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
