//! Slow paths.

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
