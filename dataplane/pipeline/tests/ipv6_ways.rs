//! Where packets of IPv6 go, and what their rules say.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::net::Ipv6Addr;

use eni_abi::Direction::{Egress, Ingress};
use eni_abi::{Address, Location, Prefix, Route, RouteKey, RuleProtocol, Vport};
use eni_pipeline::testing::frames_ipv6::{Packet, checksum_holds, echo, error, message, tcp, udp};
use eni_pipeline::testing::region::{ANNA, BERT, CARL, ROUTE_TABLE, UPLINK, mac, router_mac};
use eni_pipeline::testing::region_ipv6::{
    HOST, add_prefix, announce, delegated, dual_region, own, set_default_route,
};
use eni_pipeline::testing::{Remote, Rule, frames, region};
use eni_wire::protocol::{ICMP, ICMPV6, TCP, UDP};
use support::{ANSWERS, Bench, PASSES, connections_of, set_rules};

const SYN: u8 = 2;
const ACK: u8 = 0x10;
const WORLD: Remote = Remote::NetworkIpv6(Address::NONE, 0);
const WORLD_IPV4: Remote = support::WORLD;
const TO_CARL: &[&str] = &["10 out", "12 in"];
const OUT: &[&str] = &["10 out", "9 in"];
const IN: &[&str] = &["9 out", "10 in"];
const NOT_IN: &[&str] = &["11 security_group_ingress"];
const NOT_OUT: &[&str] = &["11 security_group_egress"];
const EGRESS_ONLY: &[&str] = &["10 egress_only"];

fn tracking() -> Vec<Rule> {
    let halves = ["::", "8000::"].map(|first| {
        let first: Ipv6Addr = first.parse().unwrap();
        Remote::NetworkIpv6(first.into(), 1)
    });
    let both = halves.map(|remote| {
        [Ingress, Egress].map(|direction| Rule {
            remote,
            ..Rule::everything(direction)
        })
    });
    both.concat()
}

#[test]
fn a_neighbour_by_its_mac_and_others_by_the_router() {
    let mut bench = Bench::dual();
    let near = bench
        .step(ANNA, &udp(ANNA, own(BERT), (1, 2)).bytes(), PASSES)
        .unwrap();
    assert_eq!(near[..6], mac(BERT));
    let far = udp(ANNA, own(CARL), (1, 2));
    let delivered = bench.step(ANNA, &far.bytes(), TO_CARL).unwrap();
    let wanted = Packet {
        destination_mac: mac(CARL),
        source_mac: router_mac(CARL),
        ..far
    };
    assert_eq!(delivered, wanted.bytes());
    let nobody = udp(ANNA, "2001:db8:0:102::99".parse().unwrap(), (1, 2));
    bench.step(ANNA, &nobody.bytes(), &["10 unknown_address"]);
}

#[test]
fn the_internet_gateway_translates_nothing() {
    let mut bench = Bench::dual();
    let request = udp(ANNA, HOST, (1000, 53));
    let sent = bench.step(ANNA, &request.bytes(), OUT).unwrap();
    let wanted = Packet {
        destination_mac: mac(UPLINK),
        source_mac: router_mac(UPLINK),
        ..request
    };
    assert_eq!(sent, wanted.bytes());
    for packet in [
        udp(UPLINK, own(ANNA), (53, 1000)),
        udp(UPLINK, own(ANNA), (9, 9)),
    ] {
        let received = bench.step(UPLINK, &packet.bytes(), IN).unwrap();
        assert!(checksum_holds(&received));
        assert_eq!(received[22..54], packet.bytes()[22..54]);
    }
}

