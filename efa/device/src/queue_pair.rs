//! Queue pairs: states, posting, and how work completes.

use crate::address::AddressHandles;
use crate::completion::{Completion, CompletionOperation, CompletionQueue, CompletionQueueId};
use crate::counters::Counters;
use crate::lane::{Lane, UNKNOWN_HANDLE};
use crate::memory::Regions;
use crate::slab::Slab;
use crate::work::{NONE, Operation, ReceiveRequest, Resolved, SendRequest, Stage, Work, WorkTable};
use crate::{
    DomainId, MAX_RDMA, MAX_RDMA_ENTRIES, MAX_RECEIVE_DEPTH, MAX_RECEIVE_ENTRIES, MAX_SEND_DEPTH,
    MAX_SEND_ENTRIES, MAX_TRANSFER, Status,
};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use eni_efa_abi::{Gid, Peer};

/// A queue pair of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueuePairId(pub u32);

/// The transport of a queue pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueuePairKind {
    /// Scalable Reliable Datagram.
    Srd,
    /// Unreliable datagrams.
    Datagram,
}

/// `enum ibv_qp_state`, as far as EFA has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum QueuePairState {
    /// Nothing may be posted.
    Reset = 0,
    /// Receives may be posted.
    Init = 1,
    /// Datagrams are received.
    ReadyToReceive = 2,
    /// Sends may be posted.
    ReadyToSend = 3,
    /// Sends that were posted go on; new ones are accepted too, as in rdma-core's provider.
    SendQueueDrained = 4,
    /// All that was posted has been flushed.
    Error = 6,
}

impl QueuePairState {
    /// The state with libibverbs's number.
    pub fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Reset,
            1 => Self::Init,
            2 => Self::ReadyToReceive,
            3 => Self::ReadyToSend,
            4 => Self::SendQueueDrained,
            6 => Self::Error,
            _ => return None,
        })
    }

    /// The kernel's table of transitions for EFA (`efa_verbs.c`, `srd_qp_transitions`).
    fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (_, Self::Reset | Self::Error) => true,
            (Self::Reset | Self::Init, Self::Init)
            | (Self::Init, Self::ReadyToReceive)
            | (
                Self::ReadyToReceive | Self::ReadyToSend | Self::SendQueueDrained,
                Self::ReadyToSend,
            )
            | (Self::ReadyToSend, Self::SendQueueDrained) => true,
            (_, _) => false,
        }
    }
}

/// What a queue pair is made of.
#[derive(Clone, Copy, Debug)]
pub struct QueuePairAttributes {
    /// Its protection domain.
    pub domain: DomainId,
    /// Where sends complete.
    pub send_queue: CompletionQueueId,
    /// Where receives complete.
    pub receive_queue: CompletionQueueId,
    /// Its transport.
    pub kind: QueuePairKind,
    /// Its number on the network.
    pub number: u32,
    /// Send work requests at a time.
    pub send_depth: u32,
    /// Receive work requests at a time.
    pub receive_depth: u32,
    /// Scatter entries of a send work request.
    pub send_entries: usize,
    /// Scatter entries of a receive work request.
    pub receive_entries: usize,
    /// Bytes of its largest datagram.
    pub max_transfer: u32,
}

impl QueuePairAttributes {
    pub(crate) fn are_within_limits(&self) -> bool {
        self.send_depth <= MAX_SEND_DEPTH
            && self.receive_depth <= MAX_RECEIVE_DEPTH
            && self.send_entries <= MAX_SEND_ENTRIES
            && self.receive_entries <= MAX_RECEIVE_ENTRIES
            && self.max_transfer <= MAX_TRANSFER
    }
}

/// Why a work request was not accepted. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// There is no such queue pair, or the lane was not made known.
    #[error("no such queue pair or lane")]
    Unknown,
    /// The queue pair's state does not allow it.
    #[error("the queue pair is not ready")]
    NotReady,
    /// As many work requests wait as the queue has room for.
    #[error("the queue is full")]
    Full,
    /// More scatter entries than the queue pair was made for.
    #[error("too many scatter entries")]
    TooManyEntries,
}

