//! The map beside a plain one.

use super::*;
use alloc::collections::BTreeMap;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, u32),
    Remove(u16),
    Change(u16, u32),
    /// Keys that come in order, as ids do.
    InsertRun(u16, u16),
    RemoveRun(u16, u16),
    Copy,
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..2_000_u16;
    prop_oneof![
        4 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Step::Insert(key, value)),
        4 => key.clone().prop_map(Step::Remove),
        2 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Step::Change(key, value)),
        2 => (key.clone(), 1..700_u16).prop_map(|(key, count)| Step::InsertRun(key, count)),
        2 => (key, 1..500_u16).prop_map(|(key, count)| Step::RemoveRun(key, count)),
        1 => Just(Step::Copy),
    ]
}

fn perform(step: &Step, map: &mut Map<u16, u32>, plain: &mut BTreeMap<u16, u32>) {
    match *step {
        Step::Insert(key, value) => {
            assert_eq!(map.insert(key, value), plain.insert(key, value))
        }
        Step::Remove(key) => assert_eq!(map.remove(&key), plain.remove(&key)),
        Step::Change(key, value) => {
            let (one, other) = (map.get_mut(&key), plain.get_mut(&key));
            assert_eq!(one, other);
            one.into_iter()
                .chain(other)
                .for_each(|found| *found = value);
        }
        Step::InsertRun(first, count) => {
            (first..first + count)
                .for_each(|key| assert_eq!(map.insert(key, 0), plain.insert(key, 0)));
        }
        Step::RemoveRun(first, count) => {
            (first..first + count).for_each(|key| assert_eq!(map.remove(&key), plain.remove(&key)));
        }
        Step::Copy => {}
    }
}

/// Every leaf is equally deep and, but for an empty map's, has entries; keys lie where they are looked for; a branch
/// has at least a child.
fn check(node: &Node<u16, u32>, is_root: bool) -> usize {
    assert!(node.width() <= MAX_WIDTH);
    assert!(is_root || node.width() > 0);
    match node {
        Node::Leaf(entries) => {
            assert!(entries.is_sorted_by(|one, next| one.0 < next.0));
            0
        }
        Node::Branch(children) => {
            let depths: Vec<usize> = children
                .iter()
                .map(|child| check(&child.node, false))
                .collect();
            assert!(depths.iter().all(|depth| *depth == depths[0]));
            for child in children {
                assert!(child.from <= child.node.first_leaf()[0].0);
            }
            for pair in children.windows(2) {
                let last = pair[0].node.last_leaf().last().unwrap();
                assert!(last.0 < pair[1].from);
            }
            depths[0] + 1
        }
    }
}

fn entries(plain: &BTreeMap<u16, u32>) -> Vec<(&u16, &u32)> {
    plain.iter().collect()
}

/// The entries taken from both ends as `from_front` says.
fn from_both_ends<T>(mut all: impl DoubleEndedIterator<Item = T>, from_front: &[bool]) -> Vec<T> {
    let mut taken = Vec::new();
    for front in from_front.iter().cycle() {
        match if *front { all.next() } else { all.next_back() } {
            Some(entry) => taken.push(entry),
            None => return taken,
        }
    }
    taken
}

proptest! {
    #[test]
    fn it_does_what_a_plain_map_does_and_copies_never_change(
        steps in prop::collection::vec(step(), 1..60),
        ranges in prop::collection::vec((0..2_800_u16, 0..2_800_u16), 4),
        from_front in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        let (mut map, mut plain) = (Map::new(), BTreeMap::new());
        let mut copies = Vec::new();
        for step in &steps {
            if matches!(step, Step::Copy) {
                copies.push((map.clone(), plain.clone()));
            }
            perform(step, &mut map, &mut plain);
            check(&map.root, true);
        }
        copies.push((map, plain));
        for (map, plain) in &copies {
            prop_assert_eq!(map.len(), plain.len());
            prop_assert_eq!(map.first(), plain.first_key_value());
            prop_assert_eq!(map.iter().collect::<Vec<_>>(), entries(plain));
            prop_assert_eq!(from_both_ends(map.iter(), &from_front), from_both_ends(plain.iter(), &from_front));
            for key in 0..2_800 {
                prop_assert_eq!(map.get(&key), plain.get(&key));
            }
            for (one, other) in &ranges {
                let (start, end) = (one.min(other), one.max(other));
                prop_assert_eq!(from_both_ends(map.range(start..=end), &from_front), from_both_ends(plain.range(start..=end), &from_front));
                prop_assert_eq!(from_both_ends(map.range(start..), &from_front), from_both_ends(plain.range(start..), &from_front));
                prop_assert_eq!(from_both_ends(map.range(..end), &from_front), from_both_ends(plain.range(..end), &from_front));
                if start < end {
                    prop_assert_eq!(map.range(end..=start).count(), 0);
                }
            }
            let made: Map<u16, u32> = plain.iter().rev().map(|(key, value)| (*key, *value)).collect();
            check(&made.root, true);
            prop_assert_eq!(&made, map);
        }
    }
}

#[test]
fn of_two_entries_with_one_key_the_last_is_collected() {
    let map: Map<u8, char> = [(1, 'a'), (2, 'b'), (1, 'c')].into_iter().collect();
    assert_eq!(map.iter().collect::<Vec<_>>(), [(&1, &'c'), (&2, &'b')]);
}
