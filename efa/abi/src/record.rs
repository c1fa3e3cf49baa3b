//! Records: what a ring carries.

use crate::gid::{Gid, Peer};
use crate::region::UNIT;

/// Size of a [`RecordHeader`] in bytes.
pub const HEADER: usize = 32;
/// Size of a [`Route`] in bytes.
pub const ROUTE: usize = 32;

/// Kinds of records. 1 to 63 belong to face A (verbs), 64 to 127 to face B (libfabric), 128 and above to the service.
pub mod kind {
    /// Fills the end of a ring: a record never wraps.
    pub const PAD: u8 = 0;
    /// First kind of face A.
    pub const FIRST_OF_VERBS: u8 = 1;
    /// First kind of face B.
    pub const FIRST_OF_PROVIDER: u8 = 64;
    /// First kind of the service.
    pub const FIRST_OF_SERVICE: u8 = 128;
    /// A record to another host has been delivered or has failed: `immediate` is the request, `first` the
    /// [`Outcome`](super::Outcome). Its payload is the route that the record went.
    pub const COMPLETED: u8 = 128;
}

/// The header of a record. The layers above the ring give every field but `sequence` and `length` a meaning by `kind`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordHeader {
    /// The lap around the ring, from 1; 0 says that there is no record. Set by the ring.
    pub sequence: u32,
    /// Bytes of payload. Set by the ring.
    pub length: u32,
    /// See [`kind`].
    pub kind: u8,
    /// By kind.
    pub flags: u8,
    /// By kind.
    pub word: u16,
    /// By kind; immediate data for most.
    pub immediate: u32,
    /// By kind.
    pub first: u64,
    /// By kind.
    pub second: u64,
}

impl RecordHeader {
    /// The header as four words of memory, the first of which publishes it.
    pub const fn to_words(&self) -> [u64; 4] {
        [
            self.sequence as u64 | (self.length as u64) << 32,
            self.kind as u64
                | (self.flags as u64) << 8
                | (self.word as u64) << 16
                | (self.immediate as u64) << 32,
            self.first,
            self.second,
        ]
    }

    /// The header that [`to_words`](Self::to_words) wrote. Every value is a header; what it says is yet to be checked.
    pub const fn from_words([publication, what, first, second]: [u64; 4]) -> Self {
        Self {
            sequence: publication as u32,
            length: (publication >> 32) as u32,
            kind: what as u8,
            flags: (what >> 8) as u8,
            word: (what >> 16) as u16,
            immediate: (what >> 32) as u32,
            first,
            second,
        }
    }

    /// Little-endian bytes, for the way to another host.
    pub fn to_bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.to_words()) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The header in these bytes.
    pub fn from_bytes(bytes: &[u8; HEADER]) -> Self {
        let mut words = [0; 4];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut one = [0; 8];
            one.copy_from_slice(chunk);
            *word = u64::from_le_bytes(one);
        }
        Self::from_words(words)
    }
}

/// Units that a record with this many bytes of payload takes.
pub const fn units(payload_length: usize) -> u32 {
    (HEADER + payload_length).div_ceil(UNIT) as u32
}

/// What stands before the payload of a record that goes to, or comes from, another host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Outbound the destination, inbound the source.
    pub peer: Peer,
    /// The sender's number for the record: comes back with its completion.
    pub request: u32,
    /// The sender's number for its lane: comes back with the completion as well.
    pub lane: u32,
}

impl Route {
    /// The route's bytes.
    pub fn to_bytes(&self) -> [u8; ROUTE] {
        let mut bytes = [0; ROUTE];
        bytes[..16].copy_from_slice(&self.peer.gid.0);
        bytes[16..20].copy_from_slice(&self.peer.queue_pair.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.request.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.lane.to_le_bytes());
        bytes
    }

    /// The route in these bytes.
    pub fn from_bytes(bytes: &[u8; ROUTE]) -> Self {
        let mut gid = [0; 16];
        gid.copy_from_slice(&bytes[..16]);
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Self {
            peer: Peer {
                gid: Gid(gid),
                queue_pair: word(16),
            },
            request: word(20),
            lane: word(24),
        }
    }
}

/// How a record to another host ended, as `first` of a [`kind::COMPLETED`] record says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Outcome {
    /// It is in the destination's ring.
    Delivered = 0,
    /// The destination's queue pair is gone.
    PeerGone = 1,
    /// The policy does not let these two converse.
    Refused = 2,
    /// The policy no longer lets them.
    Revoked = 3,
    /// The record's fields were not what this contract says.
    Protocol = 4,
    /// No way to the host, or it did not answer in time.
    Unreachable = 5,
}

impl Outcome {
    /// The outcome with this number; a number that says nothing is [`Protocol`](Self::Protocol).
    pub const fn from_number(number: u64) -> Self {
        match number {
            0 => Self::Delivered,
            1 => Self::PeerGone,
            2 => Self::Refused,
            3 => Self::Revoked,
            5 => Self::Unreachable,
            _ => Self::Protocol,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_record_takes_whole_units() {
        let cases = [(0, 1), (8, 1), (32, 1), (33, 2), (96, 2), (97, 3)];
        for (length, want) in cases {
            assert_eq!(units(length), want, "{length}");
        }
        assert_eq!(size_of::<RecordHeader>(), HEADER);
    }

    proptest! {
        #[test]
        fn headers_and_routes_survive_their_bytes(words: [u64; 4], gid: [u8; 16], queue_pair: u32, request: u32, lane: u32) {
            let header = RecordHeader::from_words(words);
            prop_assert_eq!(header.to_words(), words);
            prop_assert_eq!(RecordHeader::from_bytes(&header.to_bytes()), header);
            let route = Route { peer: Peer { gid: Gid(gid), queue_pair }, request, lane };
            prop_assert_eq!(Route::from_bytes(&route.to_bytes()), route);
        }
    }
}
