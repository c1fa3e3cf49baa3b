//! Ways that the tables can name and the fabric does not go: targets of other kinds, receivers on other hosts, prefixes of
//! the other family.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::net::Ipv6Addr;

use eni_abi::Direction::Ingress;
use eni_abi::{
    Address, Location, PolicyKey, Prefix, RemoteKey, Route, RouteKey, RuleBits, VpcBlockKey,
};
use eni_pipeline::testing::frames::{arp_request, udp};
use eni_pipeline::testing::region::{
    ANNA, BERT, CARL, OPEN_GROUP, ROUTE_TABLE, UPLINK, VPC, add_route, ip, private, public,
    router_mac,
};
use support::{Bench, PASSES};

/// Bert, on the host whose tunnel ends at 192.0.2.7.
fn elsewhere() -> Location {
    Location {
        host: Address::v4(ip([192, 0, 2, 7])),
        vport: BERT,
    }
}

/// Moves Bert's addresses and MAC to another host.
fn move_bert(bench: &mut Bench) {
    let tables = &mut bench.tables;
    let bert = Location::here(BERT);
    let mappings = tables.mappings.values_mut().map(|row| &mut row.location);
    let public = tables.public_addresses.values_mut();
    let locations = mappings.chain(public.map(|row| &mut row.location));
    for location in locations.chain(tables.macs.values_mut()) {
        if *location == bert {
            *location = elsewhere();
        }
    }
}

#[test]
fn a_target_of_another_kind_is_refused() {
    for kind in Route::UNSUPPORTED {
        let mut bench = Bench::new();
        add_route(&mut bench.tables, [172, 16, 0, 0], 12, Route::of_kind(kind));
        let frame = udp(ANNA, [172, 16, 0, 1], (1, 2)).bytes();
        bench.step(ANNA, &frame, &["10 unsupported_target"]);
    }
}

#[test]
fn a_receiver_on_another_host_is_refused_whatever_leads_there() {
    let mut bench = Bench::new();
    move_bert(&mut bench);
    let by_route = Route::to_interface(elsewhere());
    add_route(&mut bench.tables, [172, 16, 0, 0], 12, by_route);
    let by_router = |vport, destination| {
        let mut datagram = udp(vport, destination, (1, 2));
        datagram.destination_mac = router_mac(vport);
        datagram.bytes()
    };
    let cases = [
        (ANNA, udp(ANNA, private(BERT), (1, 2)).bytes(), "by MAC"),
        (ANNA, by_router(ANNA, private(BERT)), "by the local route"),
        (ANNA, by_router(ANNA, [172, 16, 0, 1]), "by a route to it"),
        (ANNA, by_router(ANNA, public(BERT)), "by public address"),
        (UPLINK, by_router(UPLINK, public(BERT)), "from outside"),
    ];
    for (vport, frame, what) in cases {
        println!("{what}");
        bench.step(vport, &frame, &[&format!("{vport} other_host")]);
    }
}

/// Who asks for its MAC is answered all the same: it is the subnet's neighbour.
#[test]
fn a_neighbour_on_another_host_is_found_by_arp() {
    let mut bench = Bench::new();
    move_bert(&mut bench);
    let request = arp_request(ANNA, private(ANNA), private(BERT));
    bench.step(ANNA, &request, &["10 out", "10 in"]);
}

/// The tables of both families are one: what contains all of IPv6 must not hold for IPv4.
#[test]
fn a_prefix_of_all_ipv6_says_nothing_of_ipv4_beside_its_own() {
    let all = Prefix {
        address: Address::NONE,
        length: 0,
    };
    let mut bench = Bench::new();
    let tables = &mut bench.tables;
    let blackhole = Route::of_kind(Route::BLACKHOLE);
    let key = RouteKey::prefix(ROUTE_TABLE, all);
    tables.routes.insert(key, blackhole);
    let key = RemoteKey::prefix(PolicyKey::new(OPEN_GROUP, Ingress), all);
    tables.remote_rules.insert(key, RuleBits::EMPTY);
    let ula = Address::from("fd00::".parse::<Ipv6Addr>().unwrap());
    let block = Prefix {
        address: ula,
        length: 64,
    };
    tables.vpc_blocks.insert(VpcBlockKey::prefix(VPC, block), 1);
    bench.step(ANNA, &udp(ANNA, private(BERT), (1, 2)).bytes(), PASSES);
    let frame = udp(ANNA, private(CARL), (1, 2)).bytes();
    bench.step(ANNA, &frame, &["10 out", "12 in"]);
    let frame = udp(ANNA, [198, 51, 100, 1], (1, 2)).bytes();
    bench.step(ANNA, &frame, &["10 out", "9 in"]);
}
