//! What an endpoint of the fabric provider means: messages with and without tags, reads, writes and atomics of
//! registered memory, over lanes that carry records.
//!
//! The crate does no I/O and touches no memory of the program. The shell hands in
//!
//! - a [`Wire`], which puts a record on a lane or says that there is no room,
//! - [`Arrival`]s, payloads that came in and can be placed into a [`Buffer`],
//! - a [`Sink`], which takes completions,
//!
//! and all three are generic, so that the compiler joins the two sides without a call between them.
//!
//! # Promises
//! - Messages from one endpoint to another match in the order in which they were sent, on lanes that reorder too.
//! - Every operation that was accepted completes once, with success or a [`Fault`]; a broken lane fails all of its own.
//! - What a peer sends is checked before it is used: kinds, lengths, keys, bounds and request numbers. A peer that
//!   breaks the protocol breaks its lane and nothing else.
//! - Everything a peer can make this end keep is bounded: see [`limits`].
//!
//! # Large messages
//! A message that fits one record is sent at once (and kept at the receiver if it is not expected yet). A larger one is
//! announced, cleared by the receiver when a receive matches, and then streamed in segments that say where they
//! belong: an unexpected large message costs its receiver a few words, and never stands in the way of what was sent
//! after it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod atomic;
mod buffer;
mod completion;
mod engine;
pub mod limits;
mod matching;
mod order;
mod record;
mod region;
mod slab;

pub use buffer::{Arrival, Body, Buffer, Refusal, Route, Sent, Wire};
pub use completion::{Completion, Fault, Operation, Sink};
pub use engine::{
    AtomicRequest, Disposition, Engine, Level, Message, ReceiveRequest, RemoteRequest, SendRequest,
    Submit, Transfer,
};
pub use matching::{Pattern, Peek};
pub use record::{FIRST_KIND, LAST_KIND, LaneId, RecordHeader};
pub use region::{Access, Region, RegionError, Regions};

/// Token of records whose delivery nobody waits for.
pub const NO_TOKEN: u32 = u32::MAX;
