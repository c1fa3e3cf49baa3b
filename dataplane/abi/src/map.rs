//! The maps: names (also of their pins), kinds and sizes.
//!
//! | name | kind | key → value |
//! | --- | --- | --- |
//! | `GLOBALS` | array | 0 → [`crate::Globals`] |
//! | `VPORTS` | array | vport → [`crate::Vport`] |
//! | `MAPPINGS` | hash | [`crate::MappingKey`] → [`crate::Mapping`] |
//! | `PREFIX_MAPPINGS` | LPM trie | [`crate::MappingKey`] → [`crate::Mapping`] |
//! | `PUBLIC_ADDRESSES` | hash | [`crate::Address`] → [`crate::PublicAddress`] |
//! | `VPC_BLOCKS` | LPM trie | [`crate::VpcBlockKey`] → 1, or [`crate::InternetBlock`] |
//! | `MACS` | hash | [`crate::MacKey`] → [`crate::Location`] |
//! | `ROUTES` | LPM trie | [`crate::RouteKey`] → [`crate::Route`] |
//! | `POLICIES` | hash | policy → [`crate::Policy`] |
//! | `REMOTE_RULES` | LPM trie | [`crate::RemoteKey`] → [`crate::RuleBits`] |
//! | `IDENTITY_RULES` | hash | [`crate::IdentityKey`] → [`crate::RuleBits`] |
//! | `PORT_RULES` | LPM trie | [`crate::PortKey`] → [`crate::RuleBits`] |
//! | `CONNECTIONS` | array of hashes | instance → [`crate::ConnectionKey`] → [`crate::Connection`] |
//! | `TRACKED` | array | instance → [`crate::Tracked`] |
//! | `FLOWS` | LRU hash | [`crate::FlowKey`] → [`crate::Flow`] |
//! | `FLOWS_IPV6` | LRU hash | [`crate::FlowKeyIpv6`] → [`crate::Flow`] |
//! | `FRAGMENTS` | array of LRU hashes | instance → [`crate::FragmentKey`] → [`crate::Fragment`] |
//! | `NAT_GATEWAYS` | hash | number → [`crate::NatGateway`] |
//! | `NAT_FLOWS` | array of hashes | NAT gateway → [`crate::NatKey`] → [`crate::NatEntry`] |
//! | `COUNTERS` | per-CPU array | [`crate::counter_index`] → `u64` |
//! | `TRAFFIC` | per-CPU array | vport → [`crate::Traffic`] |
//! | `LINK_LOCAL` | array | vport → [`crate::LinkLocalAllowance`] |
//!
//! **Whose room.** What a guest can fill has room of the guest's own: an instance's connections and fragments lie in maps
//! that nobody else writes ([`crate::Vport::instance`]), the flows through a NAT gateway in its own, counters have a place for each vport. The cached flows are the one
//! table that guests push each other out of: a flow that is not cached is decided again, which costs time and changes
//! nothing.

/// See [the module](self).
pub const GLOBALS: &str = "GLOBALS";
/// See [the module](self).
pub const VPORTS: &str = "VPORTS";
/// See [the module](self).
pub const MAPPINGS: &str = "MAPPINGS";
/// See [the module](self).
pub const PREFIX_MAPPINGS: &str = "PREFIX_MAPPINGS";
/// See [the module](self).
pub const PUBLIC_ADDRESSES: &str = "PUBLIC_ADDRESSES";
/// See [the module](self).
pub const VPC_BLOCKS: &str = "VPC_BLOCKS";
/// See [the module](self).
pub const MACS: &str = "MACS";
/// See [the module](self).
pub const ROUTES: &str = "ROUTES";
/// See [the module](self).
pub const POLICIES: &str = "POLICIES";
/// See [the module](self).
pub const REMOTE_RULES: &str = "REMOTE_RULES";
/// See [the module](self).
pub const IDENTITY_RULES: &str = "IDENTITY_RULES";
/// See [the module](self).
pub const PORT_RULES: &str = "PORT_RULES";
/// See [the module](self).
pub const CONNECTIONS: &str = "CONNECTIONS";
/// See [the module](self).
pub const TRACKED: &str = "TRACKED";
/// See [the module](self).
pub const FLOWS: &str = "FLOWS";
/// See [the module](self).
pub const FLOWS_IPV6: &str = "FLOWS_IPV6";
/// See [the module](self).
pub const FRAGMENTS: &str = "FRAGMENTS";
/// See [the module](self).
pub const NAT_GATEWAYS: &str = "NAT_GATEWAYS";
/// See [the module](self).
pub const NAT_FLOWS: &str = "NAT_FLOWS";
/// See [the module](self).
pub const COUNTERS: &str = "COUNTERS";
/// See [the module](self).
pub const TRAFFIC: &str = "TRAFFIC";
/// See [the module](self).
pub const LINK_LOCAL: &str = "LINK_LOCAL";

/// Private addresses: every vport with 64 of them (EC2's most is 50 for an interface).
pub const MAX_MAPPINGS: u32 = 262_144;
/// Prefixes of interfaces: each counts as an address (EC2 User Guide, "Prefix delegation").
pub const MAX_PREFIX_MAPPINGS: u32 = MAX_MAPPINGS;
/// Public addresses: far more than a pool of one host (EC2's default quota is 5 for a region).
pub const MAX_PUBLIC_ADDRESSES: u32 = 65_536;
/// Blocks of all VPCs with attached interfaces together (EC2: 5 in a VPC by default, at most 50).
pub const MAX_VPC_BLOCKS: u32 = 65_536;
/// MACs: one for each vport, and room while vports change.
pub const MAX_MACS: u32 = 2 * crate::MAX_VPORTS;
/// Routes of all route tables together (EC2: 50 routes in a table by default, at most 1,000).
pub const MAX_ROUTES: u32 = 262_144;
/// Policies, those being replaced included.
pub const MAX_POLICIES: u32 = 16_384;
/// Remote prefixes, peer identities or port prefixes of all policies together.
pub const MAX_POLICY_ENTRIES: u32 = 1_048_576;
/// Tracked flows of one instance, all its interfaces together. EC2 has such an allowance for every instance and publishes no
/// number, only the counter `conntrack_allowance_exceeded`. The kernel takes memory for flows as they come: 1 MiB for an
/// instance without any, 7 MiB for one that has its allowance.
pub const CONNECTION_ALLOWANCE: u32 = 65_536;
/// Entries of one NAT gateway: two for each flow, so that about 130,000 flows go through one at once, to two destinations as many
/// as EC2 lets go there by one address. A bound of ours: 4 MiB for a gateway without any, 36 MiB for one that is full.
pub const NAT_ROOM: u32 = 262_144;
/// Cached flows of a family, counted once for each direction.
pub const MAX_FLOWS: u32 = 131_072;
/// Fragmented packets of one instance under way; the next pushes the least recently used one out.
pub const FRAGMENT_ALLOWANCE: u32 = 1_024;
