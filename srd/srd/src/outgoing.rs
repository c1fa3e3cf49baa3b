//! Messages from `send` to their end, in a ring by sequence number; and those that wait for a receiver to get ready.

use crate::config::{MAX_NOT_READY_NANOS, MIN_NOT_READY_NANOS};
use crate::frame;
use crate::message::{Message, MessageHeader, MessageId};
use crate::sent::NONE;
use crate::time::Instant;
use crate::wire::Writer;
use alloc::collections::{BTreeMap, VecDeque};
use bytes::Bytes;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waits for room in a packet.
    Queued,
    UnderWay,
    /// Waits for its queue pair.
    Parked,
    /// Has ended; the number waits for older ones.
    Done,
}

#[derive(Clone, Debug)]
struct Slot {
    message: Message,
    stage: Stage,
    /// The owner was told that it failed; only the number has yet to reach the peer.
    is_cancelled: bool,
    /// The path it was lost on, if it was.
    lost_on: Option<u8>,
    /// The next message in the same packet.
    next: u64,
}

/// A queue pair that was not ready.
#[derive(Clone, Debug)]
struct Parked {
    waiting: VecDeque<u64>,
    since: Instant,
    pause: u64,
    /// When the next message tries; never while one does.
    try_at: Instant,
}

/// What ended a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) id: MessageId,
    pub(crate) token: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    ring: VecDeque<Slot>,
    /// Sequence number of the ring's first message.
    base: u64,
    /// The first message never looked at.
    fresh: u64,
    again: VecDeque<u64>,
    /// Looked up only while somebody is not ready.
    parked: BTreeMap<u32, Parked>,
    /// No parked queue pair tries before.
    try_at: Instant,
    /// Sequence numbers start at 0 in each session, message ids do not.
    first_id: u64,
    /// Numbers that may be sent beyond the oldest unfinished one.
    window: u64,
}

impl Outgoing {
    pub(crate) fn new(first_id: u64, window_log2: u8) -> Self {
        Self {
            window: 1 << window_log2,
            ring: VecDeque::new(),
            base: 0,
            fresh: 0,
            again: VecDeque::new(),
            parked: BTreeMap::new(),
            try_at: Instant::NEVER,
            first_id,
        }
    }

    /// The peer takes a window and messages of this size; calls `failed` for each message that is larger.
    pub(crate) fn agree(
        &mut self,
        window_log2: u8,
        most_bytes: usize,
        mut failed: impl FnMut(Ended),
    ) {
        self.window = 1 << window_log2;
        for sequence in self.base..self.end() {
            let is_too_large = self.slot(sequence).is_some_and(|slot| {
                let message = &slot.message;
                !slot.is_cancelled
                    && message.header.as_bytes().len() + message.payload.len() > most_bytes
            });
            // None was sent yet, so its place in the order of first sending is its place to be sent.
            if is_too_large && let Some(slot) = self.slot(sequence) {
                let token = slot.message.token;
                slot.is_cancelled = true;
                slot.message.payload = Bytes::new();
                slot.message.header = MessageHeader::EMPTY;
                failed(Ended {
                    id: MessageId(self.first_id + sequence),
                    token,
                });
            }
        }
    }

    /// Bytes that the tables take, without payloads.
    pub(crate) fn memory_bytes(&self) -> usize {
        let parked: usize = self
            .parked
            .values()
            .map(|parked| parked.waiting.capacity() * 8 + size_of::<Parked>())
            .sum();
        self.ring.capacity() * size_of::<Slot>() + self.again.capacity() * 8 + parked
    }

    /// How many more messages may be queued.
    pub(crate) fn room(&self) -> u64 {
        self.window.saturating_sub(self.span())
    }

    /// Messages between the oldest unfinished and the newest.
    pub(crate) fn span(&self) -> u64 {
        self.ring.len() as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// The id that a message gets which is queued now.
    pub(crate) fn next_id(&self) -> u64 {
        self.first_id + self.base + self.span()
    }

    /// Whether a message waits for room in a packet.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.again.is_empty() || self.fresh < self.end().min(self.base + self.window)
    }

    pub(crate) fn push(&mut self, message: Message) -> MessageId {
        let id = self.next_id();
        self.ring.push_back(Slot {
            message,
            stage: Stage::Queued,
            is_cancelled: false,
            lost_on: None,
            next: NONE,
        });
        MessageId(id)
    }

