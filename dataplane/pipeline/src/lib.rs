//! The meaning of a packet: one pipeline, run by every data plane.
//!
//! [`process`] decides one frame that a vport's guest has sent. It reads the desired state through [`Tables`], keeps
//! connections, cached flows, fragments and counters through [`Memory`], and reads and rewrites the packet through
//! [`Frame`]. Nothing else reaches in: the time is an argument.
//!
//! Order: parse → anti-spoof → services of the router and of the fabric → a walk over hops → egress security group → egress network ACL →
//! a NAT gateway on the way, and the walk from there → MTU → ingress network ACL → destination check → ingress security group → rewrite → deliver. Where the packet goes is
//! asked before the security group, because an egress rule whose destination is a group matches the receiver.
//!
//! **Written for BPF.** Loops are bounded, nothing indexes or divides by an unknown, functions that stay functions take
//! at most five arguments and return one word, and what does not fit 512 bytes of stack lies in a [`Scratch`] that the
//! caller brings. `#[inline(always)]` marks the way of nearly every packet, `#[inline(never)]` cuts the slow way into
//! pieces that the verifier and the stack can bear.
//!
//! *Invariants.* No stage knows EC2's API. Time to live is not decremented: a VPC is one hop. Every frame
//! is recorded once ([`Memory::record`]), a dropped one under one reason.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "testing"))]
extern crate alloc;

mod admission;
mod arp;
mod connection;
mod endpoint;
mod extension;
mod fast;
mod fast_ipv6;
mod header;
mod hops;
mod icmp;
mod icmpv6;
mod nat;
mod nat_reset;
mod neighbor;
mod network_acl;
mod offload;
mod packet;
mod piece;
mod receive;
mod rewrite;
mod rules;
mod service;
mod service_ipv6;
mod slow;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod traits;
mod verdict;

pub use connection::{
    TCP_CLOSED_SECONDS, TCP_CLOSING_SECONDS, TCP_DOUBTED_SECONDS, TCP_SYN_RECEIVED_SECONDS,
    TCP_SYN_SENT_SECONDS,
};
pub use fast::follow;
pub use fast_ipv6::follow as follow_ipv6;
pub use packet::Scratch;
pub use piece::{LONGEST_PIECE, Piece, piece};
pub use slow::{FLOW_REFRESH_NS, decide};
pub use traits::{
    AllowingRules, Arrival, ChecksumKind, Covered, Frame, Insertion, Memory, NatInsertion, Outcome,
    Record, Tables,
};
pub use verdict::{Action, Manner, Verdict};

/// Decides and rewrites one frame: [`follow`], [`follow_ipv6`], else [`decide`].
///
/// The caller carries the [`Verdict`] out.
/// `scratch` is asked for room only where it is needed, whatever it contains; without room the frame is dropped.
#[inline(always)]
pub fn process<'a, F: Frame, T: Tables, M: Memory>(
    frame: &mut F,
    arrival: Arrival,
    tables: &T,
    memory: &mut M,
    scratch: impl FnOnce() -> Option<&'a mut Scratch>,
) -> Verdict {
    if let Some(verdict) = follow(frame, arrival, tables, memory) {
        return verdict;
    }
    if let Some(verdict) = follow_ipv6(frame, arrival, tables, memory) {
        return verdict;
    }
    match scratch() {
        Some(scratch) => decide(frame, arrival, tables, memory, scratch),
        None => Verdict::DROP,
    }
}
