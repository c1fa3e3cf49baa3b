//! The route table of a VPC's internet gateway: it leads what comes in by it to an appliance, or to who has the address.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::{Location, Prefix, Route, RouteKey, Vport};
use eni_pipeline::testing::region::{
    ANNA, BERT, CARL, ROUTE_TABLE, UPLINK, VPC, add_route, ip, private, public, router_mac,
};
use eni_pipeline::testing::region_ipv6::{self, VPC_BLOCK, announce, own, set_default_route};
use eni_pipeline::testing::{MemoryTables, frames, frames_ipv6};
use support::Bench;

const HOST: [u8; 4] = [198, 51, 100, 1];
const TO_BERT: &[&str] = &["9 out", "11 in"];
const TO_APPLIANCE: &[&str] = &["9 out", "12 in"];

/// What comes in for the subnet of ANNA and BERT goes to CARL, who takes what is not his own.
fn guarded() -> Bench {
    let mut bench = Bench::dual();
    lead(&mut bench.tables, Route::to_interface(Location::here(CARL)));
    let row = bench.tables.vports.get_mut(&CARL).unwrap();
    row.flags &= !Vport::SOURCE_DEST_CHECK;
    bench
}

fn lead(tables: &mut MemoryTables, route: Route) {
    let block = Prefix::around(region_ipv6::subnet(BERT).into(), 64);
    for prefix in [Prefix::v4(ip([10, 0, 1, 0]), 24), block] {
        let key = RouteKey::prefix(RouteKey::of_gateway(VPC), prefix);
        tables.routes.insert(key, route);
    }
    tables.globals.topology_generation += 1;
}

fn from_outside() -> Vec<u8> {
    frames::udp(UPLINK, public(BERT), (53, 1_000)).bytes()
}

fn from_outside_ipv6() -> Vec<u8> {
    frames_ipv6::udp(UPLINK, own(BERT), (53, 1_000)).bytes()
}

#[test]
fn an_appliance_is_given_what_comes_in_and_hands_it_on() {
    let mut bench = guarded();
    let given = bench.step(UPLINK, &from_outside(), TO_APPLIANCE).unwrap();
    // Under the address that it has inside, which is another's.
    assert_eq!(given[30..34], private(BERT));
    let mut on = frames::udp(CARL, private(BERT), (53, 1_000));
    on.source = HOST;
    on.destination_mac = router_mac(CARL);
    bench.step(CARL, &on.bytes(), &["12 out", "11 in"]);
    let given = bench
        .step(UPLINK, &from_outside_ipv6(), TO_APPLIANCE)
        .unwrap();
    assert_eq!(given[38..54], own(BERT).octets());
}

#[test]
fn what_goes_back_by_the_appliance_leaves_under_the_owners_public_address() {
    let mut bench = guarded();
    add_route(
        &mut bench.tables,
        HOST,
        32,
        Route::to_interface(Location::here(CARL)),
    );
    let mut answer = frames::udp(BERT, HOST, (1_000, 53));
    answer.destination_mac = router_mac(BERT);
    bench.step(BERT, &answer.bytes(), &["11 out", "12 in"]);
    // The appliance's own subnet has a way out.
    let row = bench.tables.vports.get_mut(&CARL).unwrap();
    row.route_table = ROUTE_TABLE + 1;
    row.generation += 1;
    let key = RouteKey::prefix(ROUTE_TABLE + 1, Prefix::ALL_IPV4);
    let out = Route::of_kind(Route::INTERNET_GATEWAY);
    bench.tables.routes.insert(key, out);
    let mut on = frames::udp(CARL, HOST, (1_000, 53));
    on.source = private(BERT);
    on.destination_mac = router_mac(CARL);
    let sent = bench.step(CARL, &on.bytes(), &["12 out", "9 in"]).unwrap();
    assert_eq!(sent[26..30], public(BERT));
}

#[test]
fn an_appliance_that_checks_destinations_is_given_nothing() {
    let mut bench = guarded();
    let row = bench.tables.vports.get_mut(&CARL).unwrap();
    row.flags |= Vport::SOURCE_DEST_CHECK;
    for frame in [from_outside(), from_outside_ipv6()] {
        bench.step(UPLINK, &frame, &["12 destination_check"]);
    }
}

#[test]
fn a_local_route_leads_to_the_owner_and_one_to_nowhere_drops() {
    let mut bench = guarded();
    for (route, moved) in [
        (Route::of_kind(Route::LOCAL), TO_BERT),
        (Route::of_kind(Route::BLACKHOLE), &["9 blackhole"]),
        (Route::to_interface(Location::here(CARL)), TO_APPLIANCE),
    ] {
        lead(&mut bench.tables, route);
        for frame in [from_outside(), from_outside_ipv6()] {
            bench.step(UPLINK, &frame, moved);
        }
    }
    // Other VPCs are not concerned.
    let anywhere = RouteKey::of_gateway(VPC + 1);
    let moved = bench
        .tables
        .routes
        .clone()
        .into_iter()
        .map(|(mut key, row)| {
            if key.data.route_table_number() == RouteKey::of_gateway(VPC) {
                key.data.route_table += anywhere - RouteKey::of_gateway(VPC);
            }
            (key, row)
        });
    bench.tables.routes = moved.collect();
    bench.tables.globals.topology_generation += 1;
    for frame in [from_outside(), from_outside_ipv6()] {
        bench.step(UPLINK, &frame, TO_BERT);
    }
}

#[test]
fn what_turns_around_in_the_region_comes_in_by_the_gateway_too() {
    let mut bench = guarded();
    let mut frame = frames::udp(ANNA, public(BERT), (1, 2));
    frame.destination_mac = router_mac(ANNA);
    bench.step(ANNA, &frame.bytes(), &["10 out", "12 in"]);
}

/// By the egress-only gateway comes what answers, and no other gateway's table is asked about it.
#[test]
fn what_comes_in_by_the_egress_only_gateway_goes_to_the_owner() {
    let mut bench = guarded();
    set_default_route(&mut bench.tables, Route::EGRESS_ONLY_INTERNET_GATEWAY);
    let asked = frames_ipv6::udp(BERT, region_ipv6::HOST, (1_000, 53));
    bench.step(BERT, &asked.bytes(), &["11 out", "9 in"]);
    bench.step(UPLINK, &from_outside_ipv6(), TO_BERT);
    // Without an internet gateway there is no table of its either.
    announce(&mut bench.tables, false);
    bench.step(UPLINK, &from_outside_ipv6(), TO_BERT);
    assert_eq!(VPC_BLOCK.1, 56);
}
