//! Neighbor discovery, answered by the fabric.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::net::Ipv6Addr;

use eni_abi::Vport;
use eni_pipeline::testing::frames_ipv6::{
    Packet, checksum_holds, echo, message, router_solicitation, solicitation,
};
use eni_pipeline::testing::region::{ANNA, BERT, CARL, UPLINK, mac, router_mac};
use eni_pipeline::testing::region_ipv6::{
    HOST, ROUTER, add_prefix, announce, delegated, own, subnet,
};
use eni_wire::protocol;
use support::{Bench, PASSES};

const ANSWERED: &[&str] = &["10 out", "10 in"];
const NOBODY: &[&str] = &["10 neighbor_unanswered"];
const INVALID: &[&str] = &["10 neighbor_invalid"];
const UNSPECIFIED: Ipv6Addr = Ipv6Addr::UNSPECIFIED;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Anna's own address of the link, of whatever making.
fn link_local() -> Ipv6Addr {
    "fe80::123:4567".parse().unwrap()
}

fn subnet_router() -> Ipv6Addr {
    let mut segments = subnet(ANNA).segments();
    segments[7] = 1;
    segments.into()
}

/// Source and destination of a frame, and what is behind its IP header.
fn read(frame: &[u8]) -> (Ipv6Addr, Ipv6Addr, &[u8]) {
    let address = |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&frame[at..at + 16]).unwrap());
    (address(22), address(38), &frame[54..])
}

#[track_caller]
fn assert_advertises(
    frame: &[u8],
    to: Ipv6Addr,
    target: Ipv6Addr,
    (mac_address, flags): ([u8; 6], u8),
) {
    let (source, destination, message) = read(frame);
    assert_eq!((source, destination), (target, to));
    assert_eq!((&frame[6..12], frame[21]), (&mac_address[..], 255));
    assert_eq!(&message[..2], [136, 0]);
    assert_eq!(message[4], flags, "R, S and O");
    assert_eq!(message[8..24], target.octets());
    assert_eq!(&message[24..26], [2, 1], "the target's MAC address");
    assert_eq!(message[26..], mac_address);
    assert!(checksum_holds(frame));
}

#[test]
fn router_and_neighbors_are_found_wherever_one_asks_from() {
    let mut bench = Bench::dual();
    for source in [own(ANNA), link_local()] {
        for (target, mac_address, flags) in [
            (ROUTER, router_mac(ANNA), 0xe0),
            (subnet_router(), router_mac(ANNA), 0xe0),
            (own(BERT), mac(BERT), 0x60),
        ] {
            let request = solicitation(ANNA, source, target).bytes();
            let answer = bench.step(ANNA, &request, ANSWERED).unwrap();
            assert_advertises(&answer, source, target, (mac_address, flags));
            assert_eq!(answer[..6], mac(ANNA));
        }
    }
    // A known neighbor is asked again by its MAC address.
    let again = Packet {
        destination_mac: mac(BERT),
        destination: own(BERT),
        ..solicitation(ANNA, own(ANNA), own(BERT))
    };
    let answer = bench.step(ANNA, &again.bytes(), ANSWERED).unwrap();
    assert_advertises(&answer, own(ANNA), own(BERT), (mac(BERT), 0x60));
}

#[test]
fn who_asks_whether_an_address_is_free_hears_of_others_only() {
    let mut bench = Bench::dual();
    for free in [
        own(ANNA),
        link_local(),
        own(CARL),
        "2001:db8:0:101::99".parse().unwrap(),
    ] {
        let probe = solicitation(ANNA, UNSPECIFIED, free).bytes();
        bench.step(ANNA, &probe, NOBODY);
    }
    for (taken, mac_address, flags) in [
        (own(BERT), mac(BERT), 0x20),
        (ROUTER, router_mac(ANNA), 0xa0),
    ] {
        let probe = solicitation(ANNA, UNSPECIFIED, taken).bytes();
        let answer = bench.step(ANNA, &probe, ANSWERED).unwrap();
        assert_advertises(&answer, ALL_NODES, taken, (mac_address, flags));
        assert_eq!(answer[..6], [0x33, 0x33, 0, 0, 0, 1]);
    }
}

#[test]
fn addresses_of_a_prefix_are_their_interfaces() {
    let mut bench = Bench::dual();
    add_prefix(&mut bench.tables, BERT, eni_wire::Ipv4(0x4002_000a).into());
    let mut segments = delegated(BERT).segments();
    segments[7] = 0x77;
    let target = Ipv6Addr::from(segments);
    let request = solicitation(ANNA, own(ANNA), target).bytes();
    let answer = bench.step(ANNA, &request, ANSWERED).unwrap();
    assert_advertises(&answer, own(ANNA), target, (mac(BERT), 0x60));
    let probe = solicitation(BERT, UNSPECIFIED, target).bytes();
    bench.step(BERT, &probe, &["11 neighbor_unanswered"]);
}

