//! NAT gateways: who goes out by them, what comes back, and who owns which port.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;

use eni_abi::Direction::{Egress, Ingress};
use eni_abi::{Address, Ipv4, MappingKey, NatGateway, NatKey, Prefix, Route, VpcBlockKey};
use eni_pipeline::testing::frames::{Datagram, checksums_hold, echo, icmp_error, tcp, udp};
use eni_pipeline::testing::region::{
    ANNA, BERT, CARL, UPLINK, VPC, ip, private, public, router_mac,
};
use eni_pipeline::testing::region_nat::{
    GATEWAY, MAC, PRIVATE_TABLE, SERVER, add_private_route, inner, nat_region, outer, source_of,
};
use eni_pipeline::testing::{Remote, Rule, add_policy};
use eni_wire::tcp_flag::{ACK, FIN, RST, SYN};
use support::{Bench, connections_of, set_rules};

const GOES_OUT: &[&str] = &["12 out", "9 in"];
const COMES_BACK: &[&str] = &["9 out", "12 in"];

fn behind_gateway(addresses: u8) -> Bench {
    Bench {
        tables: nat_region(addresses),
        ..Bench::new()
    }
}

fn private_route(bench: &mut Bench, destination: [u8; 4], length: u8, route: Route) {
    add_private_route(&mut bench.tables, destination, length, route);
    bench.tables.globals.topology_generation += 1;
}

/// As the server sends it, to the gateway.
fn from_server(port: u16, datagram: impl Fn(u32, [u8; 4], u16) -> Datagram) -> Vec<u8> {
    datagram(UPLINK, outer(0), port).bytes()
}

fn udp_to(port: u16) -> impl Fn(u32, [u8; 4], u16) -> Datagram {
    move |from, to, own| udp(from, to, (port, own))
}

#[test]
fn a_flow_goes_out_by_the_elastic_ip_and_its_answers_come_back() {
    let mut bench = behind_gateway(1);
    let out = bench
        .step(CARL, &udp(CARL, SERVER, (5, 53)).bytes(), GOES_OUT)
        .unwrap();
    let (source, port) = source_of(&out);
    assert_eq!(source, outer(0));
    assert!(port >= 1_024);
    assert!(checksums_hold(&out));
    let back = bench
        .step(UPLINK, &from_server(port, udp_to(53)), COMES_BACK)
        .unwrap();
    let want = Datagram {
        source: SERVER,
        destination_mac: eni_pipeline::testing::region::mac(CARL),
        source_mac: router_mac(CARL),
        ..udp(UPLINK, private(CARL), (53, 5))
    };
    assert_eq!(back, want.bytes());
    assert_eq!(
        connections_of(&bench, CARL).len(),
        1,
        "tracked though everything is open"
    );
    // The cached verdicts say the same.
    for _ in 0..3 {
        let again = bench
            .step(CARL, &udp(CARL, SERVER, (5, 53)).bytes(), GOES_OUT)
            .unwrap();
        assert_eq!(again, out);
        assert_eq!(
            bench
                .step(UPLINK, &from_server(port, udp_to(53)), COMES_BACK)
                .unwrap(),
            back
        );
    }
    assert_eq!(bench.memory.flows.len(), 2);
    // Nobody else's.
    let unsolicited = &["9 nat_unsolicited"];
    bench.step(UPLINK, &from_server(port, udp_to(54)), unsolicited);
    bench.step(UPLINK, &from_server(port ^ 1, udp_to(53)), unsolicited);
    let other = Datagram {
        source: [198, 51, 100, 2],
        ..udp(UPLINK, outer(0), (53, port))
    };
    bench.step(UPLINK, &other.bytes(), unsolicited);
    bench.step(
        UPLINK,
        &from_server(port, |from, to, own| tcp(from, to, (53, own), SYN)),
        unsolicited,
    );
    bench.step(UPLINK, &echo(UPLINK, outer(0), 8, 1).bytes(), unsolicited);
}

#[test]
fn a_ping_is_answered_by_its_identifier() {
    let mut bench = behind_gateway(1);
    let out = bench
        .step(CARL, &echo(CARL, SERVER, 8, 77).bytes(), GOES_OUT)
        .unwrap();
    let (source, identifier) = source_of(&out);
    assert_eq!(source, outer(0));
    assert!(checksums_hold(&out));
    let back = bench
        .step(
            UPLINK,
            &echo(UPLINK, outer(0), 0, identifier).bytes(),
            COMES_BACK,
        )
        .unwrap();
    assert!(checksums_hold(&back));
    assert_eq!(back[38..40], 77_u16.to_be_bytes());
    bench.step(
        UPLINK,
        &echo(UPLINK, outer(0), 0, identifier ^ 1).bytes(),
        &["9 nat_unsolicited"],
    );
    // An answer to nothing begins nothing.
    bench.step(
        CARL,
        &echo(CARL, SERVER, 0, 78).bytes(),
        &["12 nat_protocol"],
    );
}

