//! How sessions begin, end and begin again.

use super::bench::{Bench, End, MS};
use crate::counters::DropReason;
use crate::eligibility::Ordinary;
use crate::express::Offered;
use crate::limits::{FRAME_OVERHEAD_BYTES, MAX_QUEUED_BYTES};
use crate::testing;
use eni_srd::{Event, Instant};
use std::vec::Vec;

#[test]
fn a_side_that_starts_anew_is_understood_and_the_other_numbers_anew() {
    let mut bench = Bench::connected();
    for side in [0, 1] {
        bench.offer(side, testing::tcp(1, 2, 10));
    }
    bench.run(MS);
    bench.ends[1] = End::new(bench.now, 2, 23);
    bench.ends[1]
        .connection
        .connect(Instant::from_nanos(bench.now));
    bench.run(5 * MS);
    assert!(bench.ends[0].has_reset());
    for side in [0, 1] {
        for _ in 0..3 {
            let offered = bench.offer(side, testing::tcp(1, 2, 10));
            assert!(matches!(offered, Offered::Queued { .. }));
        }
    }
    bench.run(MS);
    assert_eq!(bench.ends.each_ref().map(|end| end.delivered.len()), [4, 3]);
    for end in &bench.ends {
        let counters = end.express.counters();
        assert_eq!((counters.held, counters.missing, counters.late), (0, 0, 0));
    }
}

#[test]
fn a_peer_that_falls_silent_leaves_the_ordinary_way() {
    let mut bench = Bench::connected();
    bench.swallow = [usize::MAX; 2];
    for port in 1..=40 {
        for _ in 0..20 {
            bench.offer(0, testing::tcp(port, 80, 8_000));
        }
    }
    bench.run(4_000 * MS);
    let counters = bench.ends[0].express.counters();
    let [failed, ended, full] = [
        DropReason::MessageFailed,
        DropReason::SessionEnded,
        DropReason::QueueFull,
    ]
    .map(|reason| counters.dropped(reason));
    assert!(failed > 0 && ended > 0, "{counters:?}");
    assert_eq!(failed + ended + full, 800, "every frame has a reason");
    let offered = bench.offer(0, testing::tcp(1, 80, 10));
    assert!(matches!(
        offered,
        Offered::Ordinary {
            reason: Ordinary::NotConnected,
            ..
        }
    ));
    assert!(!bench.ends[0].express.has_queued());
}

/// How a session is found again: the owner has made other connections, and a frame looks for the peer.
#[test]
fn after_silence_frames_take_srd_again() {
    let mut bench = Bench::connected();
    bench.offer(0, testing::tcp(1, 80, 10));
    bench.run(MS);
    bench.swallow = [usize::MAX; 2];
    for _ in 0..200 {
        bench.offer(0, testing::tcp(1, 80, 8_000));
    }
    bench.run(5_000 * MS);
    for end in &bench.ends {
        assert!(matches!(end.events.last(), Some(Event::Closed { .. })));
    }
    bench.swallow = [0; 2];
    bench.ends[1].delivered.clear();
    bench.offer(0, testing::tcp(1, 80, 10));
    bench.run(MS);
    for bytes in [11, 12, 13] {
        let offered = bench.offer(0, testing::tcp(1, 80, bytes));
        assert_eq!(offered, Offered::Queued { is_marked: false });
    }
    bench.run(MS);
    let lengths: Vec<usize> = bench.ends[1].delivered.iter().map(Vec::len).collect();
    assert_eq!(lengths, [65, 66, 67]);
    let counters = bench.ends[1].express.counters();
    assert_eq!((counters.held, counters.missing, counters.late), (0, 0, 0));
    // What was dropped has left the queue: the whole share is free.
    let frame = testing::tcp(1, 80, 8_000);
    let queued = std::iter::from_fn(|| match bench.offer(0, frame.clone()) {
        Offered::Queued { .. } => Some(()),
        Offered::Ordinary { .. } | Offered::Dropped(_) => None,
    });
    let share = MAX_QUEUED_BYTES / 2 / (frame.len() + FRAME_OVERHEAD_BYTES);
    assert_eq!(queued.count(), share);
}

