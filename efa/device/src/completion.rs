//! Completion queues.

use crate::{Gid, Status};
use alloc::collections::VecDeque;

/// A completion queue of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CompletionQueueId(pub u32);

/// What a completion completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompletionOperation {
    /// A send.
    Send,
    /// An RDMA write.
    RdmaWrite,
    /// An RDMA read.
    RdmaRead,
    /// A receive work request that a datagram filled.
    Receive,
    /// A receive work request that a peer's RDMA write with immediate data used up; the data lies elsewhere.
    ReceiveRdmaWithImmediate,
}

/// One entry of a completion queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The program's number of the work request (`wr_id`).
    pub work_request: u64,
    /// How it went.
    pub status: Status,
    /// What it was.
    pub operation: CompletionOperation,
    /// Bytes received or moved.
    pub length: u32,
    /// Number of the queue pair that completes.
    pub queue_pair: u32,
    /// Number of the sending queue pair (receives only).
    pub source_queue_pair: u32,
    /// Address handle number of the sending device, or [`UNKNOWN_HANDLE`](crate::UNKNOWN_HANDLE) (receives only).
    pub source_handle: u16,
    /// GID of the sending device (receives only).
    pub source_gid: Gid,
    /// Immediate data that came along (receives only).
    pub immediate: Option<u32>,
}

/// Completions that wait for the program.
#[derive(Debug)]
pub(crate) struct CompletionQueue {
    entries: VecDeque<Completion>,
    capacity: usize,
    /// A completion was lost because the program let the queue run full. The queue stays unusable, as on EFA.
    pub(crate) overrun: bool,
    /// Queue pairs that complete here.
    pub(crate) users: u32,
}

impl CompletionQueue {
    pub(crate) fn new(capacity: u32) -> Self {
        Self {
            entries: VecDeque::new(),
            capacity: capacity as usize,
            overrun: false,
            users: 0,
        }
    }

    /// Adds a completion; false when the queue is full and it is lost.
    #[inline]
    #[must_use]
    pub(crate) fn push(&mut self, completion: Completion) -> bool {
        let room = self.entries.len() < self.capacity;
        if room {
            self.entries.push_back(completion);
        } else {
            self.overrun = true;
        }
        room
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Completion> {
        self.entries.pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets the completions of a queue pair that goes.
    pub(crate) fn forget(&mut self, queue_pair: u32) {
        self.entries
            .retain(|completion| completion.queue_pair != queue_pair);
    }
}