#[test]
fn a_question_to_a_nat_gateway_is_no_answer() {
    let mut bench = behind_gateway(1);
    let out = bench
        .step(CARL, &echo(CARL, SERVER, 8, 77).bytes(), GOES_OUT)
        .unwrap();
    let (_, identifier) = source_of(&out);
    let question = echo(UPLINK, outer(0), 8, identifier).bytes();
    bench.step(UPLINK, &question, &["9 nat_unsolicited"]);
}

#[test]
fn a_connection_lives_350_seconds_and_is_then_reset() {
    let mut bench = behind_gateway(1);
    let segment = |flags| tcp(CARL, SERVER, (5, 80), flags).bytes();
    let out = bench.step(CARL, &segment(SYN), GOES_OUT).unwrap();
    let (_, port) = source_of(&out);
    let answer = |flags| tcp(UPLINK, outer(0), (80, port), flags).bytes();
    bench.step(UPLINK, &answer(SYN | ACK), COMES_BACK);
    bench.step(CARL, &segment(ACK), GOES_OUT);
    bench.pass_seconds(349);
    bench.step(UPLINK, &answer(ACK), COMES_BACK);
    bench.pass_seconds(349);
    let out = bench.step(CARL, &segment(ACK), GOES_OUT).unwrap();
    assert_eq!(source_of(&out).1, port);
    bench.pass_seconds(350);
    bench.step(UPLINK, &answer(ACK), &["9 nat_unsolicited"]);
    let reset = bench
        .step(CARL, &segment(ACK), &["12 nat_idle", "12 out", "12 in"])
        .unwrap();
    assert!(checksums_hold(&reset));
    assert_eq!(reset.len(), 14 + 20 + 20);
    assert_eq!(reset[26..30], SERVER);
    assert_eq!(reset[30..34], private(CARL));
    assert_eq!(reset[34..38], [0, 80, 0, 5]);
    // The number that was acknowledged (RFC 9293, 3.10.7.1), and RST alone.
    assert_eq!(reset[38..42], [0, 0, 0, 2]);
    assert_eq!(reset[47], RST);
    bench.step(CARL, &segment(RST), &["12 nat_idle"]);
    // A new one begins.
    bench.step(CARL, &segment(SYN), GOES_OUT);
}

#[test]
fn what_has_ended_frees_its_port_early_and_may_begin_again() {
    let mut bench = behind_gateway(1);
    let segment = |flags| tcp(CARL, SERVER, (5, 80), flags).bytes();
    let out = bench.step(CARL, &segment(SYN), GOES_OUT).unwrap();
    let (_, port) = source_of(&out);
    let answer = |flags| tcp(UPLINK, outer(0), (80, port), flags).bytes();
    bench.step(UPLINK, &answer(SYN | ACK), COMES_BACK);
    bench.step(CARL, &segment(ACK), GOES_OUT);
    bench.step(CARL, &segment(FIN | ACK), GOES_OUT);
    bench.step(UPLINK, &answer(FIN | ACK), COMES_BACK);
    bench.step(CARL, &segment(ACK), GOES_OUT);
    let again = bench.step(CARL, &segment(SYN), GOES_OUT).unwrap();
    assert_eq!(source_of(&again).1, port);
    bench.step(UPLINK, &answer(SYN | ACK), COMES_BACK);
    bench.step(CARL, &segment(FIN | ACK), GOES_OUT);
    bench.step(UPLINK, &answer(FIN | ACK), COMES_BACK);
    bench.pass_seconds(10);
    bench.step(UPLINK, &answer(ACK), &["9 nat_unsolicited"]);
    bench.step(CARL, &segment(ACK), &["12 nat_idle", "12 out", "12 in"]);
}

