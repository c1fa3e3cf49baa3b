//! The life of a tracked TCP connection: how it begins, ends, and who can end it or keep it alive.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::ConnectionState;
use eni_abi::Direction::Ingress;
use eni_pipeline::testing::frames::tcp;
use eni_pipeline::testing::region::{ANNA, BERT, ip, private};
use eni_pipeline::testing::{Remote, Rule};
use eni_wire::protocol::TCP;
use eni_wire::tcp_flag::{ACK, FIN, RST, SYN};
use support::{ANSWERS, Bench, PASSES, connections_of, set_rules};

/// Who sends, and TCP's flags.
type Packets<'a> = &'a [(u32, u8)];

const NOT_IN: &[&str] = &["11 security_group_ingress"];
const NOT_OUT: &[&str] = &["11 security_group_egress"];
/// Where Anna's and Bert's numbers begin.
const OF_ANNA: u32 = 0xffff_ff00;
const OF_BERT: u32 = 5_000;

fn vpc_network() -> Remote {
    Remote::Network(ip([10, 0, 0, 0]), 8)
}

/// A segment of the connection from Anna's port 9 to Bert's port 22.
fn segment(from: u32, flags: u8, sequence: u32, acknowledgment: u32) -> Vec<u8> {
    let mut datagram = match from {
        ANNA => tcp(ANNA, private(BERT), (9, 22), flags),
        _ => tcp(BERT, private(ANNA), (22, 9), flags),
    };
    datagram.payload[4..8].copy_from_slice(&sequence.to_be_bytes());
    datagram.payload[8..12].copy_from_slice(&acknowledgment.to_be_bytes());
    datagram.bytes()
}

/// Bert, who tracks, has been called by Anna, and his rule is gone since.
fn connected() -> Bench {
    let mut bench = Bench::new();
    let rule = Rule::port(Ingress, vpc_network(), TCP, 22);
    set_rules(&mut bench, BERT, &[rule]);
    bench.step(ANNA, &segment(ANNA, SYN, OF_ANNA, 0), PASSES);
    let answer = segment(BERT, SYN | ACK, OF_BERT, OF_ANNA.wrapping_add(1));
    bench.step(BERT, &answer, ANSWERS);
    bench.step(
        ANNA,
        &segment(ANNA, ACK, OF_ANNA.wrapping_add(1), OF_BERT + 1),
        PASSES,
    );
    assert_eq!(state_of(&bench), ConnectionState::Established as u32);
    set_rules(&mut bench, BERT, &[]);
    bench
}

fn state_of(bench: &Bench) -> u32 {
    connections_of(bench, BERT)[0]
}

fn from_anna(flags: u8) -> Vec<u8> {
    segment(ANNA, flags, OF_ANNA.wrapping_add(1), OF_BERT + 1)
}

fn from_bert(flags: u8) -> Vec<u8> {
    segment(BERT, flags, OF_BERT + 1, OF_ANNA.wrapping_add(1))
}

#[test]
fn an_rst_beyond_every_window_changes_nothing() {
    for beyond in [1 << 30, 1 << 31, u32::MAX] {
        let mut bench = connected();
        let forged = segment(ANNA, RST, OF_ANNA.wrapping_add(1).wrapping_add(beyond), 0);
        for _ in 0..3 {
            bench.step(ANNA, &forged, PASSES);
        }
        assert_eq!(state_of(&bench), ConnectionState::Established as u32);
        bench.pass_seconds(100_000);
        bench.step(ANNA, &from_anna(ACK), PASSES);
        bench.step(BERT, &from_bert(ACK), ANSWERS);
    }
}

#[test]
fn the_exact_rst_closes_whoever_goes_on_sending() {
    for (resets, others) in [(ANNA, BERT), (BERT, ANNA)] {
        let mut bench = connected();
        let (moved, back) = if resets == ANNA {
            (PASSES, ANSWERS)
        } else {
            (ANSWERS, PASSES)
        };
        let of = |who, flags| {
            if who == ANNA {
                from_anna(flags)
            } else {
                from_bert(flags)
            }
        };
        bench.step(resets, &of(resets, RST), moved);
        assert_eq!(state_of(&bench), ConnectionState::Closed as u32);
        // Each would renew the entry, did it count.
        for _ in 0..3 {
            bench.pass_seconds(3);
            bench.step(resets, &of(resets, ACK), moved);
            bench.step(others, &of(others, ACK), back);
        }
        bench.pass_seconds(2);
        bench.step(ANNA, &from_anna(ACK), NOT_IN);
        bench.step(BERT, &from_bert(ACK), NOT_OUT);
    }
}

/// A blind attacker's RST lies in the window by chance. Its receiver says by an acknowledgment that it goes on.
#[test]
fn an_rst_that_its_receiver_does_not_take_cuts_nothing() {
    let mut bench = connected();
    let forged = segment(ANNA, RST, OF_ANNA.wrapping_add(1_000), 0);
    bench.step(ANNA, &forged, PASSES);
    assert_eq!(state_of(&bench), ConnectionState::Doubted as u32);
    bench.pass_seconds(100);
    // RFC 5961's challenge.
    bench.step(BERT, &from_bert(ACK), ANSWERS);
    assert_eq!(state_of(&bench), ConnectionState::Established as u32);
    bench.pass_seconds(100_000);
    bench.step(ANNA, &from_anna(ACK), PASSES);
}

