//! NAT gateways: which way a flow leaves, and that nobody answers by another one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::{
    Address, Location, Mac, Mapping, MappingKey, Prefix, Route, RouteKey, VpcBlock, VpcBlockKey,
    Vport,
};
use eni_pipeline::testing::frames::{Datagram, icmp_error, tcp, udp};
use eni_pipeline::testing::region::{
    ANNA, BERT, CARL, UPLINK, VPC, add_route, ip, mac, private, router_mac,
};
use eni_pipeline::testing::region_nat::{
    GATEWAY, MAC, SERVER, add_private_route, inner, nat_region, outer, source_of,
};
use eni_wire::tcp_flag::{ACK, RST, SYN};
use support::Bench;

const GOES_OUT: &[&str] = &["12 out", "9 in"];
const COMES_BACK: &[&str] = &["9 out", "12 in"];
/// Guests of two VPCs that are peered with the others', and have the same addresses.
const PEERS: [(u32, u32); 2] = [(13, 2), (14, 3)];
const DORA: u32 = PEERS[0].0;
const EMIL: u32 = PEERS[1].0;
/// The only address of each.
const TWINS: [u8; 4] = [10, 9, 0, 5];

fn behind_gateway() -> Bench {
    let mut bench = Bench {
        tables: nat_region(1),
        ..Bench::new()
    };
    for (vport, vpc) in PEERS {
        add_peer(&mut bench, vport, vpc);
    }
    lead_to(&mut bench, PEERS[0].1);
    add_private_route(
        &mut bench.tables,
        [10, 9, 0, 0],
        16,
        Route::to_nat_gateway(GATEWAY),
    );
    bench
}

/// A guest of a VPC of its own, from which the others' is reached.
fn add_peer(bench: &mut Bench, vport: u32, vpc: u32) {
    let tables = &mut bench.tables;
    let row = Vport {
        vpc,
        subnet: 10 + vpc,
        subnet_address: ip([10, 9, 0, 0]),
        router_address: ip([10, 9, 0, 1]),
        route_table: 10 + vpc,
        mac: Mac::from_bytes(mac(vport)),
        router_mac: Mac::from_bytes(router_mac(vport)),
        instance: vport,
        ..tables.vports[&CARL]
    };
    tables.vports.insert(vport, row);
    let mapping = Mapping {
        location: Location::here(vport),
        subnet: row.subnet,
        mac: row.mac,
        ..Mapping::default()
    };
    let address = Address::v4(ip(TWINS));
    tables.mappings.insert(MappingKey { vpc, address }, mapping);
    let block = VpcBlockKey::prefix(vpc, Prefix::v4(ip([10, 9, 0, 0]), 16));
    tables.vpc_blocks.insert(block, VpcBlock::Own as u32);
    let back = RouteKey::prefix(row.route_table, Prefix::v4(ip([10, 0, 0, 0]), 16));
    tables.routes.insert(back, Route::to_peer(VPC));
}

/// From the gateway's subnet the twins' block leads to the VPC of this number.
fn lead_to(bench: &mut Bench, vpc: u32) {
    add_route(&mut bench.tables, [10, 9, 0, 0], 16, Route::to_peer(vpc));
    bench.tables.globals.topology_generation += 1;
}

/// A packet that its sender gives its router.
fn by_router(from: u32, source: [u8; 4], datagram: Datagram) -> Vec<u8> {
    Datagram {
        source,
        destination_mac: router_mac(from),
        source_mac: mac(from),
        ..datagram
    }
    .bytes()
}

fn switch_off_check(bench: &mut Bench, vport: u32) {
    bench.tables.vports.get_mut(&vport).unwrap().flags &= !Vport::SOURCE_DEST_CHECK;
}

/// By the router and by the gateway's MAC address: the answer, an RST, and an error that cuts the guest's path MTU.
#[test]
fn nobody_in_the_vpc_answers_in_the_name_of_the_internet() {
    let mut bench = behind_gateway();
    switch_off_check(&mut bench, BERT);
    let out = bench
        .step(CARL, &tcp(CARL, SERVER, (5, 80), SYN).bytes(), GOES_OUT)
        .unwrap();
    let (_, port) = source_of(&out);
    let forged = [
        tcp(BERT, inner(0), (80, port), SYN | ACK),
        tcp(BERT, inner(0), (80, port), RST),
        icmp_error(BERT, inner(0), [3, 4], &out[14..]),
    ];
    for datagram in forged {
        let routed = by_router(BERT, SERVER, datagram);
        bench.step(BERT, &routed, &["11 nat_unsolicited"]);
        let mut by_mac = routed;
        by_mac[..6].copy_from_slice(&MAC);
        bench.step(BERT, &by_mac, &["11 nat_unsolicited"]);
    }
    // What he forges has moved nothing.
    let answer = tcp(UPLINK, outer(0), (80, port), SYN | ACK).bytes();
    bench.step(UPLINK, &answer, COMES_BACK);
}

