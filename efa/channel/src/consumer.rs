//! The reading end of a ring.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use eni_efa_abi::limits::MAX_RECORD;
use eni_efa_abi::record::{self, HEADER, ROUTE, RecordHeader, kind};
use eni_efa_abi::region::{RING_OFFSET, UNIT};
use eni_efa_abi::short;

use crate::producer::next_lap;
use crate::{OwnRegion, Payload, PeerRegion, ProtocolViolation};

/// Records that a reader has found one after the other when it takes the writer to be ahead of it.
const BEHIND: u32 = 4;
/// Units ahead of a record that are fetched then: a writer's burst went past the cache. One that is yet to be written is
/// better left with the writer's processor.
const AHEAD: usize = 2;

/// Reads records from the peer's region's ring.
#[derive(Debug)]
pub struct Consumer {
    own: Arc<OwnRegion>,
    peer: Arc<PeerRegion>,
    /// Units read since the beginning, modulo 2³².
    position: u32,
    /// What `position` was when the peer was last told.
    published: u32,
    /// The sequence word of records of this lap.
    lap: u32,
    /// Units of the record that [`peek`](Self::peek) gave.
    peeked: u32,
    /// Its header.
    header: RecordHeader,
    /// Its payload, where it is short.
    short: [u64; short::PAYLOAD_WORDS],
    /// Records since the ring was last found empty.
    in_a_row: u32,
}

/// A record, still in the ring.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// A copy of the header; its length is the payload's.
    pub header: &'a RecordHeader,
    /// The payload.
    pub payload: Payload<'a>,
}

impl Consumer {
    pub(crate) fn new(own: Arc<OwnRegion>, peer: Arc<PeerRegion>) -> Self {
        Self {
            own,
            peer,
            position: 0,
            published: 0,
            lap: 1,
            peeked: 0,
            header: RecordHeader::default(),
            short: [0; short::PAYLOAD_WORDS],
            in_a_row: 0,
        }
    }

    /// The first record that has not been consumed. It stays so until [`advance`](Self::advance).
    ///
    /// # Errors
    /// [`ProtocolViolation`]: the ring is of no more use.
    #[inline(always)]
    pub fn peek(&mut self) -> Result<Option<Record<'_>>, ProtocolViolation> {
        if !self.take_header() {
            self.end_of_row();
            return Ok(None);
        }
        if self.header.kind == kind::PAD {
            self.skip_pad()?;
            if !self.take_header() {
                self.end_of_row();
                return Ok(None);
            }
            if self.header.kind == kind::PAD {
                return Err(ProtocolViolation);
            }
        }
        let length = self.header.length as usize;
        if length > MAX_RECORD + ROUTE {
            return Err(ProtocolViolation);
        }
        let units = record::units(length);
        if units > self.peer.ring_units - self.offset() {
            return Err(ProtocolViolation);
        }
        self.peeked = units;
        if self.in_a_row >= BEHIND {
            self.peer.mapping.prefetch(self.place() + AHEAD * UNIT);
        }
        let payload = if units == 1 {
            Payload::of_words(&self.short, length)
        } else {
            self.peer.mapping.payload(self.place() + HEADER, length)
        };
        Ok(Some(Record {
            header: &self.header,
            payload,
        }))
    }

    /// The ring is empty.
    #[inline(always)]
    fn end_of_row(&mut self) {
        self.in_a_row = 0;
        self.tell_all();
    }

    /// Copies the header of the next record, and the payload of a short one; false where it has not arrived.
    #[inline(always)]
    fn take_header(&mut self) -> bool {
        let at = self.place();
        let publication = self.peer.mapping.load_word(at, Ordering::Acquire);
        if publication as u32 != self.lap {
            return false;
        }
        if short::is_short(publication) {
            let [a, b, c, d, e, f, g] = self.peer.mapping.load_rest(at);
            let Some((header, payload)) = short::decode(&[publication, a, b, c, d, e, f, g]) else {
                return false;
            };
            (self.header, self.short) = (header, payload);
            return true;
        }
        let word = |offset| self.peer.mapping.load_word(at + offset, Ordering::Relaxed);
        self.header = RecordHeader::from_words([publication, word(8), word(16), word(24)]);
        true
    }

    /// Offset in the region of the next record.
    #[inline]
    fn place(&self) -> usize {
        RING_OFFSET + self.offset() as usize * UNIT
    }

    /// Consumes the record that [`peek`](Self::peek) gave last; once only.
    #[inline]
    pub fn advance(&mut self) {
        let units = std::mem::take(&mut self.peeked);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.step(units);
    }

    #[inline]
    fn offset(&self) -> u32 {
        self.position & (self.peer.ring_units - 1)
    }

    /// A pad fills the ring to its end, and is never first in it: so there are never two in a row.
    #[cold]
    fn skip_pad(&mut self) -> Result<(), ProtocolViolation> {
        let to_end = self.peer.ring_units - self.offset();
        if self.offset() == 0 || self.header.length as usize != to_end as usize * UNIT - HEADER {
            return Err(ProtocolViolation);
        }
        self.step(to_end);
        Ok(())
    }

    #[inline]
    fn step(&mut self, units: u32) {
        self.position = self.position.wrapping_add(units);
        if units != 0 && self.offset() == 0 {
            self.lap = next_lap(self.lap);
        }
        if self.position.wrapping_sub(self.published) >= self.peer.ring_units / 8 {
            self.tell_all();
        }
    }

    /// Lets the other side know of everything that has been consumed.
    #[inline]
    pub fn tell_all(&mut self) {
        if self.published != self.position {
            self.own.publish_consumed(self.position);
            self.published = self.position;
        }
    }
}

#[cfg(test)]
mod tests;
