//! The desired state in maps.

use alloc::collections::BTreeMap;
use core::hint::black_box;
use core::sync::atomic::{Ordering, fence};

use eni_abi::{
    Address, Globals, IdentityKey, InternetBlock, Location, LpmKey, MacKey, Mapping, MappingKey,
    NatGateway, Policy, PolicyKey, Port, PortKey, Prefix, PublicAddress, RemoteKey, Route,
    RouteKey, RuleBits, RuleProtocol, VpcBlock, VpcBlockKey, Vport,
};

use crate::Tables;

/// All tables that a data plane is filled with.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each field is the map of its name")]
pub struct MemoryTables {
    pub globals: Globals,
    pub vports: BTreeMap<u32, Vport>,
    pub mappings: BTreeMap<MappingKey, Mapping>,
    pub prefix_mappings: BTreeMap<LpmKey<MappingKey>, Mapping>,
    pub public_addresses: BTreeMap<Address, PublicAddress>,
    pub vpc_blocks: BTreeMap<LpmKey<VpcBlockKey>, u32>,
    pub macs: BTreeMap<MacKey, Location>,
    pub routes: BTreeMap<LpmKey<RouteKey>, Route>,
    pub nat_gateways: BTreeMap<u32, NatGateway>,
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
        self.mappings.get(key).or_else(|| {
            longest(&self.prefix_mappings, key.address, |prefix| {
                MappingKey::prefix(key.vpc, prefix)
            })
        })
    }

    fn public_address(&self, address: Address) -> Option<&PublicAddress> {
        self.public_addresses.get(&address)
    }

    fn vpc_block(&self, vpc: u32, address: Address) -> Option<VpcBlock> {
        longest(&self.vpc_blocks, address, |block| {
            VpcBlockKey::prefix(vpc, block)
        })
        .map(|row| VpcBlock::from_row(*row))
    }

    fn internet_block(&self, address: Address) -> Option<InternetBlock> {
        longest(&self.vpc_blocks, address, VpcBlockKey::on_internet)
            .map(|row| InternetBlock::from_row(*row))
    }

    fn mac(&self, key: &MacKey) -> Option<&Location> {
        self.macs.get(key)
    }

    fn route(&self, route_table: u32, destination: Address) -> Option<&Route> {
        longest(&self.routes, destination, |prefix| {
            RouteKey::prefix(route_table, prefix)
        })
    }

    fn nat_gateway(&self, number: u32) -> Option<&NatGateway> {
        self.nat_gateways.get(&number)
    }

    fn policy(&self, policy: u32) -> Option<&Policy> {
        self.policies.get(&policy)
    }

    fn remote_rules(&self, policy: PolicyKey, remote: Address) -> Option<&RuleBits> {
        longest(&self.remote_rules, remote, |prefix| {
            RemoteKey::prefix(policy, prefix)
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

/// The row of the longest prefix that contains `address`.
fn longest<K: Ord, V>(
    rows: &BTreeMap<LpmKey<K>, V>,
    address: Address,
    key: impl Fn(Prefix) -> LpmKey<K>,
) -> Option<&V> {
    if rows.is_empty() {
        return None;
    }
    let shortest = match address.as_v4() {
        Some(_) => Address::IPV4_BITS_BEFORE,
        None => 0,
    };
    (shortest..=Address::BITS)
        .rev()
        .find_map(|length| rows.get(&key(Prefix::around(address, length))))
}
