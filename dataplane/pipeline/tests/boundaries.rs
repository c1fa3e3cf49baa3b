//! Network ACLs, the internet gateway, MTU and fragments.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::Direction::{Egress, Ingress};
use eni_pipeline::testing::frames::{Datagram, checksums_hold, echo, icmp_error, repair, tcp, udp};
use eni_pipeline::testing::region::{
    ANNA, BERT, CARL, OPEN_ACL, UPLINK, ip, mac, private, public, router_mac,
};
use eni_pipeline::testing::{MemoryFrame, Remote, Rule, add_policy, cut, decide};
use eni_pipeline::{Arrival, Manner, Scratch, process};
use eni_wire::protocol::{self, TCP, UDP};
use eni_wire::tcp_flag::{ACK, SYN};
use support::Bench;

const WORLD: Remote = Remote::Network(eni_abi::Ipv4(0), 0);
const HOST: [u8; 4] = [198, 51, 100, 1];

fn set_acl(bench: &mut Bench, vport: u32, rules: &[Rule]) {
    let policy = bench.tables.policies.keys().max().unwrap() + 1;
    add_policy(&mut bench.tables, policy, rules);
    let row = bench.tables.vports.get_mut(&vport).unwrap();
    row.network_acl_policy = policy;
    row.generation += 1;
}

fn deny(rule: Rule) -> Rule {
    Rule {
        allow: false,
        ..rule
    }
}

#[test]
fn the_first_matching_entry_of_a_network_acl_decides() {
    let all = Rule::everything(Ingress);
    let dns = Rule::port(Ingress, WORLD, UDP, 53);
    let from_anna = Rule {
        remote: Remote::Network(ip(private(ANNA)), 32),
        ..all
    };
    let denied: &[&str] = &["12 network_acl_ingress"];
    let passes: &[&str] = &["10 out", "12 in"];
    let cases: [(&[Rule], &[&str]); 7] = [
        (&[], denied),
        (&[all], passes),
        (&[deny(dns), all], denied),
        (&[all, deny(dns)], passes),
        (&[deny(from_anna), all], denied),
        (&[dns, deny(from_anna)], passes),
        (&[Rule::port(Ingress, WORLD, TCP, 53)], denied),
    ];
    for (rules, moved) in cases {
        let mut bench = Bench::new();
        set_acl(&mut bench, CARL, rules);
        println!("{rules:?}");
        bench.step(ANNA, &udp(ANNA, private(CARL), (9, 53)).bytes(), moved);
    }
}

/// Allowed or denied: 255 is a number like the others.
#[test]
fn an_entry_of_one_protocol_decides_about_no_other() {
    let all = Rule::everything(Ingress);
    let highest = Rule {
        protocol: eni_abi::RuleProtocol::number(255),
        ..all
    };
    let passes: &[&str] = &["10 out", "12 in"];
    let denied: &[&str] = &["12 network_acl_ingress"];
    for (rules, of_255, of_others) in [
        (&[highest][..], passes, denied),
        (&[deny(highest), all], denied, passes),
    ] {
        let mut bench = Bench::new();
        set_acl(&mut bench, CARL, rules);
        let raw = |protocol| Datagram::new(ANNA, private(CARL), protocol, vec![0; 8]).bytes();
        bench.step(ANNA, &raw(255), of_255);
        bench.step(ANNA, &raw(254), of_others);
        bench.step(ANNA, &raw(0), of_others);
        bench.step(ANNA, &udp(ANNA, private(CARL), (9, 53)).bytes(), of_others);
    }
}

#[test]
fn network_acls_are_stateless_and_cut_at_once() {
    let mut bench = Bench::new();
    let request = udp(ANNA, private(CARL), (9, 53)).bytes();
    let answer = udp(CARL, private(ANNA), (53, 9)).bytes();
    bench.step(ANNA, &request, &["10 out", "12 in"]);
    set_acl(
        &mut bench,
        CARL,
        &[
            Rule::everything(Ingress),
            Rule::port(Egress, WORLD, UDP, 80),
        ],
    );
    bench.step(CARL, &answer, &["12 network_acl_egress"]);
    bench.step(ANNA, &request, &["10 out", "12 in"]);
    set_acl(&mut bench, CARL, &[]);
    bench.step(ANNA, &request, &["12 network_acl_ingress"]);
}

