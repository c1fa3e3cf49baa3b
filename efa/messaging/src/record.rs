//! The records of this layer.
//!
//! | kind | `first` | `second` | `word` | `immediate` | payload |
//! |---|---|---|---|---|---|
//! | `MESSAGE` | tag | data | sequence | request, if acknowledged | the message |
//! | `ANNOUNCE` | tag | data | sequence | request | total length, `u64` |
//! | `CLEAR` | length wanted | | | request; `second` is the transfer | |
//! | `SEGMENT` | offset | | | transfer | bytes |
//! | `ACKNOWLEDGE` | | | outcome | request | |
//! | `WRITE` | address | key | | request | with `DATA`: `u64` data, 8 zero bytes; then bytes |
//! | `READ` | address | key | | request | offset in the operation, length; both `u64` |
//! | `READ_DATA` | offset | | outcome | request | bytes |
//! | `ATOMIC` | address | key | operation << 8 \| datatype | request | operands, then comparands |
//! | `RESULT` | | | outcome | request | what was there |
//!
//! Numbers in payloads are little-endian. `sequence` counts when [`flag::SEQUENCED`] is set, which the sender does on
//! lanes that do not keep order.

use crate::completion::Fault;
pub use eni_efa_abi::record::RecordHeader;

/// The endpoint's number for a peer: dense, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(pub u32);

/// First kind of this layer.
pub const FIRST_KIND: u8 = kind::MESSAGE;
const _: () = assert!(FIRST_KIND == eni_efa_abi::record::kind::FIRST_OF_PROVIDER);
/// Last kind of this layer.
pub const LAST_KIND: u8 = kind::RESULT;

pub(crate) mod kind {
    pub(crate) const MESSAGE: u8 = 64;
    pub(crate) const ANNOUNCE: u8 = 65;
    pub(crate) const CLEAR: u8 = 66;
    pub(crate) const SEGMENT: u8 = 67;
    pub(crate) const ACKNOWLEDGE: u8 = 68;
    pub(crate) const WRITE: u8 = 69;
    pub(crate) const READ: u8 = 70;
    pub(crate) const READ_DATA: u8 = 71;
    pub(crate) const ATOMIC: u8 = 72;
    pub(crate) const RESULT: u8 = 73;
}

pub(crate) mod flag {
    pub(crate) const TAGGED: u8 = 1;
    pub(crate) const DATA: u8 = 2;
    pub(crate) const SEQUENCED: u8 = 4;
    pub(crate) const ACKNOWLEDGE: u8 = 8;
    /// The atomic returns what was there.
    pub(crate) const FETCH: u8 = 16;
    /// The atomic's payload ends with comparands.
    pub(crate) const COMPARE: u8 = 32;
}

/// A header of `kind` for `request`, the rest zero.
pub(crate) fn header(kind: u8, request: u32) -> RecordHeader {
    RecordHeader {
        kind,
        immediate: request,
        ..RecordHeader::default()
    }
}

pub(crate) fn acknowledgement(request: u32, outcome: Result<(), Fault>) -> RecordHeader {
    RecordHeader {
        word: Fault::to_wire(outcome),
        ..header(kind::ACKNOWLEDGE, request)
    }
}
