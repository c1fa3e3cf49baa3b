//! The application header of a message that carries a frame (docs/ENA-EXPRESS.md, "Header").

use crate::limits::MAX_FLOWS;

/// Bytes of the header.
pub const HEADER_BYTES: usize = 16;
/// The queue pair that messages with frames are for. Those of Elastic Fabric Adapters have numbers of 16 bits, so that
/// neither is ever taken for the other.
pub const QUEUE_PAIR: u32 = 1 << 16;

const VERSION: u8 = 1;

/// Where a frame belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// The flow's place in the sender's table, below [`MAX_FLOWS`].
    pub(crate) place: u16,
    /// The sender's life: random, another one after a restart.
    pub(crate) life: u32,
    /// Which flow of that place: counted up whenever a place is given away or a session begins.
    pub(crate) incarnation: u32,
    /// The frame's number in its flow, from 0.
    pub(crate) sequence: u32,
}

impl FrameHeader {
    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = VERSION;
        bytes[2..4].copy_from_slice(&self.place.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.life.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.incarnation.to_be_bytes());
        bytes[12..].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    /// Nothing where a rule is broken.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let [version, 0, s0, s1, rest @ ..] = *<&[u8; HEADER_BYTES]>::try_from(bytes).ok()? else {
            return None;
        };
        let [l0, l1, l2, l3, i0, i1, i2, i3, n0, n1, n2, n3] = rest;
        let place = u16::from_be_bytes([s0, s1]);
        (version == VERSION && place < MAX_FLOWS).then(|| Self {
            place,
            life: u32::from_be_bytes([l0, l1, l2, l3]),
            incarnation: u32::from_be_bytes([i0, i1, i2, i3]),
            sequence: u32::from_be_bytes([n0, n1, n2, n3]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_header_survives_the_wire(
            place in 0..MAX_FLOWS, life: u32, incarnation: u32, sequence: u32
        ) {
            let header = FrameHeader { place, life, incarnation, sequence };
            prop_assert_eq!(FrameHeader::parse(&header.to_bytes()), Some(header));
        }

        #[test]
        fn what_is_taken_is_written_the_same_way(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            if let Some(header) = FrameHeader::parse(&bytes) {
                prop_assert_eq!(header.to_bytes().to_vec(), bytes);
            }
        }
    }

    #[test]
    fn other_versions_flags_places_and_lengths_are_refused() {
        let header = FrameHeader {
            place: MAX_FLOWS - 1,
            life: 1,
            incarnation: 2,
            sequence: 3,
        };
        let good = header.to_bytes();
        assert!(FrameHeader::parse(&good).is_some());
        for (at, value) in [(0, 2), (1, 1), (2, 0x10)] {
            let mut bad = good;
            bad[at] = value;
            assert_eq!(FrameHeader::parse(&bad), None, "byte {at}");
        }
        assert_eq!(FrameHeader::parse(&good[..15]), None);
    }
}
