//! What is read of IPv6: addresses, extension headers, fragments, sizes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::net::Ipv6Addr;

use eni_abi::{INTERNET_MTU, Vport};
use eni_pipeline::testing::MemoryFrame;
use eni_pipeline::testing::frames_ipv6::{Packet, checksum_holds, echo, error, tcp, udp};
use eni_pipeline::testing::region::{ANNA, BERT, CARL, UPLINK, mac, router_mac};
use eni_pipeline::testing::region_ipv6::{HOST, ROUTER, own};
use eni_pipeline::{Arrival, Scratch, process};
use eni_wire::protocol::{self, DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, ROUTING};
use support::{Bench, PASSES};

const ACK: u8 = 0x10;
/// An extension header of options that are but padding.
const PADDING: &[u8] = &[0, 0, 1, 4, 0, 0, 0, 0];
const MALFORMED: &[&str] = &["10 malformed_header"];
const TRUNCATED: &[&str] = &["10 truncated"];
const MISPLACED: &[&str] = &["10 extension_headers"];
const OUT_TO_HOST: &[&str] = &["10 out", "9 in"];

fn to_bert() -> Packet {
    udp(ANNA, own(BERT), (1000, 2000))
}

/// The frame that `bend` makes of one of Anna's to Bert.
fn bent(bend: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = to_bert().bytes();
    bend(&mut frame);
    frame
}

#[test]
fn a_header_that_contradicts_itself_or_the_frame_is_dropped() {
    let mut bench = Bench::dual();
    bench.step(ANNA, &bent(|frame| frame[14] = 0x45), MALFORMED);
    bench.step(ANNA, &bent(|frame| frame[19] += 1), MALFORMED);
    // A jumbogram says 0 (RFC 2675).
    bench.step(ANNA, &bent(|frame| frame[18..20].fill(0)), TRUNCATED);
    let jumbo = to_bert().with(HOP_BY_HOP, &[0, 0, 0xc2, 4, 0, 1, 0, 0]);
    let mut frame = jumbo.bytes();
    frame[18..20].fill(0);
    bench.step(ANNA, &frame, TRUNCATED);
    bench.step(ANNA, &bent(|frame| frame[21] = 0), &["10 time_to_live"]);
    bench.step(ANNA, &bent(|frame| frame[21] = 1), PASSES);
    bench.step(ANNA, &bent(|frame| frame.truncate(53)), TRUNCATED);
    // Ethernet pads.
    bench.step(ANNA, &bent(|frame| frame.extend([0; 6])), PASSES);
}

#[test]
fn extension_headers_are_walked_to_what_rules_are_about() {
    let mut bench = Bench::dual();
    let moved: &[&str] = &["11 security_group_ingress"];
    let of_udp = |port| {
        udp(ANNA, own(BERT), (9, port))
            .with(HOP_BY_HOP, PADDING)
            .with(DESTINATION_OPTIONS, PADDING)
            .with(ROUTING, &[0, 0, 4, 0, 0, 0, 0, 0])
            .with(DESTINATION_OPTIONS, PADDING)
            .bytes()
    };
    let everybody = eni_pipeline::testing::Remote::NetworkIpv6(eni_abi::Address::NONE, 0);
    let rule = eni_pipeline::testing::Rule::port(
        eni_abi::Direction::Ingress,
        everybody,
        protocol::UDP,
        53,
    );
    support::set_rules(&mut bench, BERT, &[rule]);
    bench.step(ANNA, &of_udp(53), PASSES);
    bench.step(ANNA, &of_udp(54), moved);
}

#[test]
fn what_is_not_walked_is_dropped() {
    let mut bench = Bench::dual();
    let with = |count: usize| {
        (0..count).fold(to_bert(), |packet, _| {
            packet.with(DESTINATION_OPTIONS, PADDING)
        })
    };
    bench.step(ANNA, &with(8).bytes(), PASSES);
    bench.step(ANNA, &with(9).bytes(), MISPLACED);
    let late = to_bert()
        .with(DESTINATION_OPTIONS, PADDING)
        .with(HOP_BY_HOP, PADDING);
    bench.step(ANNA, &late.bytes(), MISPLACED);
    let twice = to_bert().fragment(1, 0, false).fragment(2, 0, false);
    bench.step(ANNA, &twice.bytes(), MISPLACED);
    // A header that reaches beyond the packet, or is cut.
    let long = to_bert().with(DESTINATION_OPTIONS, &[0, 4, 1, 4, 0, 0, 0, 0]);
    bench.step(ANNA, &long.bytes(), TRUNCATED);
    let mut cut = to_bert().with(DESTINATION_OPTIONS, PADDING);
    cut.payload.clear();
    cut.protocol = DESTINATION_OPTIONS;
    bench.step(ANNA, &cut.bytes(), TRUNCATED);
}

