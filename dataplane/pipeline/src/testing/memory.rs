//! What is remembered, in maps.

use alloc::collections::BTreeMap;
use eni_abi::{
    Connection, ConnectionKey, DropReason, Flow, FlowKey, FlowKeyIpv6, Fragment, FragmentKey,
    LinkLocalAllowance, NatEntry, NatKey, Service, Traffic, map::CONNECTION_ALLOWANCE,
    map::NAT_ROOM,
};

use crate::{Insertion, Memory, NatInsertion, Outcome, Record};

/// Connections, flows, fragments and counters.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each field is what its name says")]
pub struct MemoryMemory {
    pub connections: BTreeMap<ConnectionKey, Connection>,
    /// The instances of the vports that have connections.
    pub instances: BTreeMap<u32, u32>,
    /// How many connections there is memory for.
    pub max_connections: usize,
    pub flows: BTreeMap<FlowKey, Flow>,
    pub flows_ipv6: BTreeMap<FlowKeyIpv6, Flow>,
    pub fragments: BTreeMap<FragmentKey, Fragment>,
    pub drops: BTreeMap<(u32, DropReason), u64>,
    pub traffic: BTreeMap<u32, Traffic>,
    pub link_local: BTreeMap<u32, LinkLocalAllowance>,
    /// By NAT gateway and key.
    pub nat_flows: BTreeMap<(u32, NatKey), NatEntry>,
    /// The last number that was drawn.
    pub drawn: u64,
    /// What is drawn next, whatever that was.
    pub next_draw: Option<u32>,
    pub last_record: Option<Record>,
}

impl Default for MemoryMemory {
    fn default() -> Self {
        Self {
            connections: BTreeMap::new(),
            instances: BTreeMap::new(),
            max_connections: usize::MAX,
            flows: BTreeMap::new(),
            flows_ipv6: BTreeMap::new(),
            fragments: BTreeMap::new(),
            drops: BTreeMap::new(),
            traffic: BTreeMap::new(),
            link_local: BTreeMap::new(),
            nat_flows: BTreeMap::new(),
            drawn: 0,
            next_draw: None,
            last_record: None,
        }
    }
}

impl MemoryMemory {
    /// How many connections the vports of `instance` have.
    fn tracked(&self, instance: u32) -> usize {
        let first = |vport| ConnectionKey {
            vport,
            ..ConnectionKey::default()
        };
        let vports = self.instances.iter().filter(|(_, of)| **of == instance);
        vports
            .map(|(vport, _)| {
                let range = first(*vport)..first(vport + 1);
                self.connections.range(range).count()
            })
            .sum()
    }
}

impl Memory for MemoryMemory {
    fn flow(&self, key: &FlowKey) -> Option<&Flow> {
        self.flows.get(key)
    }

    fn remember_flow(&mut self, key: &FlowKey, flow: &Flow) {
        self.flows.insert(*key, *flow);
    }

    fn forget_flow(&mut self, key: &FlowKey) {
        self.flows.remove(key);
    }

    fn flow_ipv6(&self, key: &FlowKeyIpv6) -> Option<&Flow> {
        self.flows_ipv6.get(key)
    }

    fn remember_flow_ipv6(&mut self, key: &FlowKeyIpv6, flow: &Flow) {
        self.flows_ipv6.insert(*key, *flow);
    }

    fn forget_flow_ipv6(&mut self, key: &FlowKeyIpv6) {
        self.flows_ipv6.remove(key);
    }

    fn connection(&mut self, _instance: u32, key: &ConnectionKey) -> Option<&mut Connection> {
        self.connections.get_mut(key)
    }

    fn insert_connection(
        &mut self,
        instance: u32,
        key: &ConnectionKey,
        connection: &Connection,
    ) -> Insertion {
        self.instances.insert(key.vport, instance);
        if !self.connections.contains_key(key) {
            if self.tracked(instance) >= CONNECTION_ALLOWANCE as usize {
                return Insertion::AllowanceExceeded;
            }
            if self.connections.len() >= self.max_connections {
                return Insertion::NoRoom;
            }
        }
        self.connections.insert(*key, *connection);
        Insertion::Done
    }

    fn fragment(&self, _instance: u32, key: &FragmentKey) -> Option<&Fragment> {
        self.fragments.get(key)
    }

    fn remember_fragment(&mut self, _instance: u32, key: &FragmentKey, fragment: &Fragment) {
        self.fragments.insert(*key, *fragment);
    }

    fn nat_entry(&mut self, gateway: u32, key: &NatKey) -> Option<&mut NatEntry> {
        self.nat_flows.get_mut(&(gateway, *key))
    }

    fn insert_nat_entry(&mut self, gateway: u32, key: &NatKey, entry: &NatEntry) -> NatInsertion {
        if self.nat_flows.contains_key(&(gateway, *key)) {
            return NatInsertion::Taken;
        }
        if self.nat_flows.len() >= NAT_ROOM as usize {
            return NatInsertion::NoRoom;
        }
        self.nat_flows.insert((gateway, *key), *entry);
        NatInsertion::Done
    }

    fn remove_nat_entry(&mut self, gateway: u32, key: &NatKey) {
        self.nat_flows.remove(&(gateway, *key));
    }

    fn add_nat_flows(&mut self, gateway: u32, key: &NatKey, addend: i64) -> Option<u64> {
        let entry = self.nat_flows.get_mut(&(gateway, *key))?;
        let before = entry.flows;
        entry.flows = before.wrapping_add_signed(addend);
        Some(before)
    }

    /// As SplitMix64 does.
    fn random(&mut self) -> u32 {
        if let Some(number) = self.next_draw.take() {
            return number;
        }
        self.drawn = self.drawn.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.drawn ^ (self.drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 32) as u32
    }

    fn take_link_local(&mut self, vport: u32, service: Service, packets: u32, now_ns: u64) -> bool {
        let allowance = self.link_local.entry(vport).or_default();
        allowance.take_for(service, packets, now_ns)
    }

    fn record(&mut self, record: &Record) {
        let (packets, bytes) = (u64::from(record.packets), u64::from(record.bytes));
        match record.outcome {
            Outcome::Delivered { target, .. } => {
                let egress = self.traffic.entry(record.sender).or_default();
                egress.egress_packets += packets;
                egress.egress_bytes += bytes;
                let ingress = self.traffic.entry(target).or_default();
                ingress.ingress_packets += packets;
                ingress.ingress_bytes += bytes;
            }
            Outcome::Dropped { vport, reason, .. } => {
                *self.drops.entry((vport, reason)).or_default() += 1;
            }
        }
        self.last_record = Some(*record);
    }
}
