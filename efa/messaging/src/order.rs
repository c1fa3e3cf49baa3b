//! Order, where a lane does not keep it.

use crate::limits::REORDER_WINDOW;
use alloc::collections::VecDeque;

/// What to do with a record that arrived under a sequence number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the next one.
    Next,
    /// It runs ahead by so many (at least one).
    Ahead(u16),
    /// It came before, or runs ahead further than any sender may.
    Outside,
}

/// Records that wait for a missing one. Sequence numbers wrap; the window is far smaller than half of them.
#[derive(Debug)]
pub(crate) struct Reorder<T> {
    next: u16,
    /// What comes `index + 1` after `next`.
    waiting: VecDeque<Option<T>>,
}

impl<T> Default for Reorder<T> {
    fn default() -> Self {
        Self {
            next: 0,
            waiting: VecDeque::new(),
        }
    }
}

impl<T> Reorder<T> {
    pub(crate) fn place(&self, sequence: u16) -> Place {
        match sequence.wrapping_sub(self.next) {
            0 => Place::Next,
            ahead if ahead < REORDER_WINDOW => {
                let taken = self.waiting.get(usize::from(ahead) - 1);
                match taken {
                    Some(Some(_)) => Place::Outside,
                    Some(None) | None => Place::Ahead(ahead),
                }
            }
            _ => Place::Outside,
        }
    }

    /// Keeps what [`Self::place`] said is `ahead`.
    pub(crate) fn keep(&mut self, ahead: u16, record: T) {
        let index = usize::from(ahead) - 1;
        while self.waiting.len() <= index {
            self.waiting.push_back(None);
        }
        self.waiting[index] = Some(record);
    }

    /// The next one has been dealt with: gives its successor if that waits.
    pub(crate) fn advance(&mut self) -> Option<T> {
        self.next = self.next.wrapping_add(1);
        self.waiting.pop_front().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn feed(window: &mut Reorder<u16>, sequence: u16, out: &mut Vec<u16>) {
        match window.place(sequence) {
            Place::Next => {
                let mut record = Some(sequence);
                while let Some(ready) = record {
                    out.push(ready);
                    record = window.advance();
                }
            }
            Place::Ahead(ahead) => window.keep(ahead, sequence),
            Place::Outside => panic!("{sequence} is within the window"),
        }
    }

    proptest! {
        #[test]
        fn any_order_within_the_window_comes_out_in_order(
            start in any::<u16>(),
            keys in proptest::collection::vec(any::<u32>(), 1..300),
        ) {
            let mut window = Reorder { next: start, waiting: VecDeque::new() };
            let mut order: Vec<usize> = (0..keys.len()).collect();
            order.sort_by_key(|&index| keys[index]);
            let mut out = Vec::new();
            for index in order {
                feed(&mut window, start.wrapping_add(u16::try_from(index).unwrap()), &mut out);
            }
            let want: Vec<u16> = (0..keys.len()).map(|i| start.wrapping_add(u16::try_from(i).unwrap())).collect();
            prop_assert_eq!(out, want);
            prop_assert!(window.waiting.iter().all(Option::is_none));
        }
    }

    #[test]
    fn what_came_before_or_runs_too_far_ahead_is_outside() {
        let mut window = Reorder::default();
        let mut out = Vec::new();
        feed(&mut window, 0, &mut out);
        feed(&mut window, 2, &mut out);
        assert_eq!(window.place(0), Place::Outside);
        assert_eq!(window.place(2), Place::Outside);
        assert_eq!(window.place(1 + REORDER_WINDOW), Place::Outside);
        assert_eq!(
            window.place(REORDER_WINDOW),
            Place::Ahead(REORDER_WINDOW - 1)
        );
    }
}