/// RFC 5095, and RFC 8200, section 4.4.
#[test]
fn no_packet_chooses_its_way() {
    let mut bench = Bench::dual();
    let dropped: &[&str] = &["10 source_route"];
    for (routing_type, left, moved) in [
        (0, 0, dropped),
        (0, 1, dropped),
        (2, 1, dropped),
        (4, 1, dropped),
        (2, 0, PASSES),
        (4, 0, PASSES),
    ] {
        let header = [
            0,
            2,
            routing_type,
            left,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ];
        bench.step(ANNA, &to_bert().with(ROUTING, &header).bytes(), moved);
    }
}

#[test]
fn every_number_is_a_protocol_or_walked() {
    let mut bench = Bench::dual();
    for number in 0..=255 {
        let moved = match number {
            HOP_BY_HOP | DESTINATION_OPTIONS | FRAGMENT => PASSES,
            ROUTING => &["10 source_route"],
            protocol::TCP | protocol::UDP => TRUNCATED,
            _ => PASSES,
        };
        // What follows is a header of eight bytes behind which is nothing (59) where the number is an extension header's.
        let payload = vec![59, 0, 0, 0, 0, 0, 0, 0];
        let payload = if moved == TRUNCATED {
            vec![0; 4]
        } else {
            payload
        };
        bench.step(
            ANNA,
            &Packet::new(ANNA, own(BERT), number, payload).bytes(),
            moved,
        );
    }
}

#[test]
fn addresses_that_nobody_forwards_are_dropped_whatever_the_check_says() {
    for check in [true, false] {
        let mut bench = Bench::dual();
        let row = bench.tables.vports.get_mut(&ANNA).unwrap();
        if !check {
            row.flags &= !Vport::SOURCE_DEST_CHECK;
        }
        for text in [
            "::",
            "::1",
            "::10.0.1.11",
            "::ffff:10.0.1.11",
            "::ffff:0:10.0.1.11",
            "2002:a00:10b::1",
            "fd00:ec2::1:254",
            "fe80::1",
            "fec0::1",
        ] {
            let special: Ipv6Addr = text.parse().unwrap();
            for destination_mac in [mac(BERT), router_mac(ANNA)] {
                let from = Packet {
                    source: special,
                    destination_mac,
                    ..to_bert()
                };
                bench.step(ANNA, &from.bytes(), &["10 special_address"]);
                let to = Packet {
                    destination: special,
                    destination_mac,
                    ..to_bert()
                };
                bench.step(ANNA, &to.bytes(), &["10 special_address"]);
            }
        }
        let from_group = Packet {
            source: "ff02::1".parse().unwrap(),
            ..to_bert()
        };
        bench.step(ANNA, &from_group.bytes(), &["10 special_address"]);
        let to_group = Packet {
            destination: "ff05::1".parse().unwrap(),
            ..to_bert()
        };
        bench.step(ANNA, &to_group.bytes(), &["10 multicast"]);
        let broadcast = Packet {
            destination_mac: [0xff; 6],
            ..to_bert()
        };
        bench.step(ANNA, &broadcast.bytes(), &["10 broadcast"]);
        let other = Packet {
            source: own(CARL),
            ..to_bert()
        };
        let moved = if check {
            &["10 spoofed_address"][..]
        } else {
            PASSES
        };
        bench.step(ANNA, &other.bytes(), moved);
    }
}

