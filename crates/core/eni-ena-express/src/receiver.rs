//! The order of each flow, restored.

use crate::counters::{Counters, DropReason};
use crate::header::FrameHeader;
use crate::limits::{FRAME_OVERHEAD_BYTES, HOLD_NANOS, MAX_HELD_BYTES};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use bytes::Bytes;
use eni_srd::Instant;

/// Takes frames for the instance, each flow's in the order in which its sender queued them.
pub trait Deliver {
    /// Takes one frame (copies what it keeps).
    fn deliver(&mut self, frame: &[u8]);
}

impl<F: FnMut(&[u8])> Deliver for F {
    fn deliver(&mut self, frame: &[u8]) {
        self(frame);
    }
}

/// What is known of the flow at one place of the peer's table.
#[derive(Clone, Copy, Default)]
struct Expected {
    incarnation: u32,
    /// The next frame's number, counted on beyond 32 bits.
    next: u64,
}

struct Held {
    frame: Bytes,
    ticket: u64,
}

/// A held frame's place in the order of arrival. It may be gone already: then nothing is held under its ticket.
struct Arrival {
    at: Instant,
    ticket: u64,
    key: (u16, u64),
}

/// Arrivals that may be kept for frames that are gone, beside one for each that is held.
const SPARE_ARRIVALS: usize = 64;

#[derive(Default)]
pub(crate) struct Receiver {
    life: Option<u32>,
    /// By the peer's places, so that its limit is this side's.
    flows: Vec<Option<Expected>>,
    /// By place and number.
    held: BTreeMap<(u16, u64), Held>,
    held_bytes: usize,
    /// All hold as long, so the first to arrive is the first to be due.
    arrivals: VecDeque<Arrival>,
    tickets: u64,
}

