//! Slow paths.

use super::slow::{SLOW_PROBE_NANOS, SLOW_TARGETS, UNUSED_NANOS};
use super::*;

const TARGET: u64 = 50_000;
const QUICK: u64 = 10_000;
const SLOW: u64 = QUICK + SLOW_TARGETS * TARGET + 1;

fn paths(avoids_slow: bool) -> Paths {
    Paths::new(4, 8_000, TARGET, 1, avoids_slow)
}

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

/// Paths that messages take when the windows have room.
fn taken(paths: &mut Paths) -> Vec<u8> {
    let mut taken: Vec<u8> = (0..16).filter_map(|_| paths.choose(at(0), None)).collect();
    taken.sort_unstable();
    taken.dedup();
    taken
}

#[test]
fn messages_keep_off_a_slow_path_only_where_they_are_told_to() {
    for avoids_slow in [false, true] {
        let mut paths = paths(avoids_slow);
        for path in 0..4 {
            let sample = if path == 2 { SLOW } else { QUICK };
            paths.measured(at(1_000), path, sample);
        }
        let expected: &[u8] = if avoids_slow {
            &[0, 1, 3]
        } else {
            &[0, 1, 2, 3]
        };
        assert_eq!(taken(&mut paths), expected);
    }
}

#[test]
fn a_slow_path_is_looked_at_and_taken_again_when_it_is_quick() {
    let mut paths = paths(true);
    paths.measured(at(1_000), 0, QUICK);
    paths.measured(at(1_000), 2, SLOW);
    let due = 1_000 + SLOW_PROBE_NANOS;
    assert_eq!(paths.due_probe(at(due - 1)), None);
    assert_eq!(paths.due_probe(at(due)), Some(2));
    let place = paths.sent(at(due), 2, 40);
    paths.landed(2, 40);
    assert_eq!(paths.due_probe(at(due)), None, "one look at a time");
    // Acknowledged without a measurement, it is looked at once more.
    paths.acked(at(due + SLOW), 2, place, 40);
    assert_eq!(paths.due_probe(at(due + SLOW + SLOW_PROBE_NANOS)), Some(2));
    paths.measured(at(due + SLOW), 2, QUICK);
    assert_eq!(taken(&mut paths), [0, 1, 2, 3]);
    assert_eq!(paths.due_probe(at(10 * due)), None);
}

#[test]
fn where_every_quick_path_is_silent_slow_ones_are_taken() {
    let mut paths = paths(true);
    paths.measured(at(1_000), 0, QUICK);
    paths.measured(at(1_000), 1, SLOW);
    for path in [0, 2, 3] {
        paths.lost_by_silence(at(2_000), path, at(1_000));
    }
    assert_eq!(taken(&mut paths), [1]);
    assert_eq!(paths.choose_unacknowledged(at(2_000), 0).0, 1);
}

/// Looks at the slow path 2 in the time given, each answered at once with `sample`; messages go out all the time if they do.
fn looks(paths: &mut Paths, nanos: core::ops::Range<u64>, has_messages: bool) -> Vec<u64> {
    let mut looks = Vec::new();
    for now in nanos.step_by(100_000) {
        if has_messages {
            assert_ne!(paths.choose(at(now), None), Some(2));
        }
        if paths.due_probe(at(now)) == Some(2) {
            let place = paths.sent(at(now), 2, 40);
            paths.landed(2, 40);
            paths.measured(at(now), 0, QUICK);
            paths.measured(at(now), 2, SLOW);
            paths.acked(at(now), 2, place, 40);
            looks.push(now);
        }
    }
    looks
}

#[test]
fn looks_in_vain_become_rarer_until_one_finds_the_path_quick() {
    let mut paths = paths(true);
    paths.measured(at(1_000), 0, QUICK);
    paths.measured(at(1_000), 2, SLOW);
    let looks = looks(&mut paths, 0..1_000_000_000, true);
    let pauses: Vec<u64> = looks.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let ms = |pause: &u64| pause.div_ceil(1_000_000);
    let expected = [1, 1, 1, 2, 4, 8, 16, 32, 64, 64];
    assert_eq!(pauses[..10].iter().map(ms).collect::<Vec<_>>(), expected);
    assert!(looks.len() < 25, "{}", looks.len());
    // Quick, and slow once more: the first look comes soon again.
    let now = 1_000_000_000;
    for (path, sample) in [(0, QUICK), (2, QUICK), (2, SLOW)] {
        paths.measured(at(now), path, sample);
    }
    assert_eq!(paths.due_probe(at(now + SLOW_PROBE_NANOS)), Some(2));
}

#[test]
fn without_messages_nobody_looks_at_a_slow_path_and_the_next_one_brings_the_look() {
    let mut paths = paths(true);
    paths.measured(at(1_000), 0, QUICK);
    paths.measured(at(1_000), 2, SLOW);
    let unused = looks(&mut paths, 0..1_000_000_000, false);
    assert!(
        unused.len() <= 6 && unused.iter().all(|look| *look <= 2 * UNUSED_NANOS),
        "{unused:?}"
    );
    assert_eq!(paths.next_probe(), Instant::NEVER, "nothing is due");
    let now = 1_000_000_000;
    assert_ne!(paths.choose(at(now), None), Some(2));
    assert_eq!(paths.next_probe(), at(now));
    assert_eq!(paths.due_probe(at(now)), Some(2));
}

