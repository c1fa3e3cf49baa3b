//! Flows and their queues on the way to SRD.

use crate::counters::DropReason;
use crate::flow::{self, FlowTuple};
use crate::header::FrameHeader;
use crate::limits::{
    FLOW_IDLE_NANOS, FRAME_OVERHEAD_BYTES, MARK_QUEUED_BYTES, MAX_FLOWS, MAX_QUEUED_BYTES,
    QUANTUM_BYTES,
};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use eni_srd::Instant;

/// Frames for which an empty queue keeps room: 4,096 queues that once were long must not hold their memory.
const EMPTY_QUEUE_CAPACITY: usize = 16;

/// One flow.
struct Flow {
    tuple: FlowTuple,
    incarnation: u32,
    /// The next frame's number.
    sequence: u32,
    queue: VecDeque<Bytes>,
    queued_bytes: usize,
    /// What it may send in its turn (deficit round robin).
    deficit: usize,
    /// Frames that SRD has and that have not ended.
    under_way: u32,
    used_at: Instant,
}

impl Flow {
    /// Whether everything it ever sent has ended: its place may be given to another.
    fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.under_way == 0
    }
}

pub(crate) struct Sender {
    life: u32,
    incarnations: u32,
    places: BTreeMap<FlowTuple, u16>,
    flows: Vec<Option<Flow>>,
    free: Vec<u16>,
    /// The place from which on to look next for a flow that can give way.
    hand: u16,
    /// Flows with something queued, in the order of their turns.
    turns: VecDeque<u16>,
    queued_bytes: usize,
    /// When to look for idle flows; nothing while there is no flow.
    expire_at: Option<Instant>,
}

impl Sender {
    pub(crate) fn new(life: u32) -> Self {
        Self {
            life,
            incarnations: 0,
            places: BTreeMap::new(),
            flows: Vec::new(),
            free: Vec::new(),
            hand: 0,
            turns: VecDeque::new(),
            queued_bytes: 0,
            expire_at: None,
        }
    }

    pub(crate) fn flows(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn has_queued(&self) -> bool {
        !self.turns.is_empty()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let map_entry = size_of::<FlowTuple>() + size_of::<u16>();
        self.queued_bytes
            + self.flows.capacity() * size_of::<Option<Flow>>()
            + self.places.len() * 2 * map_entry
            + (self.free.capacity() + self.turns.capacity()) * size_of::<u16>()
    }

    fn next_incarnation(&mut self) -> u32 {
        self.incarnations = self.incarnations.wrapping_add(1);
        self.incarnations
    }

    /// The place of a flow, which begins here if it is new; nothing where all places are taken by flows in use.
    pub(crate) fn place(&mut self, now: Instant, tuple: FlowTuple) -> Option<u16> {
        if let Some(place) = self.places.get(&tuple) {
            return Some(*place);
        }
        let place = self.free_place()?;
        let incarnation = self.next_incarnation();
        self.places.insert(tuple, place);
        self.flows[usize::from(place)] = Some(Flow {
            tuple,
            incarnation,
            sequence: 0,
            queue: VecDeque::new(),
            queued_bytes: 0,
            deficit: 0,
            under_way: 0,
            used_at: now,
        });
        if self.expire_at.is_none() {
            self.expire_at = Some(now.after_nanos(FLOW_IDLE_NANOS));
        }
        Some(place)
    }

    fn free_place(&mut self) -> Option<u16> {
        if let Some(place) = self.free.pop() {
            return Some(place);
        }
        if self.flows.len() < usize::from(MAX_FLOWS) {
            self.flows.push(None);
            return u16::try_from(self.flows.len() - 1).ok();
        }
        let order = (0..MAX_FLOWS).map(|step| (self.hand + step) % MAX_FLOWS);
        let place = order.into_iter().find(|place| {
            let flow = &self.flows[usize::from(*place)];
            flow.as_ref().is_none_or(Flow::is_idle)
        })?;
        self.hand = place + 1;
        if let Some(flow) = self.flows[usize::from(place)].take() {
            self.places.remove(&flow.tuple);
        }
        Some(place)
    }

    /// Queues a frame. A flow may queue as much as is free: alone half of the whole, and `n` flows a part of `n + 1`
    /// each (dynamic thresholds, Choudhury and Hahne 1998), so that a greedy one always leaves room for others. Returns
    /// whether the frame was marked.
    pub(crate) fn push(&mut self, place: u16, mut frame: BytesMut) -> Result<bool, DropReason> {
        let Some(flow) = self
            .flows
            .get_mut(usize::from(place))
            .and_then(Option::as_mut)
        else {
            return Err(DropReason::QueueFull);
        };
        let bytes = frame.len() + FRAME_OVERHEAD_BYTES;
        if flow.queued_bytes + bytes > MAX_QUEUED_BYTES.saturating_sub(self.queued_bytes + bytes) {
            return Err(DropReason::QueueFull);
        }
        let is_marked = flow.queued_bytes >= MARK_QUEUED_BYTES && flow::mark_congestion(&mut frame);
        if flow.queue.is_empty() {
            flow.deficit = QUANTUM_BYTES;
            self.turns.push_back(place);
        }
        flow.queue.push_back(frame.freeze());
        flow.queued_bytes += bytes;
        self.queued_bytes += bytes;
        Ok(is_marked)
    }

    /// The length of the frame that [`pop`](Self::pop) gives: turns are gone through until one flow may send.
    pub(crate) fn peek(&mut self) -> Option<usize> {
        loop {
            let place = *self.turns.front()?;
            let flow = self.flows.get_mut(usize::from(place))?.as_mut()?;
            let bytes = flow.queue.front()?.len();
            if bytes <= flow.deficit {
                return Some(bytes);
            }
            flow.deficit += QUANTUM_BYTES;
            self.turns.rotate_left(1);
        }
    }

    /// Takes the next frame, numbered.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(FrameHeader, Bytes)> {
        self.peek()?;
        let place = *self.turns.front()?;
        let flow = self.flows.get_mut(usize::from(place))?.as_mut()?;
        let frame = flow.queue.pop_front()?;
        let header = FrameHeader {
            place,
            life: self.life,
            incarnation: flow.incarnation,
            sequence: flow.sequence,
        };
        flow.sequence = flow.sequence.wrapping_add(1);
        flow.deficit = flow.deficit.saturating_sub(frame.len());
        flow.under_way += 1;
        flow.used_at = now;
        flow.queued_bytes -= frame.len() + FRAME_OVERHEAD_BYTES;
        self.queued_bytes -= frame.len() + FRAME_OVERHEAD_BYTES;
        if flow.queue.is_empty() {
            flow.queue.shrink_to(EMPTY_QUEUE_CAPACITY);
            self.turns.pop_front();
        }
        Some((header, frame))
    }

