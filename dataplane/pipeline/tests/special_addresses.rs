//! Addresses that no router forwards, and sources that cannot come from where they come.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::{Ipv4, Location, Prefix, Route, VpcBlockKey, Vport};
use eni_pipeline::testing::frames::{Datagram, echo, tcp, udp};
use eni_pipeline::testing::region::{
    ANNA, BERT, CARL, UPLINK, VPC, add_route, ip, mac, private, public, router_mac,
};
use eni_wire::tcp_flag::SYN;
use support::Bench;

/// One of each block, and its ends.
const SPECIAL: [[u8; 4]; 11] = [
    [0, 0, 0, 0],
    [0, 0, 0, 1],
    [0, 255, 255, 255],
    [127, 0, 0, 1],
    [127, 255, 255, 254],
    [169, 254, 0, 0],
    [169, 254, 169, 252],
    [169, 254, 169, 255],
    [169, 254, 255, 255],
    [240, 0, 0, 1],
    [255, 255, 255, 254],
];
/// Neighbours of the blocks, and networks that an uplink may lead into.
const ORDINARY: [[u8; 4]; 8] = [
    [1, 0, 0, 0],
    [126, 255, 255, 255],
    [169, 253, 255, 255],
    [223, 255, 255, 254],
    [192, 168, 0, 1],
    [100, 64, 0, 1],
    [198, 18, 0, 1],
    [192, 0, 2, 1],
];

fn frames(vport: u32, destination: [u8; 4]) -> [Datagram; 3] {
    [
        tcp(vport, destination, (9, 80), SYN),
        udp(vport, destination, (9, 53)),
        echo(vport, destination, 8, 5),
    ]
}

fn without_checks(bench: &mut Bench) {
    for vport in [ANNA, BERT, CARL] {
        bench.tables.vports.get_mut(&vport).unwrap().flags &= !Vport::SOURCE_DEST_CHECK;
    }
}

#[test]
fn no_route_leads_to_an_address_that_no_router_forwards() {
    for route in [
        (Route::INTERNET_GATEWAY, 0),
        (Route::INTERFACE, BERT),
        (Route::LOCAL, 0),
    ] {
        let mut bench = Bench::new();
        without_checks(&mut bench);
        let (kind, vport) = route;
        for destination in SPECIAL {
            // A route for just this address: the most specific of all.
            add_route(
                &mut bench.tables,
                destination,
                32,
                Route {
                    kind,
                    location: Location::here(vport),
                    vpc: 0,
                },
            );
            for frame in frames(ANNA, destination) {
                let frame = Datagram {
                    destination_mac: router_mac(ANNA),
                    ..frame
                };
                bench.step(ANNA, &frame.bytes(), &["10 special_address"]);
            }
        }
    }
}

#[test]
fn addresses_beside_those_blocks_leave() {
    for destination in ORDINARY {
        let mut bench = Bench::new();
        for frame in frames(ANNA, destination) {
            bench.step(ANNA, &frame.bytes(), &["10 out", "9 in"]);
        }
    }
}

/// A neighbour that forwards would route it on, out to the host.
#[test]
fn no_neighbour_is_given_what_no_router_forwards() {
    let mut bench = Bench::new();
    without_checks(&mut bench);
    for destination in SPECIAL {
        let frame = Datagram {
            destination_mac: mac(BERT),
            ..udp(ANNA, destination, (9, 53))
        };
        bench.step(ANNA, &frame.bytes(), &["10 special_address"]);
    }
}

#[test]
fn no_packet_has_such_a_source_also_without_the_check() {
    let groups = [[224, 0, 0, 1], [239, 255, 255, 255], [255; 4]];
    for source in SPECIAL.into_iter().chain(groups) {
        let mut bench = Bench::new();
        let to = |destination| Datagram {
            source,
            ..udp(ANNA, destination, (9, 53))
        };
        bench.step(ANNA, &to(private(BERT)).bytes(), &["10 spoofed_address"]);
        without_checks(&mut bench);
        for destination in [private(BERT), private(CARL), [192, 0, 2, 1]] {
            bench.step(ANNA, &to(destination).bytes(), &["10 special_address"]);
        }
        let from_outside = Datagram {
            source,
            ..udp(UPLINK, public(ANNA), (9, 53))
        };
        bench.step(UPLINK, &from_outside.bytes(), &["9 special_address"]);
    }
}

