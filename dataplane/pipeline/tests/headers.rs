//! What a router refuses of IP headers, and fragments that would show rules one thing and receivers another.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_pipeline::testing::frames::{Datagram, repair, tcp, udp};
use eni_pipeline::testing::region::{ANNA, BERT, CARL, UPLINK, private, public};
use eni_wire::protocol::UDP_LITE;
use eni_wire::tcp_flag::{ACK, SYN};
use support::Bench;

const PASSES: &[&str] = &["10 out", "12 in"];
/// MF.
const MORE: u16 = 0x2000;

fn to_carl() -> Datagram {
    udp(ANNA, private(CARL), (9, 53))
}

#[test]
fn a_wrong_header_checksum_is_dropped_also_in_a_known_flow() {
    for options in [vec![], vec![1; 40]] {
        let good = Datagram {
            options,
            ..to_carl()
        }
        .bytes();
        let mut bench = Bench::new();
        bench.step(ANNA, &good, PASSES);
        for position in [14, 15, 18, 19, 22, 24, 25] {
            // Version, service, identification, time to live, the checksum itself.
            let mut bad = good.clone();
            bad[position] ^= 1 << 4;
            let reason = if position == 14 {
                "10 malformed_header"
            } else {
                "10 header_checksum"
            };
            bench.step(ANNA, &bad, &[reason]);
        }
        bench.step(ANNA, &good, PASSES);
    }
    let mut from_outside = udp(UPLINK, public(ANNA), (9, 53)).bytes();
    from_outside[24] ^= 1;
    Bench::new().step(UPLINK, &from_outside, &["9 header_checksum"]);
}

#[test]
fn a_packet_without_time_to_live_is_dropped_also_in_a_known_flow() {
    let good = to_carl().bytes();
    let mut dead = good.clone();
    dead[22] = 0;
    repair(&mut dead);
    let mut last = good.clone();
    last[22] = 1;
    repair(&mut last);
    let mut bench = Bench::new();
    bench.step(ANNA, &dead, &["10 time_to_live"]);
    bench.step(ANNA, &good, PASSES);
    bench.step(ANNA, &dead, &["10 time_to_live"]);
    bench.step(ANNA, &last, PASSES);
}

#[test]
fn no_option_says_which_way_a_packet_goes() {
    let source_route = &["10 source_route"][..];
    let malformed = &["10 malformed_header"][..];
    let cases: [(&[u8], &[&str], &str); 14] = [
        (&[131, 7, 4, 10, 0, 2, 12, 0], source_route, "loose"),
        (&[137, 7, 4, 10, 0, 2, 12, 0], source_route, "strict"),
        (
            &[1, 131, 7, 4, 10, 0, 2, 12],
            source_route,
            "behind a no-operation",
        ),
        (
            &[148, 4, 0, 0, 137, 3, 4, 0],
            source_route,
            "behind another option",
        ),
        (&[1, 1, 1, 131], source_route, "cut off"),
        (&[131, 0, 0, 0], source_route, "without length"),
        (
            &[7, 7, 4, 131, 137, 0, 0, 0],
            PASSES,
            "the data of a record of the route",
        ),
        (&[0, 131, 7, 4], PASSES, "behind the end"),
        (&[148, 4, 0, 0], PASSES, "router alert"),
        (&[68, 8, 5, 0, 131, 137, 0, 0], PASSES, "a timestamp"),
        (&[7, 0, 0, 0], malformed, "no length at all"),
        (&[7, 1, 0, 0], malformed, "a length of less than itself"),
        (&[1, 1, 1, 7], malformed, "a length that is not there"),
        (&[1, 7, 4, 0], malformed, "longer than the header"),
    ];
    for (options, moved, what) in cases {
        println!("{what}");
        let datagram = Datagram {
            options: options.to_vec(),
            ..to_carl()
        };
        Bench::new().step(ANNA, &datagram.bytes(), moved);
    }
}

/// A fragment of one packet: the offset in units of eight bytes.
fn fragment(of: &Datagram, offset: u16, more: bool, payload: usize) -> Vec<u8> {
    let mut piece = of.clone();
    piece.fragment = offset | if more { MORE } else { 0 };
    if offset == 0 {
        piece.payload.resize(payload, 7);
    } else {
        piece.payload = vec![7; payload];
    }
    piece.bytes()
}

