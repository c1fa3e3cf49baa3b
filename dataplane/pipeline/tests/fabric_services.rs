//! Services of the fabric at link-local addresses: what reaches them, as what, and what comes back.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::{
    Direction, Ipv4, LINK_LOCAL_PACKETS_PER_SECOND, MappingKey, Prefix, Service, VpcBlockKey, Vport,
};
use eni_pipeline::testing::Rule;
use eni_pipeline::testing::frames::{Datagram, arp_request, checksums_hold, echo, tcp, udp};
use eni_pipeline::testing::region::{
    ANNA, API, BERT, CARL, METADATA, OPEN_ACL, RESOLVER, SERVICES, TIME, UPLINK, VPC, VPC_RESOLVER,
    ip, mac, metadata_for, private, public, router_mac, service_for,
};
use eni_pipeline::testing::{MemoryFrame, add_policy};
use eni_pipeline::{Arrival, Scratch, process};
use eni_wire::tcp_flag::{ACK, FIN, SYN};
use support::Bench;

const ASKS: &[&str] = &["10 out", "4095 in"];
const ANSWERED: &[&str] = &["4095 out", "10 in"];

fn question(vport: u32, flags: u8) -> Datagram {
    tcp(vport, METADATA, (40_000, 80), flags)
}

/// What the service sends `to` the guest of `vport`.
fn answer(vport: u32, to: [u8; 4], flags: u8) -> Datagram {
    Datagram {
        source: metadata_for(vport),
        destination: to,
        ..tcp(SERVICES, to, (80, 40_000), flags)
    }
}

#[test]
fn a_question_and_its_answer_change_nothing_but_the_services_address() {
    for vport in [ANNA, CARL] {
        let mut bench = Bench::new();
        for flags in [SYN, ACK, ACK, FIN | ACK] {
            let asked = question(vport, flags);
            let out = format!("{vport} out");
            let got = bench.step(vport, &asked.bytes(), &[&out, "4095 in"]);
            let want = Datagram {
                destination: metadata_for(vport),
                destination_mac: mac(SERVICES),
                source_mac: router_mac(SERVICES),
                ..asked
            };
            assert_eq!(got.unwrap(), want.bytes());
        }
        let answers = answer(vport, private(vport), ACK);
        let into = format!("{vport} in");
        let got = bench.step(SERVICES, &answers.bytes(), &["4095 out", &into]);
        let want = Datagram {
            source: METADATA,
            destination_mac: mac(vport),
            source_mac: router_mac(vport),
            ..answers
        };
        assert_eq!(got.unwrap(), want.bytes());
        assert!(bench.memory.flows.is_empty() && bench.memory.connections.is_empty());
    }
}

/// Of the services that are not asked over TCP alone: where, which, by which port.
const OVER_UDP: [([u8; 4], Service, u16); 3] = [
    (TIME, Service::Time, 123),
    (RESOLVER, Service::Resolver, 53),
    (VPC_RESOLVER, Service::VpcResolver, 53),
];

#[test]
fn the_time_and_names_are_asked_and_answer_from_where_they_were_asked() {
    for (found_at, service, port) in OVER_UDP {
        let mut bench = Bench::new();
        let asked = udp(ANNA, found_at, (40_000, port));
        let got = bench.step(ANNA, &asked.bytes(), ASKS).unwrap();
        let own = service_for(service, ANNA);
        assert_eq!(got[30..34], own, "{service:?}");
        assert!(checksums_hold(&got));
        let answers = Datagram {
            source: own,
            ..udp(SERVICES, private(ANNA), (port, 40_000))
        };
        let got = bench.step(SERVICES, &answers.bytes(), ANSWERED).unwrap();
        assert_eq!(got[26..30], found_at, "{service:?}");
        assert!(checksums_hold(&got));
        let over_tcp = tcp(ANNA, found_at, (40_000, port), SYN);
        let expected: &[&str] = match service {
            Service::Time => &["10 service_unreachable"],
            _ => ASKS,
        };
        bench.step(ANNA, &over_tcp.bytes(), expected);
        let other = udp(ANNA, found_at, (40_000, port + 1));
        bench.step(ANNA, &other.bytes(), &["10 service_unreachable"]);
    }
}

