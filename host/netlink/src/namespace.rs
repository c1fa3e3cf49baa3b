//! Named network namespaces: made, entered, removed.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{NSFS_MAGIC, statfs};

use crate::{Netlink, NetlinkError};

/// An open network namespace.
#[derive(Debug)]
pub struct Namespace {
    file: OwnedFd,
    path: PathBuf,
}

impl Namespace {
    /// Makes a namespace that lives as long as the file `path` stays mounted, or opens the one that is there. The
    /// directory of `path` must exist.
    ///
    /// # Errors
    /// [`NetlinkError::Namespace`], for example without CAP_SYS_ADMIN.
    pub fn create(path: &Path) -> Result<Self, NetlinkError> {
        if !Self::exists(path) {
            let failed = |source| failure("make namespace", path, source);
            File::create(path).map_err(failed)?;
            on_a_thread(|| {
                unshare(CloneFlags::CLONE_NEWNET)?;
                // A thread's own namespaces are under its own directory, not its process's.
                let source = "/proc/thread-self/ns/net";
                let none: Option<&str> = None;
                mount(Some(source), path, none, MsFlags::MS_BIND, none)?;
                Ok(())
            })
            .map_err(failed)?;
        }
        Self::open(path)
    }

    /// Opens the namespace at `path`, made by [`Namespace::create`] or `ip netns`.
    ///
    /// # Errors
    /// [`NetlinkError::Namespace`] when there is none.
    pub fn open(path: &Path) -> Result<Self, NetlinkError> {
        let failed = |source| failure("open namespace", path, source);
        if !Self::exists(path) {
            return Err(failed(io::ErrorKind::NotFound.into()));
        }
        let file = File::open(path).map_err(failed)?;
        Ok(Self {
            file: file.into(),
            path: path.to_owned(),
        })
    }

    /// The calling thread's namespace.
    ///
    /// # Errors
    /// [`NetlinkError::Namespace`] when `/proc` is not mounted.
    pub fn current() -> Result<Self, NetlinkError> {
        let path = PathBuf::from("/proc/thread-self/ns/net");
        let file = File::open(&path).map_err(|source| failure("open namespace", &path, source))?;
        Ok(Self {
            file: file.into(),
            path,
        })
    }

    /// Whether a namespace (not a bare file, as a reboot leaves it) is mounted at `path`.
    #[must_use]
    pub fn exists(path: &Path) -> bool {
        statfs(path).is_ok_and(|found| found.filesystem_type() == NSFS_MAGIC)
    }

    /// Unmounts and removes the namespace at `path`. It ends when its last process and descriptor are gone, with its
    /// devices. One that is gone is success.
    ///
    /// # Errors
    /// [`NetlinkError::Namespace`] when it can be neither unmounted nor removed.
    pub fn delete(path: &Path) -> Result<(), NetlinkError> {
        while Self::exists(path) {
            umount2(path, MntFlags::MNT_DETACH)
                .map_err(|errno| failure("unmount namespace", path, errno.into()))?;
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failure("remove namespace", path, error))
            }
            _ => Ok(()),
        }
    }

    /// Runs `work` on a thread of its own inside this namespace.
    ///
    /// # Errors
    /// [`NetlinkError::Namespace`] when the namespace cannot be entered.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NetlinkError> {
        on_a_thread(|| {
            setns(&self.file, CloneFlags::CLONE_NEWNET)?;
            Ok(work())
        })
        .map_err(|source| failure("enter namespace", &self.path, source))
    }

    /// Moves the calling thread into this namespace for the rest of its life. Threads and processes that it starts are
    /// born there.
    ///
    /// # Errors
    /// [`NetlinkError::Namespace`] when the namespace cannot be entered.
    pub fn enter(&self) -> Result<(), NetlinkError> {
        setns(&self.file, CloneFlags::CLONE_NEWNET)
            .map_err(|errno| failure("enter namespace", &self.path, errno.into()))
    }

    /// Another handle to the same namespace.
    ///
    /// # Errors
    /// [`NetlinkError::Namespace`] when the process has no descriptor left.
    pub fn try_clone(&self) -> Result<Self, NetlinkError> {
        let file = self.file.try_clone();
        Ok(Self {
            file: file.map_err(|source| failure("open namespace", &self.path, source))?,
            path: self.path.clone(),
        })
    }

    /// A netlink socket inside this namespace.
    ///
    /// # Errors
    /// As [`Namespace::run`] and [`Netlink::open`].
    pub fn netlink(&self) -> Result<Netlink, NetlinkError> {
        self.run(Netlink::open)?
    }

    /// Writes kernel settings of this namespace: pairs of a path below `/proc/sys/net` and a value.
    ///
    /// # Errors
    /// [`NetlinkError::Namespace`] naming the first setting that could not be written.
    pub fn write_settings(&self, settings: &[(&str, &str)]) -> Result<(), NetlinkError> {
        self.run(|| {
            for (name, value) in settings {
                let path = Path::new("/proc/sys/net").join(name);
                fs::write(&path, value)
                    .map_err(|source| failure("write setting", &path, source))?;
            }
            Ok(())
        })?
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn failure(action: &'static str, path: &Path, source: io::Error) -> NetlinkError {
    NetlinkError::Namespace {
        action,
        path: path.to_owned(),
        source,
    }
}

/// A namespace is a property of a thread: the change dies with the thread, and the caller's stays as it is.
fn on_a_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        thread::Builder::new()
            .name("namespace".to_owned())
            .spawn_scoped(scope, work)?
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace panicked")))
    })
}
