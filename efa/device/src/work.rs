//! Work requests: what a program posts, and what the device keeps of it until it completes.

use crate::memory::{Access, RegionKey, Regions};
use crate::{DomainId, MAX_INLINE, MAX_RECEIVE_ENTRIES, MAX_SEND_ENTRIES};
use alloc::vec::Vec;

/// One entry of a scatter list (`struct ibv_sge`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScatterEntry {
    /// Virtual address within the region.
    pub address: u64,
    /// Bytes.
    pub length: u32,
    /// Key of the region (`lkey`).
    pub key: u32,
}

/// Bytes of the program's memory, checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Address in the program's memory.
    pub address: u64,
    /// Bytes.
    pub length: u32,
}

/// Bytes that travel in the work request itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InlineData {
    length: u8,
    bytes: [u8; MAX_INLINE],
}

impl InlineData {
    /// The first `length` of `bytes`; nothing when there are fewer.
    pub fn new(bytes: [u8; MAX_INLINE], length: usize) -> Option<Self> {
        let length = u8::try_from(length)
            .ok()
            .filter(|length| usize::from(*length) <= MAX_INLINE)?;
        Some(Self { length, bytes })
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

/// Where the payload of a send work request comes from, or the data of a read goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gather {
    /// The work request.
    Inline(InlineData),
    /// Registered memory: the first so many entries.
    Entries([ScatterEntry; MAX_SEND_ENTRIES], usize),
}

impl Gather {
    pub(crate) fn entries(&self) -> &[ScatterEntry] {
        match self {
            Self::Inline(_) => &[],
            Self::Entries(entries, count) => entries.get(..*count).unwrap_or(entries),
        }
    }

    /// Bytes altogether.
    #[inline]
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Inline(data) => u64::from(data.length),
            Self::Entries(..) => total_length(self.entries()),
        }
    }

    /// Number of scatter entries; none for inline data.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Inline(_) => 0,
            Self::Entries(_, count) => *count,
        }
    }
}

fn total_length(entries: &[ScatterEntry]) -> u64 {
    entries.iter().map(|entry| u64::from(entry.length)).sum()
}

/// What a send work request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A datagram.
    Send,
    /// Local memory to the peer's.
    RdmaWrite {
        /// Where to.
        address: u64,
        /// The peer's key (`rkey`).
        key: RegionKey,
    },
    /// The peer's memory to local memory.
    RdmaRead {
        /// Where from.
        address: u64,
        /// The peer's key (`rkey`).
        key: RegionKey,
    },
}

/// A work request for the send queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendRequest {
    /// The program's number (`wr_id`).
    pub work_request: u64,
    /// What to do.
    pub operation: Operation,
    /// Local memory.
    pub gather: Gather,
    /// Immediate data to deliver with it.
    pub immediate: Option<u32>,
    /// Queue key of the destination.
    pub queue_key: u32,
}

impl SendRequest {
    /// Checks the local memory.
    #[inline]
    pub(crate) fn resolve(
        &self,
        domain: DomainId,
        regions: &Regions,
    ) -> Option<Resolved<MAX_SEND_ENTRIES>> {
        let needed = match self.operation {
            Operation::RdmaRead { .. } => Access::LOCAL_WRITE,
            Operation::Send | Operation::RdmaWrite { .. } => Access::LOCAL_READ,
        };
        Resolved::new(self.gather.entries(), regions, domain, needed)
    }
}

/// A work request for the receive queue: the first `count` of `entries`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveRequest {
    /// The program's number (`wr_id`).
    pub work_request: u64,
    /// Where datagrams go.
    pub entries: [ScatterEntry; MAX_RECEIVE_ENTRIES],
    /// Entries in use.
    pub count: usize,
}

impl ReceiveRequest {
    /// Checks the memory that datagrams would go to.
    #[inline]
    pub(crate) fn resolve(
        &self,
        domain: DomainId,
        regions: &Regions,
    ) -> Option<Resolved<MAX_RECEIVE_ENTRIES>> {
        Resolved::new(self.entries(), regions, domain, Access::LOCAL_WRITE)
    }

    pub(crate) fn entries(&self) -> &[ScatterEntry] {
        self.entries.get(..self.count).unwrap_or(&self.entries)
    }
}

/// Scatter entries, checked: spans of the program's memory, right as long as no region went since `epoch`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolved<const N: usize> {
    pub(crate) spans: [Span; N],
    epoch: u64,
}