/// Amazon VPC User Guide, "DNS attributes for your VPC": without `enableDnsSupport` there is no resolver.
#[test]
fn a_vpc_without_resolver_has_none_at_either_address() {
    let mut bench = Bench::new();
    let row = bench.tables.vports.get_mut(&ANNA).unwrap();
    row.resolver_address = Ipv4::UNSPECIFIED;
    let asks = |address| udp(ANNA, address, (40_000, 53)).bytes();
    bench.step(ANNA, &asks(RESOLVER), &["10 service_unreachable"]);
    bench.step(ANNA, &asks(VPC_RESOLVER), &["10 unknown_address"]);
    bench.step(ANNA, &asks([0; 4]), &["10 special_address"]);
    // What was asked before is not answered any more.
    for service in [Service::Resolver, Service::VpcResolver] {
        let late = Datagram {
            source: service_for(service, ANNA),
            ..udp(SERVICES, private(ANNA), (53, 40_000))
        };
        bench.step(SERVICES, &late.bytes(), &["4095 stray_answer"]);
    }
    let time = udp(ANNA, TIME, (40_000, 123));
    bench.step(ANNA, &time.bytes(), ASKS);
}

/// EC2 User Guide: neither filters traffic to and from instance metadata.
#[test]
fn neither_security_groups_nor_network_acls_are_asked() {
    let mut bench = Bench::new();
    support::set_rules(&mut bench, ANNA, &[]);
    let nothing = [Direction::Ingress, Direction::Egress].map(|direction| Rule {
        allow: false,
        ..Rule::everything(direction)
    });
    add_policy(&mut bench.tables, OPEN_ACL, &nothing);
    bench.tables.routes.clear();
    bench.step(ANNA, &question(ANNA, SYN).bytes(), ASKS);
    let answers = answer(ANNA, private(ANNA), SYN | ACK);
    bench.step(SERVICES, &answers.bytes(), ANSWERED);
}

#[test]
fn nothing_else_at_that_address_is_there() {
    let unreachable: &[&str] = &["10 service_unreachable"];
    let first = Datagram {
        fragment: 0x2000,
        ..question(ANNA, SYN)
    };
    let later = Datagram {
        fragment: 2,
        ..question(ANNA, SYN)
    };
    for other in [
        tcp(ANNA, METADATA, (40_000, 81), SYN),
        tcp(ANNA, METADATA, (80, 443), SYN),
        udp(ANNA, METADATA, (40_000, 80)),
        echo(ANNA, METADATA, 8, 5),
        first,
        later,
    ] {
        let mut bench = Bench::new();
        bench.step(ANNA, &other.bytes(), unreachable);
        bench.tables.vports.remove(&SERVICES);
        bench.step(ANNA, &question(ANNA, SYN).bytes(), unreachable);
    }
}

/// The services' stack would echo them, and record its own addresses in them.
#[test]
fn options_neither_reach_a_service_nor_come_from_one() {
    let record_route = vec![7, 7, 4, 0, 0, 0, 0, 0];
    for options in [record_route, vec![1; 4], vec![148, 4, 0, 0]] {
        let asked = Datagram {
            options: options.clone(),
            ..question(ANNA, SYN)
        };
        let mut bench = Bench::new();
        bench.step(ANNA, &asked.bytes(), &["10 service_options"]);
        let answers = Datagram {
            options,
            ..answer(ANNA, private(ANNA), SYN | ACK)
        };
        bench.step(SERVICES, &answers.bytes(), &["4095 stray_answer"]);
    }
}

#[test]
fn only_the_interface_itself_asks_and_by_its_router() {
    let mut bench = Bench::new();
    let other = Datagram {
        source: private(BERT),
        ..question(ANNA, SYN)
    };
    bench.step(ANNA, &other.bytes(), &["10 spoofed_address"]);
    let row = bench.tables.vports.get_mut(&ANNA).unwrap();
    row.flags &= !Vport::SOURCE_DEST_CHECK;
    // One that forwards for another is not asked for.
    bench.step(ANNA, &other.bytes(), &["10 spoofed_address"]);
    bench.step(ANNA, &question(ANNA, SYN).bytes(), ASKS);
    let to_neighbour = Datagram {
        destination_mac: mac(BERT),
        ..question(ANNA, SYN)
    };
    bench.step(ANNA, &to_neighbour.bytes(), &["10 special_address"]);
    let from_outside = question(UPLINK, SYN);
    bench.step(UPLINK, &from_outside.bytes(), &["9 special_address"]);
}

