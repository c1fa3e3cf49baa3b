//! An opened device: its model, its endpoints, and the lock around both.

use crate::fork::Process;
use crate::lane::Link;
use eni_efa_client::{DeviceAttributes, Fabric};
use eni_efa_device::{CompletionQueueId, Device, DeviceError, PostError, QueuePairId};
use libc::c_int;
use parking_lot::{Mutex, MutexGuard};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// What everything that a program makes on an opened device shares.
pub(crate) struct Opened {
    pub(crate) fabric: Arc<Fabric>,
    /// The device's place in the fabric's list.
    pub(crate) index: usize,
    pub(crate) attributes: DeviceAttributes,
    state: Mutex<State>,
    /// Who has opened it.
    process: Process,
}

impl Opened {
    pub(crate) fn new(fabric: Arc<Fabric>, index: usize) -> Option<Self> {
        let attributes = fabric.devices().get(index)?.clone();
        // The hasher's keys are random, which is all that the seed must be.
        let seed = RandomState::new().hash_one(index);
        let state = Mutex::new(State {
            device: Device::new(seed),
            links: Vec::new(),
            attached: Vec::new(),
        });
        Some(Self {
            fabric,
            index,
            attributes,
            state,
            process: Process::current(),
        })
    }

    /// Locks it.
    ///
    /// # Errors
    /// `EIO` in a child of `fork`: the lock may never come free there, and the rings are the parent's.
    #[inline]
    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, State>, c_int> {
        if !self.process.is_current() {
            return Err(libc::EIO);
        }
        Ok(self.state.lock())
    }

    /// Locks it, or waits for so long.
    ///
    /// # Errors
    /// As [`lock`](Self::lock), and `EBUSY` after that time.
    pub(crate) fn lock_for(&self, patience: Duration) -> Result<MutexGuard<'_, State>, c_int> {
        if !self.process.is_current() {
            return Err(libc::EIO);
        }
        self.state.try_lock_for(patience).ok_or(libc::EBUSY)
    }
}

/// The device and its way to others.
pub(crate) struct State {
    pub(crate) device: Device,
    /// By number of the queue pair.
    links: Vec<Option<Link>>,
    /// The queue pairs that complete to a queue, by the queue's number.
    attached: Vec<Vec<QueuePairId>>,
}

impl State {
    /// Gives a new queue pair its endpoint.
    pub(crate) fn attach(&mut self, id: QueuePairId, link: Link, queues: [CompletionQueueId; 2]) {
        let index = id.0 as usize;
        if self.links.len() <= index {
            self.links.resize_with(index + 1, || None);
        }
        self.links[index] = Some(link);
        for queue in queues {
            let index = queue.0 as usize;
            if self.attached.len() <= index {
                self.attached.resize_with(index + 1, Vec::new);
            }
            let attached = &mut self.attached[index];
            if !attached.contains(&id) {
                attached.push(id);
            }
        }
    }

    /// Takes the endpoint of a queue pair that goes.
    pub(crate) fn detach(&mut self, id: QueuePairId) -> Option<Link> {
        for attached in &mut self.attached {
            attached.retain(|other| *other != id);
        }
        self.links.get_mut(id.0 as usize)?.take()
    }

    /// The model and a queue pair's endpoint.
    #[inline]
    pub(crate) fn link(&mut self, id: QueuePairId) -> Option<(&mut Device, &mut Link)> {
        let link = self.links.get_mut(id.0 as usize)?.as_mut()?;
        Some((&mut self.device, link))
    }

    /// Every endpoint forgets which lane an address handle led to.
    pub(crate) fn forget_lanes(&mut self) {
        for link in self.links.iter_mut().flatten() {
            link.forget_lanes();
        }
    }

    /// Moves what can be moved for the queue pairs that complete to `queue`.
    #[inline]
    pub(crate) fn progress(&mut self, queue: CompletionQueueId) {
        let Some(attached) = self.attached.get(queue.0 as usize) else {
            return;
        };
        for id in attached {
            if let Some(Some(link)) = self.links.get_mut(id.0 as usize) {
                link.polls = link.polls.wrapping_add(1);
                link.progress(&mut self.device);
            }
        }
    }
}

/// The `errno` for a request about an object.
pub(crate) fn object_error(error: DeviceError) -> c_int {
    match error {
        DeviceError::Unknown | DeviceError::Invalid => libc::EINVAL,
        DeviceError::InUse => libc::EBUSY,
        DeviceError::Full => libc::ENOMEM,
        DeviceError::Overrun => libc::EOVERFLOW,
    }
}

/// The `errno` for a work request.
pub(crate) fn post_error(error: PostError) -> c_int {
    match error {
        PostError::Unknown | PostError::NotReady | PostError::TooManyEntries => libc::EINVAL,
        PostError::Full => libc::ENOMEM,
    }
}
