//! The model of an EFA device.
//!
//! A program's work requests go in, records for other devices come out through a [`Wire`]; records from other devices go
//! in, and lists of [`Copy`] commands and [`Completion`]s come out. The model touches no memory of the program: it
//! checks keys, bounds and rights, and says which bytes go where.
//!
//! What it promises:
//! - exactly one completion for each accepted work request, unless its queue pair is reset or destroyed first;
//! - no address leaves it (in a [`Span`] or a [`Copy`]) that does not lie inside a registered region with the right
//!   that the transfer needs, at the moment it leaves;
//! - records that a peer invents change nothing but counters and what that peer was allowed to write.
//!
//! Status codes, limits and semantics are those of rdma-core's `providers/efa` and the kernel's `efa_io_defs.h`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod address;
mod completion;
mod counters;
mod device;
mod incoming;
mod lane;
mod memory;
mod queue_pair;
mod record;
mod slab;
mod status;
mod transmit;
mod work;

pub use address::AddressHandleId;
pub use completion::{Completion, CompletionOperation, CompletionQueueId};
pub use counters::Counters;
pub use device::{Device, DeviceError, DomainId};
pub use eni_efa_abi::{Gid, Peer, RecordHeader};
pub use incoming::{Copies, Copy, Incoming};
pub use lane::UNKNOWN_HANDLE;
pub use memory::{Access, RegionKey, Registration};
pub use queue_pair::{PostError, QueuePairAttributes, QueuePairId, QueuePairKind, QueuePairState};
pub use record::Kind;
pub use status::{Status, WorkCompletionStatus};
pub use transmit::{Outcome, Payload, SendFailure, Sent, Wire};
pub use work::{Gather, InlineData, Operation, ReceiveRequest, ScatterEntry, SendRequest, Span};

/// Bytes of payload that one datagram carries at most (EFA's MTU; `ibv_port_attr.max_msg_sz`).
pub const MAX_TRANSFER: u32 = eni_efa_abi::limits::MAX_TRANSFER as u32;
/// Bytes that one RDMA operation moves at most (`efadv_device_attr.max_rdma_size` of EFA).
pub const MAX_RDMA: u32 = 1 << 30;
/// Scatter entries of a send work request (`EFA_IO_TX_DESC_NUM_BUFS`).
pub const MAX_SEND_ENTRIES: usize = 2;
/// Scatter entries of an RDMA work request (`EFA_IO_TX_DESC_NUM_RDMA_BUFS`).
pub const MAX_RDMA_ENTRIES: usize = 1;
/// Scatter entries of a receive work request (`efadv_device_attr.max_rq_sge` of EFA).
pub const MAX_RECEIVE_ENTRIES: usize = 3;
/// Bytes that a send work request carries itself (`EFA_IO_TX_DESC_INLINE_MAX_SIZE`).
pub const MAX_INLINE: usize = 32;
/// Send work requests of one queue pair (`efadv_device_attr.max_sq_wr` of EFA).
pub const MAX_SEND_DEPTH: u32 = 4_096;
/// Receive work requests of one queue pair (`efadv_device_attr.max_rq_wr` of EFA).
pub const MAX_RECEIVE_DEPTH: u32 = 32_768;
/// Entries of one completion queue (`ibv_device_attr.max_cqe` of EFA).
pub const MAX_COMPLETIONS: u32 = 65_536;
/// Memory regions of one device (`ibv_device_attr.max_mr` of EFA).
pub const MAX_REGIONS: usize = 1 << memory::INDEX_BITS;
/// Protection domains of one device.
pub const MAX_DOMAINS: usize = 256;
/// Address handles of one device.
pub const MAX_ADDRESS_HANDLES: usize = eni_efa_abi::limits::MAX_ADDRESS_HANDLES;
/// Completion queues of one device.
pub const MAX_COMPLETION_QUEUES: usize = 512;
/// Queue pairs of one device.
pub const MAX_QUEUE_PAIRS: usize = eni_efa_abi::limits::MAX_ENDPOINTS;
/// RDMA operations that a queue pair keeps under way to one peer; further ones wait. A peer that starts more breaks the
/// protocol, so that neither side needs to hold a record back for want of a place to note it.
pub const MAX_RDMA_PER_PEER: usize = 32;