#[test]
fn a_peered_vpc_says_nothing_about_flows_to_the_internet() {
    let mut bench = behind_gateway();
    let out = bench
        .step(CARL, &udp(CARL, SERVER, (5, 53)).bytes(), GOES_OUT)
        .unwrap();
    // As the packet was inside, and as it was outside.
    for source in [inner(0), outer(0)] {
        let mut quote = out[14..].to_vec();
        quote[12..16].copy_from_slice(&source);
        let error = icmp_error(DORA, inner(0), [3, 4], &quote);
        let error = by_router(DORA, TWINS, error);
        bench.step(DORA, &error, &["13 nat_unsolicited"]);
    }
}

#[test]
fn two_peers_with_the_same_addresses_have_flows_of_their_own() {
    let mut bench = behind_gateway();
    let question = udp(CARL, TWINS, (5, 53)).bytes();
    let to_dora = bench.step(CARL, &question, &["12 out", "13 in"]).unwrap();
    let (source, port) = source_of(&to_dora);
    assert_eq!(source, inner(0));
    let answer = |from, port| by_router(from, TWINS, udp(from, inner(0), (53, port)));
    bench.step(EMIL, &answer(EMIL, port), &["14 nat_unsolicited"]);
    bench.step(DORA, &answer(DORA, port), &["13 out", "12 in"]);
    // By another way the same ends are another flow; TCP in its middle is of none.
    let segment = |flags| tcp(CARL, TWINS, (6, 80), flags).bytes();
    bench.step(CARL, &segment(SYN), &["12 out", "13 in"]);
    lead_to(&mut bench, PEERS[1].1);
    let to_emil = bench.step(CARL, &question, &["12 out", "14 in"]).unwrap();
    let (_, other) = source_of(&to_emil);
    bench.step(DORA, &answer(DORA, other), &["13 nat_unsolicited"]);
    bench.step(EMIL, &answer(EMIL, other), &["14 out", "12 in"]);
    bench.step(CARL, &segment(ACK), &["12 nat_idle", "12 out", "12 in"]);
    bench.step(CARL, &segment(SYN), &["12 out", "14 in"]);
}

/// It is for hosts on one link, and tells a guest another next hop.
#[test]
fn a_redirect_passes_neither_way() {
    let mut bench = behind_gateway();
    let out = bench
        .step(CARL, &udp(CARL, SERVER, (5, 53)).bytes(), GOES_OUT)
        .unwrap();
    for code in 0..4 {
        let redirect = icmp_error(UPLINK, outer(0), [5, code], &out[14..]);
        bench.step(UPLINK, &redirect.bytes(), &["9 redirect"]);
    }
    let (_, port) = source_of(&out);
    let answer = udp(UPLINK, outer(0), (53, port)).bytes();
    let came = bench.step(UPLINK, &answer, COMES_BACK).unwrap();
    let redirect = icmp_error(CARL, SERVER, [5, 1], &came[14..]);
    bench.step(CARL, &redirect.bytes(), &["12 redirect"]);
}

/// Carl may send for others; what cannot come back does not go.
#[test]
fn only_what_can_come_back_goes_out() {
    let mut bench = behind_gateway();
    switch_off_check(&mut bench, CARL);
    let of = |source| Datagram {
        source,
        ..udp(CARL, SERVER, (5, 53))
    };
    bench.step(CARL, &of([10, 0, 77, 1]).bytes(), GOES_OUT);
    for strange in [[192, 168, 0, 1], [198, 51, 100, 7], TWINS] {
        bench.step(CARL, &of(strange).bytes(), &["12 nat_source"]);
    }
    assert_eq!(bench.memory.nat_flows.len(), 3, "of the one that went");
    // Behind an appliance, such as a VPN's end.
    let appliance = Route::to_interface(Location::here(CARL));
    add_route(&mut bench.tables, [192, 168, 0, 0], 24, appliance);
    bench.tables.globals.topology_generation += 1;
    let out = bench
        .step(CARL, &of([192, 168, 0, 1]).bytes(), GOES_OUT)
        .unwrap();
    let (_, port) = source_of(&out);
    let back = udp(UPLINK, outer(0), (53, port)).bytes();
    let back = bench.step(UPLINK, &back, COMES_BACK).unwrap();
    assert_eq!(back[30..34], [192, 168, 0, 1]);
}

/// A flow that leaves for an interface of the VPC is answered from there.
#[test]
fn what_stays_in_the_vpc_is_answered_from_the_vpc_alone() {
    let mut bench = behind_gateway();
    let inside = Route::to_nat_gateway(GATEWAY);
    add_private_route(&mut bench.tables, [10, 0, 1, 0], 24, inside);
    bench.tables.globals.topology_generation += 1;
    let question = udp(CARL, private(ANNA), (5, 53)).bytes();
    let out = bench.step(CARL, &question, &["12 out", "10 in"]).unwrap();
    let (_, port) = source_of(&out);
    // A peer with an address of the VPC's own, which no route of the VPC leads to.
    let block = VpcBlockKey::prefix(PEERS[0].1, Prefix::v4(ip([10, 0, 1, 0]), 24));
    bench.tables.vpc_blocks.insert(block, VpcBlock::Own as u32);
    switch_off_check(&mut bench, DORA);
    let forged = by_router(DORA, private(ANNA), udp(DORA, inner(0), (53, port)));
    bench.step(DORA, &forged, &["13 nat_unsolicited"]);
    let answer = by_router(ANNA, private(ANNA), udp(ANNA, inner(0), (53, port)));
    bench.step(ANNA, &answer, &["10 out", "12 in"]);
}
