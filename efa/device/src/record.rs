//! The records that devices exchange.
//!
//! | kind | flags | immediate | first | second |
//! | --- | --- | --- | --- | --- |
//! | `Send` | 1: immediate data valid, 2: announces a finished write | immediate data | queue key | bytes written |
//! | `Write` | | request | address of this piece | key, and bytes of the whole operation in the high half |
//! | `Read` | | request | address | key, and bytes of the whole operation in the high half |
//! | `ReadData` | | request | offset of this piece | |
//! | `Acknowledge` | | request | status | |
//!
//! A request is named by its initiator; the other side only repeats it. Pieces may arrive in any order.

use eni_efa_abi::RecordHeader;

/// Kinds of records of this face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A datagram.
    Send = 1,
    /// A piece of an RDMA write.
    Write = 2,
    /// Asks for memory.
    Read = 3,
    /// A piece of what was asked for.
    ReadData = 4,
    /// The end of an RDMA write, or the failure of an RDMA operation.
    Acknowledge = 5,
}

impl Kind {
    /// The kind with this number, if it is one of this face's.
    #[inline]
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Send,
            2 => Self::Write,
            3 => Self::Read,
            4 => Self::ReadData,
            5 => Self::Acknowledge,
            _ => return None,
        })
    }

    /// A header of this kind, all else zero.
    #[inline]
    pub(crate) fn header(self) -> RecordHeader {
        RecordHeader {
            kind: self as u8,
            ..RecordHeader::default()
        }
    }
}

/// Flag of `Send`: `immediate` carries immediate data.
pub(crate) const HAS_IMMEDIATE: u8 = 1;
/// Flag of `Send`: no datagram, but the notice that a write with immediate data is done.
pub(crate) const ANNOUNCES_WRITE: u8 = 2;

/// A key and the bytes of a whole operation in one word.
#[inline]
pub(crate) fn pack_remote(key: crate::RegionKey, total: u32) -> u64 {
    u64::from(total) << 32 | u64::from(key.0)
}

/// The inverse of [`pack_remote`].
#[inline]
pub(crate) fn unpack_remote(word: u64) -> (crate::RegionKey, u32) {
    (crate::RegionKey(word as u32), (word >> 32) as u32)
}
