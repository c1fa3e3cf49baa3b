//! Flows and their queues on the way to SRD.

use crate::counters::{Counters, DropReason};
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
const EMPTY_QUEUE_CAPACITY: usize = 4;
/// A queue gives room back when it is as many times larger than what it holds.
const MAX_QUEUE_SLACK: usize = 4;
/// Bytes by which a waiting frame's buffer may be larger than the frame.
const MAX_SPARE_BYTES: usize = 64;

/// One flow.
struct Flow {
    tuple: FlowTuple,
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

/// One place of the table.
#[derive(Default)]
struct Place {
    /// Which flow of this place the last one is. It stays while the place is free: the receiver compares it with what it
    /// saw last at this place, so what happens at others must not count it up.
    incarnation: u32,
    flow: Option<Flow>,
}

/// A set of places, a bit for each.
struct PlaceSet([u64; MAX_FLOWS as usize / 64]);

impl PlaceSet {
    fn insert(&mut self, place: u16) {
        self.0[usize::from(place / 64)] |= 1 << (place % 64);
    }

    fn remove(&mut self, place: u16) {
        self.0[usize::from(place / 64)] &= !(1 << (place % 64));
    }

    fn first(&self) -> Option<u16> {
        let (word, bits) = (0..).zip(&self.0).find(|(_, bits)| **bits != 0)?;
        Some(word * 64 + bits.trailing_zeros() as u16)
    }
}

pub(crate) struct Sender {
    life: u32,
    places: BTreeMap<FlowTuple, u16>,
    table: Vec<Place>,
    /// Places without a flow.
    free: Vec<u16>,
    /// Places whose flow is idle.
    idle: PlaceSet,
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
            places: BTreeMap::new(),
            table: Vec::new(),
            free: Vec::new(),
            idle: PlaceSet([0; MAX_FLOWS as usize / 64]),
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
        let place = size_of::<Place>() + EMPTY_QUEUE_CAPACITY * size_of::<Bytes>();
        // Of a tree's nodes no less than 5 of 11 entries are in use; the rest is for the nodes themselves.
        let map_entry = 3 * (size_of::<FlowTuple>() + size_of::<u16>());
        self.queued_bytes
            + self.table.capacity() * place
            + self.places.len() * map_entry
            + (self.free.capacity() + self.turns.capacity()) * size_of::<u16>()
    }

    fn flow(&mut self, place: u16) -> Option<&mut Flow> {
        self.table.get_mut(usize::from(place))?.flow.as_mut()
    }