#[test]
fn a_peer_that_comes_late_is_found_and_one_that_never_comes_costs_little() {
    let mut bench = Bench::new([End::new(0, 1, 11), End::new(0, 2, 22)]);
    bench.swallow = [usize::MAX; 2];
    let mut packets = Vec::new();
    for _ in 0..300 {
        bench.offer(0, testing::tcp(1, 80, 10));
        bench.run(1_000 * MS);
        packets.push(bench.sent);
    }
    // A look is some 150 hellos: at 0, 4, 12, 28, 60 seconds and every 64 seconds from 124 on.
    assert!(packets[3] < 170, "{packets:?}");
    assert!(packets[299] < 8 * 170, "{packets:?}");
    bench.swallow = [0; 2];
    for _ in 0..64 {
        bench.offer(0, testing::tcp(1, 80, 10));
        bench.run(1_000 * MS);
    }
    let offered = bench.offer(0, testing::tcp(1, 80, 10));
    assert_eq!(offered, Offered::Queued { is_marked: false });
    // The next time it starts with short pauses again.
    bench.swallow = [usize::MAX; 2];
    bench.run(5_000 * MS);
    let before = bench.sent;
    bench.offer(0, testing::tcp(1, 80, 10));
    bench.run(MS);
    assert!(bench.sent > before);
}

#[test]
fn a_connection_that_the_owner_closes_takes_no_frames() {
    let mut bench = Bench::connected();
    for _ in 0..100 {
        bench.offer(0, testing::tcp(1, 80, 8_000));
    }
    bench.transmit();
    let end = &mut bench.ends[0];
    end.connection.close();
    assert!(end.express.has_queued());
    let offered = bench.offer(0, testing::tcp(1, 80, 8_000));
    assert!(matches!(offered, Offered::Ordinary { .. }));
    bench.run(MS);
    let end = &mut bench.ends[0];
    let counters = end.express.counters();
    let lost = [DropReason::MessageFailed, DropReason::SessionEnded]
        .map(|reason| counters.dropped(reason));
    assert!(lost[0] > 0 && lost[1] > 0, "{lost:?}");
    assert!(bench.ends[1].delivered.len() as u64 + lost[0] + lost[1] >= 100);
    bench.ends[0].reconnect(bench.now);
    bench.offer(0, testing::tcp(1, 80, 10));
    bench.run(MS);
    // The look before was of another connection: it counts.
    bench.run(4_000 * MS);
    bench.offer(0, testing::tcp(1, 80, 10));
    bench.run(MS);
    let offered = bench.offer(0, testing::tcp(1, 80, 10));
    assert_eq!(offered, Offered::Queued { is_marked: false });
}

#[test]
fn a_peer_that_takes_smaller_datagrams_leaves_no_gap() {
    let mut bench = Bench::connected();
    bench.offer(0, testing::tcp(1, 80, 10));
    bench.run(MS);
    // Nothing is acknowledged any more, so most wait.
    bench.swallow = [usize::MAX; 2];
    for bytes in [8_000, 10].repeat(60) {
        bench.offer(0, testing::tcp(1, 80, bytes));
    }
    bench.run(MS);
    assert!(bench.ends[0].express.has_queued());
    bench.swallow = [0; 2];
    let mut config = bench.ends[1].config.clone();
    config.max_datagram_bytes = 1_500;
    bench.ends[1] = End::with_config(bench.now, config, 23);
    let now = Instant::from_nanos(bench.now);
    bench.ends[1].connection.connect(now);
    bench.run(5 * MS);
    assert!(bench.ends[0].has_reset());
    let [left, right] = &bench.ends;
    assert!(!right.delivered.is_empty());
    assert!(right.delivered.iter().all(|frame| frame.len() == 64));
    let counters = right.express.counters();
    assert_eq!((counters.held, counters.missing, counters.late), (0, 0, 0));
    let failed = left.express.counters().dropped(DropReason::MessageFailed);
    assert_eq!(failed + right.delivered.len() as u64, 120);
}