/// Paths over which a packet went each 10 µs in turn, until one with `sample` on each in turn is answered; the answers come
/// in the order of arrival.
fn in_turn(paths: &mut Paths, from: u64, count: u64, sample: impl Fn(u64) -> u64) -> u64 {
    let mut arrivals: Vec<(u64, u8, u64)> = (0..count)
        .map(|packet| {
            let sent_at = from + packet * 10_000;
            let path = packet % u64::from(paths.count());
            (sent_at + sample(sent_at), path as u8, sample(sent_at))
        })
        .collect();
    arrivals.sort_unstable();
    for (now, path, sample) in &arrivals {
        paths.measured(at(*now), *path, *sample);
    }
    from + count * 10_000
}

#[test]
fn a_queue_that_all_paths_share_makes_none_slow() {
    let mut paths = paths(true);
    let rises_at = 5 * 4 * 10_000 + 5_000;
    in_turn(&mut paths, 0, 40, |sent_at| {
        if sent_at < rises_at { QUICK } else { 2 * SLOW }
    });
    assert_eq!(taken(&mut paths), [0, 1, 2, 3]);
    assert_eq!(paths.next_probe(), Instant::NEVER);
}

#[test]
fn a_path_is_not_slow_by_what_others_were_long_ago() {
    let mut paths = paths(true);
    in_turn(&mut paths, 0, 40, |_| QUICK);
    // Nothing for a second; meanwhile every route became longer.
    for path in 0..4 {
        paths.measured(at(1_000_000_000), path, SLOW + u64::from(path));
    }
    assert_eq!(taken(&mut paths), [0, 1, 2, 3]);
}

#[test]
fn a_path_that_others_became_as_slow_as_keeps_its_window() {
    for falls in [false, true] {
        let mut paths = paths(true);
        paths.measured(at(1_000), 0, QUICK);
        paths.measured(at(1_000), 2, SLOW);
        let grown = paths.path(2).window.bytes() * 2;
        paths.path_mut(2).window.grow(grown / 2, 1);
        let now = 10_000_000;
        let sample = if falls { QUICK } else { SLOW };
        for path in [0, 1, 3, 2] {
            paths.measured(at(now), path, sample);
        }
        assert_eq!(paths.quick, 0b1111);
        let expected = if falls { grown / 2 } else { grown };
        assert_eq!(paths.path(2).window.bytes(), expected);
    }
}

#[test]
fn a_lost_message_takes_a_slow_path_rather_than_the_only_quick_one_that_lost_it() {
    let mut paths = paths(true);
    paths.measured(at(1_000), 0, QUICK);
    for path in 1..4 {
        paths.measured(at(1_000), path, SLOW);
    }
    assert_eq!(taken(&mut paths), [0]);
    assert_ne!(paths.choose(at(2_000), Some(0)), Some(0));
    assert_eq!(paths.choose(at(2_000), Some(1)), Some(0));
    for path in [1, 2, 3] {
        paths.lost_by_silence(at(2_000), path, at(1_000));
    }
    assert_eq!(paths.choose(at(2_000), Some(0)), Some(0), "no other lives");
}

#[test]
fn slow_paths_do_not_make_each_other_quick() {
    let mut paths = paths(true);
    for (path, sample) in [(0, QUICK), (1, SLOW), (2, SLOW)] {
        paths.measured(at(1_000), path, sample);
    }
    assert_eq!(taken(&mut paths), [0, 3]);
    // Looks at both at a time when nothing else is sent.
    for path in [1, 2] {
        paths.measured(at(5_000_000), path, SLOW);
    }
    assert_eq!(taken(&mut paths), [0, 3]);
    // The quick ones die: of the others, the one that is much quicker is taken.
    for path in [0, 3] {
        paths.lost_by_silence(at(6_000_000), path, at(5_000_000));
    }
    for (path, sample) in [(1, SLOW), (2, 3 * SLOW), (1, SLOW)] {
        paths.measured(at(10_000_000), path, sample);
    }
    assert_eq!(taken(&mut paths), [1]);
}

#[test]
fn a_path_that_was_silent_is_judged_by_those_that_live_however_old_their_answers_are() {
    let mut paths = paths(true);
    for path in 0..4 {
        paths.measured(at(1_000), path, QUICK);
    }
    paths.lost_by_silence(at(1_000_000), 2, at(700_000));
    paths.measured(at(9_000_000), 2, SLOW);
    assert_eq!(paths.quick, 0b1011);
}

/// Two packets are lost, and the probe after the first one's silence is answered before the second one's is up.
#[test]
fn a_path_that_answers_lives_though_an_older_packet_was_lost() {
    let mut paths = paths(false);
    for sent_at in [1_000, 2_000] {
        paths.sent(at(sent_at), 0, 100);
    }
    paths.lost_by_silence(at(300_000), 0, at(1_000));
    assert!(!paths.is_live(0));
    let probe = paths.sent(at(300_000), 0, 100);
    paths.acked(at(300_500), 0, probe, 100);
    assert!(paths.is_live(0));
    paths.lost_by_silence(at(301_000), 0, at(2_000));
    assert!(paths.is_live(0));
}
