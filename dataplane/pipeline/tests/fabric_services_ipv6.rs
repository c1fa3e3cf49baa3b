//! Services of the fabric by IPv6: what reaches them, as what, and what comes back.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::net::Ipv6Addr;

use eni_abi::{Ipv4, LINK_LOCAL_PACKETS_PER_SECOND, Service, Vport};
use eni_pipeline::testing::frames_ipv6::{Packet, checksum_holds, echo, tcp, udp};
use eni_pipeline::testing::region::{ANNA, BERT, CARL, SERVICES, UPLINK, mac, router_mac};
use eni_pipeline::testing::region_ipv6::{
    DHCPV6_GROUP, METADATA_IPV6, RESOLVER_IPV6, ROUTER, TIME_IPV6, asker, link_local, own,
    service_ipv6_for,
};
use eni_wire::protocol;
use eni_wire::tcp_flag::{ACK, SYN};
use support::Bench;

const ASKS: &[&str] = &["10 out", "4095 in"];
const ANSWERED: &[&str] = &["4095 out", "10 in"];
const STRAY: &[&str] = &["4095 stray_answer"];
const UNREACHABLE: &[&str] = &["10 service_unreachable"];
const SPECIAL: &[&str] = &["10 special_address"];
const GROUP_MAC: [u8; 6] = [0x33, 0x33, 0, 1, 0, 2];

/// Which, where, and by which port.
const SERVED: [(Service, Ipv6Addr, u16); 3] = [
    (Service::InstanceMetadata, METADATA_IPV6, 80),
    (Service::Time, TIME_IPV6, 123),
    (Service::Resolver, RESOLVER_IPV6, 53),
];

fn question(vport: u32, (service, found_at, port): (Service, Ipv6Addr, u16)) -> Packet {
    match service {
        Service::InstanceMetadata => tcp(vport, found_at, (40_000, port), SYN),
        _ => udp(vport, found_at, (40_000, port)),
    }
}

/// What a service sends `to` the guest of `vport`.
fn answer(vport: u32, to: Ipv6Addr, (service, _, port): (Service, Ipv6Addr, u16)) -> Packet {
    let packet = match service {
        Service::InstanceMetadata => tcp(SERVICES, to, (port, 40_000), SYN | ACK),
        _ => udp(SERVICES, to, (port, 40_000)),
    };
    Packet {
        source: service_ipv6_for(service, vport),
        ..packet
    }
}

/// The first of a packet's fragments.
fn first_fragment(mut packet: Packet) -> Packet {
    let whole_units = packet.payload.len().next_multiple_of(8);
    packet.payload.resize(whole_units, 0);
    packet.fragment(7, 0, true)
}

#[test]
fn a_question_and_its_answer_change_nothing_but_the_services_address() {
    for (vport, served) in SERVED
        .iter()
        .flat_map(|served| [(ANNA, *served), (CARL, *served)])
    {
        let (service, found_at, _) = served;
        let mut bench = Bench::dual();
        support::set_rules(&mut bench, vport, &[]);
        bench.tables.routes.clear();
        let asked = question(vport, served);
        let out = format!("{vport} out");
        let got = bench
            .step(vport, &asked.bytes(), &[&out, "4095 in"])
            .unwrap();
        let want = Packet {
            destination: service_ipv6_for(service, vport),
            destination_mac: mac(SERVICES),
            source_mac: router_mac(SERVICES),
            ..asked
        };
        assert_eq!(got, want.bytes());
        let answers = answer(vport, own(vport), served);
        let into = format!("{vport} in");
        let got = bench.step(SERVICES, &answers.bytes(), &["4095 out", &into]);
        let want = Packet {
            source: found_at,
            destination_mac: mac(vport),
            source_mac: router_mac(vport),
            ..answers
        };
        assert_eq!(got.unwrap(), want.bytes());
        assert!(bench.memory.flows.is_empty() && bench.memory.connections.is_empty());
    }
}