#[test]
fn errors_are_translated_with_their_quotes_in_both_directions() {
    let mut bench = behind_gateway(1);
    for (sent, is_icmp) in [
        (udp(CARL, SERVER, (5, 53)), false),
        (tcp(CARL, SERVER, (6, 80), SYN), false),
        (echo(CARL, SERVER, 8, 7), true),
    ] {
        let out = bench.step(CARL, &sent.bytes(), GOES_OUT).unwrap();
        let (_, port) = source_of(&out);
        // From a router on the way, about what it saw.
        let error = Datagram {
            source: [192, 0, 2, 9],
            ..icmp_error(UPLINK, outer(0), [11, 0], &out[14..])
        };
        let back = bench.step(UPLINK, &error.bytes(), COMES_BACK).unwrap();
        assert!(checksums_hold(&back));
        assert_eq!(back[30..34], private(CARL));
        let quoted = &back[42..];
        assert_eq!(quoted[12..20], [private(CARL), SERVER].concat());
        let place = if is_icmp { 24 } else { 20 };
        assert_eq!(quoted[place..place + 2], sent.datagram()[place..place + 2]);
        // About nothing.
        let mut stranger = out[14..].to_vec();
        stranger[place + 1] ^= 1;
        let error = icmp_error(UPLINK, outer(0), [3, 3], &stranger);
        bench.step(UPLINK, &error.bytes(), &["9 nat_unsolicited"]);
        if sent.protocol != 17 {
            continue;
        }
        // What Carl says about what has come.
        let came = bench
            .step(UPLINK, &from_server(port, udp_to(53)), COMES_BACK)
            .unwrap();
        let error = icmp_error(CARL, SERVER, [3, 3], &came[14..]);
        let gone = bench.step(CARL, &error.bytes(), GOES_OUT).unwrap();
        assert!(checksums_hold(&gone));
        assert_eq!(gone[26..30], outer(0));
        let quoted = &gone[42..];
        assert_eq!(quoted[12..20], [SERVER, outer(0)].concat());
        assert_eq!(quoted[22..24], port.to_be_bytes());
    }
}

#[test]
fn fragments_of_udp_pass_and_others_do_not() {
    let mut bench = behind_gateway(1);
    let first = Datagram {
        fragment: 0x2000,
        payload: [udp(CARL, SERVER, (5, 53)).payload, vec![0; 6]].concat(),
        ..udp(CARL, SERVER, (5, 53))
    };
    bench.step(CARL, &first.bytes(), GOES_OUT);
    let later = Datagram {
        fragment: 3,
        payload: vec![1; 16],
        ..first.clone()
    };
    let later = bench.step(CARL, &later.bytes(), GOES_OUT).unwrap();
    assert_eq!(later[26..30], outer(0));
    assert_eq!(later[34..], [1; 16]);
    let segment = Datagram {
        fragment: 0x2000,
        payload: [tcp(CARL, SERVER, (5, 80), SYN).payload, vec![0; 2]].concat(),
        ..tcp(CARL, SERVER, (5, 80), SYN)
    };
    bench.step(CARL, &segment.bytes(), &["12 nat_fragment"]);
    let other = Datagram::new(CARL, SERVER, 47, vec![0; 16]);
    bench.step(CARL, &other.bytes(), &["12 nat_protocol"]);
    bench.step(
        UPLINK,
        &Datagram::new(UPLINK, outer(0), 47, vec![0; 16]).bytes(),
        &["9 nat_protocol"],
    );
}

#[test]
fn the_gateways_network_acl_counts_on_entry_and_on_exit_of_its_subnet() {
    let everything = [Rule::everything(Ingress), Rule::everything(Egress)];
    let ports = |direction, first: u16| Rule {
        ports: (first, 6),
        ..Rule::port(direction, Remote::Network(Ipv4(0), 0), 17, 0)
    };
    for (without, frame, moved) in [
        (
            ports(Ingress, 53 & !0x3ff),
            CARL,
            &["12 network_acl_ingress"],
        ),
        (ports(Egress, 53 & !0x3ff), CARL, &["12 network_acl_egress"]),
    ] {
        let mut bench = behind_gateway(1);
        let deny = Rule {
            allow: false,
            ..without
        };
        add_policy(&mut bench.tables, 50, &[&[deny][..], &everything].concat());
        bench
            .tables
            .nat_gateways
            .get_mut(&GATEWAY)
            .unwrap()
            .network_acl_policy = 50;
        bench.step(frame, &udp(CARL, SERVER, (5, 53)).bytes(), moved);
    }
    // The answers: to the gateway's port, and to Carl's.
    for (deny, moved) in [
        (
            Rule {
                ports: (5 & !0x3ff, 6),
                ..Rule::port(Egress, Remote::Network(Ipv4(0), 0), 17, 0)
            },
            &["9 network_acl_egress"][..],
        ),
        (
            Rule {
                remote: Remote::Network(ip(SERVER), 32),
                ..Rule::everything(Ingress)
            },
            &["9 network_acl_ingress"],
        ),
    ] {
        let mut bench = behind_gateway(1);
        let out = bench
            .step(CARL, &udp(CARL, SERVER, (5, 5_353)).bytes(), GOES_OUT)
            .unwrap();
        let (_, port) = source_of(&out);
        let deny = Rule {
            allow: false,
            ..deny
        };
        add_policy(&mut bench.tables, 50, &[&[deny][..], &everything].concat());
        bench
            .tables
            .nat_gateways
            .get_mut(&GATEWAY)
            .unwrap()
            .network_acl_policy = 50;
        bench.tables.globals.topology_generation += 1;
        bench.step(UPLINK, &from_server(port, udp_to(5_353)), moved);
    }
}

