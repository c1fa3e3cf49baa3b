//! Tables that change while a packet is decided.

use std::cell::Cell;

use eni_abi::{
    Globals, IdentityKey, Ipv4, MacKey, Mapping, MappingKey, Policy, PolicyKey, Port,
    PublicAddress, Route, RuleBits, Vport,
};
use eni_pipeline::testing::frames::udp;
use eni_pipeline::testing::region::{ANNA, BERT, private, small_region};
use eni_pipeline::testing::{MemoryFrame, MemoryMemory, MemoryTables};
use eni_pipeline::{Arrival, Scratch, Tables, process};

/// Changes as a whole when the receiver's rules are asked, after the sender's: the last that a decision looks up.
struct ChangingTables {
    before: MemoryTables,
    after: MemoryTables,
    policies_asked: Cell<u32>,
}

impl ChangingTables {
    fn now(&self) -> &MemoryTables {
        if self.policies_asked.get() >= 2 {
            &self.after
        } else {
            &self.before
        }
    }
}

impl Tables for ChangingTables {
    fn globals(&self) -> Option<&Globals> {
        self.now().globals()
    }
    fn vport(&self, vport: u32) -> Option<&Vport> {
        self.now().vport(vport)
    }
    fn mapping(&self, key: &MappingKey) -> Option<&Mapping> {
        self.now().mapping(key)
    }
    fn public_address(&self, address: Ipv4) -> Option<&PublicAddress> {
        self.now().public_address(address)
    }
    fn is_in_vpc(&self, vpc: u32, address: Ipv4) -> bool {
        self.now().is_in_vpc(vpc, address)
    }
    fn mac(&self, key: &MacKey) -> Option<u32> {
        self.now().mac(key)
    }
    fn route(&self, route_table: u32, destination: Ipv4) -> Option<&Route> {
        self.now().route(route_table, destination)
    }
    fn policy(&self, policy: u32) -> Option<&Policy> {
        let row = self.now().policy(policy);
        self.policies_asked.set(self.policies_asked.get() + 1);
        row
    }
    fn remote_rules(&self, policy: PolicyKey, remote: Ipv4) -> Option<&RuleBits> {
        self.before.remote_rules(policy, remote)
    }
    fn identity_rules(&self, key: &IdentityKey) -> Option<&RuleBits> {
        self.before.identity_rules(key)
    }
    fn port_rules(
        &self,
        policy: PolicyKey,
        protocol: eni_abi::RuleProtocol,
        port: Port,
    ) -> Option<&RuleBits> {
        self.before.port_rules(policy, protocol, port)
    }
}

#[test]
fn a_verdict_on_rows_that_changed_meanwhile_is_not_followed() {
    let (before, mut after) = (small_region(), small_region());
    after.mappings.clear();
    after.globals.topology_generation += 1;
    let tables = ChangingTables {
        before,
        after,
        policies_asked: Cell::new(0),
    };
    let mut memory = MemoryMemory::default();
    let arrival = Arrival {
        vport: ANNA,
        now_ns: 1_000_000_000_000,
    };
    let mut send = || {
        let mut scratch = Scratch::default();
        let mut frame = MemoryFrame::new(&udp(ANNA, private(BERT), (1, 2)).bytes());
        process(&mut frame, arrival, &tables, &mut memory, || {
            Some(&mut scratch)
        })
        .target()
    };
    assert_eq!(send(), Some(BERT));
    assert_eq!(send(), None, "nobody has the address any more");
}
