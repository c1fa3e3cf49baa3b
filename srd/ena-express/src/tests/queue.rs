//! The sending side: shares, turns, places.

use crate::counters::{Counters, DropReason};
use crate::flow::{self, FlowTuple};
use crate::limits::{
    FLOW_IDLE_NANOS, FRAME_OVERHEAD_BYTES, MARK_QUEUED_BYTES, MAX_FLOWS, MAX_FRAME_BYTES,
    MAX_MEMORY_BYTES, MAX_QUEUED_BYTES,
};
use crate::sender::Sender;
use crate::testing;
use bytes::BytesMut;
use eni_srd::Instant;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::vec::Vec;

const START: Instant = Instant::from_nanos(0);

fn tuple(source_port: u16) -> FlowTuple {
    flow::parse(&testing::tcp(source_port, 80, 0)).unwrap().0
}

fn frame(bytes: usize) -> BytesMut {
    BytesMut::from(&testing::tcp(1, 80, bytes - 54)[..])
}

/// Queues a frame that nobody else loses one for.
fn push(sender: &mut Sender, place: u16, frame: BytesMut) -> Result<bool, DropReason> {
    let mut counters = Counters::default();
    let outcome = sender.push(place, frame, &mut counters);
    assert_eq!(counters.dropped(DropReason::QueueFull), 0);
    outcome
}

/// Fills a flow's share; returns its bytes.
fn fill(sender: &mut Sender, place: u16, bytes: usize) -> usize {
    let mut filled = 0;
    while push(sender, place, frame(bytes)).is_ok() {
        filled += bytes + FRAME_OVERHEAD_BYTES;
    }
    filled
}

#[test]
fn a_flow_alone_may_queue_half_and_leaves_room_for_others() {
    let mut sender = Sender::new(1);
    let places: Vec<u16> = (1..=3)
        .map(|port| sender.place(START, tuple(port)).unwrap())
        .collect();
    let mut free = MAX_QUEUED_BYTES;
    for place in places {
        let filled = fill(&mut sender, place, MAX_FRAME_BYTES);
        assert!(filled <= free / 2 && filled > free / 2 - 2 * MAX_FRAME_BYTES);
        free -= filled;
        assert_eq!(
            push(&mut sender, place, frame(MAX_FRAME_BYTES)),
            Err(DropReason::QueueFull)
        );
    }
}

#[test]
fn frames_are_marked_where_much_waits_and_the_sender_asks_for_it() {
    let mut sender = Sender::new(1);
    let place = sender.place(START, tuple(1)).unwrap();
    let mut ecn = frame(MAX_FRAME_BYTES);
    testing::set_ecn(&mut ecn, 2);
    let mut queued = 0;
    while queued < MARK_QUEUED_BYTES {
        assert_eq!(push(&mut sender, place, ecn.clone()), Ok(false));
        queued += MAX_FRAME_BYTES + FRAME_OVERHEAD_BYTES;
    }
    assert_eq!(push(&mut sender, place, ecn), Ok(true));
    assert_eq!(push(&mut sender, place, frame(MAX_FRAME_BYTES)), Ok(false));
}

#[test]
fn flows_take_turns_by_bytes() {
    let mut sender = Sender::new(1);
    let [large, small] = [1, 2].map(|port| sender.place(START, tuple(port)).unwrap());
    for _ in 0..50 {
        push(&mut sender, large, frame(MAX_FRAME_BYTES)).unwrap();
    }
    for _ in 0..500 {
        push(&mut sender, small, frame(100)).unwrap();
    }
    let mut sent = BTreeMap::from([(large, 0), (small, 0)]);
    // While both have something, neither is ahead by more than two turns.
    for _ in 0..300 {
        let (header, frame) = sender.pop(START).unwrap();
        *sent.get_mut(&header.place).unwrap() += frame.len();
        assert!(
            sent[&large].abs_diff(sent[&small]) <= 2 * MAX_FRAME_BYTES,
            "{sent:?}"
        );
    }
}