#[test]
fn a_later_fragment_may_not_write_over_the_first() {
    let overlap: &[&str] = &["10 fragment_overlap"];
    let stream = tcp(ANNA, private(CARL), (9, 80), SYN);
    // The first fragment's length, the later one's offset.
    let cases: [(&Datagram, usize, u16, &[&str]); 8] = [
        (&stream, 24, 1, overlap), // flags and ports of RFC 3128
        (&stream, 24, 2, overlap),
        (&stream, 24, 3, PASSES),
        (&stream, 30, 3, PASSES), // what follows the last whole unit is nobody's
        (&stream, 32, 3, overlap),
        (&to_carl(), 16, 1, overlap),
        (&to_carl(), 16, 2, PASSES),
        (&to_carl(), 1480, 184, overlap),
    ];
    for (datagram, length, offset, moved) in cases {
        println!("{length} then {offset}");
        let mut bench = Bench::new();
        bench.step(ANNA, &fragment(datagram, 0, true, length), PASSES);
        bench.step(ANNA, &fragment(datagram, offset, false, 64), moved);
    }
}

#[test]
fn fragments_pass_in_any_order_behind_their_first_and_as_often_as_they_come() {
    let datagram = to_carl();
    let first = fragment(&datagram, 0, true, 16);
    let later = [2, 3, 4].map(|offset| fragment(&datagram, offset, offset < 4, 8));
    let mut bench = Bench::new();
    // One that overtakes the first cannot wait for it.
    bench.step(ANNA, &later[0], &["10 fragment_without_first"]);
    bench.step(ANNA, &first, PASSES);
    for place in [2, 0, 1, 1, 0] {
        bench.step(ANNA, &later[place], PASSES);
    }
    bench.step(ANNA, &first, PASSES);
    // Another packet of the same identification: what counts is its own first fragment.
    bench.step(ANNA, &fragment(&datagram, 0, true, 32), PASSES);
    bench.step(ANNA, &later[0], &["10 fragment_overlap"]);
    // Nor does the first fragment of somebody else's packet.
    let by_bert = udp(BERT, private(CARL), (9, 53));
    let strange = fragment(&by_bert, 2, false, 8);
    bench.step(BERT, &strange, &["11 fragment_without_first"]);
}

#[test]
fn fragments_that_can_be_part_of_no_packet_are_dropped() {
    let malformed: &[&str] = &["10 malformed_header"];
    let stream = tcp(ANNA, private(CARL), (9, 80), ACK);
    let largest = 0x1fff;
    let cases = [
        (
            fragment(&stream, 0, true, 16),
            &["10 truncated"][..],
            "half a TCP header",
        ),
        (
            fragment(&to_carl(), 0, true, 4),
            malformed,
            "half a UDP header",
        ),
        (
            fragment(&to_carl(), largest, false, 8),
            malformed,
            "over 65,535 bytes",
        ),
        (
            fragment(&to_carl(), largest - 8, false, 200),
            malformed,
            "over them by length",
        ),
        (fragment(&to_carl(), 2, true, 0), malformed, "nothing"),
        (
            fragment(&to_carl(), 2, true, 7),
            malformed,
            "less than a unit in the middle",
        ),
    ];
    for (frame, moved, what) in cases {
        println!("{what}");
        let mut bench = Bench::new();
        bench.step(ANNA, &fragment(&to_carl(), 0, true, 16), PASSES);
        bench.step(ANNA, &frame, moved);
    }
    // A TCP header of 32 bytes in a fragment of 24.
    let mut split = fragment(&stream, 0, true, 24);
    split[46] = 0x80;
    Bench::new().step(ANNA, &split, malformed);
}

/// Its ports are where UDP has them (RFC 3828), but EC2 knows it by its number alone.
#[test]
fn udp_lite_is_known_by_addresses_and_protocol() {
    let lite = |ports| {
        let datagram = udp(ANNA, private(CARL), ports);
        Datagram {
            protocol: UDP_LITE,
            ..datagram
        }
    };
    let mut bench = Bench::new();
    bench.tables = eni_pipeline::testing::region::tracking_region();
    bench.step(ANNA, &lite((9, 53)).bytes(), PASSES);
    bench.step(ANNA, &lite((10, 54)).bytes(), PASSES);
    let keys: Vec<_> = bench.memory.connections.keys().collect();
    assert_eq!(keys.len(), 2, "one at each end: {keys:?}");
    let ports = keys.iter().map(|key| (key.local_port.0, key.remote_port.0));
    assert!(ports.into_iter().all(|ports| ports == (0, 0)));
}