impl Receiver {
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.held_bytes
            + self.flows.capacity() * size_of::<Option<Expected>>()
            + self.arrivals.capacity() * size_of::<Arrival>()
    }

    /// Takes a frame that SRD delivered: hands it on with what waited for it, or holds it.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        header: FrameHeader,
        frame: &[u8],
        out: &mut impl Deliver,
        counters: &mut Counters,
    ) {
        let number = self.number(header, out, counters);
        let Some(number) = number else {
            // Of a flow that gave way to another at its place: late by definition.
            deliver_late(frame, out, counters);
            return;
        };
        let place = header.place;
        let next = self.next(place);
        if number < next {
            deliver_late(frame, out, counters);
        } else if number == next {
            deliver(frame, out, counters);
            self.advance(place, number + 1);
            self.deliver_following(place, out, counters);
        } else {
            self.hold(now, (place, number), frame, counters);
            while self.held_bytes > MAX_HELD_BYTES {
                counters.gaps_by_memory += 1;
                self.give_up_oldest(out, counters);
            }
        }
        self.forget_gone_arrivals();
    }

    /// The frame's number in its flow, counted on beyond 32 bits. Begins the flow anew where the header says so.
    fn number(
        &mut self,
        header: FrameHeader,
        out: &mut impl Deliver,
        counters: &mut Counters,
    ) -> Option<u64> {
        if self.life != Some(header.life) {
            // The peer started anew: nothing of its former life can come any more.
            while !self.held.is_empty() {
                self.give_up_oldest(out, counters);
            }
            self.flows.clear();
            self.life = Some(header.life);
        }
        let place = usize::from(header.place);
        if place >= self.flows.len() {
            self.flows.resize(place + 1, None);
        }
        let fresh = Expected {
            incarnation: header.incarnation,
            next: 0,
        };
        let expected = *self.flows[place].get_or_insert(fresh);
        let age = header.incarnation.wrapping_sub(expected.incarnation) as i32;
        if age < 0 {
            return None;
        }
        if age > 0 {
            // The sender gives a place away when all has ended, so what is still held waits for what failed.
            self.give_up_to(header.place, u64::MAX, out, counters);
            self.flows[place] = Some(fresh);
        }
        let next = self.next(header.place);
        let ahead = header.sequence.wrapping_sub(next as u32) as i32;
        // What is behind the beginning is none of this flow's; it cannot be told from a late one, and is treated so.
        next.checked_add_signed(i64::from(ahead))
    }

    fn next(&self, place: u16) -> u64 {
        let expected = self.flows.get(usize::from(place)).copied().flatten();
        expected.map_or(0, |expected| expected.next)
    }

    fn advance(&mut self, place: u16, next: u64) {
        if let Some(Some(expected)) = self.flows.get_mut(usize::from(place)) {
            expected.next = next;
        }
    }

    fn hold(&mut self, now: Instant, key: (u16, u64), frame: &[u8], counters: &mut Counters) {
        if self.held.contains_key(&key) {
            counters.count_drops(DropReason::Duplicate, 1);
            return;
        }
        counters.held += 1;
        self.tickets += 1;
        let ticket = self.tickets;
        let frame = Bytes::copy_from_slice(frame);
        self.held_bytes += frame.len() + FRAME_OVERHEAD_BYTES;
        self.held.insert(key, Held { frame, ticket });
        self.arrivals.push_back(Arrival {
            at: now,
            ticket,
            key,
        });
    }

    fn release(
        &mut self,
        key: (u16, u64),
        out: &mut impl Deliver,
        counters: &mut Counters,
    ) -> bool {
        let Some(held) = self.held.remove(&key) else {
            return false;
        };
        self.held_bytes -= held.frame.len() + FRAME_OVERHEAD_BYTES;
        deliver(&held.frame, out, counters);
        true
    }

    /// Hands on what is held without a gap from the next number on.
    fn deliver_following(&mut self, place: u16, out: &mut impl Deliver, counters: &mut Counters) {
        let mut next = self.next(place);
        while self.release((place, next), out, counters) {
            next += 1;
        }
        self.advance(place, next);
    }

    /// Hands on what is held of a flow up to `last`, over all gaps, and what follows without one.
    fn give_up_to(
        &mut self,
        place: u16,
        last: u64,
        out: &mut impl Deliver,
        counters: &mut Counters,
    ) {
        while let Some((&key, _)) = self.held.range((place, 0)..=(place, last)).next() {
            let (_, number) = key;
            counters.missing += number - self.next(place);
            self.release(key, out, counters);
            self.advance(place, number + 1);
        }
        self.deliver_following(place, out, counters);
    }

    fn give_up_oldest(&mut self, out: &mut impl Deliver, counters: &mut Counters) {
        self.forget_gone_arrivals();
        if let Some(Arrival { key, .. }) = self.arrivals.pop_front() {
            let (place, number) = key;
            self.give_up_to(place, number, out, counters);
        }
    }

    /// Afterwards the first arrival, if any, is of a frame that is held.
    fn forget_gone_arrivals(&mut self) {
        let held = &self.held;
        let is_held = |arrival: &Arrival| {
            held.get(&arrival.key)
                .is_some_and(|held| held.ticket == arrival.ticket)
        };
        while self.arrivals.front().is_some_and(|first| !is_held(first)) {
            self.arrivals.pop_front();
        }
        if self.arrivals.len() > 2 * held.len() + SPARE_ARRIVALS {
            self.arrivals.retain(is_held);
            self.arrivals.shrink_to(2 * held.len() + SPARE_ARRIVALS);
        }
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        Some(self.arrivals.front()?.at.after_nanos(HOLD_NANOS))
    }

    /// Gives up the gaps before frames that have been held long enough.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        out: &mut impl Deliver,
        counters: &mut Counters,
    ) {
        while self.next_due().is_some_and(|due| due <= now) {
            counters.gaps_by_time += 1;
            self.give_up_oldest(out, counters);
            self.forget_gone_arrivals();
        }
    }
}

fn deliver(frame: &[u8], out: &mut impl Deliver, counters: &mut Counters) {
    counters.rx_pkts += 1;
    out.deliver(frame);
}

fn deliver_late(frame: &[u8], out: &mut impl Deliver, counters: &mut Counters) {
    counters.late += 1;
    deliver(frame, out, counters);
}