#[test]
fn nothing_from_outside_has_an_address_of_the_region_and_nothing_goes_out_to_one() {
    let mut bench = Bench::dual();
    for inside in [
        own(BERT),
        "2001:db8:0:1ff::9".parse().unwrap(),
        "2001:db8:0:500::1".parse().unwrap(),
    ] {
        let packet = Packet {
            source: inside,
            ..udp(UPLINK, own(ANNA), (1, 2))
        };
        bench.step(UPLINK, &packet.bytes(), &["9 inside_source"]);
    }
    let unknown: &[&str] = &["9 unknown_public_address"];
    for nobody in ["2001:db8:0:101::99", "2001:db8:0:500::1", "2001:db9::1"] {
        let packet = udp(UPLINK, nobody.parse().unwrap(), (1, 2));
        bench.step(UPLINK, &packet.bytes(), unknown);
    }
    let nobody = udp(ANNA, "2001:db8:0:500::1".parse().unwrap(), (1, 2));
    bench.step(ANNA, &nobody.bytes(), &["10 unknown_public_address"]);
}

#[test]
fn a_source_that_the_vpc_does_not_have_does_not_leave_it() {
    let mut bench = Bench::dual();
    let row = bench.tables.vports.get_mut(&ANNA).unwrap();
    row.flags &= !Vport::SOURCE_DEST_CHECK;
    let foreign = Packet {
        source: "2001:db9::5".parse().unwrap(),
        ..udp(ANNA, HOST, (1, 2))
    };
    bench.step(ANNA, &foreign.bytes(), &["10 no_public_address"]);
    bench.tables.globals.uplink_vport = 0;
    bench.tables.globals.topology_generation += 1;
    bench.step(ANNA, &udp(ANNA, HOST, (1, 2)).bytes(), &["10 no_uplink"]);
}

/// `::/0` and `0.0.0.0/0` are two routes, whatever the tries hold.
#[test]
fn a_route_of_one_family_leads_nobody_of_the_other() {
    let mut bench = Bench::dual();
    let default = |prefix| RouteKey::prefix(ROUTE_TABLE, prefix);
    bench.tables.routes.remove(&default(Prefix::ALL_IPV4));
    let ipv4 = frames::udp(ANNA, [198, 51, 100, 1], (1, 2)).bytes();
    bench.step(ANNA, &ipv4, &["10 no_route"]);
    bench.step(ANNA, &udp(ANNA, HOST, (1, 2)).bytes(), OUT);
    let mut bench = Bench::dual();
    bench.tables.routes.remove(&default(Prefix::ALL_IPV6));
    bench.step(ANNA, &ipv4, OUT);
    bench.step(ANNA, &udp(ANNA, HOST, (1, 2)).bytes(), &["10 no_route"]);
}

#[test]
fn routes_lead_to_interfaces_and_into_holes() {
    let mut bench = Bench::dual();
    let block = Prefix::around(HOST.into(), 64);
    let key = RouteKey::prefix(ROUTE_TABLE, block);
    let to_carl = Route::to_interface(Location::here(CARL));
    bench.tables.routes.insert(key, to_carl);
    let packet = udp(ANNA, HOST, (1, 2)).bytes();
    bench.step(ANNA, &packet, &["12 destination_check"]);
    let row = bench.tables.vports.get_mut(&CARL).unwrap();
    row.flags &= !Vport::SOURCE_DEST_CHECK;
    bench.step(ANNA, &packet, TO_CARL);
    for (kind, reason) in [
        (Route::BLACKHOLE, "10 blackhole"),
        (Route::NAT_GATEWAY, "10 blackhole"),
        (Route::VPC_ENDPOINT, "10 unsupported_target"),
    ] {
        bench.tables.routes.insert(key, Route::of_kind(kind));
        bench.tables.globals.topology_generation += 1;
        bench.step(ANNA, &packet, &[reason]);
    }
}

