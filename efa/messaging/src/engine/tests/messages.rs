//! Messages, matching, and the end of lanes.

use super::{Bytes, End, PEER, Pair, outcome, pattern_bytes};
use crate::buffer::{Route, Wire};
use crate::completion::Fault;
use crate::engine::{Disposition, Level, ReceiveRequest};
use crate::limits::{LOCAL_SEGMENT, UNEXPECTED_BYTES, UNREAD};
use crate::matching::{Pattern, Peek};
use crate::record::RecordHeader;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

const ROUTES: [Route; 2] = [Route::Local, Route::Remote];

fn tagged(tag: u64) -> Pattern {
    Pattern {
        lane: None,
        tag,
        ignore: 0,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Send {
        tag: u64,
        length: usize,
        level: Level,
    },
    Receive {
        tag: u64,
        ignore: u64,
        length: usize,
    },
    Settle,
}

fn any_length() -> impl Strategy<Value = usize> {
    prop_oneof![
        0..200usize,
        8_900..8_940usize,
        16_380..16_390usize,
        0..70_000usize
    ]
}

fn any_level() -> impl Strategy<Value = Level> {
    prop_oneof![
        Just(Level::Injected),
        Just(Level::Transmitted),
        Just(Level::Delivered)
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..4u64, any_length(), any_level()).prop_map(|(tag, length, level)| Step::Send {
            tag,
            length,
            level
        }),
        (0..4u64, 0..4u64, any_length()).prop_map(|(tag, ignore, length)| Step::Receive {
            tag,
            ignore,
            length
        }),
        Just(Step::Settle),
    ]
}

/// The matching rules, written naively: messages arrive in order, each goes to the first receive that takes it.
#[derive(Default)]
struct Model {
    messages: Vec<(u64, u64, usize)>,
    receives: Vec<(u64, u64, u64)>,
    matched: Vec<(u64, u64, usize)>,
}

impl Model {
    fn send(&mut self, context: u64, tag: u64, length: usize) {
        let taker = self
            .receives
            .iter()
            .position(|&(_, want, ignore)| want | ignore == tag | ignore);
        match taker {
            Some(index) => {
                let (receive, ..) = self.receives.remove(index);
                self.matched.push((receive, context, length));
            }
            None => self.messages.push((context, tag, length)),
        }
    }

    fn receive(&mut self, context: u64, want: u64, ignore: u64) {
        let taken = self
            .messages
            .iter()
            .position(|&(_, tag, _)| want | ignore == tag | ignore);
        match taken {
            Some(index) => {
                let (message, _, length) = self.messages.remove(index);
                self.matched.push((context, message, length));
            }
            None => self.receives.push((context, want, ignore)),
        }
    }
}

