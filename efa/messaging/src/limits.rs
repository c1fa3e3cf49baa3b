//! Bounds on what one end of a lane may ask of the other, and on what an endpoint keeps.

/// Longest payload of a record on a lane within a host, in bytes.
pub const LOCAL_SEGMENT: usize = eni_efa_abi::limits::MAX_RECORD;

/// Longest payload of a record to another host, in bytes: the largest datagram of AWS's Elastic Fabric Adapter.
pub const REMOTE_SEGMENT: usize = eni_efa_abi::limits::MAX_TRANSFER;

/// Bytes before the data in a record that carries both (immediate data of a write, bounds of a read).
pub const PREFIX: usize = 16;

/// Requests of one end of a lane that await an answer: write segments, read segments, atomics, and messages whose
/// delivery is acknowledged. A peer that exceeds it breaks the lane.
pub const UNANSWERED: u32 = 512;

/// Announced messages of one end of a lane that have not been received in full.
pub const ANNOUNCED: u32 = 512;

/// Answers that may wait for room on a lane. Each unanswered request has at most one answer, each announced message
/// two (clearance and acknowledgement).
pub const REPLIES: usize = (UNANSWERED + 2 * ANNOUNCED) as usize;

/// Ordered records on their way to another host, and with it how far a record may run ahead of a missing one.
pub const REORDER_WINDOW: u16 = 1_024;

/// Unread messages of one lane from which on every send looks whether the peer has read some. A ring has room for
/// 4,096 records.
pub const UNREAD: usize = 256;

/// Segments of announced messages on their way to one other host: 64 of 8,928 bytes fill 4.5 Gbit/s at 1 ms.
pub const SEGMENTS_UNDERWAY: u32 = 64;

/// Segments that one flush puts on one lane before it looks at the next.
pub const SEGMENT_BURST: usize = 16;

/// Bytes of unexpected messages that an endpoint keeps; beyond, lanes wait until the program receives. Records that
/// waited for a missing one may exceed it by [`REORDER_WINDOW`] records.
pub const UNEXPECTED_BYTES: usize = 64 << 20;

/// What an unexpected message costs besides its payload.
pub const UNEXPECTED_OVERHEAD: usize = 128;

/// Bytes of operands of one atomic; libfabric lets a provider choose, and `query` tells programs.
pub const ATOMIC_BYTES: usize = 2_048;

/// Memory regions of one domain.
pub const REGIONS: usize = 1 << 20;