    fn slot(&mut self, sequence: u64) -> Option<&mut Slot> {
        let index = usize::try_from(sequence.checked_sub(self.base)?).ok()?;
        self.ring.get_mut(index)
    }

    fn end(&self) -> u64 {
        self.base + self.span()
    }

    /// The message to send next, and the path to avoid for it.
    pub(crate) fn peek(&mut self) -> Option<(u64, Option<u8>)> {
        if let Some(&sequence) = self.again.front() {
            let lost_on = self.slot(sequence).and_then(|slot| slot.lost_on);
            return Some((sequence, lost_on));
        }
        while self.fresh < self.end().min(self.base + self.window) {
            let sequence = self.fresh;
            if self.parked.is_empty() {
                return Some((sequence, None));
            }
            let queue_pair = self.slot(sequence)?.message.queue_pair;
            let Some(parked) = self.parked.get_mut(&queue_pair) else {
                return Some((sequence, None));
            };
            parked.waiting.push_back(sequence);
            self.fresh += 1;
            if let Some(slot) = self.slot(sequence) {
                slot.stage = Stage::Parked;
            }
        }
        None
    }

    /// Bytes that the frames of messages take that wait for room in a packet; where it is more than `most`, some number
    /// above that.
    pub(crate) fn waiting_bytes(&self, most: usize) -> usize {
        let fresh = self.fresh..self.end().min(self.base + self.window);
        let mut bytes = 0;
        for sequence in self.again.iter().copied().chain(fresh) {
            bytes += self.frame_bytes(sequence);
            if bytes > most {
                break;
            }
        }
        bytes
    }

    /// Bytes that the frame of `sequence` takes.
    pub(crate) fn frame_bytes(&self, sequence: u64) -> usize {
        let index = sequence.checked_sub(self.base);
        let index = index.and_then(|index| usize::try_from(index).ok());
        match index.and_then(|index| self.ring.get(index)) {
            Some(slot) if !slot.is_cancelled => {
                let message = &slot.message;
                frame::message_bytes(message.header.as_bytes().len(), message.payload.len())
            }
            Some(_) | None => frame::CANCEL_FRAME_BYTES,
        }
    }

    /// Writes the message that [`peek`](Self::peek) gave, chained before `next` in its packet. Returns whether it was
    /// sent before.
    pub(crate) fn write(&mut self, sequence: u64, writer: &mut Writer<'_>) -> bool {
        let is_again = self.again.front() == Some(&sequence);
        if is_again {
            self.again.pop_front();
        } else {
            self.fresh = sequence + 1;
        }
        let Some(slot) = self.slot(sequence) else {
            return is_again;
        };
        slot.stage = Stage::UnderWay;
        slot.next = NONE;
        if slot.is_cancelled {
            frame::write_cancel(sequence as u32, writer);
        } else {
            let message = &slot.message;
            let header = message.header.as_bytes();
            frame::write_message(
                sequence as u32,
                message.queue_pair,
                header,
                &message.payload,
                writer,
            );
        }
        is_again
    }

    /// Chains `next` behind `sequence` in their packet.
    pub(crate) fn link(&mut self, sequence: u64, next: u64) {
        if let Some(slot) = self.slot(sequence) {
            slot.next = next;
        }
    }

    /// The message after `sequence` in its packet.
    pub(crate) fn next_in_packet(&mut self, sequence: u64) -> u64 {
        self.slot(sequence).map_or(NONE, |slot| slot.next)
    }

    /// Its packet was lost on `path`.
    pub(crate) fn lose(&mut self, sequence: u64, path: u8) {
        if let Some(slot) = self
            .slot(sequence)
            .filter(|slot| slot.stage == Stage::UnderWay)
        {
            slot.stage = Stage::Queued;
            slot.lost_on = Some(path);
            self.again.push_back(sequence);
        }
    }