#[test]
fn an_egress_only_gateway_lets_answers_in_and_nothing_else() {
    for open in [true, false] {
        let mut bench = Bench::dual();
        if !open {
            set_rules(&mut bench, ANNA, &tracking());
        }
        set_default_route(&mut bench.tables, Route::EGRESS_ONLY_INTERNET_GATEWAY);
        for takes_all in [true, false] {
            announce(&mut bench.tables, takes_all);
            let port = 1_000 + u16::from(takes_all);
            let answer = udp(UPLINK, own(ANNA), (53, port)).bytes();
            bench.step(UPLINK, &answer, EGRESS_ONLY);
            bench.step(ANNA, &udp(ANNA, HOST, (port, 53)).bytes(), OUT);
            bench.step(UPLINK, &answer, IN);
            bench.step(UPLINK, &answer, IN);
            let other = udp(UPLINK, own(ANNA), (54, port)).bytes();
            bench.step(UPLINK, &other, EGRESS_ONLY);
            let syn = tcp(UPLINK, own(ANNA), (9, 22), SYN).bytes();
            bench.step(UPLINK, &syn, EGRESS_ONLY);
            bench.step(ANNA, &tcp(ANNA, HOST, (port, 80), SYN).bytes(), OUT);
            let answer = tcp(UPLINK, own(ANNA), (80, port), SYN | ACK).bytes();
            bench.step(UPLINK, &answer, IN);
            bench.step(ANNA, &echo(ANNA, HOST, 128, port).bytes(), OUT);
            bench.step(UPLINK, &echo(UPLINK, own(ANNA), 129, port).bytes(), IN);
            bench.step(
                UPLINK,
                &echo(UPLINK, own(ANNA), 128, port).bytes(),
                EGRESS_ONLY,
            );
        }
        // An error about what was sent is an answer.
        let sent = udp(ANNA, HOST, (1_001, 53)).packet();
        bench.step(
            UPLINK,
            &error(UPLINK, own(ANNA), [1, 4], &sent, 8).bytes(),
            IN,
        );
        bench.pass_seconds(200);
        let answer = udp(UPLINK, own(ANNA), (53, 1_001)).bytes();
        bench.step(UPLINK, &answer, EGRESS_ONLY);
    }
}

#[test]
fn without_an_internet_gateway_only_what_answers_by_the_egress_only_one_is_reached() {
    let mut bench = Bench::dual();
    announce(&mut bench.tables, false);
    let packet = udp(UPLINK, own(ANNA), (53, 9)).bytes();
    bench
        .tables
        .routes
        .remove(&RouteKey::prefix(ROUTE_TABLE, Prefix::ALL_IPV6));
    bench.step(UPLINK, &packet, EGRESS_ONLY);
    // With one all of the VPC's addresses are reached, as in EC2.
    announce(&mut bench.tables, true);
    bench.tables.globals.topology_generation += 1;
    bench.step(UPLINK, &packet, IN);
}

#[test]
fn a_connection_that_came_in_by_the_internet_gateway_is_no_answer() {
    let mut bench = Bench::dual();
    set_rules(&mut bench, ANNA, &tracking());
    let packet = udp(UPLINK, own(ANNA), (53, 9)).bytes();
    bench.step(UPLINK, &packet, IN);
    set_default_route(&mut bench.tables, Route::EGRESS_ONLY_INTERNET_GATEWAY);
    bench.tables.globals.topology_generation += 1;
    bench.step(UPLINK, &packet, EGRESS_ONLY);
}

#[test]
fn rules_of_one_family_say_nothing_of_the_other() {
    for (remote, ipv4, ipv6) in [(WORLD, NOT_IN, PASSES), (WORLD_IPV4, PASSES, NOT_IN)] {
        let mut bench = Bench::dual();
        set_rules(&mut bench, BERT, &[Rule::port(Ingress, remote, UDP, 53)]);
        let packet = frames::udp(ANNA, region::private(BERT), (1, 53)).bytes();
        bench.step(ANNA, &packet, ipv4);
        bench.step(ANNA, &udp(ANNA, own(BERT), (1, 53)).bytes(), ipv6);
    }
}

/// EC2 User Guide, "Untracked connections": the rule and its opposite are of one family.
#[test]
fn flows_are_untracked_by_rules_of_their_own_family() {
    for (opposite, tracked) in [(WORLD, 0), (WORLD_IPV4, 1)] {
        let mut bench = Bench::dual();
        let out = Rule {
            remote: opposite,
            ..Rule::everything(Egress)
        };
        set_rules(
            &mut bench,
            BERT,
            &[Rule::port(Ingress, WORLD, UDP, 53), out],
        );
        bench.step(ANNA, &udp(ANNA, own(BERT), (1, 53)).bytes(), PASSES);
        assert_eq!(connections_of(&bench, BERT).len(), tracked);
        bench.step(BERT, &udp(BERT, own(ANNA), (53, 1)).bytes(), ANSWERS);
    }
}

