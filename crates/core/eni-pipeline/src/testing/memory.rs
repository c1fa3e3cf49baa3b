//! What is remembered, in maps.

use alloc::collections::BTreeMap;
use eni_abi::{
    Connection, ConnectionKey, DropReason, Flow, FlowKey, Fragment, FragmentKey, Traffic,
    map::MAX_CONNECTIONS,
};

use crate::Memory;

/// Connections, flows, fragments and counters.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each field is the map of its name")]
pub struct MemoryMemory {
    pub connections: BTreeMap<ConnectionKey, Connection>,
    /// How many connections fit.
    pub max_connections: usize,
    pub flows: BTreeMap<FlowKey, Flow>,
    pub fragments: BTreeMap<FragmentKey, Fragment>,
    pub drops: BTreeMap<(u32, DropReason), u64>,
    pub traffic: BTreeMap<u32, Traffic>,
}

impl Default for MemoryMemory {
    fn default() -> Self {
        Self {
            connections: BTreeMap::new(),
            max_connections: MAX_CONNECTIONS as usize,
            flows: BTreeMap::new(),
            fragments: BTreeMap::new(),
            drops: BTreeMap::new(),
            traffic: BTreeMap::new(),
        }
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

    fn connection(&mut self, key: &ConnectionKey) -> Option<&mut Connection> {
        self.connections.get_mut(key)
    }

    fn tracked(&self, vport: u32) -> u64 {
        let first = |vport| ConnectionKey {
            vport,
            ..ConnectionKey::default()
        };
        self.connections
            .range(first(vport)..first(vport + 1))
            .count() as u64
    }

    fn insert_connection(&mut self, key: &ConnectionKey, connection: &Connection) -> bool {
        let fits =
            self.connections.contains_key(key) || self.connections.len() < self.max_connections;
        if fits {
            self.connections.insert(*key, *connection);
        }
        fits
    }

    fn fragment(&self, key: &FragmentKey) -> Option<&Fragment> {
        self.fragments.get(key)
    }

    fn remember_fragment(&mut self, key: &FragmentKey, fragment: &Fragment) {
        self.fragments.insert(*key, *fragment);
    }

    fn count_drop(&mut self, vport: u32, reason: DropReason) {
        *self.drops.entry((vport, reason)).or_default() += 1;
    }

    fn count_delivery(&mut self, sender: u32, target: u32, packets: u32, bytes: u32) {
        let egress = self.traffic.entry(sender).or_default();
        egress.egress_packets += u64::from(packets);
        egress.egress_bytes += u64::from(bytes);
        let ingress = self.traffic.entry(target).or_default();
        ingress.ingress_packets += u64::from(packets);
        ingress.ingress_bytes += u64::from(bytes);
    }
}
