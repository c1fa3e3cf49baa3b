//! ENA Express: what stands between an interface's frames and an [`eni_srd::Connection`].
//!
//! An [`Express`] is one pair of interfaces, seen from one side. It does no I/O, reads no clock and draws no randomness:
//!
//! - [`Express::offer`] takes a frame that the instance sends: it is queued for SRD, handed back for the ordinary way, or
//!   dropped, each for a reason that is counted;
//! - [`Express::poll_transmit`] replaces the connection's: it hands queued frames over as SRD can send them, flow by flow
//!   in turn;
//! - [`Express::handle_packet`] replaces the connection's: frames come out through [`Deliver`], each flow's in order;
//! - [`Express::handle_event`] is told every event of the connection, at once. After [`eni_srd::Event::Closed`] the owner
//!   makes another connection and hands that one over from then on; it only listens until a frame that is offered looks
//!   for the peer;
//! - [`Express::poll_timeout`] and [`Express::handle_timeout`] carry time, beside the connection's.
//!
//! Promises: each flow's frames are delivered in the order in which they were queued, except for those that come after
//! they were given up; nothing is delivered twice; nothing is held for longer than [`HOLD_NANOS`]; memory has a bound; a
//! gap in one flow holds no other up. docs/ENA-EXPRESS.md has the design.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod counters;
mod eligibility;
mod express;
mod flow;
mod header;
mod limits;
mod receiver;
mod sender;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use counters::{Counters, DropReason, EnaSrdStatistics};
pub use eligibility::{Eligibility, Ordinary, Side};
pub use express::{Express, Offered};
pub use header::{HEADER_BYTES, QUEUE_PAIR};
pub use limits::{
    FLOW_IDLE_NANOS, FRAME_OVERHEAD_BYTES, HOLD_NANOS, MARK_QUEUED_BYTES, MAX_FLOWS,
    MAX_FRAME_BYTES, MAX_HELD_BYTES, MAX_MEMORY_BYTES, MAX_PACKET_BYTES, MAX_QUEUED_BYTES,
    QUANTUM_BYTES,
};
pub use receiver::Deliver;
