//! Queue pairs: making them and posting to them.

mod post;
pub(crate) mod sys;

pub(crate) use post::sys::{post_recv, post_send};

use crate::context::{Opened, State, post_error};
use eni_efa_device::{
    AddressHandleId, Gather, Gid, InlineData, MAX_INLINE, MAX_SEND_ENTRIES, Operation, Peer,
    QueuePairId, ScatterEntry, SendRequest,
};
use libc::c_int;
use std::sync::Arc;

/// A work request that is being put together, and whom it goes to.
#[derive(Clone, Copy)]
pub(crate) struct Staged {
    pub(crate) request: SendRequest,
    pub(crate) handle: AddressHandleId,
    pub(crate) gid: Gid,
    pub(crate) queue_pair: u32,
}

impl Staged {
    pub(crate) fn new(work_request: u64, operation: Operation, immediate: Option<u32>) -> Self {
        Self {
            request: SendRequest {
                work_request,
                operation,
                gather: Gather::Entries([ScatterEntry::default(); MAX_SEND_ENTRIES], 0),
                immediate,
                queue_key: 0,
            },
            handle: AddressHandleId(u32::MAX),
            gid: Gid::default(),
            queue_pair: 0,
        }
    }
}

/// What we keep of a queue pair. The lock of its send queue lies beside it.
pub(crate) struct SendQueue {
    pub(crate) opened: Arc<Opened>,
    pub(crate) id: QueuePairId,
    /// The work requests since `wr_start`.
    pub(crate) staged: Vec<Staged>,
    /// What went wrong since then: nothing of it is posted.
    pub(crate) error: Option<c_int>,
    pub(crate) inline_limit: usize,
    pub(crate) signals_all: bool,
}

impl SendQueue {
    pub(crate) fn start(&mut self) {
        self.staged.clear();
        self.error = None;
    }

    /// Begins a work request. EFA has no unsignaled ones.
    #[inline]
    pub(crate) fn stage(&mut self, staged: Staged, flags: u32) {
        use crate::bindings::{IBV_SEND_INLINE, IBV_SEND_SIGNALED};
        let unsignaled = !self.signals_all && flags & IBV_SEND_SIGNALED == 0;
        if unsignaled || flags & !(IBV_SEND_SIGNALED | IBV_SEND_INLINE) != 0 {
            self.error = Some(libc::EINVAL);
        }
        self.staged.push(staged);
    }

    /// The work request that is being put together.
    #[inline]
    pub(crate) fn last(&mut self) -> Option<&mut Staged> {
        self.staged.last_mut()
    }

    #[inline]
    pub(crate) fn set_gather(&mut self, gather: Option<Gather>) {
        match (gather, self.staged.last_mut()) {
            (Some(gather), Some(staged)) => staged.request.gather = gather,
            (_, _) => self.error = Some(libc::EINVAL),
        }
    }

    /// Posts everything since `wr_start`, or nothing.
    #[inline]
    pub(crate) fn complete(&mut self) -> Result<(), c_int> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut state = self.opened.lock()?;
        if state.device.send_room(self.id) < self.staged.len() {
            return Err(libc::ENOMEM);
        }
        for staged in &self.staged {
            post_one(&mut state, self.id, staged)?;
        }
        transmit(&mut state, self.id);
        Ok(())
    }
}

#[inline]
fn post_one(state: &mut State, id: QueuePairId, staged: &Staged) -> Result<(), c_int> {
    let (device, link) = state.link(id).ok_or(libc::EINVAL)?;
    let peer = Peer {
        gid: staged.gid,
        queue_pair: staged.queue_pair,
    };
    let lane = link.lane_to(device, staged.handle, peer);
    device
        .post_send(id, lane, &staged.request)
        .map_err(post_error)
}

#[inline]
fn transmit(state: &mut State, id: QueuePairId) {
    if let Some((device, link)) = state.link(id) {
        link.transmit(device);
    }
}

/// Collects the pieces of inline data; nothing when there is too much.
pub(crate) struct InlineCollector {
    bytes: [u8; MAX_INLINE],
    length: usize,
    limit: usize,
}

impl InlineCollector {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            bytes: [0; MAX_INLINE],
            length: 0,
            limit: limit.min(MAX_INLINE),
        }
    }

    /// Where the next `length` bytes go; nothing when they do not fit.
    pub(crate) fn place(&mut self, length: usize) -> Option<&mut [u8]> {
        let end = self
            .length
            .checked_add(length)
            .filter(|end| *end <= self.limit)?;
        let place = self.bytes.get_mut(self.length..end)?;
        self.length = end;
        Some(place)
    }

    pub(crate) fn gather(self) -> Option<Gather> {
        InlineData::new(self.bytes, self.length).map(Gather::Inline)
    }
}
