//! The receiving side: order, once, bounded.

use crate::counters::{Counters, DropReason};
use crate::header::FrameHeader;
use crate::limits::{HOLD_NANOS, MAX_FRAME_BYTES, MAX_HELD_BYTES};
use crate::receiver::Receiver;
use eni_srd::Instant;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::vec;
use std::vec::Vec;

const LIFE: u32 = 77;

fn header(place: u16, sequence: u32) -> FrameHeader {
    FrameHeader {
        place,
        life: LIFE,
        incarnation: 1,
        sequence,
    }
}

/// A frame that says which one it is.
fn frame(place: u16, sequence: u32) -> Vec<u8> {
    let mut frame = place.to_be_bytes().to_vec();
    frame.extend(sequence.to_be_bytes());
    frame
}

fn read(frame: &[u8]) -> (u16, u32) {
    let [s0, s1, n0, n1, n2, n3] = *<&[u8; 6]>::try_from(frame).unwrap();
    (
        u16::from_be_bytes([s0, s1]),
        u32::from_be_bytes([n0, n1, n2, n3]),
    )
}

/// A receiver, and what it delivered when.
#[derive(Default)]
struct Bench {
    receiver: Receiver,
    counters: Counters,
    delivered: Vec<(u64, (u16, u32))>,
}

impl Bench {
    fn take(&mut self, now: u64, header: FrameHeader) {
        let frame = frame(header.place, header.sequence);
        let delivered = &mut self.delivered;
        let mut out = |frame: &[u8]| delivered.push((now, read(frame)));
        let at = Instant::from_nanos(now);
        self.receiver
            .take(at, header, &frame, &mut out, &mut self.counters);
    }

    /// Lets time pass, and keeps every appointment.
    fn advance(&mut self, until: u64) {
        while let Some(due) = self
            .receiver
            .next_due()
            .filter(|due| due.as_nanos() <= until)
        {
            let delivered = &mut self.delivered;
            let mut out = |frame: &[u8]| delivered.push((due.as_nanos(), read(frame)));
            self.receiver
                .handle_timeout(due, &mut out, &mut self.counters);
        }
    }

    fn of(&self, place: u16) -> Vec<u32> {
        let frames = self.delivered.iter().map(|(_, frame)| frame);
        let frames = frames.filter(|(of, _)| *of == place);
        frames.map(|(_, sequence)| *sequence).collect()
    }
}

/// Frames of a few flows: how many of each, in any order of arrival.
fn any_arrivals() -> impl Strategy<Value = Vec<(u16, u32)>> {
    prop::collection::vec(0..40_u32, 1..6)
        .prop_map(|counts| {
            let flows = (0..).zip(counts);
            flows
                .flat_map(|(place, count)| (0..count).map(move |sequence| (place, sequence)))
                .collect::<Vec<_>>()
        })
        .prop_shuffle()
}