/// EC2 User Guide: by IPv6 on the Nitro System alone, and instance metadata where its options say so.
#[test]
fn a_guest_finds_what_it_may() {
    let asks = |bench: &mut Bench, index: usize, moved| {
        bench.step(ANNA, &question(ANNA, SERVED[index]).bytes(), moved);
        let moved = if moved == ASKS { ANSWERED } else { STRAY };
        let late = answer(ANNA, own(ANNA), SERVED[index]);
        bench.step(SERVICES, &late.bytes(), moved);
    };
    let [metadata, time, names] = [0, 1, 2];
    let without = |change: fn(&mut Vport)| {
        let mut bench = Bench::dual();
        change(bench.tables.vports.get_mut(&ANNA).unwrap());
        bench
    };
    let mut bench = without(|row| row.flags &= !Vport::METADATA_IPV6);
    asks(&mut bench, metadata, UNREACHABLE);
    asks(&mut bench, time, ASKS);
    asks(&mut bench, names, ASKS);
    let mut bench = without(|row| row.flags &= !Vport::SERVICES_IPV6);
    asks(&mut bench, time, UNREACHABLE);
    asks(&mut bench, names, UNREACHABLE);
    let mut bench = without(|row| row.resolver_address = Ipv4::UNSPECIFIED);
    asks(&mut bench, names, UNREACHABLE);
    asks(&mut bench, time, ASKS);
    let mut bench = without(|row| row.flags &= !Vport::IPV6);
    asks(&mut bench, time, &["10 ipv6"]);
}

#[test]
fn nothing_else_at_these_addresses_is_there() {
    for other in [
        tcp(ANNA, METADATA_IPV6, (40_000, 81), SYN),
        udp(ANNA, METADATA_IPV6, (40_000, 80)),
        tcp(ANNA, TIME_IPV6, (40_000, 123), SYN),
        echo(ANNA, METADATA_IPV6, 128, 5),
        first_fragment(tcp(ANNA, METADATA_IPV6, (40_000, 80), SYN)),
    ] {
        Bench::dual().step(ANNA, &other.bytes(), UNREACHABLE);
    }
    let with_options = question(ANNA, SERVED[0]).with(60, &[0, 0, 1, 4, 0, 0, 0, 0]);
    Bench::dual().step(ANNA, &with_options.bytes(), &["10 service_options"]);
    let answers = answer(ANNA, own(ANNA), SERVED[0]).with(60, &[0, 0, 1, 4, 0, 0, 0, 0]);
    Bench::dual().step(SERVICES, &answers.bytes(), STRAY);
    let mut bench = Bench::dual();
    bench.tables.vports.remove(&SERVICES);
    bench.step(ANNA, &question(ANNA, SERVED[0]).bytes(), UNREACHABLE);
}

/// Nobody but the fabric has an address there.
#[test]
fn nothing_of_that_block_passes_between_guests_or_leaves() {
    for text in ["fd00:ec2::254", "fd00:ec2::1", "fd00:ec2:1:a:fff4::254"] {
        let special: Ipv6Addr = text.parse().unwrap();
        for check in [true, false] {
            let mut bench = Bench::dual();
            let row = bench.tables.vports.get_mut(&ANNA).unwrap();
            if !check {
                row.flags &= !Vport::SOURCE_DEST_CHECK;
            }
            let from = Packet {
                source: special,
                ..udp(ANNA, own(BERT), (53, 1_000))
            };
            bench.step(ANNA, &from.bytes(), SPECIAL);
            let to_service = Packet {
                source: special,
                ..question(ANNA, SERVED[0])
            };
            bench.step(ANNA, &to_service.bytes(), SPECIAL);
            let to_neighbour = Packet {
                destination_mac: mac(BERT),
                ..udp(ANNA, special, (1_000, 53))
            };
            bench.step(ANNA, &to_neighbour.bytes(), SPECIAL);
        }
        let mut bench = Bench::dual();
        let from_outside = Packet {
            source: special,
            ..udp(UPLINK, own(ANNA), (53, 1_000))
        };
        bench.step(UPLINK, &from_outside.bytes(), &["9 special_address"]);
        let to_service = udp(UPLINK, special, (1_000, 53));
        bench.step(UPLINK, &to_service.bytes(), &["9 special_address"]);
    }
    let beyond = udp(ANNA, "fd00:ec2::1".parse().unwrap(), (1_000, 53));
    Bench::dual().step(ANNA, &beyond.bytes(), SPECIAL);
}