#[test]
fn network_acls_do_not_stand_between_neighbours() {
    let mut bench = Bench::new();
    set_acl(&mut bench, ANNA, &[]);
    set_acl(&mut bench, BERT, &[]);
    bench.step(
        ANNA,
        &udp(ANNA, private(BERT), (9, 53)).bytes(),
        &["10 out", "11 in"],
    );
    let by_router = Datagram {
        destination_mac: router_mac(ANNA),
        ..udp(ANNA, private(BERT), (8, 53))
    };
    bench.step(ANNA, &by_router.bytes(), &["10 out", "11 in"]);
    bench.step(
        ANNA,
        &udp(ANNA, private(CARL), (9, 53)).bytes(),
        &["10 network_acl_egress"],
    );
}

#[test]
fn the_internet_gateway_translates_both_ways() {
    let frames: [(Datagram, Datagram); 3] = [
        (
            tcp(ANNA, HOST, (9, 80), SYN),
            tcp(UPLINK, public(ANNA), (80, 9), SYN | ACK),
        ),
        (udp(ANNA, HOST, (9, 53)), udp(UPLINK, public(ANNA), (53, 9))),
        (echo(ANNA, HOST, 8, 5), echo(UPLINK, public(ANNA), 0, 5)),
    ];
    for (request, answer) in frames {
        let mut bench = Bench::new();
        for _ in 0..3 {
            let sent = bench
                .step(ANNA, &request.bytes(), &["10 out", "9 in"])
                .unwrap();
            assert!(checksums_hold(&sent));
            assert_eq!(
                (&sent[..6], &sent[6..12]),
                (&mac(UPLINK)[..], &router_mac(UPLINK)[..])
            );
            assert_eq!(
                (&sent[26..30], &sent[30..34]),
                (&public(ANNA)[..], &HOST[..])
            );
            let back = bench
                .step(UPLINK, &answer.bytes(), &["9 out", "10 in"])
                .unwrap();
            assert!(checksums_hold(&back));
            assert_eq!(
                (&back[..6], &back[6..12]),
                (&mac(ANNA)[..], &router_mac(ANNA)[..])
            );
            assert_eq!(
                (&back[26..30], &back[30..34]),
                (&HOST[..], &private(ANNA)[..])
            );
        }
    }
}

/// Their checksums cover the addresses, as UDP's does.
#[test]
fn the_checksums_of_udp_lite_and_dccp_are_translated() {
    for protocol in [protocol::UDP_LITE, protocol::DCCP] {
        let sealed = |datagram: Datagram| {
            let mut frame = datagram.bytes();
            frame[23] = protocol;
            let (header, transport) = frame[14..].split_at_mut(20);
            header[10..12].fill(0);
            let sum = checksum_of(&[header]);
            header[10..12].copy_from_slice(&sum);
            transport[6..8].fill(0);
            let sum = transport_sum(&header[12..20], protocol, transport);
            transport[6..8].copy_from_slice(&sum);
            frame
        };
        let mut bench = Bench::new();
        let request = sealed(udp(ANNA, HOST, (9, 53)));
        let sent = bench.step(ANNA, &request, &["10 out", "9 in"]).unwrap();
        let answer = sealed(udp(UPLINK, public(ANNA), (53, 9)));
        let back = bench.step(UPLINK, &answer, &["9 out", "10 in"]).unwrap();
        for frame in [sent, back] {
            let whole = transport_sum(&frame[26..34], protocol, &frame[34..]);
            assert_eq!(whole, [0, 0], "protocol {protocol}");
        }
    }
}

/// The checksum of what follows an IPv4 header, its pseudo-header included (RFC 768).
fn transport_sum(addresses: &[u8], protocol: u8, transport: &[u8]) -> [u8; 2] {
    let length = u16::try_from(transport.len()).unwrap().to_be_bytes();
    checksum_of(&[addresses, &[0, protocol], &length, transport])
}