    /// The peer has it. Returns the message's end, unless the owner was told of one before.
    pub(crate) fn complete(&mut self, sequence: u64) -> Option<Ended> {
        let first_id = self.first_id;
        let slot = self
            .slot(sequence)
            .filter(|slot| slot.stage == Stage::UnderWay)?;
        slot.stage = Stage::Done;
        let queue_pair = slot.message.queue_pair;
        let ended = (!slot.is_cancelled).then_some(Ended {
            id: MessageId(first_id + sequence),
            token: slot.message.token,
        });
        slot.message.payload = Bytes::new();
        if !self.parked.is_empty() && ended.is_some() {
            self.unpark(queue_pair);
        }
        while self
            .ring
            .front()
            .is_some_and(|slot| slot.stage == Stage::Done)
        {
            self.ring.pop_front();
            self.base += 1;
        }
        ended
    }

    /// It is given up: the owner is told, and the number goes to the peer as used. Others of its queue pair may go on.
    pub(crate) fn cancel(&mut self, sequence: u64) -> Option<Ended> {
        let first_id = self.first_id;
        let slot = self.slot(sequence)?;
        if slot.is_cancelled || slot.stage == Stage::Done {
            return None;
        }
        slot.is_cancelled = true;
        slot.message.payload = Bytes::new();
        slot.message.header = MessageHeader::EMPTY;
        slot.stage = Stage::Queued;
        let (token, queue_pair) = (slot.message.token, slot.message.queue_pair);
        self.again.push_back(sequence);
        if !self.parked.is_empty() {
            self.unpark(queue_pair);
        }
        Some(Ended {
            id: MessageId(first_id + sequence),
            token,
        })
    }

    /// The peer's queue pair had no buffer for it.
    pub(crate) fn park(&mut self, now: Instant, sequence: u64) {
        let Some(slot) = self
            .slot(sequence)
            .filter(|slot| slot.stage == Stage::UnderWay)
        else {
            return;
        };
        slot.stage = Stage::Parked;
        let queue_pair = slot.message.queue_pair;
        let parked = self.parked.entry(queue_pair).or_insert_with(|| Parked {
            waiting: VecDeque::new(),
            since: now,
            pause: MIN_NOT_READY_NANOS / 2,
            try_at: Instant::NEVER,
        });
        // Answers to what was sent before the pause began do not lengthen it.
        if parked.try_at == Instant::NEVER {
            parked.pause = (parked.pause * 2).min(MAX_NOT_READY_NANOS);
            parked.try_at = now.after_nanos(parked.pause);
        }
        let at = parked
            .waiting
            .partition_point(|waiting| *waiting < sequence);
        parked.waiting.insert(at, sequence);
        self.try_at = self.try_at.min(parked.try_at);
    }

    fn unpark(&mut self, queue_pair: u32) {
        let Some(parked) = self.parked.remove(&queue_pair) else {
            return;
        };
        for sequence in parked.waiting {
            if let Some(slot) = self.slot(sequence) {
                slot.stage = Stage::Queued;
                self.again.push_back(sequence);
            }
        }
    }

    /// When a parked queue pair tries again.
    pub(crate) fn next_try(&self) -> Instant {
        self.try_at
    }

    /// Lets one message of each queue pair whose pause is over try, and gives up those not ready for `limit`; calls
    /// `failed` for each message given up.
    pub(crate) fn try_again(&mut self, now: Instant, limit: u64, mut failed: impl FnMut(Ended)) {
        if now < self.try_at {
            return;
        }
        let mut tries = VecDeque::new();
        let mut expired = VecDeque::new();
        let mut next = Instant::NEVER;
        self.parked.retain(|_, parked| {
            if parked.try_at > now {
                next = next.min(parked.try_at);
                return true;
            }
            if now.nanos_since(parked.since) >= limit {
                expired.append(&mut parked.waiting);
                return false;
            }
            parked.try_at = Instant::NEVER;
            tries.extend(parked.waiting.pop_front());
            true
        });
        self.try_at = next;
        for sequence in tries {
            if let Some(slot) = self.slot(sequence) {
                slot.stage = Stage::Queued;
                self.again.push_back(sequence);
            }
        }
        for sequence in expired {
            if let Some(ended) = self.cancel(sequence) {
                failed(ended);
            }
        }
    }

    /// Ends every message, oldest first.
    pub(crate) fn fail_all(self, mut failed: impl FnMut(Ended)) {
        let first = self.first_id + self.base;
        for (index, slot) in (0..).zip(self.ring) {
            if slot.stage != Stage::Done && !slot.is_cancelled {
                failed(Ended {
                    id: MessageId(first + index),
                    token: slot.message.token,
                });
            }
        }
    }
}
