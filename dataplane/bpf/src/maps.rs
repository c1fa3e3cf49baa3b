//! The maps; `eni_abi::map` says what they hold.

use aya_ebpf::bindings::BPF_F_NO_PREALLOC;
use aya_ebpf::btf_maps::{self, ArrayOfMaps};
use aya_ebpf::macros::{btf_map, map};
use aya_ebpf::maps::{Array, HashMap, LpmTrie, LruHashMap, PerCpuArray};
use eni_abi::{
    Address, Connection, ConnectionKey, DROP_REASON_SLOTS, Flow, FlowKey, FlowKeyIpv6, Fragment,
    FragmentKey, Globals, IdentityKey, LinkLocalAllowance, Location, MAX_NAT_GATEWAYS, MAX_VPORTS,
    MacKey, Mapping, MappingKey, NatEntry, NatGateway, NatKey, Policy, PortKey, PublicAddress,
    RemoteKey, Route, RouteKey, RuleBits, Tracked, Traffic, VpcBlockKey, Vport, map,
};
use eni_pipeline::Scratch;

use crate::{cut, recent};

#[map]
pub(crate) static GLOBALS: Array<Globals> = Array::with_max_entries(1, 0);
#[map]
pub(crate) static VPORTS: Array<Vport> = Array::with_max_entries(MAX_VPORTS, 0);
#[map]
pub(crate) static MAPPINGS: HashMap<MappingKey, Mapping> =
    HashMap::with_max_entries(map::MAX_MAPPINGS, BPF_F_NO_PREALLOC);
#[map]
pub(crate) static PREFIX_MAPPINGS: LpmTrie<MappingKey, Mapping> =
    LpmTrie::with_max_entries(map::MAX_PREFIX_MAPPINGS, BPF_F_NO_PREALLOC);
#[map]
pub(crate) static PUBLIC_ADDRESSES: HashMap<Address, PublicAddress> =
    HashMap::with_max_entries(map::MAX_PUBLIC_ADDRESSES, BPF_F_NO_PREALLOC);
#[map]
pub(crate) static VPC_BLOCKS: LpmTrie<VpcBlockKey, u32> =
    LpmTrie::with_max_entries(map::MAX_VPC_BLOCKS, BPF_F_NO_PREALLOC);
#[map]
pub(crate) static MACS: HashMap<MacKey, Location> =
    HashMap::with_max_entries(map::MAX_MACS, BPF_F_NO_PREALLOC);
#[map]
pub(crate) static ROUTES: LpmTrie<RouteKey, Route> =
    LpmTrie::with_max_entries(map::MAX_ROUTES, BPF_F_NO_PREALLOC);
#[map]
pub(crate) static POLICIES: HashMap<u32, Policy> =
    HashMap::with_max_entries(map::MAX_POLICIES, BPF_F_NO_PREALLOC);
#[map]
pub(crate) static REMOTE_RULES: LpmTrie<RemoteKey, RuleBits> =
    LpmTrie::with_max_entries(map::MAX_POLICY_ENTRIES, BPF_F_NO_PREALLOC);
#[map]
pub(crate) static IDENTITY_RULES: HashMap<IdentityKey, RuleBits> =
    HashMap::with_max_entries(map::MAX_POLICY_ENTRIES, BPF_F_NO_PREALLOC);
#[map]
pub(crate) static PORT_RULES: LpmTrie<PortKey, RuleBits> =
    LpmTrie::with_max_entries(map::MAX_POLICY_ENTRIES, BPF_F_NO_PREALLOC);
/// One instance's part of [`CONNECTIONS`].
pub(crate) type Connections = btf_maps::HashMap<
    ConnectionKey,
    Connection,
    { map::CONNECTION_ALLOWANCE as usize },
    { BPF_F_NO_PREALLOC as usize },
>;
#[btf_map]
pub(crate) static CONNECTIONS: ArrayOfMaps<Connections, { MAX_VPORTS as usize }> =
    ArrayOfMaps::new();
#[map]
pub(crate) static TRACKED: Array<Tracked> = Array::with_max_entries(MAX_VPORTS, 0);
#[map]
pub(crate) static FLOWS: LruHashMap<FlowKey, Flow> =
    LruHashMap::with_max_entries(map::MAX_FLOWS, 0);
#[map]
pub(crate) static FLOWS_IPV6: LruHashMap<FlowKeyIpv6, Flow> =
    LruHashMap::with_max_entries(map::MAX_FLOWS, 0);
/// One instance's part of [`FRAGMENTS`].
type Fragments = btf_maps::LruHashMap<FragmentKey, Fragment, { map::FRAGMENT_ALLOWANCE as usize }>;
#[btf_map]
pub(crate) static FRAGMENTS: ArrayOfMaps<Fragments, { MAX_VPORTS as usize }> = ArrayOfMaps::new();
#[map]
pub(crate) static NAT_GATEWAYS: HashMap<u32, NatGateway> =
    HashMap::with_max_entries(MAX_NAT_GATEWAYS, BPF_F_NO_PREALLOC);
/// One NAT gateway's part of [`NAT_FLOWS`].
pub(crate) type NatFlows =
    btf_maps::HashMap<NatKey, NatEntry, { map::NAT_ROOM as usize }, { BPF_F_NO_PREALLOC as usize }>;
#[btf_map]
pub(crate) static NAT_FLOWS: ArrayOfMaps<NatFlows, { MAX_NAT_GATEWAYS as usize }> =
    ArrayOfMaps::new();
#[map]
pub(crate) static COUNTERS: PerCpuArray<u64> =
    PerCpuArray::with_max_entries(MAX_VPORTS * DROP_REASON_SLOTS, 0);
#[map]
pub(crate) static TRAFFIC: PerCpuArray<Traffic> = PerCpuArray::with_max_entries(MAX_VPORTS, 0);
#[map]
pub(crate) static LINK_LOCAL: Array<LinkLocalAllowance> = Array::with_max_entries(MAX_VPORTS, 0);
/// See [`crate::recent`]. Not pinned: the next program fills its own.
#[map]
pub(crate) static RECENT_FLOWS: PerCpuArray<recent::Page<FlowKey>> =
    PerCpuArray::with_max_entries(recent::PAGES, 0);
/// The epoch of each slot.
#[map]
pub(crate) static EPOCHS: Array<u64> = Array::with_max_entries(recent::SLOTS, 0);
/// [`RECENT_FLOWS`] of IPv6.
#[map]
pub(crate) static RECENT_FLOWS_IPV6: PerCpuArray<recent::Page<FlowKeyIpv6>> =
    PerCpuArray::with_max_entries(recent::PAGES, 0);
/// [`EPOCHS`] of IPv6.
#[map]
pub(crate) static EPOCHS_IPV6: Array<u64> = Array::with_max_entries(recent::SLOTS, 0);
/// Room for the packet at hand; means nothing between packets.
#[map]
pub(crate) static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);
/// Room for the payload of a packet that is cut; means nothing between packets.
#[map]
pub(crate) static PAYLOAD: PerCpuArray<cut::Payload> = PerCpuArray::with_max_entries(1, 0);