/// The checksum of RFC 1071 over parts of an even length.
fn checksum_of(parts: &[&[u8]]) -> [u8; 2] {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 = words
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

#[test]
fn neighbours_meet_by_public_addresses_inside_the_fabric() {
    let mut bench = Bench::new();
    let sent = bench
        .step(
            ANNA,
            &tcp(ANNA, public(BERT), (9, 80), SYN).bytes(),
            &["10 out", "11 in"],
        )
        .unwrap();
    assert!(checksums_hold(&sent));
    assert_eq!(
        (&sent[26..30], &sent[30..34]),
        (&public(ANNA)[..], &private(BERT)[..])
    );
    let back = bench
        .step(
            BERT,
            &tcp(BERT, public(ANNA), (80, 9), SYN | ACK).bytes(),
            &["11 out", "10 in"],
        )
        .unwrap();
    assert_eq!(
        (&back[26..30], &back[30..34]),
        (&public(BERT)[..], &private(ANNA)[..])
    );
}

#[test]
fn without_a_public_address_nothing_leaves_or_enters() {
    let mut bench = Bench::new();
    bench.step(
        CARL,
        &udp(CARL, HOST, (9, 53)).bytes(),
        &["12 no_public_address"],
    );
    bench.step(
        UPLINK,
        &udp(UPLINK, public(CARL), (9, 53)).bytes(),
        &["9 unknown_public_address"],
    );
    bench.step(
        UPLINK,
        &udp(UPLINK, private(ANNA), (9, 53)).bytes(),
        &["9 unknown_public_address"],
    );
    let spoofed = Datagram {
        source: public(BERT),
        ..udp(UPLINK, public(ANNA), (9, 53))
    };
    bench.step(UPLINK, &spoofed.bytes(), &["9 inside_source"]);
    bench.tables.globals.uplink_vport = 0;
    bench.step(ANNA, &udp(ANNA, HOST, (9, 53)).bytes(), &["10 no_uplink"]);
}

#[test]
fn rules_see_the_public_source_of_what_comes_from_outside() {
    let mut bench = Bench::new();
    let policy = bench.tables.policies.keys().max().unwrap() + 1;
    add_policy(
        &mut bench.tables,
        policy,
        &[Rule::port(Ingress, Remote::Network(ip(HOST), 32), UDP, 53)],
    );
    bench.tables.vports.get_mut(&ANNA).unwrap().security_policy = policy;
    bench.step(
        UPLINK,
        &udp(UPLINK, public(ANNA), (9, 53)).bytes(),
        &["9 out", "10 in"],
    );
    let other = Datagram {
        source: [198, 51, 100, 2],
        ..udp(UPLINK, public(ANNA), (9, 53))
    };
    bench.step(UPLINK, &other.bytes(), &["10 security_group_ingress"]);
    set_acl(&mut bench, ANNA, &[]);
    bench.step(
        UPLINK,
        &udp(UPLINK, public(ANNA), (9, 53)).bytes(),
        &["10 network_acl_ingress"],
    );
}

#[test]
fn an_icmp_error_from_outside_is_translated_inside_too() {
    let mut bench = Bench::new();
    let policy = bench.tables.policies.keys().max().unwrap() + 1;
    add_policy(
        &mut bench.tables,
        policy,
        &[Rule::port(Egress, WORLD, UDP, 53)],
    );
    bench.tables.vports.get_mut(&ANNA).unwrap().security_policy = policy;
    let sent = bench
        .step(ANNA, &udp(ANNA, HOST, (9, 53)).bytes(), &["10 out", "9 in"])
        .unwrap();
    let error = icmp_error(UPLINK, public(ANNA), [3, 3], &sent[14..]);
    let back = bench
        .step(UPLINK, &error.bytes(), &["9 out", "10 in"])
        .unwrap();
    assert!(checksums_hold(&back));
    assert_eq!(
        (&back[54..58], &back[58..62]),
        (&private(ANNA)[..], &HOST[..]),
        "the embedded addresses"
    );
}

#[test]
fn an_icmp_error_to_the_outside_is_translated_inside_too() {
    let mut bench = Bench::new();
    let asked = bench
        .step(
            UPLINK,
            &udp(UPLINK, public(ANNA), (9, 53)).bytes(),
            &["9 out", "10 in"],
        )
        .unwrap();
    let error = icmp_error(ANNA, HOST, [3, 3], &asked[14..]);
    let sent = bench
        .step(ANNA, &error.bytes(), &["10 out", "9 in"])
        .unwrap();
    assert!(checksums_hold(&sent));
    assert_eq!(
        (&sent[54..58], &sent[58..62]),
        (&HOST[..], &public(ANNA)[..]),
        "the embedded addresses"
    );
}

#[test]
fn what_is_too_large_for_the_uplink_is_answered_with_its_mtu() {
    let large = |fragment| {
        let mut datagram = udp(ANNA, HOST, (9, 53));
        datagram.fragment = fragment;
        datagram.payload.resize(1481, 0);
        datagram.payload[4..6].copy_from_slice(&1481_u16.to_be_bytes());
        datagram
    };
    let mut bench = Bench::new();
    let answer = bench.step(
        ANNA,
        &large(0x4000).bytes(),
        &["10 mtu_exceeded", "10 out", "10 in"],
    );
    let answer = answer.unwrap();
    assert!(checksums_hold(&answer));
    assert_eq!(answer.len(), 70);
    assert_eq!(
        (&answer[..6], &answer[26..30], &answer[30..34]),
        (&mac(ANNA)[..], &[10, 0, 1, 1][..], &private(ANNA)[..])
    );
    assert_eq!(
        answer[34..42],
        [3, 4, answer[36], answer[37], 0, 0, 0x05, 0xdc],
        "fragmentation needed, 1500"
    );
    assert_eq!(answer[42..70], large(0x4000).bytes()[14..42]);
    let mut fits = large(0);
    fits.payload.truncate(1480);
    fits.payload[4..6].copy_from_slice(&1480_u16.to_be_bytes());
    bench.step(ANNA, &fits.bytes(), &["10 out", "9 in"]);
    // Inside the VPC it is small.
    let inside = Datagram {
        destination: private(CARL),
        ..large(0x4000)
    };
    bench.step(ANNA, &inside.bytes(), &["10 out", "12 in"]);
}

/// A packet of `payload` bytes behind the IP header.
fn of_length(destination: [u8; 4], fragment: u16, payload: u16) -> Datagram {
    let mut datagram = udp(ANNA, destination, (9, 53));
    datagram.fragment = fragment;
    datagram.payload.resize(payload.into(), 0);
    for (position, byte) in datagram.payload.iter_mut().enumerate().skip(8) {
        *byte = (position / 8) as u8;
    }
    datagram.payload[4..6].copy_from_slice(&payload.to_be_bytes());
    datagram
}

/// Sends it; the fragments that are delivered, or none if it is not cut.
fn pieces(bench: &mut Bench, datagram: &Datagram) -> Vec<Vec<u8>> {
    let arrival = Arrival {
        vport: ANNA,
        now_ns: bench.now_ns,
    };
    let (verdict, bytes) = decide(&bench.tables, &mut bench.memory, arrival, &datagram.bytes());
    if verdict.manner() == Some(Manner::InPieces) {
        cut(&bytes)
    } else {
        Vec::new()
    }
}

#[test]
fn what_may_be_fragmented_is_at_the_internet_gateway() {
    for destination in [HOST, public(BERT)] {
        for payload in [1481, 2960, 2961, 8981] {
            let mut bench = Bench::new();
            // As a known flow too.
            for _ in 0..2 {
                let datagram = of_length(destination, 0, payload);
                let found = pieces(&mut bench, &datagram);
                assert_eq!(found.len(), usize::from(payload).div_ceil(1480));
                let mut whole = Vec::new();
                for (number, piece) in found.iter().enumerate() {
                    let last = number + 1 == found.len();
                    let fragment = u16::from_be_bytes([piece[20], piece[21]]);
                    let place = (number * 185) as u16;
                    assert_eq!(fragment, place | if last { 0 } else { 0x2000 });
                    assert!(last || piece.len() == 1514);
                    assert_eq!(
                        usize::from(u16::from_be_bytes([piece[16], piece[17]])),
                        piece.len() - 14
                    );
                    assert_eq!(piece[26..30], public(ANNA));
                    let mut repaired = piece.clone();
                    repair(&mut repaired);
                    assert_eq!(&repaired, piece, "the header's checksum");
                    whole.extend_from_slice(&piece[34..]);
                }
                assert_eq!(whole[8..], datagram.payload[8..]);
            }
            let packets = u64::from(payload).div_ceil(1480);
            assert_eq!(bench.memory.traffic[&ANNA].egress_packets, 2 * packets);
        }
    }
    // A fragment is cut at its own place, and does not become the last.
    let found = pieces(&mut Bench::new(), &of_length(HOST, 0x2000, 2960));
    let places = found.iter().map(|piece| [piece[20], piece[21]]);
    assert_eq!(places.collect::<Vec<_>>(), [[0x20, 0], [0x20, 185]]);
}

#[test]
fn what_cannot_be_cut_is_dropped_or_answered() {
    let mut options = of_length(HOST, 0, 2000);
    options.options = vec![1; 4];
    let too_large = of_length(HOST, 0, 8982);
    for datagram in [options, too_large] {
        Bench::new().step(ANNA, &datagram.bytes(), &["10 mtu_exceeded"]);
    }
    // Between two public addresses the internet's MTU counts, and inside the VPC the VPC's.
    let moved = &["10 mtu_exceeded", "10 out", "10 in"];
    let to_public = of_length(public(BERT), 0x4000, 1481);
    Bench::new().step(ANNA, &to_public.bytes(), moved);
    for fragment in [0, 0x4000] {
        let inside = of_length(private(CARL), fragment, 8981);
        Bench::new().step(ANNA, &inside.bytes(), &["10 out", "12 in"]);
        let larger = of_length(private(CARL), fragment, 8982);
        let moved: &[&str] = if fragment == 0 {
            &["10 mtu_exceeded"]
        } else {
            moved
        };
        Bench::new().step(ANNA, &larger.bytes(), moved);
    }
    // Rules are asked before.
    let mut bench = Bench::new();
    set_acl(&mut bench, ANNA, &[Rule::everything(Ingress)]);
    let large = of_length(HOST, 0, 2000);
    bench.step(ANNA, &large.bytes(), &["10 network_acl_egress"]);
}

#[test]
fn offloaded_segments_count_by_their_size_on_the_wire() {
    for (segment_size, delivered) in [(1460, true), (1461, false)] {
        let mut bench = Bench::new();
        let mut datagram = tcp(ANNA, HOST, (9, 80), ACK);
        datagram.payload.resize(20 + 4 * 1460, 0);
        // The slow way, then the cached one.
        for _ in 0..2 {
            let mut frame = MemoryFrame::new(&datagram.bytes()).segmented(segment_size);
            let arrival = Arrival {
                vport: ANNA,
                now_ns: bench.now_ns,
            };
            let mut scratch = Scratch::default();
            let verdict = process(
                &mut frame,
                arrival,
                &bench.tables,
                &mut bench.memory,
                || Some(&mut scratch),
            );
            assert_eq!(
                verdict.target() == Some(UPLINK),
                delivered,
                "{segment_size}"
            );
        }
    }
}

#[test]
fn later_fragments_follow_their_first() {
    let mut first = udp(ANNA, private(CARL), (9, 53));
    first.fragment = 0x2000;
    let mut later = first.clone();
    later.fragment = 2;
    later.payload = vec![7; 24];
    let mut bench = Bench::new();
    bench.step(ANNA, &later.bytes(), &["10 fragment_without_first"]);
    bench.step(ANNA, &first.bytes(), &["10 out", "12 in"]);
    bench.step(ANNA, &later.bytes(), &["10 out", "12 in"]);
    let of_another = Datagram {
        identification: 8,
        ..later.clone()
    };
    bench.step(ANNA, &of_another.bytes(), &["10 fragment_without_first"]);
    set_acl(
        &mut bench,
        CARL,
        &[
            deny(Rule::port(Ingress, WORLD, UDP, 53)),
            Rule::everything(Ingress),
        ],
    );
    bench.step(ANNA, &later.bytes(), &["12 network_acl_ingress"]);
    bench.pass_seconds(31);
    bench.step(ANNA, &later.bytes(), &["10 fragment_without_first"]);
}

#[test]
fn fragments_are_translated_at_the_internet_gateway() {
    let mut first = udp(ANNA, HOST, (9, 53));
    first.fragment = 0x2000;
    let mut later = first.clone();
    later.fragment = 2;
    let mut bench = Bench::new();
    for fragment in [first, later] {
        let sent = bench
            .step(ANNA, &fragment.bytes(), &["10 out", "9 in"])
            .unwrap();
        assert_eq!(sent[26..30], public(ANNA));
        assert_eq!(
            sent[42..],
            fragment.bytes()[42..],
            "the payload is untouched"
        );
    }
}

#[test]
fn a_missing_policy_lets_nothing_pass() {
    let mut bench = Bench::new();
    bench.tables.policies.remove(&OPEN_ACL);
    bench.step(
        ANNA,
        &udp(ANNA, private(CARL), (9, 53)).bytes(),
        &["10 network_acl_egress"],
    );
}
