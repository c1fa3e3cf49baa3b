//! Offers that the service has not answered.

use std::collections::HashMap;

use crate::lane::LaneId;

/// Offers under way, by numbers of their own: a lane's number is another lane's soon, while the answer to an offer comes
/// when the peer lets it.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    next: u32,
    lanes: HashMap<u32, LaneId>,
}

impl Attempts {
    /// A number for an offer by `lane`. It comes again only after all others.
    pub(super) fn begin(&mut self, lane: LaneId) -> u32 {
        // There are far fewer lanes than numbers: one is free.
        while self.lanes.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let attempt = self.next;
        self.next = attempt.wrapping_add(1);
        self.lanes.insert(attempt, lane);
        attempt
    }

    /// The lane of an offer that is over.
    pub(super) fn end(&mut self, attempt: u32) -> Option<LaneId> {
        self.lanes.remove(&attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_around_past_those_in_use() {
        let mut attempts = Attempts::default();
        let numbers = [0, 1].map(|lane| attempts.begin(LaneId(lane)));
        assert_eq!(numbers, [0, 1]);
        assert_eq!(attempts.end(0), Some(LaneId(0)));
        assert_eq!(attempts.end(0), None);
        assert_eq!(attempts.begin(LaneId(0)), 2, "not at once");
        attempts.next = u32::MAX;
        let numbers = [3, 4, 5].map(|lane| attempts.begin(LaneId(lane)));
        assert_eq!(numbers, [u32::MAX, 0, 3]);
        assert_eq!(attempts.end(1), Some(LaneId(1)));
    }
}