#[test]
fn the_first_fragment_decides_and_later_ones_follow_it() {
    let mut bench = Bench::dual();
    let whole = udp(ANNA, own(BERT), (9, 53));
    let mut first = whole.clone();
    first.payload.truncate(16);
    let later = |identification, offset, more| {
        let mut later = whole.clone();
        later.payload = b"01234567".to_vec();
        later.fragment(identification, offset, more).bytes()
    };
    bench.step(ANNA, &later(7, 16, false), &["10 fragment_without_first"]);
    bench.step(ANNA, &first.clone().fragment(7, 0, true).bytes(), PASSES);
    bench.step(ANNA, &later(7, 24, true), PASSES);
    bench.step(ANNA, &later(7, 16, false), PASSES);
    bench.step(ANNA, &later(7, 8, false), &["10 fragment_overlap"]);
    bench.step(ANNA, &later(8, 16, false), &["10 fragment_without_first"]);
    bench.pass_seconds(31);
    bench.step(ANNA, &later(7, 16, false), &["10 fragment_without_first"]);
}

/// The rules see the protocol that the chain leads to, not the number in a later fragment's header (RFC 8200, section 4.5).
#[test]
fn later_fragments_take_the_protocol_of_their_first() {
    let mut bench = Bench::dual();
    let first = to_bert()
        .fragment(9, 0, true)
        .with(DESTINATION_OPTIONS, PADDING);
    // 8 bytes of options, 8 of UDP's header, 10 of payload: made even.
    let first = Packet {
        payload: [first.payload.clone(), vec![0; 6]].concat(),
        ..first
    };
    bench.step(ANNA, &first.bytes(), PASSES);
    let mut later = Packet::new(ANNA, own(BERT), DESTINATION_OPTIONS, b"01234567".to_vec());
    later = later.fragment(9, 32, false);
    bench.step(ANNA, &later.bytes(), PASSES);
    let record = bench.memory.last_record.unwrap();
    assert_eq!(record.flow.unwrap().protocol, protocol::UDP);
}

#[test]
fn fragments_that_cannot_be_part_of_a_packet_are_dropped() {
    let mut bench = Bench::dual();
    let mut uneven = to_bert();
    uneven.payload.truncate(17);
    bench.step(
        ANNA,
        &uneven.clone().fragment(1, 0, true).bytes(),
        MALFORMED,
    );
    bench.step(ANNA, &uneven.fragment(1, 0xfff8, false).bytes(), MALFORMED);
    let mut empty = to_bert();
    empty.payload.clear();
    bench.step(ANNA, &empty.fragment(1, 8, false).bytes(), MALFORMED);
    // RFC 7112: the whole chain stands in the first.
    let mut split = tcp(ANNA, own(BERT), (1, 2), ACK);
    split.payload.truncate(16);
    bench.step(ANNA, &split.fragment(1, 0, true).bytes(), TRUNCATED);
    let mut chain = to_bert()
        .fragment(1, 0, true)
        .with(DESTINATION_OPTIONS, PADDING);
    chain.payload.clear();
    bench.step(ANNA, &chain.bytes(), TRUNCATED);
}

/// RFC 6946: it is no part of anything.
#[test]
fn a_packet_that_is_all_of_its_packet_is_whole() {
    let mut bench = Bench::dual();
    let atomic = to_bert().fragment(5, 0, false);
    bench.step(ANNA, &atomic.bytes(), PASSES);
    assert!(bench.memory.fragments.is_empty());
    // Its flow is not one that the fast way reads.
    assert!(bench.memory.flows_ipv6.is_empty());
}

#[test]
fn a_known_flow_goes_the_fast_way_with_the_same_bytes() {
    let mut bench = Bench::dual();
    for packet in [
        udp(ANNA, own(CARL), (9, 53)),
        tcp(ANNA, own(CARL), (9, 80), ACK),
        udp(ANNA, own(BERT), (9, 53)),
    ] {
        let target = if packet.destination == own(BERT) {
            "11 in"
        } else {
            "12 in"
        };
        let frame = packet.bytes();
        let flows = bench.memory.flows_ipv6.len();
        let slow = bench.step(ANNA, &frame, &["10 out", target]).unwrap();
        assert_eq!(bench.memory.flows_ipv6.len(), flows + 1);
        let fast = bench.step(ANNA, &frame, &["10 out", target]).unwrap();
        assert_eq!(slow, fast);
        assert!(checksum_holds(&fast));
        let mut tagged = MemoryFrame::new(&frame).tagged();
        let arrival = Arrival {
            vport: ANNA,
            now_ns: bench.now_ns,
        };
        let mut scratch = Scratch::default();
        let verdict = process(
            &mut tagged,
            arrival,
            &bench.tables,
            &mut bench.memory,
            || Some(&mut scratch),
        );
        assert_eq!(verdict.target(), None);
    }
    assert!(bench.memory.flows.is_empty());
}

