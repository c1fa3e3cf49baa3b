//! What a pair does while its session stands.

use super::bench::{Bench, End, MS, eligibility};
use crate::counters::DropReason;
use crate::eligibility::Ordinary;
use crate::express::Offered;
use crate::flow::MIN_FRAME_BYTES;
use crate::limits::{MAX_FRAME_BYTES, MAX_PACKET_BYTES};
use crate::testing;
use eni_srd::{
    Admission, Connection, Event, Incoming, Instant, MAX_DATAGRAM_BYTES, Message, MessageHeader,
};
use std::vec;
use std::vec::Vec;

#[test]
fn flows_arrive_in_order_over_paths_that_overtake_each_other() {
    let mut bench = Bench::connected();
    let mut frames = Vec::new();
    for index in 0..60 {
        // Nearly a datagram each: every one takes a path of its own.
        let frame = testing::tcp(1 + index % 3, 80, 8_000 + usize::from(index));
        assert!(matches!(
            bench.offer(0, frame.clone()),
            Offered::Queued { .. }
        ));
        frames.push(frame);
    }
    bench.run(10 * MS);
    let [left, right] = &bench.ends;
    assert_eq!(right.delivered.len(), frames.len());
    for port in 1..=3_u16 {
        let of = |frames: &[Vec<u8>]| -> Vec<Vec<u8>> {
            let of = |frame: &&Vec<u8>| frame[34..36] == port.to_be_bytes();
            frames.iter().filter(of).cloned().collect()
        };
        assert_eq!(of(&right.delivered), of(&frames), "byte by byte, in order");
    }
    assert!(
        right.express.counters().held > 0,
        "the paths did overtake each other"
    );
    let sent = left.express.counters();
    assert_eq!((sent.tx_pkts, sent.eligible_tx_pkts), (60, 61));
    assert_eq!(sent.ordinary(Ordinary::NotConnected), 1);
    assert_eq!(right.express.counters().rx_pkts, 60);
    assert!(left.connection.is_idle() && right.express.held_bytes() == 0);
}

#[test]
fn small_frames_fill_datagrams() {
    let mut bench = Bench::connected();
    // 101 of them fill a datagram, or 100 where an acknowledgement rides along.
    let frame = testing::tcp(1, 80, 9);
    let cost = Connection::message_cost(crate::HEADER_BYTES, frame.len());
    let room = bench.ends[0].connection.datagram_room();
    assert_eq!((room / cost, room % cost), (101, 1));
    for round in 1..=5 {
        bench.offer(1, frame.clone());
        while bench.ends[0].delivered.len() < round {
            bench.run(1_000);
        }
        bench.lengths.clear();
        for _ in 0..500 {
            bench.offer(0, frame.clone());
        }
        bench.run(5 * MS);
        assert_eq!(bench.ends[1].delivered.len(), 500 * round);
        let lengths = bench.lengths.iter().filter(|length| **length > cost);
        assert_eq!(lengths.count(), 5, "{:?}", bench.lengths);
    }
}

#[test]
fn what_is_handed_over_goes_out_with_the_next_datagram() {
    let mut bench = Bench::connected();
    for _ in 0..1_000 {
        bench.offer(0, testing::tcp(1, 80, 10));
    }
    let now = Instant::from_nanos(bench.now);
    let End {
        express,
        connection,
        ..
    } = &mut bench.ends[0];
    let room = connection.datagram_room();
    let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
    express.poll_transmit(now, connection, &mut buffer).unwrap();
    assert!(express.has_queued());
    assert_eq!(connection.datagram_room(), room, "nothing waits in it");
}

#[test]
fn a_lost_datagram_holds_its_flow_until_srd_has_sent_it_again() {
    let mut bench = Bench::connected();
    bench.swallow = [1, 0];
    bench.offer(0, testing::tcp(1, 80, 8_000));
    bench.transmit();
    for port in [1, 2, 1] {
        bench.offer(0, testing::tcp(port, 80, 8_001));
    }
    bench.run(5 * MS);
    let lengths: Vec<usize> = bench.ends[1].delivered.iter().map(Vec::len).collect();
    assert_eq!(
        lengths,
        [8_055, 8_054, 8_055, 8_055],
        "the other flow did not wait"
    );
    let counters = bench.ends[1].express.counters();
    assert_eq!((counters.held, counters.missing, counters.late), (2, 0, 0));
}

#[test]
fn what_does_not_fit_or_may_not_goes_the_ordinary_way() {
    let mut bench = Bench::connected();
    let payload = MAX_PACKET_BYTES as usize - 40;
    let fits = testing::tcp(1, 2, payload);
    assert_eq!(fits.len(), MAX_FRAME_BYTES);
    assert!(matches!(bench.offer(0, fits), Offered::Queued { .. }));
    for (frame, expected) in [
        (testing::tcp(1, 2, payload + 1), Ordinary::TooLarge),
        (testing::udp(1, 2, 10), Ordinary::UdpNotEnabled),
    ] {
        let Offered::Ordinary {
            frame: back,
            reason,
        } = bench.offer(0, frame.clone())
        else {
            panic!("{expected:?}");
        };
        assert_eq!((back.to_vec(), reason), (frame, expected));
        assert_eq!(bench.ends[0].express.counters().ordinary(expected), 1);
    }
    // The first one came before the session; the one that is too large counts as eligible (EC2's definition).
    assert_eq!(bench.ends[0].express.counters().eligible_tx_pkts, 3);
    bench.ends[0].express.set_eligibility(eligibility(true));
    let udp = bench.offer(0, testing::udp(1, 2, 10));
    assert!(matches!(udp, Offered::Queued { .. }));
}

