//! The writing end of a ring.

mod sys;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use eni_efa_abi::record::{self, HEADER, RecordHeader, kind};
use eni_efa_abi::region::{RING_OFFSET, UNIT};
use eni_efa_abi::short;

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
    /// From this position on, what the lap before left in the ring is short records and zeros; before it, there may be
    /// payload, that of reservations which were dropped too.
    short_before: u64,
    /// How the next record is stored, where it is short.
    pace: Pace,
    /// Its payload then.
    short: [u64; short::PAYLOAD_WORDS],
}

/// How a short record is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It is seen as soon as can be.
    Single,
    /// One of several in a row: past the cache, so that none of them waits for the one before.
    Burst,
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
            short_before: 0,
            pace: Pace::Single,
            short: [0; short::PAYLOAD_WORDS],
        }
    }

    #[cfg(test)]
    pub(crate) fn begin_lap(&mut self, lap: u32) {
        self.lap = lap;
    }

    /// Takes room for a record with `payload_length` bytes.
    ///
    /// # Errors
    /// [`ReserveError`]; after [`ReserveError::Protocol`] the ring is of no more use.
    #[inline(always)]
    pub fn reserve(
        &mut self,
        payload_length: usize,
        pace: Pace,
    ) -> Result<Reservation<'_>, ReserveError> {
        let ring_units = self.own.ring_units;
        // Pad, record and the word after it must fit: so a record takes less than half.
        if payload_length >= ring_units as usize * UNIT / 2 - UNIT {
            return Err(ReserveError::TooLong);
        }
        let units = record::units(payload_length);
        let to_end = ring_units - self.offset();
        // The unit after the record has its sequence word cleared, so it must be free as well.
        if units > to_end {
            self.ensure_free(to_end + units + 1)?;
            self.write_pad(to_end);
        } else {
            self.ensure_free(units + 1)?;
        }
        if units > 1 {
            self.short_before = self.position + u64::from(units) + u64::from(ring_units);
        }
        self.pace = pace;
        self.short = [0; short::PAYLOAD_WORDS];
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

    #[inline(always)]
    fn ensure_free(&mut self, units: u32) -> Result<(), ReserveError> {
        let used = self.low_position().wrapping_sub(self.consumed);
        if used + units <= self.own.ring_units {
            Ok(())
        } else {
            self.look_for_room(units)
        }
    }

    #[cold]
    fn look_for_room(&mut self, units: u32) -> Result<(), ReserveError> {
        let ring_units = self.own.ring_units;
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

    #[cold]
    fn write_pad(&mut self, units: u32) {
        let header = RecordHeader {
            kind: kind::PAD,
            sequence: self.lap,
            length: (units as usize * UNIT - HEADER) as u32,
            ..RecordHeader::default()
        };
        if units == 1 {
            self.short = [0; short::PAYLOAD_WORDS];
            self.pace = Pace::Single;
            self.publish_short(&header);
        } else {
            self.publish_long(&header, units);
        }
    }

    /// Offset in the region of the unit at a position.
    #[inline]
    fn place(&self, position: u64) -> usize {
        RING_OFFSET + (position as u32 & (self.own.ring_units - 1)) as usize * UNIT
    }

    /// What lies after the record, old payload perhaps, is not to be taken for a header of this lap.
    #[inline]
    fn clear_after(&self, next: u64) {
        if next < self.short_before {
            let at = self.place(next);
            self.own.mapping.store_word(at, 0, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    fn publish_short(&mut self, header: &RecordHeader) {
        let next = self.position + 1;
        self.clear_after(next);
        let words = short::encode(header, &self.short);
        let at = self.place(self.position);
        // Where the lap before left anything else, its words do not tell what has arrived.
        if self.pace == Pace::Burst && self.position >= self.short_before {
            self.own.mapping.stream_unit(at, &words);
        } else {
            self.own.mapping.store_unit(at, &words);
        }
        self.step(next);
    }

    #[inline]
    fn publish_long(&mut self, header: &RecordHeader, units: u32) {
        let next = self.position + u64::from(units);
        self.clear_after(next);
        let at = self.place(self.position);
        let mapping = &self.own.mapping;
        let [publication, what, first, second] = header.to_words();
        mapping.store_word(at + 8, what, Ordering::Relaxed);
        mapping.store_word(at + 16, first, Ordering::Relaxed);
        mapping.store_word(at + 24, second, Ordering::Relaxed);
        mapping.store_word(at, publication, Ordering::Release);
        self.step(next);
    }

    #[inline]
    fn step(&mut self, next: u64) {
        self.position = next;
        if self.offset() == 0 {
            self.lap = next_lap(self.lap);
        }
    }
}

/// Sequence words count laps from 1. When they wrap they skip 0, which says that there is no record, and 1, so that
/// every lap differs from the one before in its lowest bit ([`short`]).
#[inline]
pub(crate) fn next_lap(lap: u32) -> u32 {
    lap.checked_add(1).unwrap_or(2)
}

/// Room for one record. Dropped unpublished, it leaves the ring as it was.
#[derive(Debug)]
pub struct Reservation<'a> {
    producer: &'a mut Producer,
    payload_length: usize,
    units: u32,
}

impl Reservation<'_> {
    #[inline(never)]
    fn add_to_short(&mut self, offset: usize, bytes: &[u8]) {
        let mut payload = self.producer.short.map(u64::to_ne_bytes);
        payload.as_flattened_mut()[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.producer.short = payload.map(u64::from_ne_bytes);
    }

    #[inline]
    fn is_short(&self) -> bool {
        self.units == 1
    }

    #[inline]
    fn check(&self, offset: usize, length: usize) {
        assert!(offset <= self.payload_length && length <= self.payload_length - offset);
    }

    /// Offset in the region of a part of a long record's payload.
    #[inline]
    fn place(&self, offset: usize) -> usize {
        self.producer.place(self.producer.position) + HEADER + offset
    }

    /// Publishes the record. The header's sequence and length are set here.
    #[inline(always)]
    pub fn publish(self, header: &RecordHeader) {
        let header = RecordHeader {
            sequence: self.producer.lap,
            length: self.payload_length as u32,
            ..*header
        };
        if self.is_short() {
            self.producer.publish_short(&header);
        } else {
            self.producer.publish_long(&header, self.units);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lap_is_not_none_and_differs_from_the_one_before_in_its_lowest_bit() {
        for lap in [1, 2, 7, u32::MAX - 1, u32::MAX] {
            let next = next_lap(lap);
            assert!(next != 0 && (next ^ lap) & 1 == 1, "{lap} {next}");
        }
    }
}