#[test]
fn a_flow_is_decided_anew_when_a_row_changes() {
    let mut bench = Bench::dual();
    let frame = udp(ANNA, own(CARL), (9, 53)).bytes();
    bench.step(ANNA, &frame, &["10 out", "12 in"]);
    let row = bench.tables.vports.get_mut(&CARL).unwrap();
    row.flags |= Vport::BLOCKED;
    row.generation += 1;
    bench.step(ANNA, &frame, &["10 receiver_blocked"]);
}

#[test]
fn what_is_too_large_is_answered_by_the_router_and_never_cut() {
    let mut bench = Bench::dual();
    let mut large = udp(ANNA, HOST, (9, 53));
    large.payload.resize(INTERNET_MTU as usize - 40, 0);
    let length = large.payload.len() as u16;
    large.payload[4..6].copy_from_slice(&length.to_be_bytes());
    bench.step(ANNA, &large.bytes(), OUT_TO_HOST);
    large.payload.push(0);
    let answered: &[&str] = &["10 mtu_exceeded", "10 out", "10 in"];
    let fragment = large.clone().fragment(3, 0, false);
    for packet in [large, fragment] {
        let frame = packet.bytes();
        let answer = bench.step(ANNA, &frame, answered).unwrap();
        let message = &answer[54..];
        assert_eq!(message[..2], [2, 0]);
        assert_eq!(message[4..8], INTERNET_MTU.to_be_bytes());
        assert_eq!(message[8..], frame[14..14 + 64]);
        assert_eq!(answer[22..38], ROUTER.octets());
        assert_eq!(answer[38..54], own(ANNA).octets());
        assert_eq!(
            (&answer[..6], &answer[6..12]),
            (&mac(ANNA)[..], &router_mac(ANNA)[..])
        );
        assert!(checksum_holds(&answer));
    }
    // No error about an error (RFC 4443, section 2.4).
    let mut about = error(ANNA, HOST, [1, 4], &to_bert().packet(), 8);
    about.payload.resize(1_600, 0);
    bench.step(ANNA, &about.bytes(), &["10 mtu_exceeded"]);
    // Inside the VPC there is more room.
    let mut inside = udp(ANNA, own(CARL), (9, 53));
    inside.payload.resize(9_001 - 40, 0);
    bench.step(ANNA, &inside.bytes(), &["10 out", "12 in"]);
    inside.payload.push(0);
    let answer = bench.step(ANNA, &inside.bytes(), answered).unwrap();
    assert_eq!(answer[58..62], 9_001_u32.to_be_bytes());
}

#[test]
fn claims_of_segments_are_believed_of_tcp_and_udp_that_are_no_fragments() {
    let mut bench = Bench::dual();
    let mut large = tcp(ANNA, own(BERT), (9, 80), ACK);
    large.payload.resize(4_000, 0);
    let mut send = |frame: &[u8]| {
        let mut frame = MemoryFrame::new(frame).segmented(1_400);
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
        verdict.target()
    };
    for _ in 0..2 {
        assert_eq!(send(&large.bytes()), Some(BERT));
        let optional = large.clone().with(DESTINATION_OPTIONS, PADDING);
        assert_eq!(send(&optional.bytes()), Some(BERT));
    }
    for packet in [
        large.clone().fragment(1, 0, false),
        large
            .clone()
            .with(DESTINATION_OPTIONS, PADDING)
            .fragment(1, 0, false),
        echo(ANNA, own(BERT), 128, 1),
        echo(ANNA, own(BERT), 128, 1).with(DESTINATION_OPTIONS, PADDING),
    ] {
        assert_eq!(send(&packet.bytes()), None);
    }
    let mut padded = large.bytes();
    padded.extend([0; 4]);
    assert_eq!(send(&padded), None);
}

#[test]
fn a_mac_that_is_not_the_interfaces_sends_nothing() {
    let mut bench = Bench::dual();
    let frame = Packet {
        source_mac: mac(CARL),
        ..to_bert()
    }
    .bytes();
    bench.step(ANNA, &frame, &["10 spoofed_mac"]);
    bench.step(UPLINK, &frame, &["9 spoofed_mac"]);
}