#[test]
fn a_router_solicitation_is_answered_with_the_subnets_prefix_and_no_leave_to_make_addresses() {
    let mut bench = Bench::dual();
    for (source, to) in [(link_local(), link_local()), (UNSPECIFIED, ALL_NODES)] {
        let request = router_solicitation(ANNA, source).bytes();
        let answer = bench.step(ANNA, &request, ANSWERED).unwrap();
        let (from, destination, message) = read(&answer);
        assert_eq!((from, destination, answer[21]), (ROUTER, to, 255));
        assert_eq!(message.len(), 64);
        assert_eq!(message[..2], [134, 0]);
        // M and O, and the longest lifetime.
        assert_eq!(message[4..8], [64, 0xc0, 0xff, 0xff]);
        assert_eq!(message[16..18], [1, 1]);
        assert_eq!(message[18..24], router_mac(ANNA));
        assert_eq!(message[24..32], [5, 1, 0, 0, 0, 0, 0x23, 0x29]);
        // On the link, without A.
        assert_eq!(message[32..36], [3, 4, 64, 0x80]);
        assert_eq!(message[36..44], [0xff; 8]);
        assert_eq!(message[48..64], subnet(ANNA).octets());
        assert!(checksum_holds(&answer));
    }
    let row = bench.tables.vports.get_mut(&ANNA).unwrap();
    row.subnet_ipv6 = eni_abi::Address::NONE;
    let request = router_solicitation(ANNA, link_local()).bytes();
    let answer = bench.step(ANNA, &request, ANSWERED).unwrap();
    assert_eq!(read(&answer).2.len(), 32);
    assert!(checksum_holds(&answer));
}

/// RFC 4861, section 7.1.1; RFC 6980.
#[test]
fn what_breaks_the_rules_of_the_link_is_no_question() {
    let mut bench = Bench::dual();
    let good = || solicitation(ANNA, own(ANNA), own(BERT));
    let mut coded = good();
    coded.payload[1] = 1;
    let mut group = good();
    group.payload[8..24].copy_from_slice(&ALL_NODES.octets());
    let mut nobody = good();
    nobody.payload[8..24].fill(0);
    for bent in [
        Packet {
            hop_limit: 254,
            ..good()
        },
        Packet {
            hop_limit: 1,
            ..router_solicitation(ANNA, own(ANNA))
        },
        Packet {
            source: ALL_NODES,
            ..good()
        },
        Packet {
            destination: own(BERT),
            ..solicitation(ANNA, UNSPECIFIED, own(BERT))
        },
        good().fragment(1, 0, false),
        good().with(protocol::DESTINATION_OPTIONS, &[0, 0, 1, 4, 0, 0, 0, 0]),
        coded,
        group,
        nobody,
    ] {
        bench.step(ANNA, &bent.bytes(), INVALID);
    }
    let mut short = good();
    short.payload.truncate(20);
    bench.step(ANNA, &short.bytes(), &["10 truncated"]);
    bench.step(ANNA, &good().bytes(), ANSWERED);
}

#[test]
fn nobody_asks_in_the_name_of_others() {
    let mut bench = Bench::dual();
    for source in [own(BERT), ROUTER, HOST] {
        let request = solicitation(ANNA, source, own(BERT)).bytes();
        bench.step(ANNA, &request, &["10 spoofed_address"]);
        let request = router_solicitation(ANNA, source).bytes();
        bench.step(ANNA, &request, &["10 spoofed_address"]);
    }
}

#[test]
fn nobody_advertises_redirects_or_reports() {
    let mut bench = Bench::dual();
    for icmp_type in (0..=255).filter(|number| !matches!(number, 133 | 135)) {
        let link = matches!(icmp_type, 130..=137 | 141..=143 | 148 | 149 | 151..=153);
        for hop_limit in [255, 1] {
            let unicast = Packet {
                hop_limit,
                ..message(ANNA, own(BERT), [icmp_type, 0], 1)
            };
            let moved = if link {
                &["10 neighbor_unsolicited"][..]
            } else {
                PASSES
            };
            bench.step(ANNA, &unicast.bytes(), moved);
            let group = Packet {
                destination: ALL_NODES,
                destination_mac: [0x33, 0x33, 0, 0, 0, 1],
                source: link_local(),
                ..unicast
            };
            let moved = if link {
                &["10 neighbor_unsolicited"][..]
            } else {
                &["10 multicast"]
            };
            bench.step(ANNA, &group.bytes(), moved);
        }
    }
    // A report of listeners, behind the option that has routers look at it.
    let report = Packet {
        destination: "ff02::16".parse().unwrap(),
        destination_mac: [0x33, 0x33, 0, 0, 0, 0x16],
        source: link_local(),
        hop_limit: 1,
        ..message(ANNA, own(BERT), [143, 0], 0)
    }
    .with(protocol::HOP_BY_HOP, &[0, 0, 5, 2, 0, 0, 1, 0]);
    bench.step(ANNA, &report.bytes(), &["10 neighbor_unsolicited"]);
}