#[test]
fn peers_are_known_by_their_groups_in_both_families() {
    let mut bench = Bench::dual();
    set_rules(
        &mut bench,
        BERT,
        &[Rule::port(Ingress, Remote::Identity(1), TCP, 80)],
    );
    bench.step(ANNA, &tcp(ANNA, own(BERT), (1, 80), SYN).bytes(), PASSES);
    bench.step(CARL, &tcp(CARL, own(BERT), (1, 80), SYN).bytes(), NOT_IN);
    bench.step(
        UPLINK,
        &tcp(UPLINK, own(BERT), (1, 80), SYN).bytes(),
        NOT_IN,
    );
}

#[test]
fn pings_are_conversations_and_types_are_ports() {
    let mut bench = Bench::dual();
    let rule = Rule {
        ports: (128 << 8, 8),
        ..Rule::port(Ingress, WORLD, ICMPV6, 0)
    };
    set_rules(&mut bench, BERT, &[rule]);
    bench.step(ANNA, &echo(ANNA, own(BERT), 128, 5).bytes(), PASSES);
    bench.step(BERT, &echo(BERT, own(ANNA), 129, 6).bytes(), NOT_OUT);
    bench.step(BERT, &echo(BERT, own(ANNA), 129, 5).bytes(), ANSWERS);
    bench.step(BERT, &echo(BERT, own(ANNA), 128, 5).bytes(), NOT_OUT);
    bench.step(ANNA, &message(ANNA, own(BERT), [160, 0], 5).bytes(), NOT_IN);
    assert_eq!(connections_of(&bench, BERT).len(), 1);
    // ICMP of IPv4 in a packet of IPv6 is a protocol by its number.
    let icmp = Packet::new(ANNA, own(BERT), ICMP, vec![8, 0, 0, 0, 0, 0, 0, 0]);
    bench.step(ANNA, &icmp.bytes(), NOT_IN);
}

#[test]
fn an_error_goes_to_the_sender_of_what_it_quotes() {
    let mut bench = Bench::dual();
    set_rules(&mut bench, BERT, &[Rule::port(Ingress, WORLD, UDP, 53)]);
    let request = udp(ANNA, own(BERT), (9, 53));
    bench.step(ANNA, &request.bytes(), PASSES);
    for icmp_type in 0..=255_u8 {
        let about = error(BERT, own(ANNA), [icmp_type, 0], &request.packet(), 8).bytes();
        let moved = match icmp_type {
            1..=4 => ANSWERS,
            130..=132 | 134 | 136..=137 | 141..=143 | 148 | 149 | 151..=153 => {
                &["11 neighbor_unsolicited"]
            }
            133 | 135 => &["11 neighbor_invalid"],
            _ => NOT_OUT,
        };
        bench.step(BERT, &about, moved);
    }
    let to_carl = error(BERT, own(CARL), [1, 4], &request.packet(), 8);
    bench.step(BERT, &to_carl.bytes(), NOT_OUT);
    let short = error(BERT, own(ANNA), [1, 4], &request.packet(), 7);
    bench.step(BERT, &short.bytes(), NOT_OUT);
    // Quoted with a fragment header, as a packet that was too large is.
    let first = request.clone().fragment(1, 0, true).packet();
    let about = error(BERT, own(ANNA), [2, 0], &first, 16);
    bench.step(BERT, &about.bytes(), ANSWERS);
    let later = request.clone().fragment(1, 8, false).packet();
    let about = error(BERT, own(ANNA), [2, 0], &later, 16);
    bench.step(BERT, &about.bytes(), NOT_OUT);
    // In fragments: its quote may lie in several.
    let about = error(BERT, own(ANNA), [2, 0], &request.packet(), 8).fragment(4, 0, true);
    bench.step(BERT, &about.bytes(), NOT_OUT);
}

