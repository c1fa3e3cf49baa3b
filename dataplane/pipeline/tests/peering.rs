//! VPC peering connections: from end to end, and no further.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::Direction::Egress;
use eni_abi::{
    Address, Location, Mapping, MappingKey, Prefix, Route, RouteKey, VpcBlock, VpcBlockKey, Vport,
};
use eni_pipeline::testing::frames::udp;
use eni_pipeline::testing::region::{
    ANNA, BERT, CARL, ROUTE_TABLE, UPLINK, VPC, add_route, ip, private, public, router_mac,
};
use eni_pipeline::testing::{MemoryTables, Rule, add_policy};
use support::Bench;

const PEER: u32 = 2;
/// Another peer, with the same addresses, and its guest.
const TWIN: u32 = 3;
const DORA: u32 = 13;
/// A policy that takes nothing unasked.
const LOCKED: u32 = 20;
/// Of the guests of the peer.
const PEER_TABLE: u32 = ROUTE_TABLE + 1;

/// CARL is in another VPC, 10.0.2.0/24, that is peered with the others', 10.0.1.0/24.
fn peered() -> Bench {
    let mut bench = Bench::new();
    let tables = &mut bench.tables;
    let row = tables.vports.get_mut(&CARL).unwrap();
    (row.vpc, row.route_table) = (PEER, PEER_TABLE);
    let address = Address::v4(ip(private(CARL)));
    let key = |vpc| MappingKey { vpc, address };
    let mapping = tables.mappings.remove(&key(VPC)).unwrap();
    tables.mappings.insert(key(PEER), mapping);
    tables.vpc_blocks.clear();
    for (vpc, block) in [(VPC, [10, 0, 1, 0]), (PEER, [10, 0, 2, 0])] {
        let block = Prefix::v4(ip(block), 24);
        tables.vpc_blocks.insert(VpcBlockKey::prefix(vpc, block), 1);
    }
    add_route(tables, [10, 0, 2, 0], 24, Route::to_peer(PEER));
    route_back(tables, Route::to_peer(VPC));
    bench
}

fn route_back(tables: &mut MemoryTables, route: Route) {
    let key = RouteKey::prefix(PEER_TABLE, Prefix::v4(ip([10, 0, 1, 0]), 24));
    tables.routes.insert(key, route);
}

fn by_router(from: u32, destination: [u8; 4]) -> Vec<u8> {
    let mut datagram = udp(from, destination, (1, 2));
    datagram.destination_mac = router_mac(from);
    datagram.bytes()
}

#[test]
fn packets_pass_both_ways_where_both_have_routes() {
    let mut bench = peered();
    let there = by_router(ANNA, private(CARL));
    bench.step(ANNA, &there, &["10 out", "12 in"]);
    let back = by_router(CARL, private(ANNA));
    bench.step(CARL, &back, &["12 out", "10 in"]);
    route_back(&mut bench.tables, Route::of_kind(Route::BLACKHOLE));
    bench.tables.globals.topology_generation += 1;
    bench.step(CARL, &back, &["12 blackhole"]);
    bench.step(ANNA, &there, &["10 out", "12 in"]);
}

#[test]
fn nobody_is_there_whom_the_peer_does_not_have() {
    let mut bench = peered();
    for destination in [[10, 0, 2, 77], [10, 0, 2, 1], [10, 0, 2, 2]] {
        let frame = by_router(ANNA, destination);
        bench.step(ANNA, &frame, &["10 unknown_address"]);
    }
    // One that has no interface here.
    add_route(&mut bench.tables, [10, 0, 2, 0], 24, Route::to_peer(0));
    bench.tables.globals.topology_generation += 1;
    let frame = by_router(ANNA, private(CARL));
    bench.step(ANNA, &frame, &["10 unknown_address"]);
}

/// An appliance, whose check is off, passes on what has come to it from elsewhere.
#[test]
fn a_peer_is_no_way_to_what_lies_behind_it() {
    let mut bench = peered();
    for row in bench.tables.vports.values_mut() {
        row.flags &= !Vport::SOURCE_DEST_CHECK;
    }
    let mut datagram = udp(ANNA, private(CARL), (1, 2));
    datagram.destination_mac = router_mac(ANNA);
    for source in [[198, 51, 100, 1], [10, 0, 3, 1], private(CARL)] {
        let mut strange = datagram.clone();
        strange.source = source;
        bench.step(ANNA, &strange.bytes(), &["10 peering_transit"]);
    }
    // Another of its own VPC is an end.
    let mut own = datagram.clone();
    own.source = private(BERT);
    bench.step(ANNA, &own.bytes(), &["10 out", "12 in"]);
}

/// A third VPC, peered with the first, and with the second's addresses: DORA has CARL's.
fn twins() -> Bench {
    let mut bench = peered();
    let tables = &mut bench.tables;
    let row = Vport {
        vpc: TWIN,
        instance: DORA,
        ..tables.vports[&CARL]
    };
    tables.vports.insert(DORA, row);
    let address = Address::v4(ip(private(CARL)));
    let key = |vpc| MappingKey { vpc, address };
    let mapping = Mapping {
        location: Location::here(DORA),
        ..tables.mappings[&key(PEER)]
    };
    tables.mappings.insert(key(TWIN), mapping);
    let block = Prefix::v4(ip([10, 0, 2, 0]), 24);
    tables
        .vpc_blocks
        .insert(VpcBlockKey::prefix(TWIN, block), VpcBlock::Own as u32);
    for (vpc, peers) in [
        (VPC, [10, 0, 2, 0]),
        (PEER, [10, 0, 1, 0]),
        (TWIN, [10, 0, 1, 0]),
    ] {
        let key = VpcBlockKey::prefix(vpc, Prefix::v4(ip(peers), 24));
        tables.vpc_blocks.insert(key, VpcBlock::Peer as u32);
    }
    add_policy(tables, LOCKED, &[Rule::everything(Egress)]);
    tables.vports.get_mut(&ANNA).unwrap().security_policy = LOCKED;
    bench
}

#[test]
fn a_flow_with_one_peer_is_nothing_to_another_with_its_addresses() {
    let mut bench = twins();
    bench.step(ANNA, &by_router(ANNA, private(CARL)), &["10 out", "12 in"]);
    let mut answer = udp(CARL, private(ANNA), (2, 1));
    answer.destination_mac = router_mac(CARL);
    let answer = answer.bytes();
    bench.step(DORA, &answer, &["10 security_group_ingress"]);
    bench.step(CARL, &answer, &["12 out", "10 in"]);
}

/// BCP 38: whoever the rules trust by a peer's block is in that VPC.
#[test]
fn from_outside_nobody_has_an_address_of_a_peers() {
    let mut bench = twins();
    let outside = |source: [u8; 4]| {
        let mut datagram = udp(UPLINK, public(ANNA), (2, 1));
        datagram.source = source;
        datagram.bytes()
    };
    bench.step(ANNA, &by_router(ANNA, private(CARL)), &["10 out", "12 in"]);
    bench.step(UPLINK, &outside(private(CARL)), &["9 inside_source"]);
    bench.step(
        UPLINK,
        &outside([10, 0, 3, 1]),
        &["10 security_group_ingress"],
    );
}