impl<const N: usize> Resolved<N> {
    /// Checks `entries`, at most `N`; nothing when one lies outside its region or lacks a right.
    #[inline]
    pub(crate) fn new(
        entries: &[ScatterEntry],
        regions: &Regions,
        domain: DomainId,
        needed: Access,
    ) -> Option<Self> {
        let mut spans = [Span::default(); N];
        for (span, entry) in spans.iter_mut().zip(entries) {
            let length = u64::from(entry.length);
            let address =
                regions.resolve(RegionKey(entry.key), domain, entry.address, length, needed)?;
            *span = Span {
                address,
                length: entry.length,
            };
        }
        let epoch = regions.epoch();
        Some(Self { spans, epoch })
    }

    #[inline]
    pub(crate) fn is_current(&self, regions: &Regions) -> bool {
        self.epoch == regions.epoch()
    }
}

/// How far a send work request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// In its lane's list: something is still to be sent.
    Waiting,
    /// In its lane's list again: the write is done, the receiver must hear of its immediate data.
    Announcing,
    /// All is sent; what the peer or the service answers completes it.
    Underway,
    /// The receiver is being told; what the service answers completes it.
    Announced,
}

impl Stage {
    pub(crate) fn after_sending(self) -> Self {
        match self {
            Self::Waiting | Self::Underway => Self::Underway,
            Self::Announcing | Self::Announced => Self::Announced,
        }
    }

    /// Whether the work request is in its lane's list.
    pub(crate) fn is_listed(self) -> bool {
        matches!(self, Self::Waiting | Self::Announcing)
    }
}

/// No work request.
pub(crate) const NONE: u32 = u32::MAX;

/// A send work request that has not completed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) request: SendRequest,
    pub(crate) local: Resolved<MAX_SEND_ENTRIES>,
    pub(crate) lane: u32,
    pub(crate) stage: Stage,
    /// Bytes of the whole operation, sent so far, and arrived so far (reads).
    pub(crate) total: u32,
    pub(crate) sent: u32,
    pub(crate) arrived: u32,
    /// The next one in the lane's list.
    pub(crate) next: u32,
    /// It counts against [`MAX_RDMA_PER_PEER`](crate::MAX_RDMA_PER_PEER).
    pub(crate) started: bool,
}

impl Work {
    /// Checks the local memory of a work request that waits, or of a read under way; false when it is not the
    /// program's to use any more.
    pub(crate) fn check_again(&mut self, domain: DomainId, regions: &Regions) -> bool {
        match self.request.resolve(domain, regions) {
            Some(local) => {
                self.local = local;
                true
            }
            None => false,
        }
    }
}

#[derive(Debug)]
struct Slot {
    generation: u16,
    work: Option<Work>,
}

/// The send queue: slots that are reused, each time under another generation, so that an answer to an earlier request
/// never meets a later one.
#[derive(Debug)]
pub(crate) struct WorkTable {
    slots: Vec<Slot>,
    free: Vec<u32>,
    depth: usize,
}

impl WorkTable {
    pub(crate) fn new(depth: u32) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            depth: depth as usize,
        }
    }

    pub(crate) fn room(&self) -> usize {
        self.depth - (self.slots.len() - self.free.len())
    }

    #[inline]
    pub(crate) fn insert(&mut self, work: Work) -> Option<u32> {
        if let Some(index) = self.free.pop() {
            self.slots.get_mut(index as usize)?.work = Some(work);
            return Some(index);
        }
        if self.slots.len() >= self.depth {
            return None;
        }
        self.slots.push(Slot {
            generation: 0,
            work: Some(work),
        });
        u32::try_from(self.slots.len() - 1).ok()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Work> {
        self.slots.get_mut(index as usize)?.work.as_mut()
    }

    #[inline]
    pub(crate) fn remove(&mut self, index: u32) -> Option<Work> {
        let slot = self.slots.get_mut(index as usize)?;
        let work = slot.work.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(index);
        Some(work)
    }

    /// What peers and the service call the work in a slot.
    #[inline]
    pub(crate) fn request_of(&self, index: u32) -> u32 {
        let generation = self
            .slots
            .get(index as usize)
            .map_or(0, |slot| slot.generation);
        u32::from(generation) << 16 | index
    }

    /// The slot of a request that is still under way.
    #[inline]
    pub(crate) fn find(&self, request: u32) -> Option<u32> {
        let index = request & 0xffff;
        let slot = self.slots.get(index as usize)?;
        let alive = slot.work.is_some() && u32::from(slot.generation) == request >> 16;
        alive.then_some(index)
    }

    /// Slots in use, of one lane or of all, in no order.
    pub(crate) fn indices(&self, lane: Option<u32>) -> Vec<u32> {
        let wanted = |work: &Work| lane.is_none_or(|lane| work.lane == lane);
        let used = |slot: &Slot| slot.work.as_ref().is_some_and(wanted);
        let indices = (0_u32..).zip(&self.slots).filter(|(_, slot)| used(slot));
        indices.map(|(index, _)| index).collect()
    }
}