#[test]
fn the_router_answers_pings_under_each_of_its_addresses() {
    let mut bench = Bench::dual();
    for source in [own(ANNA), link_local()] {
        for router in [ROUTER, subnet_router()] {
            let request = Packet {
                source,
                ..echo(ANNA, router, 128, 5)
            };
            let answer = bench.step(ANNA, &request.bytes(), ANSWERED).unwrap();
            let (from, to, message) = read(&answer);
            assert_eq!((from, to), (router, source));
            assert_eq!(
                (&message[..2], &message[4..6]),
                (&[129, 0][..], &[0, 5][..])
            );
            assert!(checksum_holds(&answer));
        }
    }
    let other = Packet {
        destination_mac: router_mac(ANNA),
        ..message(ANNA, ROUTER, [129, 0], 5)
    };
    bench.step(ANNA, &other.bytes(), &["10 router_unreachable"]);
    let spoofed = Packet {
        source: own(BERT),
        ..echo(ANNA, ROUTER, 128, 5)
    };
    bench.step(ANNA, &spoofed.bytes(), &["10 spoofed_address"]);
    let to_nobody = echo(ANNA, UNSPECIFIED, 128, 5).bytes();
    bench.step(ANNA, &to_nobody, &["10 special_address"]);
}

#[test]
fn an_interface_without_ipv6_hears_nothing_and_says_nothing() {
    let mut bench = Bench::dual();
    let row = bench.tables.vports.get_mut(&ANNA).unwrap();
    row.flags &= !(Vport::IPV6 | Vport::SOURCE_DEST_CHECK);
    for packet in [
        solicitation(ANNA, link_local(), ROUTER),
        router_solicitation(ANNA, UNSPECIFIED),
        echo(ANNA, own(BERT), 128, 1),
        echo(ANNA, HOST, 128, 1),
    ] {
        bench.step(ANNA, &packet.bytes(), &["10 ipv6"]);
    }
}

#[test]
fn the_host_finds_the_router_and_what_is_on_the_internet() {
    let mut bench = Bench::dual();
    let from_host: Ipv6Addr = "fe80::99".parse().unwrap();
    let answered: &[&str] = &["9 out", "9 in"];
    let nobody: &[&str] = &["9 neighbor_unanswered"];
    for target in [ROUTER, own(ANNA), "2001:db8:0:1ff::1".parse().unwrap()] {
        let request = solicitation(UPLINK, from_host, target).bytes();
        let answer = bench.step(UPLINK, &request, answered).unwrap();
        assert_advertises(&answer, from_host, target, (router_mac(UPLINK), 0xe0));
    }
    for target in [HOST, "2001:db8:0:200::1".parse().unwrap(), from_host] {
        bench.step(
            UPLINK,
            &solicitation(UPLINK, from_host, target).bytes(),
            nobody,
        );
    }
    bench.step(
        UPLINK,
        &router_solicitation(UPLINK, from_host).bytes(),
        nobody,
    );
    bench.tables.vpc_blocks.clear();
    bench.step(
        UPLINK,
        &solicitation(UPLINK, from_host, own(ANNA)).bytes(),
        nobody,
    );
    announce(&mut bench.tables, false);
    bench.step(
        UPLINK,
        &solicitation(UPLINK, from_host, own(ANNA)).bytes(),
        answered,
    );
}

/// RFC 4861, sections 6.1.1 and 7.1.1.
#[test]
fn options_that_cannot_be_make_no_question() {
    const SOURCE: [u8; 8] = [1, 1, 2, 0, 0, 0, 1, 10];
    const NONCE: [u8; 8] = [14, 1, 1, 2, 3, 4, 5, 6];
    let mut bench = Bench::dual();
    for source in [UNSPECIFIED, link_local()] {
        let asks = [
            router_solicitation(ANNA, source),
            solicitation(ANNA, source, own(BERT)),
        ];
        let from_nowhere = source.is_unspecified();
        for asked in asks {
            let mut bare = asked.clone();
            let fixed = if bare.payload[0] == 133 { 8 } else { 24 };
            bare.payload.truncate(fixed);
            let mut step = |options: &[[u8; 8]], is_valid: bool| {
                let mut packet = bare.clone();
                packet.payload.extend(options.concat());
                let moved = if is_valid { ANSWERED } else { INVALID };
                bench.step(ANNA, &packet.bytes(), moved);
            };
            step(&[], true);
            step(&[NONCE], true);
            step(&[NONCE; 8], true);
            step(&[NONCE; 9], false);
            step(&[SOURCE], !from_nowhere);
            step(&[NONCE, SOURCE], !from_nowhere);
            step(&[NONCE, [14, 0, 0, 0, 0, 0, 0, 0]], false);
            step(&[NONCE, [14, 2, 0, 0, 0, 0, 0, 0]], false);
            bare.payload.extend(&NONCE[..4]);
            bench.step(ANNA, &bare.bytes(), INVALID);
        }
    }
}