fn run(steps: &[Step], route: Route, seed: u64) -> Result<(), TestCaseError> {
    let mut pair = Pair::new(route, seed);
    let mut model = Model::default();
    let mut buffers = Vec::new();
    for (context, step) in (1u64..).zip(steps) {
        match *step {
            Step::Send { tag, length, level } => {
                pair.send(Some(tag), pattern_bytes(context, length), context, level);
                model.send(context, tag, length);
            }
            Step::Receive {
                tag,
                ignore,
                length,
            } => {
                // The model has messages arrive at once.
                pair.settle();
                let pattern = Pattern {
                    lane: None,
                    tag,
                    ignore,
                };
                buffers.push((context, pair.receive(true, pattern, length, context)));
                model.receive(context, tag, ignore);
            }
            Step::Settle => pair.settle(),
        }
    }
    pair.settle();
    for (receive, message, length) in &model.matched {
        let (_, buffer) = buffers
            .iter()
            .find(|(context, _)| context == receive)
            .unwrap();
        let content = buffer.content();
        let placed = content.len().min(*length);
        prop_assert_eq!(
            &content[..placed],
            &pattern_bytes(*message, *length)[..placed]
        );
        let want = if *length > content.len() {
            Err(Fault::Truncated {
                beyond: length - content.len(),
            })
        } else {
            Ok(())
        };
        prop_assert_eq!(outcome(&pair.ends[1], *receive), Some(want));
        prop_assert_eq!(outcome(&pair.ends[0], *message), Some(Ok(())));
    }
    prop_assert_eq!(pair.ends[1].log.0.len(), model.matched.len());
    // What is left is received too, and then nothing remains.
    for (context, tag, length) in model.messages {
        let context = context + 1_000_000;
        pair.receive(true, tagged(tag), length, context);
        pair.settle();
        prop_assert_eq!(outcome(&pair.ends[1], context), Some(Ok(())));
    }
    pair.assert_idle();
    prop_assert_eq!(pair.ends[1].engine.unexpected_bytes, 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn messages_match_as_the_rules_say_on_lanes_in_order(steps in proptest::collection::vec(any_step(), 1..60)) {
        run(&steps, Route::Local, 1)?;
    }

    #[test]
    fn messages_match_as_the_rules_say_on_lanes_that_reorder(
        steps in proptest::collection::vec(any_step(), 1..60),
        seed: u64,
    ) {
        run(&steps, Route::Remote, seed)?;
    }

    /// Whatever a peer sends, this end neither panics nor touches what it may not; at worst the lane breaks.
    #[test]
    fn forged_records_break_at_most_their_lane(
        records in proptest::collection::vec(
            (60u8..80, any::<u8>(), 0..40u16, 0..4u32, 0..100u64, 0..4u64, 0..40usize),
            1..60,
        ),
    ) {
        let mut pair = Pair::new(Route::Local, 1);
        for context in 1..5 {
            pair.send(Some(context), pattern_bytes(context, 50_000), context, Level::Transmitted);
        }
        let End { engine, regions, log, .. } = &mut pair.ends[0];
        for (kind, flags, word, immediate, first, second, length) in records {
            let header = RecordHeader { kind, flags, word, immediate, first, second, ..RecordHeader::default() };
            let payload = vec![1u8; length];
            if engine.on_record(PEER, &header, &&*payload, regions, log) == Disposition::Violation {
                break;
            }
        }
        engine.on_broken(PEER, 0, Fault::PeerGone, log);
        for context in 1..5 {
            let ends = log.0.iter().filter(|entry| entry.context == context).count();
            prop_assert_eq!(ends, 1);
        }
    }
}

#[test]
fn a_buffer_for_many_messages_goes_back_with_the_last_of_them() {
    for route in ROUTES {
        let mut pair = Pair::new(route, 7);
        pair.send(None, pattern_bytes(1, 100), 1, Level::Transmitted);
        pair.settle();
        let buffer = Bytes::new(vec![0; 40_000]);
        let request = ReceiveRequest {
            tagged: false,
            pattern: Pattern::ANY,
            buffer: buffer.clone(),
            context: 9,
            report: true,
            until_less_than: Some(64),
        };
        let End { engine, log, .. } = &mut pair.ends[1];
        engine.receive(request, log);
        pair.send(None, pattern_bytes(2, 30_000), 2, Level::Transmitted);
        pair.send(None, pattern_bytes(3, 9_870), 3, Level::Transmitted);
        pair.settle();
        let log = &pair.ends[1].log.0;
        assert_eq!(log.len(), 3);
        assert_eq!(log.iter().filter(|entry| entry.released).count(), 1);
        assert!(log[2].released, "the buffer goes back last");
        let mut want = pattern_bytes(1, 100);
        want.extend(pattern_bytes(2, 30_000));
        want.extend(pattern_bytes(3, 9_870));
        assert_eq!(buffer.content()[..want.len()], want[..]);
        pair.assert_idle();
    }
}

#[test]
fn peeks_look_claim_and_discard() {
    for length in [10, 50_000] {
        let mut pair = Pair::new(Route::Local, 1);
        for context in [1, 2, 3] {
            pair.send(
                Some(5),
                pattern_bytes(context, length),
                context,
                Level::Transmitted,
            );
        }
        pair.settle();
        let End { engine, log, .. } = &mut pair.ends[1];
        engine.peek(&tagged(6), Peek::Look, 10, true, log);
        engine.peek(&tagged(5), Peek::Look, 11, true, log);
        engine.peek(&tagged(5), Peek::Claim, 12, true, log);
        engine.peek(&tagged(5), Peek::Discard, 13, true, log);
        let outcomes: Vec<_> = log
            .0
            .iter()
            .map(|entry| (entry.outcome, entry.length))
            .collect();
        let found = (Ok(()), length);
        assert_eq!(outcomes, [(Err(Fault::NoMessage), 0), found, found, found]);

        let buffer = pair.receive(true, tagged(5), length, 14);
        pair.settle();
        assert_eq!(
            buffer.content(),
            pattern_bytes(3, length),
            "one is claimed, one was discarded"
        );
        let claimed = Bytes::new(vec![0; length]);
        let End { engine, log, .. } = &mut pair.ends[1];
        assert!(engine.receive_claimed(12, claimed.clone(), true, log));
        assert!(!engine.discard_claimed(12, true, log), "it is gone");
        pair.settle();
        assert_eq!(claimed.content(), pattern_bytes(1, length));
        pair.assert_idle();
    }
}

#[test]
fn unexpected_messages_stop_at_their_bound_and_go_on_after_a_receive() {
    let mut pair = Pair::new(Route::Local, 1);
    let many = UNEXPECTED_BYTES / LOCAL_SEGMENT + 4;
    let mut context = 0u64;
    while pair.ends[1].engine.unexpected_bytes < UNEXPECTED_BYTES - LOCAL_SEGMENT {
        context += 1;
        pair.send(None, vec![0; LOCAL_SEGMENT], context, Level::Transmitted);
        pair.settle();
    }
    pair.send(
        None,
        vec![7; LOCAL_SEGMENT],
        context + 1,
        Level::Transmitted,
    );
    pair.settle();
    assert_eq!(pair.ends[0].out.records.len(), 1, "it waits in the lane");
    assert!(pair.ends[1].engine.unexpected_bytes <= UNEXPECTED_BYTES);
    for receive in 0..context + 1 {
        pair.receive(false, Pattern::ANY, LOCAL_SEGMENT, receive);
        pair.settle();
    }
    assert!(usize::try_from(context).unwrap() < many);
    assert_eq!(
        pair.ends[1].log.0.len(),
        usize::try_from(context).unwrap() + 1
    );
}

#[test]
fn a_broken_lane_fails_what_depends_on_it_and_nothing_else() {
    for route in ROUTES {
        let mut pair = Pair::new(route, 3);
        pair.send(Some(1), pattern_bytes(1, 10), 1, Level::Transmitted);
        pair.send(Some(2), pattern_bytes(2, 50_000), 2, Level::Transmitted);
        pair.settle();
        let directed = Pattern {
            lane: Some(PEER),
            tag: 8,
            ignore: 0,
        };
        pair.receive(true, directed, 10, 20);
        pair.receive(true, tagged(9), 10, 21);
        for end in &mut pair.ends {
            end.engine.on_broken(PEER, 0, Fault::PeerGone, &mut end.log);
        }
        assert_eq!(outcome(&pair.ends[0], 2), Some(Err(Fault::PeerGone)));
        assert_eq!(outcome(&pair.ends[1], 20), Some(Err(Fault::PeerGone)));
        assert_eq!(
            outcome(&pair.ends[1], 21),
            None,
            "anyone may still send this"
        );
        let End { engine, log, .. } = &mut pair.ends[1];
        engine.on_cut(Fault::Unreachable, log);
        assert_eq!(outcome(&pair.ends[1], 21), Some(Err(Fault::Unreachable)));
        let buffer = pair.receive(true, tagged(1), 10, 22);
        assert_eq!(
            buffer.content(),
            pattern_bytes(1, 10),
            "what is here can be received"
        );
        pair.receive(true, directed, 10, 23);
        assert_eq!(
            outcome(&pair.ends[1], 23),
            Some(Err(Fault::PeerGone)),
            "from this peer nothing comes any more"
        );
        pair.send(Some(1), vec![1], 30, Level::Transmitted);
        assert_eq!(outcome(&pair.ends[0], 30), Some(Err(Fault::PeerGone)));
    }
}

#[test]
fn a_cancelled_receive_takes_nothing() {
    let mut pair = Pair::new(Route::Local, 1);
    pair.receive(true, tagged(1), 10, 5);
    let End { engine, log, .. } = &mut pair.ends[1];
    assert!(engine.cancel(5, log));
    assert!(!engine.cancel(5, log));
    pair.send(Some(1), vec![1], 1, Level::Transmitted);
    pair.settle();
    assert_eq!(outcome(&pair.ends[1], 5), Some(Err(Fault::Cancelled)));
    assert_eq!(pair.ends[1].log.0.len(), 1);
}

#[test]
fn a_message_completes_when_the_peer_has_read_it() {
    let mut pair = Pair::new(Route::Local, 1);
    pair.send(Some(1), vec![1], 1, Level::Injected);
    assert_eq!(
        outcome(&pair.ends[0], 1),
        Some(Ok(())),
        "nobody waits for it"
    );
    pair.send(Some(2), vec![2], 2, Level::Transmitted);
    pair.send(Some(3), vec![3], 3, Level::Transmitted);
    pair.ends[0].flush();
    assert_eq!(outcome(&pair.ends[0], 2), None);
    assert!(pair.step(0) && pair.step(0));
    pair.ends[0].flush();
    assert_eq!(outcome(&pair.ends[0], 2), Some(Ok(())));
    assert_eq!(outcome(&pair.ends[0], 3), None, "it still lies in the ring");
    pair.settle();
    assert_eq!(outcome(&pair.ends[0], 3), Some(Ok(())));
    assert!(!pair.ends[0].engine.has_unread());
}

#[test]
fn a_lane_that_breaks_fails_what_the_peer_had_not_read() {
    let mut pair = Pair::new(Route::Local, 1);
    for context in 1..=3 {
        pair.send(Some(context), vec![1], context, Level::Transmitted);
    }
    assert!(pair.step(0));
    let End {
        engine, out, log, ..
    } = &mut pair.ends[0];
    engine.on_broken(PEER, out.consumed(PEER), Fault::Revoked, log);
    let outcomes: Vec<_> = log.0.iter().map(|entry| entry.outcome).collect();
    let revoked = Err(Fault::Revoked);
    assert_eq!(outcomes, [Ok(()), revoked, revoked]);
    assert!(!engine.has_unread());
    // Each ends once, whatever else is said of the lane.
    out.consumed = 3;
    engine.look_at_readers(out, log);
    engine.on_broken(PEER, 3, Fault::PeerGone, log);
    assert_eq!(log.0.len(), 3);
}

#[test]
fn a_sender_that_never_looks_for_completions_keeps_few_of_them() {
    let mut pair = Pair::new(Route::Local, 1);
    for context in 1..=10 * UNREAD as u64 {
        pair.send(Some(context), vec![1], context, Level::Transmitted);
        assert!(pair.step(0));
        let lane = &pair.ends[0].engine.lanes[0];
        assert!(lane.unread.len() <= UNREAD, "{}", lane.unread.len());
    }
}

#[test]
fn a_broken_lane_is_forgotten_once_its_messages_are_received() {
    let mut pair = Pair::new(Route::Local, 1);
    pair.send(Some(1), vec![1], 1, Level::Transmitted);
    pair.settle();
    let End { engine, log, .. } = &mut pair.ends[1];
    let mut lanes = vec![PEER];
    assert_eq!(engine.forget(&mut lanes), [], "it stands");
    engine.on_broken(PEER, 0, Fault::PeerGone, log);
    assert_eq!(engine.forget(&mut lanes), [], "a message of it waits");
    pair.receive(true, tagged(1), 1, 2);
    assert_eq!(outcome(&pair.ends[1], 2), Some(Ok(())));
    let End { engine, .. } = &mut pair.ends[1];
    assert_eq!(engine.forget(&mut lanes), [PEER]);
    assert!(lanes.is_empty());
    // Another lane may have the number.
    pair.send(Some(3), vec![3], 3, Level::Transmitted);
    pair.receive(true, tagged(3), 1, 4);
    pair.settle();
    assert_eq!(outcome(&pair.ends[1], 4), Some(Ok(())));
}
