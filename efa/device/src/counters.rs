//! What was dropped, and why.

/// Records that were dropped, by reason. Nothing else is ever dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The kind is none of this face's.
    pub unknown_kind: u64,
    /// The queue pair is not ready to receive.
    pub not_ready_to_receive: u64,
    /// The queue key of a datagram is not the queue pair's.
    pub wrong_queue_key: u64,
    /// A datagram came while no receive work request waited (UD only; SRD holds it).
    pub no_receive_request: u64,
    /// A record is longer or shorter than its kind allows.
    pub wrong_length: u64,
    /// An answer names no RDMA operation under way to that peer.
    pub unknown_request: u64,
    /// A peer has more RDMA operations under way than the protocol allows.
    pub too_many_requests: u64,
    /// A datagram's lane could not be made or broke (UD only; SRD completes with an error).
    pub unreachable: u64,
    /// A completion found its queue full.
    pub completion_queue_overrun: u64,
}