/// Some guests have a route to all link-local addresses on the link (RFC 3927), EC2's own tools to this one.
#[test]
fn the_router_answers_arp_for_the_service() {
    let mut bench = Bench::new();
    let request = arp_request(ANNA, private(ANNA), METADATA);
    let reply = bench.step(ANNA, &request, &["10 out", "10 in"]).unwrap();
    assert_eq!(reply[6..12], router_mac(ANNA));
    for address in [TIME, RESOLVER, VPC_RESOLVER] {
        let request = arp_request(ANNA, private(ANNA), address);
        bench.step(ANNA, &request, &["10 out", "10 in"]);
    }
    let other = arp_request(ANNA, private(ANNA), [169, 254, 169, 250]);
    bench.step(ANNA, &other, &["10 arp_unanswered"]);
    let from_outside = arp_request(UPLINK, [198, 51, 100, 1], METADATA);
    bench.step(UPLINK, &from_outside, &["9 arp_unanswered"]);
}

/// EC2 allows a VPC in 240.0.0.0/4.
#[test]
fn a_vpc_of_reserved_addresses_asks_too() {
    let mut bench = Bench::new();
    let address = [240, 1, 0, 9];
    let block = VpcBlockKey::prefix(VPC, Prefix::v4(ip([240, 1, 0, 0]), 16));
    bench.tables.vpc_blocks.insert(block, 1);
    let key = |octets| MappingKey {
        vpc: VPC,
        address: ip(octets).into(),
    };
    let mapping = bench.tables.mappings[&key(private(ANNA))];
    bench.tables.mappings.insert(key(address), mapping);
    let asked = Datagram {
        source: address,
        ..question(ANNA, SYN)
    };
    bench.step(ANNA, &asked.bytes(), ASKS);
    let answers = answer(ANNA, address, SYN | ACK);
    bench.step(SERVICES, &answers.bytes(), ANSWERED);
}

#[test]
fn what_comes_from_the_services_and_answers_nobody_is_dropped() {
    let stray: &[&str] = &["4095 stray_answer"];
    let to_anna = |datagram: Datagram| Datagram {
        source: metadata_for(ANNA),
        ..datagram
    };
    let from_elsewhere = |source| Datagram {
        source,
        ..answer(ANNA, private(ANNA), ACK)
    };
    for other in [
        from_elsewhere([127, 0, 0, 1]),
        from_elsewhere([127, 9, 0, 10]),
        from_elsewhere(private(BERT)),
        from_elsewhere(METADATA),
        from_elsewhere(metadata_for(77)),
        from_elsewhere(metadata_for(UPLINK)),
        from_elsewhere(metadata_for(SERVICES)),
        // The number was another interface's when it asked.
        answer(ANNA, private(BERT), ACK),
        answer(ANNA, public(ANNA), ACK),
        answer(ANNA, [10, 0, 1, 77], ACK),
        to_anna(tcp(SERVICES, private(ANNA), (81, 40_000), ACK)),
        to_anna(udp(SERVICES, private(ANNA), (80, 40_000))),
        to_anna(echo(SERVICES, private(ANNA), 8, 5)),
        Datagram {
            fragment: 0x2000,
            ..answer(ANNA, private(ANNA), ACK)
        },
    ] {
        Bench::new().step(SERVICES, &other.bytes(), stray);
    }
    let mut bench = Bench::new();
    let row = bench.tables.vports.get_mut(&ANNA).unwrap();
    row.flags |= Vport::BLOCKED;
    bench.step(SERVICES, &answer(ANNA, private(ANNA), ACK).bytes(), stray);
}

#[test]
fn an_interface_has_its_own_allowance() {
    let mut bench = Bench::new();
    let ask = |bench: &mut Bench, vport| {
        let in_use = format!("{vport} out");
        bench.step(vport, &question(vport, ACK).bytes(), &[&in_use, "4095 in"]);
    };
    for _ in 0..LINK_LOCAL_PACKETS_PER_SECOND {
        ask(&mut bench, ANNA);
    }
    let exceeded: &[&str] = &["10 linklocal_allowance_exceeded"];
    bench.step(ANNA, &question(ANNA, ACK).bytes(), exceeded);
    bench.step(ANNA, &udp(ANNA, METADATA, (9, 9)).bytes(), exceeded);
    ask(&mut bench, BERT);
    // Others' packets, and answers, take nothing of it.
    bench.step(
        ANNA,
        &udp(ANNA, private(BERT), (9, 9)).bytes(),
        support::PASSES,
    );
    let answers = answer(ANNA, private(ANNA), ACK);
    bench.step(SERVICES, &answers.bytes(), ANSWERED);
    bench.pass_seconds(1);
    ask(&mut bench, ANNA);
}