    /// A message of the flow at `place` has ended, one way or the other.
    pub(crate) fn ended(&mut self, place: u16) {
        if let Some(flow) = self
            .flows
            .get_mut(usize::from(place))
            .and_then(Option::as_mut)
        {
            flow.under_way = flow.under_way.saturating_sub(1);
        }
    }

    /// A new session: whatever the peer knew or missed of the old one's flows, all begin anew.
    pub(crate) fn begin_anew(&mut self) {
        for place in 0..self.flows.len() {
            let incarnation = self.next_incarnation();
            if let Some(flow) = &mut self.flows[place] {
                (flow.incarnation, flow.sequence) = (incarnation, 0);
            }
        }
    }

    /// Drops everything that waits; returns how many frames that are.
    pub(crate) fn drop_queued(&mut self) -> u64 {
        let mut frames = 0;
        for place in core::mem::take(&mut self.turns) {
            if let Some(flow) = &mut self.flows[usize::from(place)] {
                frames += flow.queue.len() as u64;
                (flow.queue, flow.queued_bytes) = (VecDeque::new(), 0);
            }
        }
        self.queued_bytes = 0;
        frames
    }

    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.expire_at
    }

    /// Forgets flows that were idle for [`FLOW_IDLE_NANOS`] or longer; at most twice as long.
    pub(crate) fn expire(&mut self, now: Instant) {
        if self.expire_at.is_none_or(|at| at > now) {
            return;
        }
        let Self {
            flows,
            free,
            places,
            ..
        } = self;
        places.retain(|_, place| {
            let flow = &mut flows[usize::from(*place)];
            let is_kept = flow.as_ref().is_some_and(|flow| {
                !flow.is_idle() || now.nanos_since(flow.used_at) < FLOW_IDLE_NANOS
            });
            if !is_kept {
                *flow = None;
                free.push(*place);
            }
            is_kept
        });
        let has_flows = !self.places.is_empty();
        self.expire_at = has_flows.then(|| now.after_nanos(FLOW_IDLE_NANOS));
    }
}