/// The end that has sent the RST cannot take it back, and its repetition renews nothing.
#[test]
fn a_doubt_is_not_cleared_by_who_has_raised_it() {
    let mut bench = connected();
    let rst = segment(ANNA, RST, OF_ANNA.wrapping_add(1_000), 0);
    for _ in 0..4 {
        bench.step(ANNA, &rst, PASSES);
        bench.step(ANNA, &from_anna(ACK), PASSES);
        assert_eq!(state_of(&bench), ConnectionState::Doubted as u32);
        bench.pass_seconds(29);
    }
    bench.pass_seconds(5);
    bench.step(ANNA, &from_anna(ACK), NOT_IN);
    bench.step(BERT, &from_bert(ACK), NOT_OUT);
}

/// Bert goes on, but Anna has really gone: her host answers each packet with an RST of the number it acknowledges.
#[test]
fn an_end_that_talks_to_a_closed_one_is_cut() {
    let mut bench = connected();
    let number = OF_ANNA.wrapping_add(1_000);
    bench.step(ANNA, &segment(ANNA, RST, number, 0), PASSES);
    for round in 0..5 {
        let acknowledged = OF_ANNA.wrapping_add(1).wrapping_add(round);
        let forged = segment(BERT, ACK, OF_BERT + 1, acknowledged);
        bench.step(BERT, &forged, ANSWERS);
        bench.step(ANNA, &segment(ANNA, RST, acknowledged, 0), PASSES);
        assert_eq!(state_of(&bench), ConnectionState::Closed as u32);
        bench.pass_seconds(1);
    }
    bench.pass_seconds(6);
    bench.step(BERT, &from_bert(ACK), NOT_OUT);
}

#[test]
fn both_ends_resets_close() {
    let mut bench = connected();
    bench.step(
        ANNA,
        &segment(ANNA, RST, OF_ANNA.wrapping_add(1_000), 0),
        PASSES,
    );
    bench.step(BERT, &segment(BERT, RST, OF_BERT + 1_000, 0), ANSWERS);
    assert_eq!(state_of(&bench), ConnectionState::Closed as u32);
}

/// Else another connection could follow the old one's entry after its rule is gone.
#[test]
fn a_syn_on_a_doubted_connection_asks_the_rules_and_leaves_it() {
    let mut bench = connected();
    bench.step(
        ANNA,
        &segment(ANNA, RST, OF_ANNA.wrapping_add(1_000), 0),
        PASSES,
    );
    bench.step(ANNA, &segment(ANNA, SYN, 77, 0), NOT_IN);
    let rule = Rule::port(Ingress, vpc_network(), TCP, 22);
    set_rules(&mut bench, BERT, &[rule]);
    bench.step(ANNA, &segment(ANNA, SYN, 77, 0), PASSES);
    assert_eq!(state_of(&bench), ConnectionState::Doubted as u32);
    bench.step(BERT, &segment(BERT, SYN | ACK, 88, 78), ANSWERS);
    bench.step(ANNA, &segment(ANNA, ACK, 78, 89), PASSES);
    bench.step(BERT, &segment(BERT, ACK, 89, 88), ANSWERS);
    assert_eq!(state_of(&bench), ConnectionState::Established as u32);
}

#[test]
fn no_end_keeps_a_closed_or_half_open_connection_alive_alone() {
    // Both have sent FIN.
    let mut bench = connected();
    bench.step(ANNA, &from_anna(FIN | ACK), PASSES);
    bench.step(BERT, &from_bert(FIN | ACK), ANSWERS);
    for _ in 0..3 {
        bench.pass_seconds(3);
        bench.step(ANNA, &from_anna(ACK), PASSES);
    }
    bench.pass_seconds(2);
    bench.step(ANNA, &from_anna(ACK), NOT_IN);
    // One has, and only that one goes on; the other one may.
    for (goes_on, moved) in [(ANNA, NOT_IN), (BERT, PASSES)] {
        let mut bench = connected();
        bench.step(ANNA, &from_anna(FIN | ACK), PASSES);
        for _ in 0..3 {
            bench.pass_seconds(39);
            match goes_on {
                ANNA => bench.step(ANNA, &from_anna(ACK), PASSES),
                _ => bench.step(BERT, &from_bert(ACK), ANSWERS),
            };
        }
        bench.pass_seconds(5);
        bench.step(ANNA, &from_anna(ACK), moved);
    }
    // Nobody answers the SYN.
    let mut bench = Bench::new();
    let rule = Rule::port(Ingress, vpc_network(), TCP, 22);
    set_rules(&mut bench, BERT, &[rule]);
    bench.step(ANNA, &segment(ANNA, SYN, OF_ANNA, 0), PASSES);
    set_rules(&mut bench, BERT, &[]);
    for flags in [SYN, ACK, SYN] {
        bench.pass_seconds(39);
        bench.step(ANNA, &segment(ANNA, flags, OF_ANNA, 0), PASSES);
    }
    bench.pass_seconds(5);
    bench.step(ANNA, &segment(ANNA, SYN, OF_ANNA, 0), NOT_IN);
}