/// How an unreliable datagram to nowhere ends: it is sent, and lost.
const UNRELIABLE_LOSS: Status = Status::Success;

/// What of the device queue pairs look at and change.
pub(crate) struct Context<'a> {
    pub(crate) regions: &'a Regions,
    pub(crate) handles: &'a AddressHandles,
    pub(crate) completion_queues: &'a mut Slab<CompletionQueue>,
    pub(crate) counters: &'a mut Counters,
}

/// A receive work request that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receive {
    pub(crate) request: ReceiveRequest,
    pub(crate) local: Resolved<MAX_RECEIVE_ENTRIES>,
}

#[derive(Debug)]
pub(crate) struct QueuePair {
    pub(crate) attributes: QueuePairAttributes,
    pub(crate) state: QueuePairState,
    pub(crate) queue_key: u32,
    pub(crate) work: WorkTable,
    pub(crate) receives: VecDeque<Receive>,
    pub(crate) lanes: Vec<Option<Lane>>,
    /// Lanes that have something to send.
    pub(crate) listed: VecDeque<u32>,
    /// Lanes with datagrams that their peers have not consumed.
    pub(crate) awaited: Vec<u32>,
    /// Nothing will be received any more.
    has_failed: bool,
}

impl QueuePair {
    pub(crate) fn new(attributes: QueuePairAttributes) -> Self {
        Self {
            attributes,
            state: QueuePairState::Reset,
            queue_key: 0,
            work: WorkTable::new(attributes.send_depth),
            receives: VecDeque::new(),
            lanes: Vec::new(),
            listed: VecDeque::new(),
            awaited: Vec::new(),
            has_failed: false,
        }
    }

    pub(crate) fn is_datagram(&self) -> bool {
        self.attributes.kind == QueuePairKind::Datagram
    }

    #[inline]
    pub(crate) fn lane_mut(&mut self, lane: u32) -> Option<&mut Lane> {
        self.lanes.get_mut(lane as usize)?.as_mut()
    }

    pub(crate) fn learn_lane(&mut self, number: u32, peer: Peer) {
        let index = number as usize;
        if self.lanes.len() <= index {
            self.lanes.resize_with(index + 1, || None);
        }
        let lane = &mut self.lanes[index];
        if lane.is_none() {
            *lane = Some(Lane::new(peer));
        }
    }

    pub(crate) fn forget_lane(&mut self, number: u32) {
        if let Some(lane) = self.lanes.get_mut(number as usize) {
            *lane = None;
            self.listed.retain(|listed| *listed != number);
            self.awaited.retain(|awaited| *awaited != number);
        }
    }

    #[inline]
    pub(crate) fn post_send(
        &mut self,
        lane: u32,
        request: &SendRequest,
        context: &mut Context<'_>,
    ) -> Result<(), PostError> {
        if !matches!(
            self.state,
            QueuePairState::ReadyToSend | QueuePairState::SendQueueDrained
        ) {
            return Err(PostError::NotReady);
        }
        let is_send = request.operation == Operation::Send;
        let entries = if is_send {
            self.attributes.send_entries
        } else {
            MAX_RDMA_ENTRIES
        };
        if request.gather.count() > entries {
            return Err(PostError::TooManyEntries);
        }
        if self.work.room() == 0 {
            return Err(PostError::Full);
        }
        let broken = self.lane_mut(lane).ok_or(PostError::Unknown)?.broken;
        match self.check(request, broken, context.regions) {
            Ok((local, total)) => self.accept(lane, request, local, total)?,
            Err(status) if status == UNRELIABLE_LOSS => {
                context.counters.unreachable += 1;
                self.push_send_completion(request, Status::Success, 0, context);
            }
            Err(status) => self.push_send_completion(request, status, 0, context),
        }
        Ok(())
    }