/// EC2 allows a VPC in 240.0.0.0/4: those addresses are its own then, and still nobody's outside.
#[test]
fn a_vpc_may_have_a_block_of_the_reserved_addresses() {
    let mut bench = Bench::new();
    without_checks(&mut bench);
    let block = VpcBlockKey::prefix(VPC, Prefix::v4(ip([240, 1, 0, 0]), 16));
    bench.tables.vpc_blocks.insert(block, 1);
    let to_bert = Route::to_interface(Location::here(BERT));
    add_route(&mut bench.tables, [240, 0, 0, 0], 4, to_bert);
    let inside = Datagram {
        destination_mac: router_mac(ANNA),
        ..udp(ANNA, [240, 1, 0, 9], (9, 53))
    };
    bench.step(ANNA, &inside.bytes(), &["10 out", "11 in"]);
    let other = udp(ANNA, [240, 2, 0, 9], (9, 53));
    bench.step(ANNA, &other.bytes(), &["10 special_address"]);
    let from_outside = Datagram {
        source: [240, 1, 0, 9],
        ..udp(UPLINK, public(ANNA), (9, 53))
    };
    bench.step(UPLINK, &from_outside.bytes(), &["9 special_address"]);
}

/// Whoever has the address, if anybody: Anna, nobody, the router, the network, Carl in another subnet; a public address
/// with an owner, one without, and the pool's ends.
#[test]
fn nothing_from_outside_claims_to_be_inside() {
    let sources = [
        private(ANNA),
        [10, 0, 1, 200],
        [10, 0, 1, 1],
        [10, 0, 0, 0],
        [10, 0, 255, 255],
        private(CARL),
        public(BERT),
        [203, 0, 113, 77],
        [203, 0, 113, 0],
        [203, 0, 113, 255],
    ];
    let mut bench = Bench::new();
    for source in sources {
        for frame in frames(UPLINK, public(ANNA)) {
            let frame = Datagram { source, ..frame };
            bench.step(UPLINK, &frame.bytes(), &["9 inside_source"]);
        }
    }
    // The host's own address, and the neighbours of the VPC's block: the uplink may lead into a network of these.
    for source in [
        [203, 0, 113, 1],
        [10, 1, 0, 0],
        [9, 255, 255, 255],
        [192, 168, 1, 1],
    ] {
        for frame in frames(UPLINK, public(ANNA)) {
            let frame = Datagram { source, ..frame };
            bench.step(UPLINK, &frame.bytes(), &["9 out", "10 in"]);
        }
    }
}

/// The blocks are the VPC's, whatever its routes say.
#[test]
fn an_inside_source_needs_no_route_to_be_known() {
    let mut bench = Bench::new();
    bench.tables.routes.clear();
    let frame = Datagram {
        source: [10, 0, 9, 9],
        ..udp(UPLINK, public(ANNA), (9, 53))
    };
    bench.step(UPLINK, &frame.bytes(), &["9 inside_source"]);
    bench.tables.vpc_blocks.clear();
    let second = VpcBlockKey::prefix(VPC, Prefix::v4(Ipv4::UNSPECIFIED, 1));
    bench.tables.vpc_blocks.insert(second, 1);
    bench.step(UPLINK, &frame.bytes(), &["9 inside_source"]);
}

#[test]
fn public_addresses_that_nobody_has_do_not_leave() {
    let mut bench = Bench::new();
    let unknown: &[&str] = &["10 unknown_public_address"];
    for destination in [0, 2, 77, 254, 255].map(|last| [203, 0, 113, last]) {
        for frame in frames(ANNA, destination) {
            bench.step(ANNA, &frame.bytes(), unknown);
        }
    }
    for destination in [[203, 0, 113, 1], [203, 0, 112, 255], [203, 0, 114, 0]] {
        bench.step(
            ANNA,
            &echo(ANNA, destination, 8, 5).bytes(),
            &["10 out", "9 in"],
        );
    }
    bench.step(
        ANNA,
        &echo(ANNA, public(BERT), 8, 5).bytes(),
        &["10 out", "11 in"],
    );
}
