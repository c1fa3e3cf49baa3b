//! What waits to be answered, of each interface its own.

use std::collections::{BTreeMap, VecDeque};

/// Questions of an interface that may wait; what comes when so many do is lost, as datagrams are.
const MAX_WAITING: usize = 64;

/// Interfaces that have something waiting, in the order of their turns, and what waits.
#[derive(Debug)]
pub(crate) struct Inbox<Q> {
    waiting: BTreeMap<u32, VecDeque<Q>>,
    turns: VecDeque<u32>,
}

impl<Q> Default for Inbox<Q> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            turns: VecDeque::new(),
        }
    }
}

impl<Q> Inbox<Q> {
    /// Whether there was room for it.
    pub(crate) fn push(&mut self, vport: u32, question: Q) -> bool {
        let waiting = self.waiting.entry(vport).or_default();
        if waiting.is_empty() {
            self.turns.push_back(vport);
        }
        let has_room = waiting.len() < MAX_WAITING;
        if has_room {
            waiting.push_back(question);
        }
        has_room
    }

    /// The question whose turn it is: before an interface's next, all others have one.
    pub(crate) fn next(&mut self) -> Option<Q> {
        let vport = self.turns.pop_front()?;
        let waiting = self.waiting.get_mut(&vport)?;
        let question = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(&vport);
        } else {
            self.turns.push_back(vport);
        }
        question
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_delays_a_neighbour_by_one() {
        let mut inbox = Inbox::default();
        let taken = (0..1_000).filter(|number| inbox.push(3, (3, *number)));
        assert_eq!(taken.count(), MAX_WAITING);
        for other in [(4, 0), (5, 0), (4, 1)] {
            assert!(inbox.push(other.0, other));
        }
        let order: Vec<_> = std::iter::from_fn(|| inbox.next()).collect();
        assert_eq!(
            order[..7],
            [(3, 0), (4, 0), (5, 0), (3, 1), (4, 1), (3, 2), (3, 3)]
        );
        assert_eq!(order.len(), MAX_WAITING + 3);
        assert!(inbox.waiting.is_empty() && inbox.turns.is_empty());
    }
}
