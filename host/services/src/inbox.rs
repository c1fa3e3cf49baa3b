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
    pub(crate) fn push(&mut self, vport: u32, question: Q) {
        let waiting = self.waiting.entry(vport).or_default();
        if waiting.is_empty() {
            self.turns.push_back(vport);
        }
        if waiting.len() < MAX_WAITING {
            waiting.push_back(question);
        }
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
        for number in 0..1_000 {
            inbox.push(3, (3, number));
        }
        inbox.push(4, (4, 0));
        inbox.push(5, (5, 0));
        inbox.push(4, (4, 1));
        let order: Vec<_> = std::iter::from_fn(|| inbox.next()).collect();
        assert_eq!(
            order[..7],
            [(3, 0), (4, 0), (5, 0), (3, 1), (4, 1), (3, 2), (3, 3)]
        );
        assert_eq!(order.len(), MAX_WAITING + 3);
        assert!(inbox.waiting.is_empty() && inbox.turns.is_empty());
    }
}