#[test]
fn what_one_message_does_not_hold_goes_the_ordinary_way() {
    let [mut left, right] = [End::new(0, 1, 11), End::new(0, 2, 22)];
    left.config.max_datagram_bytes = 1_500;
    let mut bench = Bench::connected_between([End::with_config(0, left.config, 11), right]);
    let most = bench.ends[0].connection.max_message_bytes() - crate::HEADER_BYTES - 54;
    let offered = bench.offer(0, testing::tcp(1, 80, most));
    assert_eq!(offered, Offered::Queued { is_marked: false });
    let offered = bench.offer(0, testing::tcp(1, 80, most + 1));
    let too_large = Ordinary::TooLarge;
    assert!(matches!(offered, Offered::Ordinary { reason, .. } if reason == too_large));
}

#[test]
fn what_the_window_does_not_take_waits() {
    let mut left = End::new(0, 1, 11);
    left.config.window_log2 = 6;
    let left = End::with_config(0, left.config, 11);
    let mut bench = Bench::connected_between([left, End::new(0, 2, 22)]);
    for _ in 0..300 {
        bench.offer(0, testing::tcp(1, 80, 10));
    }
    bench.run(10 * MS);
    assert_eq!(bench.ends[1].delivered.len(), 300);
    let counters = bench.ends[0].express.counters();
    assert_eq!(counters.dropped(DropReason::MessageFailed), 0);
}

#[test]
fn places_serve_one_short_flow_after_another() {
    let mut bench = Bench::connected();
    let flows = crate::MAX_FLOWS + 1_000;
    for port in 1..=flows {
        let offered = bench.offer(0, testing::tcp(port, 80, 10));
        assert_eq!(offered, Offered::Queued { is_marked: false }, "{port}");
        if port % 100 == 0 {
            bench.run(MS);
        }
    }
    bench.run(MS);
    assert_eq!(bench.ends[1].delivered.len(), usize::from(flows));
    let counters = bench.ends[1].express.counters();
    assert_eq!((counters.missing, counters.late), (0, 0));
    // Time takes them all.
    assert!(bench.ends[0].express.flows() > 4_000);
    bench.run(121_000 * MS);
    assert_eq!(bench.ends[0].express.flows(), 0);
}

#[test]
fn a_frame_that_is_lost_for_long_is_given_up_in_time() {
    let mut bench = Bench::connected();
    let mark = [0x77; 16];
    bench.swallow_with = Some(mark.to_vec());
    let mut lost = testing::tcp(1, 80, 8_000);
    lost[4_000..4_016].copy_from_slice(&mark);
    bench.offer(0, lost.clone());
    bench.transmit();
    bench.offer(0, testing::tcp(1, 80, 8_001));
    bench.run(MS);
    assert_eq!(bench.ends[1].delivered.len(), 0);
    bench.run(2 * MS);
    assert_eq!(bench.ends[1].delivered.len(), 1);
    let counters = bench.ends[1].express.counters();
    assert_eq!((counters.gaps_by_time, counters.missing), (1, 1));
    bench.swallow_with = None;
    bench.run(500 * MS);
    assert_eq!(bench.ends[1].delivered[1], lost);
    assert_eq!(bench.ends[1].express.counters().late, 1);
}

#[test]
fn messages_that_carry_no_frame_are_refused() {
    let mut bench = Bench::connected();
    let mut message = Message {
        queue_pair: crate::QUEUE_PAIR,
        token: 5,
        header: MessageHeader::new(&[9; 16]).unwrap(),
        payload: bytes::Bytes::from_static(b"frame"),
    };
    let now = Instant::from_nanos(bench.now);
    bench.ends[0].connection.send(now, message.clone()).unwrap();
    message.queue_pair = 3;
    bench.ends[0].connection.send(now, message).unwrap();
    bench.run(MS);
    let refused = |event: &&Event| matches!(event, Event::Failed { token: 5, .. });
    assert_eq!(bench.ends[0].events.iter().filter(refused).count(), 2);
    assert_eq!(
        bench.ends[1]
            .express
            .counters()
            .dropped(DropReason::Malformed),
        2
    );
    assert_eq!(
        bench.ends[0]
            .express
            .counters()
            .dropped(DropReason::MessageFailed),
        0
    );
    // A header of a frame is not enough.
    let header = crate::header::FrameHeader {
        place: 0,
        life: 1,
        incarnation: 1,
        sequence: 0,
    };
    let frame = vec![0; MAX_FRAME_BYTES + 1];
    for (bytes, is_taken) in [
        (0, false),
        (MIN_FRAME_BYTES - 1, false),
        (MIN_FRAME_BYTES, true),
        (MAX_FRAME_BYTES, true),
        (MAX_FRAME_BYTES + 1, false),
    ] {
        let incoming = Incoming {
            queue_pair: crate::QUEUE_PAIR,
            header: &header.to_bytes(),
            payload: &frame[..bytes],
        };
        let end = &mut bench.ends[1];
        let answer = end.express.receive(now, &incoming, &mut |_: &[u8]| {});
        assert_eq!(answer == Admission::Accept, is_taken, "{bytes} bytes");
    }
    // Whoever shares the connection with others hands over only what is for frames.
    let incoming = Incoming {
        queue_pair: 3,
        header: &[],
        payload: &[],
    };
    let answer = bench.ends[1]
        .express
        .receive(now, &incoming, &mut |_: &[u8]| {});
    assert!(matches!(answer, Admission::Refuse(_)));
}
