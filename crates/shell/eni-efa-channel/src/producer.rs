//! The writing end of a ring.

mod sys;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use eni_efa_abi::record::{self, HEADER, RecordHeader, kind};
use eni_efa_abi::region::{RING_OFFSET, UNIT};

use crate::{OwnRegion, PeerRegion, ProtocolViolation};

/// Writes records into our region's ring.
#[derive(Debug)]
pub struct Producer {
    own: Arc<OwnRegion>,
    peer: Arc<PeerRegion>,
    /// Units written since the beginning.
    position: u64,
    /// Units that the peer has consumed, as last read.
    consumed: u32,
    /// The sequence word of records of this lap.
    lap: u32,
}

/// The ring has no room until the other side has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ring is full")]
pub struct Full;

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReserveError {
    /// Not yet.
    #[error(transparent)]
    Full(#[from] Full),
    /// Never in this ring.
    #[error("a record of this length does not fit the ring")]
    TooLong,
    /// The other side claims to have read what was never written.
    #[error(transparent)]
    Protocol(#[from] ProtocolViolation),
}

impl Producer {
    pub(crate) fn new(own: Arc<OwnRegion>, peer: Arc<PeerRegion>) -> Self {
        Self {
            own,
            peer,
            position: 0,
            consumed: 0,
            lap: 1,
        }
    }

    /// Takes room for a record with `payload_length` bytes.
    ///
    /// # Errors
    /// [`ReserveError`]; after [`ReserveError::Protocol`] the ring is of no more use.
    #[inline]
    pub fn reserve(&mut self, payload_length: usize) -> Result<Reservation<'_>, ReserveError> {
        let ring_units = self.own.ring_units;
        // Pad, record and the word after it must fit: so a record takes less than half.
        if payload_length >= ring_units as usize * UNIT / 2 - UNIT {
            return Err(ReserveError::TooLong);
        }
        let units = record::units(payload_length);
        let to_end = ring_units - self.offset();
        let pad = if units > to_end { to_end } else { 0 };
        // The unit after the record has its sequence word cleared, so it must be free as well.
        self.ensure_free(pad + units + 1)?;
        if pad != 0 {
            self.write_pad(pad);
        }
        Ok(Reservation {
            producer: self,
            payload_length,
            units,
        })
    }

    /// Units written since the beginning: the last record ends here.
    #[inline]
    pub fn written(&self) -> u64 {
        self.position
    }

    /// Units that the other side has consumed since the beginning, as it says: records that end here or before have been
    /// taken. Where it says what cannot be, nothing has been taken.
    #[inline]
    pub fn consumed(&self) -> u64 {
        let left = self.low_position().wrapping_sub(self.peer.consumed());
        let left = if left > self.own.ring_units {
            self.own.ring_units
        } else {
            left
        };
        self.position.saturating_sub(u64::from(left))
    }

    /// The position as regions have it: modulo 2³².
    #[inline]
    fn low_position(&self) -> u32 {
        self.position as u32
    }

    #[inline]
    fn offset(&self) -> u32 {
        self.low_position() & (self.own.ring_units - 1)
    }

    #[inline]
    fn ensure_free(&mut self, units: u32) -> Result<(), ReserveError> {
        let ring_units = self.own.ring_units;
        let used = self.low_position().wrapping_sub(self.consumed);
        if used + units <= ring_units {
            return Ok(());
        }
        let consumed = self.peer.consumed();
        let used = self.low_position().wrapping_sub(consumed);
        if used > ring_units {
            return Err(ProtocolViolation.into());
        }
        self.consumed = consumed;
        if used + units <= ring_units {
            Ok(())
        } else {
            Err(Full.into())
        }
    }

    fn write_pad(&mut self, units: u32) {
        let header = RecordHeader {
            kind: kind::PAD,
            ..RecordHeader::default()
        };
        self.publish(&header, units as usize * UNIT - HEADER, units);
    }

    #[inline]
    fn publish(&mut self, header: &RecordHeader, payload_length: usize, units: u32) {
        let at = RING_OFFSET + self.offset() as usize * UNIT;
        let next = self.position + u64::from(units);
        let next_offset = next as u32 & (self.own.ring_units - 1);
        let mapping = &self.own.mapping;
        // What lies after the record, old payload perhaps, is not to be taken for a header.
        let next_at = RING_OFFSET + next_offset as usize * UNIT;
        mapping.store_word(next_at, 0, Ordering::Relaxed);
        let header = RecordHeader {
            sequence: self.lap,
            length: payload_length as u32,
            ..*header
        };
        let [publication, what, first, second] = header.to_words();
        mapping.store_word(at + 8, what, Ordering::Relaxed);
        mapping.store_word(at + 16, first, Ordering::Relaxed);
        mapping.store_word(at + 24, second, Ordering::Relaxed);
        mapping.store_word(at, publication, Ordering::Release);
        self.position = next;
        if next_offset == 0 {
            self.lap = next_lap(self.lap);
        }
    }
}

/// Sequence words count laps from 1 and skip 0 when they wrap.
#[inline]
pub(crate) fn next_lap(lap: u32) -> u32 {
    lap.checked_add(1).unwrap_or(1)
}

/// Room for one record. Dropped unpublished, it leaves the ring as it was.
#[derive(Debug)]
pub struct Reservation<'a> {
    pub(crate) producer: &'a mut Producer,
    pub(crate) payload_length: usize,
    units: u32,
}

impl Reservation<'_> {
    /// Writes a part of the payload.
    ///
    /// # Panics
    /// Where it does not fit the length that was asked for.
    #[inline]
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        let at = self.place(offset, bytes.len());
        self.producer.own.mapping.write(at, bytes);
    }

    /// Offset in the region of a part of the payload.
    #[inline]
    fn place(&self, offset: usize, length: usize) -> usize {
        assert!(offset <= self.payload_length && length <= self.payload_length - offset);
        RING_OFFSET + self.producer.offset() as usize * UNIT + HEADER + offset
    }

    /// Publishes the record. The header's sequence and length are set here.
    #[inline]
    pub fn publish(self, header: &RecordHeader) {
        self.producer
            .publish(header, self.payload_length, self.units);
    }
}