    /// The place of a flow, which begins here if it is new; nothing where all places are taken by flows in use.
    pub(crate) fn place(&mut self, now: Instant, tuple: FlowTuple) -> Option<u16> {
        if let Some(place) = self.places.get(&tuple) {
            return Some(*place);
        }
        let place = self.free_place()?;
        self.places.insert(tuple, place);
        self.idle.insert(place);
        let entry = &mut self.table[usize::from(place)];
        entry.incarnation = entry.incarnation.wrapping_add(1);
        entry.flow = Some(Flow {
            tuple,
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

    /// A place without a flow: one whose flow was forgotten, a fresh one, or that of a flow that is idle.
    fn free_place(&mut self) -> Option<u16> {
        if let Some(place) = self.free.pop() {
            return Some(place);
        }
        if self.table.len() < usize::from(MAX_FLOWS) {
            self.table.push(Place::default());
            return u16::try_from(self.table.len() - 1).ok();
        }
        let place = self.idle.first()?;
        if let Some(flow) = self.table[usize::from(place)].flow.take() {
            self.places.remove(&flow.tuple);
        }
        Some(place)
    }

    /// Queues a frame, if its flow has [room](Self::make_room). Returns whether the frame was marked.
    pub(crate) fn push(
        &mut self,
        place: u16,
        mut frame: BytesMut,
        counters: &mut Counters,
    ) -> Result<bool, DropReason> {
        let bytes = frame.len() + FRAME_OVERHEAD_BYTES;
        self.make_room(place, bytes, counters)?;
        let Some(flow) = self.flow(place) else {
            return Err(DropReason::QueueFull);
        };
        let is_marked = flow.queued_bytes >= MARK_QUEUED_BYTES && flow::mark_congestion(&mut frame);
        let is_first = flow.queue.is_empty();
        if is_first {
            flow.deficit = QUANTUM_BYTES;
        }
        flow.queue.push_back(fitting(frame));
        flow.queued_bytes += bytes;
        self.queued_bytes += bytes;
        if is_first {
            self.turns.push_back(place);
            self.idle.remove(place);
        }
        Ok(is_marked)
    }

    /// A flow may queue as much as is free: alone half of the whole, and `n` flows a part of `n + 1` each (dynamic
    /// thresholds, Choudhury and Hahne 1998), so that a greedy one always leaves room for others. Those are not enough
    /// where a part is less than a frame: so a flow with nothing queued may have one frame, and where that is less than
    /// the others have on average, one of those who have more loses its newest.
    fn make_room(
        &mut self,
        place: u16,
        bytes: usize,
        counters: &mut Counters,
    ) -> Result<(), DropReason> {
        let queued = self.flow(place).map_or(0, |flow| flow.queued_bytes);
        if queued > 0 {
            let free = MAX_QUEUED_BYTES.saturating_sub(self.queued_bytes + bytes);
            return if queued + bytes <= free {
                Ok(())
            } else {
                Err(DropReason::QueueFull)
            };
        }
        while self.queued_bytes + bytes > MAX_QUEUED_BYTES {
            let average = self.queued_bytes / self.turns.len().max(1);
            if bytes >= average || !self.drop_newest(average) {
                return Err(DropReason::QueueFull);
            }
            counters.count_drops(DropReason::QueueFull, 1);
        }
        Ok(())
    }

    /// Drops the newest frame of the first flow that has at least `average` bytes queued.
    fn drop_newest(&mut self, average: usize) -> bool {
        let table = &mut self.table;
        for (at, place) in self.turns.iter().enumerate() {
            let flow = table.get_mut(usize::from(*place));
            let flow = flow.and_then(|entry| entry.flow.as_mut());
            if let Some(flow) = flow.filter(|flow| flow.queued_bytes >= average)
                && let Some(frame) = flow.queue.pop_back()
            {
                self.taken(at, frame.len());
                return true;
            }
        }
        false
    }

    /// A frame has been taken from the queue of the flow whose turn is the one at `at`.
    fn taken(&mut self, at: usize, bytes: usize) {
        let bytes = bytes + FRAME_OVERHEAD_BYTES;
        let Some(place) = self.turns.get(at).copied() else {
            return;
        };
        let Some(flow) = self.flow(place) else {
            return;
        };
        flow.queued_bytes -= bytes;
        let room = flow.queue.len().max(1) * MAX_QUEUE_SLACK;
        if flow.queue.capacity() > room.max(EMPTY_QUEUE_CAPACITY) {
            flow.queue.shrink_to(room / 2);
        }
        let (is_empty, is_idle) = (flow.queue.is_empty(), flow.is_idle());
        self.queued_bytes -= bytes;
        if is_empty {
            self.turns.remove(at);
        }
        if is_idle {
            self.idle.insert(place);
        }
    }

    /// The length of the frame that [`pop`](Self::pop) gives: turns are gone through until one flow may send.
    pub(crate) fn peek(&mut self) -> Option<usize> {
        loop {
            let place = *self.turns.front()?;
            let flow = self.flow(place)?;
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
        let (life, place) = (self.life, *self.turns.front()?);
        let entry = self.table.get_mut(usize::from(place))?;
        let flow = entry.flow.as_mut()?;
        let frame = flow.queue.pop_front()?;
        let header = FrameHeader {
            place,
            life,
            incarnation: entry.incarnation,
            sequence: flow.sequence,
        };
        flow.sequence = flow.sequence.wrapping_add(1);
        flow.deficit = flow.deficit.saturating_sub(frame.len());
        flow.under_way += 1;
        flow.used_at = now;
        self.taken(0, frame.len());
        Some((header, frame))
    }

    /// Drops the frame that [`peek`](Self::peek) found, which leaves no gap: it has no number yet.
    pub(crate) fn drop_next(&mut self) {
        let place = self.turns.front().copied();
        let flow = place.and_then(|place| self.flow(place));
        if let Some(frame) = flow.and_then(|flow| flow.queue.pop_front()) {
            self.taken(0, frame.len());
        }
    }

    /// A message of the flow at `place` has ended, one way or the other.
    pub(crate) fn ended(&mut self, place: u16) {
        let Some(flow) = self.flow(place) else {
            return;
        };
        flow.under_way = flow.under_way.saturating_sub(1);
        if flow.is_idle() {
            self.idle.insert(place);
        }
    }

    /// A new session: whatever the peer knew or missed of the old one's flows, all begin anew, and nothing is under way.
    pub(crate) fn begin_anew(&mut self) {
        for (place, entry) in (0..).zip(&mut self.table) {
            entry.incarnation = entry.incarnation.wrapping_add(1);
            if let Some(flow) = &mut entry.flow {
                (flow.sequence, flow.under_way) = (0, 0);
                if flow.is_idle() {
                    self.idle.insert(place);
                }
            }
        }
    }

    /// Drops everything that waits; returns how many frames that are.
    pub(crate) fn drop_queued(&mut self) -> u64 {
        let mut frames = 0;
        for place in core::mem::take(&mut self.turns) {
            let Some(flow) = self.flow(place) else {
                continue;
            };
            frames += flow.queue.len() as u64;
            (flow.queue, flow.queued_bytes) = (VecDeque::new(), 0);
            if flow.is_idle() {
                self.idle.insert(place);
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
            table,
            free,
            idle,
            places,
            ..
        } = self;
        places.retain(|_, place| {
            let flow = &mut table[usize::from(*place)].flow;
            let is_kept = flow.as_ref().is_some_and(|flow| {
                !flow.is_idle() || now.nanos_since(flow.used_at) < FLOW_IDLE_NANOS
            });
            if !is_kept {
                *flow = None;
                idle.remove(*place);
                free.push(*place);
            }
            is_kept
        });
        let has_flows = !self.places.is_empty();
        self.expire_at = has_flows.then(|| now.after_nanos(FLOW_IDLE_NANOS));
    }
}

/// The frame in a buffer of its size: hundreds of small frames in large buffers would take many times what they count.
fn fitting(frame: BytesMut) -> Bytes {
    if frame.capacity() - frame.len() > MAX_SPARE_BYTES {
        Bytes::copy_from_slice(&frame)
    } else {
        frame.freeze()
    }
}
