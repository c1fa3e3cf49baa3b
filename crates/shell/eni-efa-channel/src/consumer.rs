//! The reading end of a ring.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use eni_efa_abi::limits::MAX_RECORD;
use eni_efa_abi::record::{self, HEADER, ROUTE, RecordHeader, kind};
use eni_efa_abi::region::{RING_OFFSET, UNIT};

use crate::producer::next_lap;
use crate::{OwnRegion, Payload, PeerRegion, ProtocolViolation};

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
}

/// A record, still in the ring.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// A copy of the header; its length is the payload's.
    pub header: RecordHeader,
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
        }
    }

    /// The first record that has not been consumed. It stays so until [`advance`](Self::advance).
    ///
    /// # Errors
    /// [`ProtocolViolation`]: the ring is of no more use.
    #[inline]
    pub fn peek(&mut self) -> Result<Option<Record<'_>>, ProtocolViolation> {
        let at = RING_OFFSET + self.offset() as usize * UNIT;
        let publication = self.peer.mapping.load_word(at, Ordering::Acquire);
        if publication as u32 != self.lap {
            self.tell_all();
            return Ok(None);
        }
        let mut header = self.header_at(at, publication);
        let mut at = at;
        if header.kind == kind::PAD {
            self.skip_pad(&header)?;
            at = RING_OFFSET;
            let publication = self.peer.mapping.load_word(at, Ordering::Acquire);
            if publication as u32 != self.lap {
                return Ok(None);
            }
            header = self.header_at(at, publication);
            if header.kind == kind::PAD {
                return Err(ProtocolViolation);
            }
        }
        let length = header.length as usize;
        if length > MAX_RECORD + ROUTE {
            return Err(ProtocolViolation);
        }
        let units = record::units(length);
        if units > self.peer.ring_units - self.offset() {
            return Err(ProtocolViolation);
        }
        self.peeked = units;
        let payload = self.peer.mapping.payload(at + HEADER, length);
        Ok(Some(Record { header, payload }))
    }

    /// Consumes the record that [`peek`](Self::peek) gave last; once only.
    #[inline]
    pub fn advance(&mut self) {
        let units = std::mem::take(&mut self.peeked);
        self.step(units);
    }

    #[inline]
    fn offset(&self) -> u32 {
        self.position & (self.peer.ring_units - 1)
    }

    #[inline]
    fn header_at(&self, at: usize, publication: u64) -> RecordHeader {
        let word = |offset| self.peer.mapping.load_word(at + offset, Ordering::Relaxed);
        RecordHeader::from_words([publication, word(8), word(16), word(24)])
    }

    /// A pad fills the ring to its end, and is never first in it: so there are never two in a row.
    #[cold]
    fn skip_pad(&mut self, header: &RecordHeader) -> Result<(), ProtocolViolation> {
        let to_end = self.peer.ring_units - self.offset();
        if self.offset() == 0 || header.length as usize != to_end as usize * UNIT - HEADER {
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