#[test]
fn only_the_interface_itself_asks() {
    let mut bench = Bench::dual();
    let row = bench.tables.vports.get_mut(&ANNA).unwrap();
    row.flags &= !Vport::SOURCE_DEST_CHECK;
    for source in [own(BERT), "2001:db8:0:101::999".parse().unwrap()] {
        let other = Packet {
            source,
            ..question(ANNA, SERVED[0])
        };
        bench.step(ANNA, &other.bytes(), &["10 spoofed_address"]);
    }
    let on_link = Packet {
        source: link_local(ANNA),
        ..question(ANNA, SERVED[0])
    };
    bench.step(ANNA, &on_link.bytes(), SPECIAL);
    bench.step(ANNA, &question(ANNA, SERVED[0]).bytes(), ASKS);
}

#[test]
fn what_comes_from_the_services_and_answers_nobody_is_dropped() {
    let from = |source: &str| Packet {
        source: source.parse().unwrap(),
        ..answer(ANNA, own(ANNA), SERVED[0])
    };
    let as_metadata = |packet: Packet| Packet {
        source: service_ipv6_for(Service::InstanceMetadata, ANNA),
        ..packet
    };
    let for_vport = |vport| Packet {
        source: service_ipv6_for(Service::InstanceMetadata, vport),
        ..answer(ANNA, own(ANNA), SERVED[0])
    };
    for other in [
        from("fd00:ec2::254"),
        from("fd00:ec2:1:a:fff4::253"),
        from("2001:db8:0:101::a"),
        from("fe80::1"),
        for_vport(77),
        for_vport(UPLINK),
        for_vport(SERVICES),
        // The number was another interface's when it asked.
        answer(ANNA, own(BERT), SERVED[0]),
        answer(ANNA, "2001:db8:0:101::999".parse().unwrap(), SERVED[0]),
        answer(ANNA, asker(ANNA), SERVED[0]),
        first_fragment(answer(ANNA, own(ANNA), SERVED[0])),
        as_metadata(tcp(SERVICES, own(ANNA), (81, 40_000), ACK)),
        as_metadata(udp(SERVICES, own(ANNA), (80, 40_000))),
        as_metadata(echo(SERVICES, own(ANNA), 128, 5)),
        Packet::new(
            SERVICES,
            ROUTER,
            protocol::ICMPV6,
            vec![133, 0, 0, 0, 0, 0, 0, 0],
        ),
    ] {
        Bench::dual().step(SERVICES, &other.bytes(), STRAY);
    }
    let mut bench = Bench::dual();
    let row = bench.tables.vports.get_mut(&ANNA).unwrap();
    row.flags |= Vport::BLOCKED;
    bench.step(SERVICES, &answer(ANNA, own(ANNA), SERVED[0]).bytes(), STRAY);
}

#[test]
fn both_families_take_of_one_allowance() {
    let mut bench = Bench::dual();
    for number in 0..LINK_LOCAL_PACKETS_PER_SECOND {
        let asked = match number % 2 {
            0 => question(ANNA, SERVED[0]).bytes(),
            _ => solicit(ANNA).bytes(),
        };
        bench.step(ANNA, &asked, ASKS);
    }
    let exceeded: &[&str] = &["10 linklocal_allowance_exceeded"];
    bench.step(ANNA, &question(ANNA, SERVED[1]).bytes(), exceeded);
    bench.step(ANNA, &solicit(ANNA).bytes(), exceeded);
    let by_ipv4 = eni_pipeline::testing::frames::udp(
        ANNA,
        eni_pipeline::testing::region::TIME,
        (40_000, 123),
    );
    bench.step(ANNA, &by_ipv4.bytes(), exceeded);
    bench.step(
        BERT,
        &question(BERT, SERVED[0]).bytes(),
        &["11 out", "4095 in"],
    );
    bench.pass_seconds(1);
    bench.step(ANNA, &question(ANNA, SERVED[0]).bytes(), ASKS);
}

/// A question of DHCPv6.
fn solicit(vport: u32) -> Packet {
    Packet {
        source: link_local(vport),
        destination_mac: GROUP_MAC,
        ..udp(vport, DHCPV6_GROUP, (546, 547))
    }
}