#[test]
fn the_senders_groups_are_asked_first_and_leave_nothing_behind() {
    let mut bench = behind_gateway(1);
    set_rules(&mut bench, CARL, &[]);
    bench.step(
        CARL,
        &udp(CARL, SERVER, (5, 53)).bytes(),
        &["12 security_group_egress"],
    );
    assert!(bench.memory.nat_flows.is_empty());
}

/// A private gateway's addresses are seen inside; there is no way to the internet without an Elastic IP address.
#[test]
fn inside_its_private_address_is_seen() {
    let mut bench = behind_gateway(1);
    private_route(
        &mut bench,
        [10, 0, 1, 0],
        24,
        Route::to_nat_gateway(GATEWAY),
    );
    let out = bench
        .step(
            CARL,
            &udp(CARL, private(ANNA), (5, 53)).bytes(),
            &["12 out", "10 in"],
        )
        .unwrap();
    let (source, port) = source_of(&out);
    assert_eq!(source, inner(0));
    // Anna answers by the gateway's MAC address, as it is in her subnet.
    let answer = Datagram {
        destination_mac: MAC,
        ..udp(ANNA, inner(0), (53, port))
    };
    let back = bench
        .step(ANNA, &answer.bytes(), &["10 out", "12 in"])
        .unwrap();
    assert_eq!(source_of(&back), (private(ANNA), 53));
    bench.step(
        BERT,
        &udp(BERT, inner(0), (53, port)).bytes(),
        &["11 nat_unsolicited"],
    );
    let key = MappingKey {
        vpc: VPC,
        address: Address::v4(ip(inner(0))),
    };
    bench.tables.mappings.get_mut(&key).unwrap().public_address = Address::NONE;
    bench.step(
        CARL,
        &udp(CARL, SERVER, (5, 53)).bytes(),
        &["12 no_public_address"],
    );
}

/// By the public address of one of the region's own, four hops each way.
#[test]
fn the_regions_own_public_addresses_are_reached() {
    let mut bench = behind_gateway(1);
    let out = bench
        .step(
            CARL,
            &udp(CARL, public(ANNA), (5, 53)).bytes(),
            &["12 out", "10 in"],
        )
        .unwrap();
    let (source, port) = source_of(&out);
    assert_eq!(source, outer(0));
    let answer = Datagram {
        destination_mac: router_mac(ANNA),
        ..udp(ANNA, outer(0), (53, port))
    };
    let back = bench
        .step(ANNA, &answer.bytes(), &["10 out", "12 in"])
        .unwrap();
    assert_eq!(source_of(&back), (public(ANNA), 53));
}

#[test]
fn its_own_route_table_leads_on_and_not_to_a_gateway_again() {
    let mut bench = behind_gateway(1);
    bench
        .tables
        .nat_gateways
        .get_mut(&GATEWAY)
        .unwrap()
        .route_table = PRIVATE_TABLE;
    bench.step(
        CARL,
        &udp(CARL, SERVER, (5, 53)).bytes(),
        &["12 too_many_hops"],
    );
    bench.tables.nat_gateways.clear();
    bench.step(CARL, &udp(CARL, SERVER, (5, 53)).bytes(), &["12 blackhole"]);
}