    /// What the device finds wrong with a work request only after accepting it.
    #[inline]
    fn check(
        &self,
        request: &SendRequest,
        broken: Option<Status>,
        regions: &Regions,
    ) -> Result<(Resolved<MAX_SEND_ENTRIES>, u32), Status> {
        let is_send = request.operation == Operation::Send;
        if !is_send && self.is_datagram() {
            return Err(Status::InvalidOperation);
        }
        let limit = if is_send {
            self.attributes.max_transfer
        } else {
            MAX_RDMA
        };
        let total = u32::try_from(request.gather.length()).map_err(|_| Status::BadLocalLength)?;
        if total > limit {
            return Err(Status::BadLocalLength);
        }
        let local = request
            .resolve(self.attributes.domain, regions)
            .ok_or(Status::InvalidLocalKey)?;
        match broken {
            Some(_) if self.is_datagram() => Err(UNRELIABLE_LOSS),
            Some(status) => Err(status),
            None => Ok((local, total)),
        }
    }

    #[inline]
    fn accept(
        &mut self,
        lane: u32,
        request: &SendRequest,
        local: Resolved<MAX_SEND_ENTRIES>,
        total: u32,
    ) -> Result<(), PostError> {
        let work = Work {
            request: *request,
            local,
            lane,
            stage: Stage::Waiting,
            total,
            sent: 0,
            arrived: 0,
            next: NONE,
            started: false,
        };
        let index = self.work.insert(work).ok_or(PostError::Full)?;
        self.append(lane, index);
        Ok(())
    }

    /// Puts a work request at the end of its lane's list.
    #[inline]
    pub(crate) fn append(&mut self, number: u32, index: u32) {
        let Some(lane) = self.lanes.get_mut(number as usize).and_then(Option::as_mut) else {
            return;
        };
        if lane.head == NONE {
            lane.head = index;
        } else if let Some(last) = self.work.get_mut(lane.tail) {
            last.next = index;
        }
        lane.tail = index;
        self.list(number);
    }

    /// Notes that a lane has something to send.
    #[inline]
    pub(crate) fn list(&mut self, number: u32) {
        if let Some(lane) = self.lanes.get_mut(number as usize).and_then(Option::as_mut)
            && !lane.listed
        {
            lane.listed = true;
            self.listed.push_back(number);
        }
    }

    #[inline]
    pub(crate) fn post_receive(
        &mut self,
        request: &ReceiveRequest,
        context: &mut Context<'_>,
    ) -> Result<(), PostError> {
        if matches!(self.state, QueuePairState::Reset | QueuePairState::Error) {
            return Err(PostError::NotReady);
        }
        if request.count > self.attributes.receive_entries {
            return Err(PostError::TooManyEntries);
        }
        if self.receives.len() >= self.attributes.receive_depth as usize {
            return Err(PostError::Full);
        }
        if self.has_failed {
            self.push_receive_failure(request, Status::QueuePairInternalError, context);
            return Ok(());
        }
        match request.resolve(self.attributes.domain, context.regions) {
            Some(local) => self.receives.push_back(Receive {
                request: *request,
                local,
            }),
            None => self.push_receive_failure(request, Status::InvalidLocalKey, context),
        }
        Ok(())
    }

    pub(crate) fn modify(&mut self, state: QueuePairState, context: &mut Context<'_>) -> bool {
        if !self.state.may_become(state) {
            return false;
        }
        match state {
            QueuePairState::Error => self.flush(context),
            QueuePairState::Reset => self.forget(context),
            _ => {}
        }
        self.state = state;
        true
    }

    /// Completes everything that was posted as flushed.
    fn flush(&mut self, context: &mut Context<'_>) {
        for index in self.work.indices(None) {
            self.complete(index, Status::Flushed, context);
        }
        while let Some(receive) = self.receives.pop_front() {
            self.push_receive_failure(&receive.request, Status::Flushed, context);
        }
        self.unlink_all();
    }

