//! One queue pair's conversation with another.

use crate::Status;
use crate::memory::RegionKey;
use crate::work::NONE;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use eni_efa_abi::Peer;

/// Address handle number of a device that the program has no handle for.
pub const UNKNOWN_HANDLE: u16 = 0xffff;

/// What the peer is still to be told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    /// Memory that it reads.
    Data {
        request: u32,
        address: u64,
        key: RegionKey,
        total: u32,
        sent: u32,
    },
    /// How its operation ended.
    Acknowledge { request: u32, status: Status },
}

/// An RDMA write of the peer, some pieces of which have arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InboundWrite {
    pub(crate) request: u32,
    pub(crate) total: u32,
    pub(crate) arrived: u32,
    pub(crate) status: Status,
}

#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) peer: Peer,
    /// The program's number for the peer's device, as of `handles_epoch`.
    pub(crate) source_handle: u16,
    pub(crate) handles_epoch: Option<u64>,
    /// Why nothing can be sent any more.
    pub(crate) broken: Option<Status>,
    /// The first and the last send work request that waits.
    pub(crate) head: u32,
    pub(crate) tail: u32,
    /// It is in the queue pair's list of lanes that have something to send.
    pub(crate) listed: bool,
    /// Where the datagrams that the peer has not consumed end in its ring, and the requests that sent them.
    pub(crate) in_ring: VecDeque<(u64, u32)>,
    /// It is in the queue pair's list of lanes with such datagrams.
    pub(crate) awaited: bool,
    pub(crate) replies: VecDeque<Reply>,
    pub(crate) inbound_writes: Vec<InboundWrite>,
    /// RDMA operations to the peer that have been started and have not completed.
    pub(crate) rdma_underway: usize,
}

impl Lane {
    pub(crate) fn new(peer: Peer) -> Self {
        Self {
            peer,
            source_handle: UNKNOWN_HANDLE,
            handles_epoch: None,
            broken: None,
            head: NONE,
            tail: NONE,
            listed: false,
            in_ring: VecDeque::new(),
            awaited: false,
            replies: VecDeque::new(),
            inbound_writes: Vec::new(),
            rdma_underway: 0,
        }
    }

    /// Whether the peer may start one more operation: each has at most one reply waiting or write arriving.
    pub(crate) fn has_room_for_request(&self) -> bool {
        self.replies.len() + self.inbound_writes.len() < 2 * crate::MAX_RDMA_PER_PEER
    }
}