/// What the service sends to the guest of `vport`, about the interface with this MAC address.
fn reply(vport: u32, to: Ipv6Addr, of: [u8; 6]) -> Packet {
    let mut reply = Packet {
        source: service_ipv6_for(Service::Dhcpv6, vport),
        ..udp(SERVICES, to, (547, 546))
    };
    reply.payload.resize(8 + 20, 0);
    reply.payload.extend(of);
    let length = reply.payload.len() as u16;
    reply.payload[4..6].copy_from_slice(&length.to_be_bytes());
    reply
}

#[test]
fn who_asks_the_group_for_an_address_is_answered_by_the_router_on_its_link() {
    for vport in [ANNA, CARL] {
        for destination_mac in [GROUP_MAC, router_mac(vport)] {
            let mut bench = Bench::dual();
            support::set_rules(&mut bench, vport, &[]);
            // Also where the other services are not to be had by IPv6.
            let row = bench.tables.vports.get_mut(&vport).unwrap();
            row.flags &= !(Vport::SERVICES_IPV6 | Vport::METADATA_IPV6);
            let asked = Packet {
                destination_mac,
                ..solicit(vport)
            };
            let out = format!("{vport} out");
            let got = bench
                .step(vport, &asked.bytes(), &[&out, "4095 in"])
                .unwrap();
            let want = Packet {
                source: asker(vport),
                destination: service_ipv6_for(Service::Dhcpv6, vport),
                destination_mac: mac(SERVICES),
                source_mac: router_mac(SERVICES),
                ..asked
            };
            assert!(checksum_holds(&got));
            assert_eq!(got, want.bytes());
            let answers = reply(vport, asker(vport), mac(vport));
            let into = format!("{vport} in");
            let got = bench.step(SERVICES, &answers.bytes(), &["4095 out", &into]);
            let want = Packet {
                source: ROUTER,
                destination: link_local(vport),
                destination_mac: mac(vport),
                source_mac: router_mac(vport),
                ..answers
            };
            assert_eq!(got.unwrap(), want.bytes());
        }
    }
}

#[test]
fn no_guest_gives_addresses_and_none_asks_in_anothers_name() {
    let step = |packet: Packet, expected: &str| {
        Bench::dual().step(ANNA, &packet.bytes(), &[expected]);
    };
    for (source, destination) in [
        (own(ANNA), own(BERT)),
        (own(ANNA), own(CARL)),
        (link_local(ANNA), link_local(BERT)),
        (ROUTER, DHCPV6_GROUP),
    ] {
        for port in [547, 1_000] {
            let gives = Packet {
                source,
                destination_mac: mac(BERT),
                ..udp(ANNA, destination, (port, 546))
            };
            step(gives, "10 dhcp_answer");
        }
    }
    for source in [own(ANNA), own(BERT), ROUTER, Ipv6Addr::UNSPECIFIED] {
        let asks = Packet {
            source,
            ..solicit(ANNA)
        };
        step(asks, "10 spoofed_address");
    }
    let to_neighbour = Packet {
        destination_mac: mac(BERT),
        ..solicit(ANNA)
    };
    step(to_neighbour, "10 multicast");
    let to_other_group = Packet {
        destination: "ff02::1:3".parse().unwrap(),
        ..solicit(ANNA)
    };
    step(to_other_group, "10 multicast");
    step(first_fragment(solicit(ANNA)), "10 service_unreachable");
    step(
        solicit(ANNA).with(60, &[0, 0, 1, 4, 0, 0, 0, 0]),
        "10 service_options",
    );
    let mut bench = Bench::dual();
    let row = bench.tables.vports.get_mut(&ANNA).unwrap();
    row.flags &= !Vport::IPV6;
    bench.step(ANNA, &solicit(ANNA).bytes(), &["10 ipv6"]);
    let outside = solicit(UPLINK);
    Bench::dual().step(UPLINK, &outside.bytes(), &["9 multicast"]);
}

#[test]
fn an_answer_is_for_its_interface_alone() {
    let mut cut = reply(ANNA, asker(ANNA), mac(ANNA));
    cut.payload.truncate(26);
    cut.payload[5] = 26;
    for other in [
        reply(ANNA, asker(ANNA), mac(BERT)),
        reply(ANNA, own(ANNA), mac(ANNA)),
        reply(ANNA, link_local(ANNA), mac(ANNA)),
        reply(77, asker(ANNA), mac(ANNA)),
        cut,
    ] {
        Bench::dual().step(SERVICES, &other.bytes(), STRAY);
    }
}