#[test]
fn a_place_is_given_on_only_when_all_has_ended() {
    let mut sender = Sender::new(1);
    let ports = 1..=MAX_FLOWS;
    for port in ports.clone() {
        let place = sender.place(START, tuple(port)).unwrap();
        push(&mut sender, place, frame(60)).unwrap();
    }
    assert_eq!(sender.place(START, tuple(60_000)), None, "all are queued");
    let mut places = Vec::new();
    while let Some((header, _)) = sender.pop(START) {
        places.push((header.place, header.incarnation));
    }
    assert_eq!(
        sender.place(START, tuple(60_000)),
        None,
        "all are under way"
    );
    let (place, incarnation) = places[1_234];
    sender.ended(place);
    assert_eq!(sender.place(START, tuple(60_000)), Some(place));
    push(&mut sender, place, frame(60)).unwrap();
    let (header, _) = sender.pop(START).unwrap();
    assert_eq!((header.place, header.sequence), (place, 0));
    assert!(header.incarnation > incarnation);
    assert_eq!(sender.flows(), usize::from(MAX_FLOWS));
}

#[test]
fn a_place_counts_its_own_flows_only() {
    let mut sender = Sender::new(1);
    let send = |sender: &mut Sender, port: u16| {
        let place = sender.place(START, tuple(port)).unwrap();
        push(sender, place, frame(60)).unwrap();
        let (header, _) = sender.pop(START).unwrap();
        (header.place, header.incarnation)
    };
    // All places are taken and stay so, but for one, where one flow follows another.
    let places: Vec<_> = (1..=MAX_FLOWS)
        .map(|port| send(&mut sender, port))
        .collect();
    let (place, first) = places[7];
    for step in 1..=50 {
        sender.ended(place);
        let next = send(&mut sender, 10_000 + step);
        assert_eq!(next, (place, first + u32::from(step)));
    }
    let (place, first) = places[9];
    sender.ended(place);
    assert_eq!(send(&mut sender, 60_000), (place, first + 1));
}

/// Bulk flows that refill their queues first leave room for one that sends a frame now and then.
#[test]
fn no_number_of_bulk_flows_locks_a_light_one_out() {
    for flows in [1, 100, 256, 512] {
        let mut sender = Sender::new(1);
        let mut counters = Counters::default();
        let large = frame(MAX_FRAME_BYTES);
        let bulk: Vec<u16> = (1..=flows)
            .map(|port| sender.place(START, tuple(port)).unwrap())
            .collect();
        let light = sender.place(START, tuple(60_000)).unwrap();
        let mut pushed = [0; 2];
        let mut sent = [0; 2];
        for _ in 0..20 {
            for place in &bulk {
                while sender.push(*place, large.clone(), &mut counters).is_ok() {
                    pushed[0] += 1;
                }
            }
            assert_eq!(sender.push(light, frame(200), &mut counters), Ok(false));
            pushed[1] += 1;
            for _ in 0..2 * flows {
                if let Some((header, _)) = sender.pop(START) {
                    sent[usize::from(header.place == light)] += 1;
                }
            }
            assert!(sender.memory_bytes() <= MAX_MEMORY_BYTES);
        }
        assert_eq!(sent[1], 20, "beside {flows} flows");
        let left = sender.drop_queued();
        let dropped = counters.dropped(DropReason::QueueFull);
        assert_eq!(pushed[0] + pushed[1], sent[0] + sent[1] + left + dropped);
    }
}

#[test]
fn a_frame_that_makes_room_for_another_leaves_no_gap() {
    let mut sender = Sender::new(1);
    let mut counters = Counters::default();
    // Each has one frame, until they have everything.
    let mut port = 0;
    let mut places = Vec::new();
    loop {
        port += 1;
        let place = sender.place(START, tuple(port)).unwrap();
        if sender.push(place, frame(MAX_FRAME_BYTES), &mut counters) != Ok(false) {
            break;
        }
        places.push(place);
    }
    assert_eq!(counters.dropped(DropReason::QueueFull), 0);
    for port in 60_000.. {
        let light = sender.place(START, tuple(port)).unwrap();
        sender.push(light, frame(200), &mut counters).unwrap();
        if counters.dropped(DropReason::QueueFull) > 0 {
            break;
        }
    }
    let mut sent = Vec::new();
    while let Some((header, _)) = sender.pop(START) {
        assert_eq!(header.sequence, 0);
        sent.push(header.place);
    }
    let lost: Vec<_> = places
        .iter()
        .filter(|place| !sent.contains(place))
        .collect();
    assert_eq!(lost, [&places[0]]);
    push(&mut sender, places[0], frame(200)).unwrap();
    let (header, _) = sender.pop(START).unwrap();
    assert_eq!((header.place, header.sequence), (places[0], 0));
}