proptest! {
    /// In whichever order frames come: each flow's are delivered once and in order, and nothing is left.
    #[test]
    fn every_flow_is_in_order_whatever_arrives_when(arrivals in any_arrivals()) {
        let mut bench = Bench::default();
        for (place, sequence) in &arrivals {
            bench.take(0, header(*place, *sequence));
        }
        prop_assert_eq!(bench.receiver.held_bytes(), 0);
        prop_assert_eq!(bench.receiver.next_due(), None);
        prop_assert_eq!(bench.delivered.len(), arrivals.len());
        for place in 0..6 {
            let count = arrivals.iter().filter(|(of, _)| *of == place).count() as u32;
            prop_assert_eq!(bench.of(place), (0..count).collect::<Vec<_>>());
        }
        prop_assert_eq!(bench.counters.missing + bench.counters.late, 0);
    }

    /// With frames that never come and any pauses: what comes is delivered once; it waits no longer than the bound;
    /// where it is not in order it is late, which is counted; and everything that is missing is counted.
    #[test]
    fn nothing_is_held_for_longer_than_the_bound(
        arrivals in any_arrivals(),
        lost in prop::collection::btree_set((0..6_u16, 0..40_u32), 0..20),
        pauses in prop::collection::vec(0..HOLD_NANOS, 200),
    ) {
        let mut bench = Bench::default();
        let mut now = 0;
        let mut arrived = BTreeMap::new();
        for (arrival, pause) in arrivals.iter().filter(|frame| !lost.contains(frame)).zip(pauses) {
            now += pause;
            bench.advance(now);
            bench.take(now, header(arrival.0, arrival.1));
            arrived.insert(*arrival, now);
        }
        bench.advance(u64::MAX);
        let delivered: BTreeSet<_> = bench.delivered.iter().map(|(_, frame)| *frame).collect();
        prop_assert_eq!(delivered.len(), bench.delivered.len(), "nothing is delivered twice");
        prop_assert!(delivered.iter().eq(arrived.keys()), "and nothing is lost");
        for (at, frame) in &bench.delivered {
            prop_assert!(at - arrived[frame] <= HOLD_NANOS);
        }
        let behind = |place| {
            let order = bench.of(place);
            let behind = (1..order.len()).filter(|at| order[..*at].iter().any(|before| *before > order[*at]));
            behind.count() as u64
        };
        prop_assert_eq!((0..6).map(behind).sum::<u64>(), bench.counters.late);
        prop_assert_eq!(bench.receiver.held_bytes(), 0);
        let sent_on = bench.counters.rx_pkts + bench.counters.missing - bench.counters.late;
        let reached: u64 = (0..6)
            .filter_map(|place| bench.of(place).into_iter().max())
            .map(|last| u64::from(last) + 1)
            .sum();
        prop_assert_eq!(sent_on, reached, "every number below the last was delivered or is missing");
    }

    /// A gap in one flow holds no other up: a complete flow is delivered as it comes.
    #[test]
    fn a_gap_holds_only_its_own_flow(gap in 0..20_u32, count in 1..40_u32) {
        let mut bench = Bench::default();
        for sequence in 0..count {
            if sequence != gap {
                bench.take(0, header(1, sequence));
            }
            bench.take(0, header(2, sequence));
            prop_assert_eq!(bench.of(2).len() as u32, sequence + 1);
        }
        prop_assert_eq!(bench.of(1).len() as u32, gap.min(count));
        bench.advance(HOLD_NANOS);
        prop_assert_eq!(bench.of(1).len() as u32, count - u32::from(gap < count));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever a peer sends, what is held stays within its bound.
    #[test]
    fn held_memory_has_a_bound(
        frames in prop::collection::vec((0..crate::MAX_FLOWS, 0..50_u32, 0..3_u32, 0..3_u32), 900..1_500),
    ) {
        let mut bench = Bench::default();
        let large = vec![0; MAX_FRAME_BYTES];
        let mut out = |_: &[u8]| {};
        for (place, sequence, incarnation, life) in frames {
            let life = life / 2;
            let header = FrameHeader { place, life, incarnation, sequence };
            bench.receiver.take(Instant::from_nanos(0), header, &large, &mut out, &mut bench.counters);
            prop_assert!(bench.receiver.held_bytes() <= MAX_HELD_BYTES);
            let places = usize::from(crate::MAX_FLOWS) * 32;
            prop_assert!(bench.receiver.memory_bytes() <= MAX_HELD_BYTES + places);
        }
    }
}

#[test]
fn numbers_go_round() {
    let mut bench = Bench::default();
    let first = u32::MAX - 1;
    bench.take(0, header(0, 0));
    // Two leaps of a gap each bring the flow close to the end of its numbers.
    for sequence in [i32::MAX as u32, first] {
        bench.take(0, header(0, sequence));
        bench.advance(HOLD_NANOS);
    }
    for sequence in [0, u32::MAX, 1] {
        bench.take(HOLD_NANOS, header(0, sequence));
    }
    assert_eq!(bench.of(0)[3..], [u32::MAX, 0, 1]);
    assert_eq!(bench.counters.late, 0);
}

#[test]
fn memory_gives_up_the_oldest_gap_first() {
    let mut bench = Bench::default();
    let large = vec![0; MAX_FRAME_BYTES];
    let mut flows = Vec::new();
    let mut out = |frame: &[u8]| flows.push(frame.len());
    let at = Instant::from_nanos(0);
    let mut sequence = 0;
    while bench.counters.gaps_by_memory == 0 {
        sequence += 1;
        for place in [3, 4] {
            let header = header(place, sequence);
            bench
                .receiver
                .take(at, header, &large, &mut out, &mut bench.counters);
        }
    }
    // Flow 3 came first: all it held is out, which is half of everything.
    assert_eq!(bench.counters.missing, 1);
    assert!(bench.receiver.held_bytes() <= MAX_HELD_BYTES / 2 + MAX_FRAME_BYTES + 64);
}

#[test]
fn a_frame_that_comes_after_it_was_given_up_is_delivered_and_counted() {
    let mut bench = Bench::default();
    bench.take(0, header(0, 1));
    bench.advance(HOLD_NANOS - 1);
    assert_eq!(bench.of(0), []);
    bench.advance(HOLD_NANOS);
    assert_eq!(bench.of(0), [1]);
    assert_eq!(
        (bench.counters.missing, bench.counters.gaps_by_time),
        (1, 1)
    );
    bench.take(HOLD_NANOS, header(0, 0));
    assert_eq!(bench.of(0), [1, 0]);
    assert_eq!(bench.counters.late, 1);
    bench.take(HOLD_NANOS, header(0, 2));
    assert_eq!(bench.of(0), [1, 0, 2]);
}

#[test]
fn a_frame_that_is_held_is_not_taken_twice() {
    let mut bench = Bench::default();
    for sequence in [1, 1, 0] {
        bench.take(0, header(0, sequence));
    }
    assert_eq!(bench.of(0), [0, 1]);
    assert_eq!(bench.counters.dropped(DropReason::Duplicate), 1);
}

#[test]
fn another_life_and_another_flow_at_a_place_begin_anew() {
    let mut bench = Bench::default();
    bench.take(0, header(0, 0));
    bench.take(0, header(0, 2));
    let next_flow = FrameHeader {
        incarnation: 2,
        ..header(0, 0)
    };
    bench.take(0, next_flow);
    assert_eq!(bench.of(0), [0, 2, 0]);
    // A frame of the flow before: late, whatever its number.
    bench.take(0, header(0, 1));
    assert_eq!(bench.of(0), [0, 2, 0, 1]);
    assert_eq!(bench.counters.late, 1);
    let next_life = FrameHeader {
        life: LIFE + 1,
        ..header(0, 0)
    };
    bench.take(
        0,
        FrameHeader {
            sequence: 3,
            ..next_flow
        },
    );
    bench.take(0, next_life);
    assert_eq!(bench.of(0)[4..], [3, 0], "what was held is handed on");
    assert_eq!(bench.receiver.next_due(), None);
}

#[test]
fn a_peer_that_alternates_lives_changes_nothing_at_other_places() {
    let mut bench = Bench::default();
    bench.take(0, header(9, 0));
    for life in [1, 2, 1, 2] {
        bench.take(
            0,
            FrameHeader {
                life,
                ..header(0, 0)
            },
        );
    }
    bench.take(0, header(9, 1));
    assert_eq!((bench.of(9), bench.of(0)), (vec![0, 1], vec![0; 4]));
    assert_eq!(bench.counters.late, 0);
}

#[test]
fn incarnations_go_round() {
    let mut bench = Bench::default();
    for incarnation in [u32::MAX, 0, 1] {
        let first = FrameHeader {
            incarnation,
            ..header(0, 0)
        };
        bench.take(0, first);
    }
    assert_eq!((bench.of(0), bench.counters.late), (vec![0; 3], 0));
}

#[test]
fn a_flow_that_gives_way_takes_no_time_from_what_others_hold() {
    let mut bench = Bench::default();
    bench.take(0, header(0, 5));
    bench.take(100_000, header(1, 5));
    // Numbers begin at 0, so this one is behind the beginning: late.
    let strange = FrameHeader {
        incarnation: 2,
        ..header(0, 1 << 31)
    };
    bench.take(200_000, strange);
    assert_eq!(bench.of(0), [5, 1 << 31]);
    bench.advance(HOLD_NANOS + 99_999);
    assert_eq!((bench.of(1), bench.counters.gaps_by_time), (vec![], 0));
    bench.advance(HOLD_NANOS + 100_000);
    assert_eq!((bench.of(1), bench.counters.gaps_by_time), (vec![5], 1));
}
