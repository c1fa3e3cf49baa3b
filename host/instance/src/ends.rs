//! Hears of instances whose processes have ended, and nobody has stopped them.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use eni_types::InstanceId;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use parking_lot::Mutex;

/// The kernel tells of a change of a cgroup's `cgroup.events` as of one of any file (`Documentation/admin-guide/cgroup-v2.rst`,
/// "populated").
#[derive(Debug)]
pub(crate) struct Ends {
    inotify: Inotify,
    watched: Mutex<BTreeMap<WatchDescriptor, InstanceId>>,
}

impl Ends {
    pub(crate) fn new() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        Ok(Self {
            inotify,
            watched: Mutex::default(),
        })
    }

    /// Readable when there may be something to hear.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.inotify.as_fd().try_clone_to_owned()
    }

    /// Listens for this instance, if it does not already. Of one that it cannot listen for (the kernel limits how many files
    /// are watched) a look tells.
    pub(crate) fn listen(&self, id: InstanceId, events: &Path) {
        let mut watched = self.watched.lock();
        match self.inotify.add_watch(events, AddWatchFlags::IN_MODIFY) {
            Ok(watch) => drop(watched.insert(watch, id)),
            Err(errno) => tracing::debug!(%id, %errno, "cannot listen for the end of processes"),
        }
    }

    /// Does not listen for this instance any more: it is about to be stopped.
    pub(crate) fn leave(&self, id: InstanceId) {
        let mut watched = self.watched.lock();
        let left: Vec<WatchDescriptor> = watched
            .iter()
            .filter(|(_, watched)| **watched == id)
            .map(|(watch, _)| *watch)
            .collect();
        for watch in left {
            watched.remove(&watch);
            // One whose cgroup has gone went with it.
            let _ = self.inotify.rm_watch(watch);
        }
    }

    /// The instances listened for of which something was heard since the last call. Does not wait.
    pub(crate) fn heard(&self) -> Vec<InstanceId> {
        let mut ids = Vec::new();
        // The kernel gives no more at once than fits nix's buffer, and refuses where there is none.
        while let Ok(events) = self.inotify.read_events() {
            let watched = self.watched.lock();
            ids.extend(
                events
                    .iter()
                    .filter_map(|event| watched.get(&event.wd))
                    .copied(),
            );
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}
