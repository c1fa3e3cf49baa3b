//! The layouts shared by the pipeline, the eBPF maps and the lowering.
//!
//! **Byte order.** Addresses, MACs and ports ([`Ipv4`], [`Mac`], [`Port`]) are in network byte order, as they lie in a
//! frame. All other integers are in host order.
//!
//! **Layout.** Every type is `repr(C)` without padding, so that its bytes are its value: hash maps compare keys by
//! bytes, and the kernel hands values out as bytes. [`Plain`] marks those types; it is sealed.
//!
//! **Identifiers.** A *vport* is the interface index of the veth's fabric end and the index into [`map::VPORTS`]. VPC,
//! subnet, route table, policy and identity numbers are chosen by the lowering; zero means "none" everywhere, and a
//! lookup of number zero finds nothing (fail closed).
//!
//! **Generations.** A [`Vport`]'s generation changes with every change of its row or of a policy it names, and never
//! repeats for one index while the maps live. [`Globals::topology_generation`] changes with every change of any other
//! table. Cached flows carry the three numbers they were decided under and are void as soon as one differs. Write the
//! tables first, then the generation.
//!
//! A [`Vport`]'s row is more than a CPU writes at once. Write it twice: first with [`Vport::IN_TRANSITION`] in its
//! generation, then without. A reader takes the generation first. If it finds the second one, the first writing is done,
//! and the second changes no other byte: what it reads is the new row. If it finds another, what it makes of old and new
//! fields is void when the second one stands.
#![no_std]
#![forbid(unsafe_code)]

mod counters;
mod forwarding;
pub mod map;
mod memory;
mod plain;
mod policy;
mod vport;

pub use counters::{DROP_REASON_SLOTS, DropReason, Traffic, counter_index};
pub use eni_wire::{Ipv4, Mac, Port};
pub use forwarding::{MacKey, Mapping, MappingKey, PublicAddress, Route, RouteKey, VpcBlockKey};
pub use memory::{
    Connection, ConnectionKey, ConnectionState, Flow, FlowKey, Fragment, FragmentKey, Ports,
    Tracked,
};
pub use plain::{LpmKey, Plain};
pub use policy::{
    Direction, DirectionPolicy, IdentityKey, MAX_RULES, Policy, PolicyKey, PortKey, RemoteKey,
    RuleBits, RuleProtocol,
};
pub use vport::{Globals, Vport};

/// The version of everything in this crate: layouts, map names, sizes and meanings.
///
/// Pinned maps of another version are removed and made anew, never reinterpreted.
pub const ABI_VERSION: u32 = 7;

/// Beyond an internet gateway packets are at most this large, in bytes (EC2 User Guide, "Network MTU for your EC2 instance").
pub const INTERNET_MTU: u32 = 1_500;

/// Inside a VPC packets are at most this large, in bytes (the same page).
pub const VPC_MTU: u32 = 9_001;

/// Vport numbers are below this. Vport 0 does not exist (interface indexes start at 1).
///
/// 4,096 interfaces on one host: four times what EC2's largest hosts carry (64 interfaces on p5.48xlarge, about a
/// hundred small instances on one host).
pub const MAX_VPORTS: u32 = 4_096;