#[test]
fn small_frames_do_not_keep_large_buffers() {
    let mut sender = Sender::new(1);
    let place = sender.place(START, tuple(1)).unwrap();
    let mut large = BytesMut::with_capacity(9_216);
    large.extend_from_slice(&frame(64));
    push(&mut sender, place, large).unwrap();
    let (_, frame) = sender.pop(START).unwrap();
    let buffer = frame.try_into_mut().unwrap();
    assert!(buffer.capacity() <= 64 + 64, "{}", buffer.capacity());
}

#[test]
fn a_flow_that_was_used_is_not_idle_and_its_place_is_used_again() {
    let mut sender = Sender::new(1);
    let at = |nanos| Instant::from_nanos(nanos);
    for port in 1..=10 {
        sender.place(START, tuple(port)).unwrap();
    }
    let used = sender.place(START, tuple(1)).unwrap();
    push(&mut sender, used, frame(60)).unwrap();
    sender.pop(at(FLOW_IDLE_NANOS / 2)).unwrap();
    sender.ended(used);
    sender.expire(at(FLOW_IDLE_NANOS));
    assert_eq!(sender.flows(), 1);
    for port in 101..=109 {
        let place = sender.place(at(FLOW_IDLE_NANOS), tuple(port)).unwrap();
        assert!(place < 10 && place != used);
    }
}

#[test]
fn idle_flows_are_forgotten_and_others_are_not() {
    let mut sender = Sender::new(1);
    let at = |nanos| Instant::from_nanos(nanos);
    sender.place(START, tuple(1)).unwrap();
    let busy = sender.place(START, tuple(2)).unwrap();
    push(&mut sender, busy, frame(60)).unwrap();
    sender.pop(START).unwrap();
    assert_eq!(sender.next_expiry(), Some(at(FLOW_IDLE_NANOS)));
    sender.expire(at(FLOW_IDLE_NANOS));
    assert_eq!(sender.flows(), 1, "one is under way");
    sender.ended(busy);
    sender.expire(at(2 * FLOW_IDLE_NANOS));
    assert_eq!(sender.flows(), 0);
    assert_eq!(sender.next_expiry(), None);
}

#[test]
fn a_new_session_numbers_what_waits_from_0() {
    let mut sender = Sender::new(1);
    let place = sender.place(START, tuple(1)).unwrap();
    for _ in 0..3 {
        push(&mut sender, place, frame(60)).unwrap();
    }
    let (before, _) = sender.pop(START).unwrap();
    sender.begin_anew();
    let (after, _) = sender.pop(START).unwrap();
    assert_eq!((before.sequence, after.sequence), (0, 0));
    assert!(after.incarnation > before.incarnation);
    assert_eq!(sender.drop_queued(), 1);
    assert_eq!(sender.pop(START), None);
    // Nor is anything under way that nobody told of.
    sender.begin_anew();
    sender.expire(Instant::from_nanos(FLOW_IDLE_NANOS));
    assert_eq!(sender.flows(), 0);
    let place = sender.place(START, tuple(1)).unwrap();
    assert!(fill(&mut sender, place, MAX_FRAME_BYTES) > MAX_QUEUED_BYTES / 2 - 2 * MAX_FRAME_BYTES);
}

proptest! {
    /// Whatever is queued, sent and ended: numbers of a flow are consecutive, its order is kept, memory has a bound.
    #[test]
    fn flows_keep_their_order_and_memory_its_bound(
        steps in prop::collection::vec((0..3_u8, 1..2_000_u16, 60..MAX_FRAME_BYTES), 1..500),
    ) {
        let mut sender = Sender::new(1);
        let mut queued: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        let mut expected = BTreeMap::new();
        let mut under_way = Vec::new();
        for (step, port, bytes) in steps {
            match step {
                0 | 1 => {
                    let place = sender.place(START, tuple(port % 64)).unwrap();
                    if push(&mut sender, place, frame(bytes)).is_ok() {
                        queued.entry(place).or_default().push(bytes);
                    }
                }
                _ => if let Some((header, frame)) = sender.pop(START) {
                    prop_assert_eq!(frame.len(), queued.get_mut(&header.place).unwrap().remove(0));
                    let next = expected.entry((header.place, header.incarnation)).or_insert(0);
                    prop_assert_eq!(header.sequence, *next);
                    *next += 1;
                    under_way.push(header.place);
                    if under_way.len() > 20 {
                        sender.ended(under_way.remove(0));
                    }
                },
            }
            prop_assert!(sender.memory_bytes() <= MAX_MEMORY_BYTES);
        }
        let left: usize = queued.values().map(Vec::len).sum();
        prop_assert_eq!(sender.drop_queued(), left as u64);
    }
}