#[test]
fn the_api_is_asked_over_tls_alone_and_answers_from_where_it_was_asked() {
    let mut bench = Bench::new();
    let got = bench.step(ANNA, &tcp(ANNA, API, (40_000, 443), SYN).bytes(), ASKS);
    assert_eq!(got.unwrap()[30..34], service_for(Service::Api, ANNA));
    let answers = Datagram {
        source: service_for(Service::Api, ANNA),
        ..tcp(SERVICES, private(ANNA), (443, 40_000), SYN | ACK)
    };
    let got = bench.step(SERVICES, &answers.bytes(), ANSWERED).unwrap();
    assert_eq!(got[26..30], API);
    for other in [
        tcp(ANNA, API, (40_000, 80), SYN),
        udp(ANNA, API, (40_000, 443)),
    ] {
        bench.step(ANNA, &other.bytes(), &["10 service_unreachable"]);
    }
}

/// Receipts for a long listing leave room for questions of names.
#[test]
fn packets_to_the_api_take_a_sixteenth() {
    let mut bench = Bench::new();
    let receipt = tcp(ANNA, API, (40_000, 443), ACK).bytes();
    for _ in 0..8 * LINK_LOCAL_PACKETS_PER_SECOND {
        bench.step(ANNA, &receipt, ASKS);
    }
    for _ in 0..LINK_LOCAL_PACKETS_PER_SECOND / 2 {
        bench.step(ANNA, &question(ANNA, ACK).bytes(), ASKS);
    }
    let exceeded: &[&str] = &["10 linklocal_allowance_exceeded"];
    bench.step(ANNA, &receipt, exceeded);
    bench.step(ANNA, &question(ANNA, ACK).bytes(), exceeded);
}

/// Segmentation offload: one frame for many packets, whose checksum a device is to complete.
#[test]
fn a_frame_of_many_packets_takes_as_much_as_they() {
    let bench = Bench::new();
    let mut memory = bench.memory.clone();
    let mut send = |count: u32| {
        let mut datagram = question(ANNA, ACK);
        datagram.payload.resize(20 + 10 * count as usize, 7);
        let mut frame = MemoryFrame::new(&datagram.bytes()).segmented(10);
        let arrival = Arrival {
            vport: ANNA,
            now_ns: bench.now_ns,
        };
        let mut scratch = Scratch::default();
        let verdict = process(&mut frame, arrival, &bench.tables, &mut memory, || {
            Some(&mut scratch)
        });
        assert!(checksums_hold(&frame.bytes()));
        verdict.target()
    };
    assert_eq!(send(1_000), Some(SERVICES));
    assert_eq!(send(1_000), None);
    assert_eq!(send(10), Some(SERVICES));
}

const NOBODY: [u8; 4] = [0; 4];
const EVERYBODY: [u8; 4] = [255; 4];
const BROADCAST_MAC: [u8; 6] = [0xff; 6];

/// A question of DHCP.
fn discover(vport: u32, source: [u8; 4], destination: [u8; 4]) -> Datagram {
    Datagram {
        source,
        destination_mac: BROADCAST_MAC,
        ..udp(vport, destination, (68, 67))
    }
}

/// What the service sends to the guest of `vport`, about the client with this MAC address.
fn offer(vport: u32, to: [u8; 4], client: [u8; 6]) -> Datagram {
    let mut offer = Datagram {
        source: service_for(Service::Dhcp, vport),
        ..udp(SERVICES, to, (67, 68))
    };
    offer.payload.resize(8 + 28, 0);
    offer.payload.extend(client);
    let length = offer.payload.len() as u16;
    offer.payload[4..6].copy_from_slice(&length.to_be_bytes());
    offer
}

fn router(vport: u32) -> [u8; 4] {
    let [a, b, c, _] = private(vport);
    [a, b, c, 1]
}

