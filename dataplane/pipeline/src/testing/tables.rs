//! The desired state in maps.

use alloc::collections::BTreeMap;
use core::hint::black_box;
use core::sync::atomic::{Ordering, fence};

use eni_abi::{
    Globals, IdentityKey, Ipv4, LpmKey, MacKey, Mapping, MappingKey, Policy, PolicyKey, Port,
    PortKey, PublicAddress, RemoteKey, Route, RouteKey, RuleBits, RuleProtocol, VpcBlockKey, Vport,
};

use crate::Tables;

/// All tables that a data plane is filled with.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each field is the map of its name")]
pub struct MemoryTables {
    pub globals: Globals,
    pub vports: BTreeMap<u32, Vport>,
    pub mappings: BTreeMap<MappingKey, Mapping>,
    pub public_addresses: BTreeMap<Ipv4, PublicAddress>,
    pub vpc_blocks: BTreeMap<LpmKey<VpcBlockKey>, u32>,
    pub macs: BTreeMap<MacKey, u32>,
    pub routes: BTreeMap<LpmKey<RouteKey>, Route>,
    pub policies: BTreeMap<u32, Policy>,
    pub remote_rules: BTreeMap<LpmKey<RemoteKey>, RuleBits>,
    pub identity_rules: BTreeMap<IdentityKey, RuleBits>,
    pub port_rules: BTreeMap<LpmKey<PortKey>, RuleBits>,
}

impl Tables for MemoryTables {
    fn ordered<'a>(&self, row: &'a Vport) -> &'a Vport {
        fence(Ordering::Acquire);
        black_box(row)
    }

    fn globals(&self) -> Option<&Globals> {
        Some(&self.globals)
    }

    fn vport(&self, vport: u32) -> Option<&Vport> {
        self.vports.get(&vport)
    }

    fn mapping(&self, key: &MappingKey) -> Option<&Mapping> {
        self.mappings.get(key)
    }

    fn public_address(&self, address: Ipv4) -> Option<&PublicAddress> {
        self.public_addresses.get(&address)
    }

    fn is_in_vpc(&self, vpc: u32, address: Ipv4) -> bool {
        (0..=32).any(|length| {
            let network = Ipv4(address.0 & Ipv4::mask(length).0);
            self.vpc_blocks
                .contains_key(&VpcBlockKey::prefix(vpc, network, length))
        })
    }

    fn mac(&self, key: &MacKey) -> Option<u32> {
        self.macs.get(key).copied()
    }

    fn route(&self, route_table: u32, destination: Ipv4) -> Option<&Route> {
        (0..=32).rev().find_map(|length| {
            let network = Ipv4(destination.0 & Ipv4::mask(length).0);
            self.routes
                .get(&RouteKey::prefix(route_table, network, length))
        })
    }

    fn policy(&self, policy: u32) -> Option<&Policy> {
        self.policies.get(&policy)
    }

    fn remote_rules(&self, policy: PolicyKey, remote: Ipv4) -> Option<&RuleBits> {
        (0..=32).rev().find_map(|length| {
            let network = Ipv4(remote.0 & Ipv4::mask(length).0);
            self.remote_rules
                .get(&RemoteKey::prefix(policy, network, length))
        })
    }

    fn identity_rules(&self, key: &IdentityKey) -> Option<&RuleBits> {
        self.identity_rules.get(key)
    }

    fn port_rules(
        &self,
        policy: PolicyKey,
        protocol: RuleProtocol,
        port: Port,
    ) -> Option<&RuleBits> {
        (0..=16).rev().find_map(|length| {
            let first = Port::new(super::policy::first_of_prefix(port.number(), length));
            self.port_rules
                .get(&PortKey::prefix(policy, protocol, first, length))
        })
    }
}