/// A SYN on a connection that stands is answered by a challenge, not by a new one (RFC 5961 section 4).
#[test]
fn a_syn_on_an_established_connection_changes_nothing() {
    let mut bench = connected();
    bench.step(ANNA, &segment(ANNA, SYN, 77, 0), PASSES);
    assert_eq!(state_of(&bench), ConnectionState::Established as u32);
    bench.step(BERT, &from_bert(ACK), ANSWERS);
}

#[test]
fn both_may_open_at_once() {
    let mut bench = Bench::new();
    let rule = Rule::port(Ingress, vpc_network(), TCP, 22);
    set_rules(&mut bench, BERT, &[rule]);
    bench.step(ANNA, &segment(ANNA, SYN, OF_ANNA, 0), PASSES);
    bench.step(BERT, &segment(BERT, SYN, OF_BERT, 0), ANSWERS);
    bench.step(
        BERT,
        &segment(BERT, SYN | ACK, OF_BERT, OF_ANNA.wrapping_add(1)),
        ANSWERS,
    );
    bench.step(
        ANNA,
        &segment(ANNA, SYN | ACK, OF_ANNA, OF_BERT + 1),
        PASSES,
    );
    bench.step(ANNA, &from_anna(ACK), PASSES);
    assert_eq!(state_of(&bench), ConnectionState::Established as u32);
}

/// Else a flood of ACKs could fill the table with connections that stay for five days.
#[test]
fn only_a_syn_begins_a_tracked_connection() {
    let mut bench = Bench::new();
    set_rules(
        &mut bench,
        BERT,
        &[Rule::port(Ingress, vpc_network(), TCP, 22)],
    );
    let packet = |flags| tcp(ANNA, private(BERT), (9, 22), flags).bytes();
    for flags in [ACK, FIN | ACK, RST, SYN | ACK, SYN | FIN, SYN | RST] {
        bench.step(ANNA, &packet(flags), PASSES);
        assert!(connections_of(&bench, BERT).is_empty(), "flags {flags:#x}");
    }
    bench.step(ANNA, &packet(SYN), PASSES);
    assert_eq!(
        connections_of(&bench, BERT),
        [ConnectionState::SynSent as u32]
    );
}

#[test]
fn tcp_goes_through_its_states_and_their_timeouts() {
    const A: u32 = ANNA;
    const B: u32 = BERT;
    use ConnectionState::{Closed, Closing, Doubted, Established, SynReceived, SynSent};
    let handshake = [(A, SYN), (B, SYN | ACK), (A, ACK)];
    let cases: [(Packets<'_>, ConnectionState, u64); 7] = [
        (&handshake[..1], SynSent, 120),
        (&[(A, SYN), (A, SYN)], SynSent, 120),
        (&handshake[..2], SynReceived, 60),
        (&handshake, Established, 432_000),
        (
            &[handshake[0], handshake[1], handshake[2], (B, FIN | ACK)],
            Closing,
            120,
        ),
        (
            &[
                handshake[0],
                handshake[1],
                handshake[2],
                (B, FIN | ACK),
                (A, FIN | ACK),
                (B, ACK),
            ],
            Closed,
            10,
        ),
        (&[(A, SYN), (B, RST | ACK)], Doubted, 10),
    ];
    for (packets, state, timeout) in cases {
        let mut bench = Bench::new();
        set_rules(
            &mut bench,
            BERT,
            &[Rule::port(Ingress, vpc_network(), TCP, 22)],
        );
        for (from, flags) in packets {
            match *from {
                A => bench.step(A, &tcp(A, private(B), (9, 22), *flags).bytes(), PASSES),
                _ => bench.step(B, &tcp(B, private(A), (22, 9), *flags).bytes(), ANSWERS),
            };
        }
        assert_eq!(connections_of(&bench, BERT), [state as u32], "{packets:?}");
        let expires = bench
            .memory
            .connections
            .values()
            .map(|connection| connection.expires_ns)
            .max()
            .unwrap();
        assert_eq!(
            (expires - bench.now_ns) / 1_000_000_000,
            timeout,
            "{packets:?}"
        );
    }
}

#[test]
fn a_syn_on_a_closed_connection_asks_the_rules_again() {
    let mut bench = connected();
    bench.step(ANNA, &from_anna(RST), PASSES);
    bench.step(ANNA, &segment(ANNA, SYN, 77, 0), NOT_IN);
    let rule = Rule::port(Ingress, vpc_network(), TCP, 22);
    set_rules(&mut bench, BERT, &[rule]);
    bench.step(ANNA, &segment(ANNA, SYN, 77, 0), PASSES);
    assert_eq!(state_of(&bench), ConnectionState::SynSent as u32);
}