/// It may be a guest's by now.
#[test]
fn an_address_that_the_gateway_has_no_more_is_not_used() {
    let mut bench = behind_gateway(2);
    let sent = udp(CARL, SERVER, (5, 53)).bytes();
    let out = bench.step(CARL, &sent, GOES_OUT).unwrap();
    let segment = |flags| tcp(CARL, SERVER, (5, 80), flags).bytes();
    bench.step(CARL, &segment(SYN), GOES_OUT);
    let (gone, _) = source_of(&out);
    let kept = (0..2).find(|number| outer(*number) != gone).unwrap();
    let gateway = bench.tables.nat_gateways.get_mut(&GATEWAY).unwrap();
    gateway.addresses = [Ipv4::UNSPECIFIED; NatGateway::MOST_ADDRESSES];
    gateway.addresses[0] = ip(inner(kept));
    gateway.address_count = 1;
    bench.tables.globals.topology_generation += 1;
    let out = bench.step(CARL, &sent, GOES_OUT).unwrap();
    assert_eq!(source_of(&out).0, outer(kept));
    let answered = &["12 nat_idle", "12 out", "12 in"];
    bench.step(CARL, &segment(ACK), answered);
    let counted = |(_, entry): (&(u32, NatKey), &eni_abi::NatEntry)| entry.flows;
    let flows: u64 = bench.memory.nat_flows.iter().map(counted).sum();
    assert_eq!(
        flows, 2,
        "the UDP flow anew, and TCP's until it is begun anew"
    );
}

#[test]
fn what_is_too_large_for_the_internet_is_answered() {
    let mut bench = behind_gateway(1);
    let mut large = udp(CARL, SERVER, (5, 53));
    large.payload.resize(1_500, 0);
    large.payload[4..6].copy_from_slice(&1_500_u16.to_be_bytes());
    large.fragment = 0x4000;
    let answer = bench
        .step(
            CARL,
            &large.bytes(),
            &["12 mtu_exceeded", "12 out", "12 in"],
        )
        .unwrap();
    assert_eq!(answer[34..36], [3, 4]);
    assert_eq!(answer[40..42], 1_500_u16.to_be_bytes());
    assert_eq!(answer[54..58], private(CARL), "the quote is what was sent");
}

/// Each draws until it has one: 50,000 flows of 50 senders, no port twice, none lost; 55,000 to one destination by one address.
#[test]
fn fifty_thousand_flows_to_one_destination_have_fifty_thousand_ports() {
    let mut bench = behind_gateway(1);
    bench.tables.vports.get_mut(&CARL).unwrap().flags &= !eni_abi::Vport::SOURCE_DEST_CHECK;
    let block = Prefix::v4(ip([10, 0, 0, 0]), 16);
    bench
        .tables
        .vpc_blocks
        .insert(VpcBlockKey::prefix(VPC, block), 1);
    let mut ports = BTreeSet::new();
    for flow in 0..55_000_u32 {
        let sender = Datagram {
            source: [10, 0, 2, 20 + (flow % 50) as u8],
            ..udp(CARL, SERVER, ((flow / 50) as u16 + 1, 53))
        };
        let out = bench.step(CARL, &sender.bytes(), GOES_OUT).unwrap();
        assert!(ports.insert(source_of(&out).1), "flow {flow}");
        bench.memory.connections.clear();
        bench.memory.flows.clear();
    }
    assert!(ports.first().is_some_and(|port| *port >= 1_024));
    let more = |port| {
        Datagram {
            source: [10, 0, 2, 99],
            ..udp(CARL, SERVER, (port, 53))
        }
        .bytes()
    };
    bench.step(CARL, &more(1), &["12 nat_port_allocation"]);
    // To another destination there is room, and by another address.
    let elsewhere = Datagram {
        source: [10, 0, 2, 99],
        ..udp(CARL, SERVER, (1, 54))
    };
    bench.step(CARL, &elsewhere.bytes(), GOES_OUT);
    let gateway = bench.tables.nat_gateways.get_mut(&GATEWAY).unwrap();
    gateway.addresses[1] = ip(inner(1));
    gateway.address_count = 2;
    let key = |number| MappingKey {
        vpc: VPC,
        address: Address::v4(ip(inner(number))),
    };
    let mut mapping = bench.tables.mappings[&key(0)];
    mapping.public_address = Address::v4(ip(outer(1)));
    bench.tables.mappings.insert(key(1), mapping);
    let out = bench.step(CARL, &more(1), GOES_OUT).unwrap();
    assert_eq!(source_of(&out).0, outer(1));
    let destinations = bench
        .memory
        .nat_flows
        .iter()
        .filter(|((_, key), _)| key.kind == NatKey::DESTINATION);
    let mut counts: Vec<u64> = destinations.map(|(_, entry)| entry.flows).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 1, NatGateway::FLOWS_TO_DESTINATION]);
}