    /// Forgets everything that was posted and has not been polled.
    pub(crate) fn forget(&mut self, context: &mut Context<'_>) {
        for index in self.work.indices(None) {
            self.work.remove(index);
        }
        self.receives.clear();
        self.unlink_all();
        for queue in [self.attributes.send_queue, self.attributes.receive_queue] {
            if let Some(queue) = context.completion_queues.get_mut(queue.0) {
                queue.forget(self.attributes.number);
            }
        }
    }

    /// Fails every receive work request, now and later.
    pub(crate) fn fail_receives(&mut self, context: &mut Context<'_>) {
        self.has_failed = true;
        while let Some(receive) = self.receives.pop_front() {
            self.push_receive_failure(&receive.request, Status::QueuePairInternalError, context);
        }
    }

    fn unlink_all(&mut self) {
        for lane in self.lanes.iter_mut().flatten() {
            lane.head = NONE;
            lane.tail = NONE;
            lane.rdma_underway = 0;
            lane.in_ring.clear();
        }
    }

    /// Ends a send work request that is in no list any more (or whose list goes with it).
    #[inline]
    pub(crate) fn complete(&mut self, index: u32, status: Status, context: &mut Context<'_>) {
        let Some(work) = self.work.remove(index) else {
            return;
        };
        if work.started
            && let Some(lane) = self.lane_mut(work.lane)
        {
            lane.rdma_underway = lane.rdma_underway.saturating_sub(1);
        }
        self.push_send_completion(&work.request, status, work.total, context);
    }

    /// Ends everything that goes to a lane, now and later.
    pub(crate) fn break_lane(&mut self, number: u32, status: Status, context: &mut Context<'_>) {
        let is_datagram = self.is_datagram();
        let Some(lane) = self.lane_mut(number) else {
            return;
        };
        if lane.broken.is_some() {
            return;
        }
        lane.broken = Some(status);
        lane.head = NONE;
        lane.tail = NONE;
        lane.in_ring.clear();
        lane.replies.clear();
        lane.inbound_writes.clear();
        for index in self.work.indices(Some(number)) {
            if is_datagram {
                context.counters.unreachable += 1;
            }
            let status = if is_datagram { Status::Success } else { status };
            self.complete(index, status, context);
        }
    }

    #[inline]
    fn push_send_completion(
        &mut self,
        request: &SendRequest,
        status: Status,
        length: u32,
        context: &mut Context<'_>,
    ) {
        let operation = match request.operation {
            Operation::Send => CompletionOperation::Send,
            Operation::RdmaWrite { .. } => CompletionOperation::RdmaWrite,
            Operation::RdmaRead { .. } => CompletionOperation::RdmaRead,
        };
        let completion = Completion {
            work_request: request.work_request,
            status,
            operation,
            length,
            queue_pair: self.attributes.number,
            source_queue_pair: 0,
            source_handle: UNKNOWN_HANDLE,
            source_gid: Gid::default(),
            immediate: None,
        };
        push(self.attributes.send_queue, completion, context);
    }

    pub(crate) fn push_receive_failure(
        &mut self,
        request: &ReceiveRequest,
        status: Status,
        context: &mut Context<'_>,
    ) {
        let completion = Completion {
            work_request: request.work_request,
            status,
            operation: CompletionOperation::Receive,
            length: 0,
            queue_pair: self.attributes.number,
            source_queue_pair: 0,
            source_handle: UNKNOWN_HANDLE,
            source_gid: Gid::default(),
            immediate: None,
        };
        push(self.attributes.receive_queue, completion, context);
    }
}

#[inline]
pub(crate) fn push(queue: CompletionQueueId, completion: Completion, context: &mut Context<'_>) {
    let pushed = context
        .completion_queues
        .get_mut(queue.0)
        .is_some_and(|queue| queue.push(completion));
    if !pushed {
        context.counters.completion_queue_overrun += 1;
    }
}