#[test]
fn network_acls_are_asked_where_subnets_are_left_and_entered() {
    let mut bench = Bench::dual();
    let deny = Rule {
        allow: false,
        ..Rule::port(Ingress, WORLD, UDP, 53)
    };
    let rules = [
        deny,
        Rule::everything_ipv6(Ingress),
        Rule::everything_ipv6(Egress),
    ];
    eni_pipeline::testing::add_policy(&mut bench.tables, 50, &rules);
    for vport in [BERT, CARL] {
        let row = bench.tables.vports.get_mut(&vport).unwrap();
        row.network_acl_policy = 50;
    }
    bench.step(
        ANNA,
        &udp(ANNA, own(CARL), (1, 53)).bytes(),
        &["12 network_acl_ingress"],
    );
    bench.step(ANNA, &udp(ANNA, own(CARL), (1, 54)).bytes(), TO_CARL);
    bench.step(ANNA, &udp(ANNA, own(BERT), (1, 53)).bytes(), PASSES);
}

#[test]
fn addresses_of_a_prefix_are_owned_like_others() {
    let mut bench = Bench::dual();
    let first = region::ip([10, 0, 1, 64]);
    add_prefix(&mut bench.tables, BERT, first.into());
    let mut segments = delegated(BERT).segments();
    segments[7] = 5;
    let within = Ipv6Addr::from(segments);
    segments[4] += 1;
    let beside = Ipv6Addr::from(segments);
    let to = |destination| Packet {
        destination_mac: mac(BERT),
        ..udp(ANNA, destination, (1, 2))
    };
    bench.step(ANNA, &to(within).bytes(), PASSES);
    bench.step(ANNA, &to(beside).bytes(), &["11 destination_check"]);
    bench.step(
        CARL,
        &udp(CARL, within, (1, 2)).bytes(),
        &["12 out", "11 in"],
    );
    bench.step(
        UPLINK,
        &udp(UPLINK, within, (1, 2)).bytes(),
        &["9 out", "11 in"],
    );
    for (source, moved) in [(within, ANSWERS), (beside, &["11 spoofed_address"])] {
        let from = Packet {
            source,
            ..udp(BERT, own(ANNA), (1, 2))
        };
        bench.step(BERT, &from.bytes(), moved);
    }
    for (last, moved) in [
        (64, ANSWERS),
        (79, ANSWERS),
        (80, &["11 spoofed_address"]),
        (63, &["11 spoofed_address"]),
    ] {
        let from = frames::Datagram {
            source: [10, 0, 1, last],
            ..frames::udp(BERT, region::private(ANNA), (1, 2))
        };
        bench.step(BERT, &from.bytes(), moved);
    }
    // An address of one's own inside another's prefix is nearer.
    let key = eni_abi::MappingKey {
        vpc: region::VPC,
        address: within.into(),
    };
    let anna = eni_abi::MappingKey {
        vpc: region::VPC,
        address: own(ANNA).into(),
    };
    let of_anna = bench.tables.mappings[&anna];
    bench.tables.mappings.insert(key, of_anna);
    bench.tables.globals.topology_generation += 1;
    bench.step(
        CARL,
        &udp(CARL, within, (1, 2)).bytes(),
        &["12 out", "10 in"],
    );
}

#[test]
fn a_rule_of_one_protocol_number_holds_in_both_families() {
    let mut bench = Bench::dual();
    let rule = Rule {
        protocol: RuleProtocol::number(47),
        remote: WORLD,
        ..Rule::everything(Ingress)
    };
    set_rules(&mut bench, BERT, &[rule]);
    for number in [47, 50, 51, 59] {
        let moved = if number == 47 { PASSES } else { NOT_IN };
        let packet = Packet::new(ANNA, own(BERT), number, vec![59, 0, 0, 0, 0, 0, 0, 0]);
        bench.step(ANNA, &packet.bytes(), moved);
    }
    assert_eq!(dual_region().vports.len(), bench.tables.vports.len());
}
