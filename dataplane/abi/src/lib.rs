//! The layouts shared by the pipeline, the eBPF maps and the lowering.
//!
//! **Byte order.** Addresses, MACs and ports ([`Address`], [`Ipv4`], [`Mac`], [`Port`]) are in network byte order, as they
//! lie in a frame. All other integers are in host order.
//!
//! **Families.** Tables hold addresses of both IP families as [`Address`]. Cached flows are of one family each, so that
//! those of IPv4 are no larger for IPv6.
//!
//! **Layout.** Every type is `repr(C)` without padding, so that its bytes are its value: hash maps compare keys by
//! bytes, and the kernel hands values out as bytes. [`Plain`] marks those types; it is sealed.
//!
//! **Identifiers.** A *vport* is the interface index of the veth's fabric end and the index into [`map::VPORTS`]. VPC,
//! subnet, route table, policy and identity numbers are chosen by the lowering; zero means "none" everywhere, and a
//! lookup of number zero finds nothing (fail closed).
//!
//! **Generations.** A [`Vport`]'s generation changes with every change of its row, and never repeats for one index while
//! the maps live. [`Globals::topology_generation`] changes with every change of any other table, those of rules among
//! them. Cached flows carry the three numbers they were decided under and are void as soon as one differs.
//!
//! *Who writes* writes the tables first, then the generation, with a release fence between them. A [`Vport`]'s row is more
//! than a CPU writes at once, so it is written twice: first with [`Vport::IN_TRANSITION`] in its generation, then, behind a
//! release fence, without.
//!
//! *Who decides* reads the three generations before what they stand for, with an acquire fence behind each. So
//!
//! - whoever reads a generation reads the tables and the row of that generation, or newer ones: the fences pair. For a row
//!   that holds because the second writing changes no byte but the generation's;
//! - what was read of newer rows, or of a row half written, is void when the change is done, because the decision bears an
//!   older generation, or one in transition.
//!
//! *Who follows* a cached flow compares the three numbers and reads nothing else of the rows: no order is needed there. The
//! processor may compare with a generation that has just been replaced; then the packet was under way when it was. But it
//! must have an entry whole: in an LRU map one may be given to another key while it is read. So an entry of [`map::FLOWS`] is
//! copied, looked for again behind an acquire fence, and followed only if it still is the key's. ([`map::FRAGMENTS`] needs
//! no such care: what may be mixed up there is one instance's own, and a later fragment that passes by it completes nothing.)
#![no_std]
#![forbid(unsafe_code)]

mod counters;
mod forwarding;
pub mod layout_7;
pub mod map;
mod memory;
mod nat;
mod plain;
mod policy;
mod prefix;
mod record;
mod service;
mod service_ipv6;
mod vport;

pub use counters::{DROP_REASON_SLOTS, DropReason, Traffic, counter_index};
pub use eni_wire::{Address, Ipv4, Mac, Port};
pub use forwarding::{
    InternetBlock, Location, MacKey, Mapping, MappingKey, PublicAddress, Route, RouteKey, VpcBlock,
    VpcBlockKey,
};
pub use memory::{
    Connection, ConnectionKey, ConnectionState, Flow, FlowKey, FlowKeyIpv6, Fragment, FragmentKey,
    Ports, Tracked,
};
pub use nat::{NatEntry, NatGateway, NatKey};
pub use plain::{LpmKey, Plain};
pub use policy::{
    Direction, DirectionPolicy, IdentityKey, MAX_RULES, Policy, PolicyKey, PortKey, RemoteKey,
    RuleBits, RuleProtocol,
};
pub use prefix::Prefix;
pub use record::{DecidingRule, FiveTuple};
pub use service::{LINK_LOCAL_PACKETS_PER_SECOND, LinkLocalAllowance, SERVICES_VPORT, Service};
pub use vport::{Globals, Vport};

/// The version of everything in this crate: layouts, map names, sizes and meanings.
///
/// Pinned maps of another version are converted if they are those of [`layout_7`], else removed and made anew; never
/// reinterpreted.
pub const ABI_VERSION: u32 = 14;

/// Beyond an internet gateway packets are at most this large, in bytes (EC2 User Guide, "Network MTU for your EC2 instance").
pub const INTERNET_MTU: u32 = 1_500;

/// Where the router of every subnet is found on its link (EC2 User Guide, "Subnet sizing for IPv6": the router's address on
/// Nitro), the uplink's too. It is what router advertisements come from, and the next hop of guests.
pub const ROUTER_LINK_LOCAL: Address = Address::v6([0xfe80, 0x0ec2, 0, 0, 0, 0, 0, 1]);

/// No path takes less than this of IPv6, in bytes (RFC 8200 section 5).
pub const SMALLEST_IPV6_MTU: u32 = 1_280;

/// Inside a VPC packets are at most this large, in bytes (the same page).
pub const VPC_MTU: u32 = 9_001;

/// Numbers of NAT gateways are below this, and not 0. EC2's quota is 5 in a zone; numbers come again only when all have been
/// given.
pub const MAX_NAT_GATEWAYS: u32 = 1_024;

/// Vport numbers are below this. Vport 0 does not exist (interface indexes start at 1).
///
/// 4,096 interfaces on one host: four times what EC2's largest hosts carry (64 interfaces on p5.48xlarge, about a
/// hundred small instances on one host).
pub const MAX_VPORTS: u32 = 4_096;
