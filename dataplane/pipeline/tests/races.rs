//! Tables that change while a packet is decided.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cell::Cell;

use eni_abi::Direction::Egress;
use eni_abi::{
    Address, Globals, IdentityKey, InternetBlock, Location, MacKey, Mapping, MappingKey,
    NatGateway, Policy, PolicyKey, Port, PublicAddress, Route, RuleBits, RuleProtocol, VpcBlock,
    Vport,
};
use eni_pipeline::testing::frames::udp;
use eni_pipeline::testing::region::{ANNA, BERT, CARL, add_route, private, small_region};
use eni_pipeline::testing::{MemoryFrame, MemoryMemory, MemoryTables, Rule, add_policy};
use eni_pipeline::{Arrival, Scratch, Tables, process};

/// More lookups than any decision takes.
const MOST_LOOKUPS: u32 = 60;
/// A policy that allows nothing.
const CLOSED: u32 = 99;

/// Changes as a whole after so many lookups.
struct ChangingTables {
    before: MemoryTables,
    after: MemoryTables,
    lookups_left: Cell<u32>,
}

impl ChangingTables {
    fn now(&self) -> &MemoryTables {
        match self.lookups_left.get() {
            0 => &self.after,
            left => {
                self.lookups_left.set(left - 1);
                &self.before
            }
        }
    }
}

impl Tables for ChangingTables {
    fn ordered<'a>(&self, row: &'a Vport) -> &'a Vport {
        row
    }
    fn globals(&self) -> Option<&Globals> {
        self.now().globals()
    }
    fn vport(&self, vport: u32) -> Option<&Vport> {
        self.now().vport(vport)
    }
    fn mapping(&self, key: &MappingKey) -> Option<&Mapping> {
        self.now().mapping(key)
    }
    fn public_address(&self, address: Address) -> Option<&PublicAddress> {
        self.now().public_address(address)
    }
    fn vpc_block(&self, vpc: u32, address: Address) -> Option<VpcBlock> {
        self.now().vpc_block(vpc, address)
    }
    fn internet_block(&self, address: Address) -> Option<InternetBlock> {
        self.now().internet_block(address)
    }
    fn mac(&self, key: &MacKey) -> Option<&Location> {
        self.now().mac(key)
    }
    fn route(&self, route_table: u32, destination: Address) -> Option<&Route> {
        self.now().route(route_table, destination)
    }
    fn nat_gateway(&self, number: u32) -> Option<&NatGateway> {
        self.now().nat_gateway(number)
    }
    fn policy(&self, policy: u32) -> Option<&Policy> {
        self.now().policy(policy)
    }
    fn remote_rules(&self, policy: PolicyKey, remote: Address) -> Option<&RuleBits> {
        self.now().remote_rules(policy, remote)
    }
    fn identity_rules(&self, key: &IdentityKey) -> Option<&RuleBits> {
        self.now().identity_rules(key)
    }
    fn port_rules(
        &self,
        policy: PolicyKey,
        protocol: RuleProtocol,
        port: Port,
    ) -> Option<&RuleBits> {
        self.now().port_rules(policy, protocol, port)
    }
}

/// Changes `before` by `change` after every number of lookups: a packet on the way then may meet either, the next one of its
/// flow, which Anna sends to `destination`, must not pass.
#[track_caller]
fn holds_at_every_moment(
    before: &MemoryTables,
    destination: [u8; 4],
    change: impl Fn(&mut MemoryTables),
) {
    let mut after = before.clone();
    change(&mut after);
    let mut passed = 0;
    for lookups in 0..MOST_LOOKUPS {
        let tables = ChangingTables {
            before: before.clone(),
            after: after.clone(),
            lookups_left: Cell::new(lookups),
        };
        let mut memory = MemoryMemory::default();
        let arrival = Arrival {
            vport: ANNA,
            now_ns: 1_000_000_000_000,
        };
        let mut send = || {
            let mut scratch = Scratch::default();
            let mut frame = MemoryFrame::new(&udp(ANNA, destination, (1, 2)).bytes());
            process(&mut frame, arrival, &tables, &mut memory, || {
                Some(&mut scratch)
            })
            .target()
        };
        passed += u32::from(send().is_some());
        tables.lookups_left.set(0);
        assert_eq!(send(), None, "changed after {lookups} lookups");
    }
    assert!(passed > 0, "before the change packets pass");
}

#[test]
fn a_verdict_on_rows_that_changed_meanwhile_is_not_followed() {
    holds_at_every_moment(&small_region(), private(BERT), |after| {
        after.mappings.clear();
        after.globals.topology_generation += 1;
    });
}

fn change_row(tables: &mut MemoryTables, vport: u32, change: impl Fn(&mut Vport)) {
    let row = tables.vports.get_mut(&vport).unwrap();
    change(row);
    row.generation += 1;
}

#[test]
fn a_cut_is_met_whatever_was_decided_before_it() {
    for vport in [ANNA, BERT] {
        holds_at_every_moment(&small_region(), private(BERT), |after| {
            change_row(after, vport, |row| row.flags |= Vport::BLOCKED);
        });
    }
}

#[test]
fn new_rules_are_met_whatever_was_decided_before_them() {
    let mut before = small_region();
    add_policy(&mut before, CLOSED, &[]);
    for vport in [ANNA, BERT] {
        holds_at_every_moment(&before, private(BERT), |after| {
            change_row(after, vport, |row| row.security_policy = CLOSED);
        });
    }
}

/// The number is another interface's: of another subnet, whose network ACL lets nothing in.
#[test]
fn a_subnet_that_the_next_hop_is_in_by_now_is_entered() {
    const ELSEWHERE: [u8; 4] = [172, 16, 0, 9];
    let mut before = small_region();
    add_policy(&mut before, CLOSED, &[Rule::everything(Egress)]);
    let to_bert = Route::to_interface(Location::here(BERT));
    add_route(&mut before, [172, 16, 0, 0], 12, to_bert);
    change_row(&mut before, BERT, |row| {
        row.flags &= !Vport::SOURCE_DEST_CHECK;
        row.network_acl_policy = CLOSED;
    });
    let subnet = before.vports[&CARL].subnet;
    holds_at_every_moment(&before, ELSEWHERE, |after| {
        change_row(after, BERT, |row| row.subnet = subnet);
    });
}
