//! When each instance's connections are looked through for expired ones.

use std::collections::{BTreeMap, BTreeSet};

/// An instance with so many connections is looked through at every turn: far below its allowance.
const MANY_CONNECTIONS: u64 = (eni_abi::map::CONNECTION_ALLOWANCE / 4) as u64;
/// The others at most every so many turns, and as often it is asked how many they have. No connection expires
/// sooner after it has begun (`eni_pipeline::TCP_CLOSED_SECONDS`): what came since could not have been removed before.
const TURNS_BETWEEN: u32 = 10;

/// Turns of about a second. To look through an instance's connections takes half a millisecond however few they are, so it is
/// done when one of them is due, and some time after new ones have come. One that ends sooner than it was due stays until
/// then: it is in nobody's way before new ones come.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    turn: u32,
    known: BTreeMap<u32, Known>,
    /// Those that had many when they were last asked.
    busy: BTreeSet<u32>,
}

/// What the last look has found.
#[derive(Clone, Copy, Debug)]
struct Known {
    turn: u32,
    connections: u64,
    /// When the first of them expires unless it is renewed.
    due_ns: u64,
}

/// What is to be done with an instance's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing.
    Not,
    /// Remove what has expired, and see when the next is due: [`Collection::found`].
    ForDue,
    /// Remove what has expired; another look comes soon.
    Only,
}

impl Collection {
    pub(crate) fn next_turn(&mut self) {
        self.turn = self.turn.wrapping_add(1);
    }

    /// Whether the instance is to be asked in this turn how many connections it has: a second in which nothing happens costs
    /// the system calls of a tenth of them.
    pub(crate) fn is_asked(&self, instance: u32) -> bool {
        self.busy.contains(&instance)
            || self
                .turn
                .wrapping_add(instance)
                .is_multiple_of(TURNS_BETWEEN)
    }

    /// What is to be done in this turn with the instance, which has `connections`.
    pub(crate) fn look(&mut self, instance: u32, connections: u64, now_ns: u64) -> Look {
        self.busy.remove(&instance);
        if connections == 0 {
            self.known.remove(&instance);
            return Look::Not;
        }
        if connections >= MANY_CONNECTIONS {
            self.known.remove(&instance);
            self.busy.insert(instance);
            return Look::Only;
        }
        // Those that are seen for the first time are as if they had been seen a moment ago.
        let known = *self.known.entry(instance).or_insert(Known {
            turn: self.turn,
            connections: 0,
            due_ns: u64::MAX,
        });
        let is_time = self.turn.wrapping_sub(known.turn) >= TURNS_BETWEEN;
        let has_new = connections != known.connections;
        match is_time && (has_new || known.due_ns <= now_ns) {
            true => Look::ForDue,
            false => Look::Not,
        }
    }

    /// The instance has so many connections left, the first of which expires at `due_ns` unless it is renewed.
    pub(crate) fn found(&mut self, instance: u32, connections: u64, due_ns: u64) {
        let turn = self.turn;
        let known = Known {
            turn,
            connections,
            due_ns,
        };
        self.known.insert(instance, known);
    }

    /// The instance's maps are gone.
    pub(crate) fn forget(&mut self, instance: u32) {
        self.known.remove(&instance);
        self.busy.remove(&instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is done in each of so many turns.
    fn turns(collection: &mut Collection, count: u32, connections: u64, now_ns: u64) -> Vec<Look> {
        let turn = |_| {
            collection.next_turn();
            collection.look(7, connections, now_ns)
        };
        (0..count).map(turn).collect()
    }

    #[test]
    fn connections_are_looked_through_when_one_is_due_and_after_new_ones() {
        let mut collection = Collection::default();
        assert_eq!(turns(&mut collection, 99, 0, 1), [Look::Not; 99]);
        let first = turns(&mut collection, 11, 3, 1);
        assert_eq!(first[..10], [Look::Not; 10]);
        assert_eq!(first[10], Look::ForDue);
        collection.found(7, 3, 50);
        assert_eq!(turns(&mut collection, 99, 3, 49), [Look::Not; 99]);
        assert_eq!(turns(&mut collection, 1, 3, 50), [Look::ForDue]);
        collection.found(7, 2, 500);
        assert_eq!(turns(&mut collection, 9, 3, 51), [Look::Not; 9]);
        assert_eq!(turns(&mut collection, 1, 3, 51), [Look::ForDue]);
        let many = MANY_CONNECTIONS;
        assert_eq!(turns(&mut collection, 3, many, 51), [Look::Only; 3]);
        collection.forget(7);
        assert_eq!(turns(&mut collection, 10, 1, 900), [Look::Not; 10]);
    }

    #[test]
    fn no_connection_expires_between_two_questions() {
        let shortest = eni_pipeline::TCP_CLOSED_SECONDS;
        assert!(TURNS_BETWEEN <= shortest);
    }

    #[test]
    fn an_instance_is_asked_each_tenth_turn_and_one_with_many_connections_at_each() {
        let mut collection = Collection::default();
        let mut asked = |instance, connections| {
            let turns = 0..TURNS_BETWEEN * 2;
            let is_asked = turns.map(|_| {
                collection.next_turn();
                let is_asked = collection.is_asked(instance);
                if is_asked {
                    collection.look(instance, connections, 1);
                }
                is_asked
            });
            is_asked.filter(|is_asked| *is_asked).count()
        };
        for instance in 1..30 {
            assert_eq!(asked(instance, 1), 2);
        }
        assert!(asked(7, MANY_CONNECTIONS) > 10);
        assert_eq!(asked(7, MANY_CONNECTIONS), 20);
        asked(7, 5);
        assert_eq!(asked(7, 5), 2);
    }
}
