//! VPC peering connections: from end to end, and no further.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::{Address, MappingKey, Prefix, Route, RouteKey, VpcBlockKey, Vport};
use eni_pipeline::testing::MemoryTables;
use eni_pipeline::testing::frames::udp;
use eni_pipeline::testing::region::{
    ANNA, BERT, CARL, ROUTE_TABLE, VPC, add_route, ip, private, router_mac,
};
use support::Bench;

const PEER: u32 = 2;
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
