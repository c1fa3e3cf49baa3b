//! The order of each flow, restored.

use crate::counters::{Counters, DropReason};
use crate::header::FrameHeader;
use crate::limits::{FRAME_OVERHEAD_BYTES, HOLD_NANOS, MAX_HELD_BYTES};
use alloc::collections::BTreeMap;
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
    life: u32,
    incarnation: u32,
    /// The next frame's number, counted on beyond 32 bits.
    next: u64,
}

struct Held {
    frame: Bytes,
    ticket: u64,
}

/// A held frame, by its place in the order of arrival.
struct Arrival {
    at: Instant,
    key: (u16, u64),
}

#[derive(Default)]
pub(crate) struct Receiver {
    /// By the peer's places, so that its limit is this side's.
    flows: Vec<Option<Expected>>,
    /// By place and number.
    held: BTreeMap<(u16, u64), Held>,
    held_bytes: usize,
    /// The frames that are held, by ticket. All may stay as long, so the first is the first to be due.
    arrivals: BTreeMap<u64, Arrival>,
    tickets: u64,
}

impl Receiver {
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.held_bytes + self.flows.capacity() * size_of::<Option<Expected>>()
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
    }

    /// The frame's number in its flow, counted on beyond 32 bits. Begins the flow anew where the header says so.
    fn number(
        &mut self,
        header: FrameHeader,
        out: &mut impl Deliver,
        counters: &mut Counters,
    ) -> Option<u64> {
        let place = usize::from(header.place);
        if place >= self.flows.len() {
            let places = (place + 1).next_power_of_two();
            self.flows.reserve_exact(places - self.flows.len());
            self.flows.resize(places, None);
        }
        let fresh = Expected {
            life: header.life,
            incarnation: header.incarnation,
            next: 0,
        };
        let expected = *self.flows[place].get_or_insert(fresh);
        let age = header.incarnation.wrapping_sub(expected.incarnation) as i32;
        if header.life == expected.life && age < 0 {
            return None;
        }
        if header.life != expected.life || age > 0 {
            // The sender gives a place away when all has ended, and starts anew with another session: what is still held
            // waits for what failed.
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
        self.arrivals.insert(ticket, Arrival { at: now, key });
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
        self.arrivals.remove(&held.ticket);
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

    /// Hands on the frame that has been held longest, with what comes before it in its flow.
    fn give_up_oldest(&mut self, out: &mut impl Deliver, counters: &mut Counters) {
        if let Some((_, Arrival { key, .. })) = self.arrivals.first_key_value() {
            let (place, number) = *key;
            self.give_up_to(place, number, out, counters);
        }
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        let (_, oldest) = self.arrivals.first_key_value()?;
        Some(oldest.at.after_nanos(HOLD_NANOS))
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