#[test]
fn who_has_no_address_asks_everybody_and_the_fabric_answers_it_alone() {
    let beyond = Service::ASKER_WITHOUT_ADDRESS.0.to_ne_bytes();
    for vport in [ANNA, CARL] {
        let mut bench = Bench::new();
        // Nobody lets anything in or out.
        support::set_rules(&mut bench, vport, &[]);
        let out = format!("{vport} out");
        let asked = discover(vport, NOBODY, EVERYBODY);
        let got = bench.step(vport, &asked.bytes(), &[&out, "4095 in"]);
        let got = got.unwrap();
        assert_eq!(got[26..30], beyond);
        assert_eq!(got[30..34], service_for(Service::Dhcp, vport));
        assert!(checksums_hold(&got));
        let into = format!("{vport} in");
        let answer = offer(vport, beyond, mac(vport));
        let got = bench.step(SERVICES, &answer.bytes(), &["4095 out", &into]);
        let got = got.unwrap();
        assert_eq!(
            (&got[..6], &got[6..12]),
            (&BROADCAST_MAC[..], &router_mac(vport)[..])
        );
        assert_eq!(
            (&got[26..30], &got[30..34]),
            (&router(vport)[..], &EVERYBODY[..])
        );
        assert!(checksums_hold(&got));
    }
}

#[test]
fn who_has_an_address_renews_it_and_is_answered_there() {
    let to_router = Datagram {
        destination_mac: router_mac(ANNA),
        ..discover(ANNA, private(ANNA), router(ANNA))
    };
    let to_all = discover(ANNA, private(ANNA), EVERYBODY);
    for asked in [to_router, to_all] {
        let mut bench = Bench::new();
        let got = bench.step(ANNA, &asked.bytes(), ASKS).unwrap();
        assert_eq!(got[26..30], private(ANNA));
        assert_eq!(got[30..34], service_for(Service::Dhcp, ANNA));
        let answer = offer(ANNA, private(ANNA), mac(ANNA));
        let got = bench.step(SERVICES, &answer.bytes(), ANSWERED).unwrap();
        assert_eq!(got[..6], mac(ANNA));
        assert_eq!(
            (&got[26..30], &got[30..34]),
            (&router(ANNA)[..], &private(ANNA)[..])
        );
    }
}

#[test]
fn no_guest_gives_addresses_and_none_asks_in_anothers_name() {
    let step = |frame: Datagram, expected: &str| {
        Bench::new().step(ANNA, &frame.bytes(), &[expected]);
    };
    let gives = |destination| Datagram {
        destination_mac: mac(BERT),
        ..udp(ANNA, destination, (67, 68))
    };
    step(gives(private(BERT)), "10 dhcp_answer");
    step(gives(EVERYBODY), "10 dhcp_answer");
    let to_carl = udp(ANNA, private(CARL), (67, 68));
    step(to_carl, "10 dhcp_answer");
    let mut bench = Bench::new();
    let row = bench.tables.vports.get_mut(&ANNA).unwrap();
    row.flags &= !Vport::SOURCE_DEST_CHECK;
    bench.step(ANNA, &gives(private(BERT)).bytes(), &["10 dhcp_answer"]);
    let other = discover(ANNA, private(BERT), EVERYBODY);
    bench.step(ANNA, &other.bytes(), &["10 spoofed_address"]);
    // Neither is what is not for the server's port, or not for everybody or the router.
    let as_client = Datagram {
        source: NOBODY,
        ..udp(ANNA, EVERYBODY, (68, 68))
    };
    step(as_client, "10 broadcast");
    let to_neighbour = Datagram {
        destination_mac: mac(BERT),
        ..discover(ANNA, NOBODY, EVERYBODY)
    };
    step(to_neighbour, "10 broadcast");
    let first = Datagram {
        fragment: 0x2000,
        ..discover(ANNA, NOBODY, EVERYBODY)
    };
    step(first, "10 service_unreachable");
}

#[test]
fn an_answer_without_an_address_is_for_its_client_alone() {
    let beyond = Service::ASKER_WITHOUT_ADDRESS.0.to_ne_bytes();
    let stray: &[&str] = &["4095 stray_answer"];
    let cut = Datagram {
        payload: offer(ANNA, beyond, mac(ANNA)).payload[..36].to_vec(),
        ..offer(ANNA, beyond, mac(ANNA))
    };
    for other in [
        offer(ANNA, beyond, mac(BERT)),
        offer(ANNA, private(BERT), mac(ANNA)),
        offer(ANNA, EVERYBODY, mac(ANNA)),
        offer(77, beyond, mac(ANNA)),
    ] {
        Bench::new().step(SERVICES, &other.bytes(), stray);
    }
    let truncated = cut.payload.len() as u16;
    let mut cut = cut;
    cut.payload[4..6].copy_from_slice(&truncated.to_be_bytes());
    Bench::new().step(SERVICES, &cut.bytes(), stray);
}
