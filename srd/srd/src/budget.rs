//! How a receiver divides what its link carries among those who send to it.

use crate::time::Instant;
use alloc::vec::Vec;

/// How long a sender counts as one after its last packet, at least; at most twice as long.
const PERIOD_NANOS: u64 = 200_000;

/// The bytes that all senders to one interface may have under way together, divided evenly among those who send.
///
/// Members are small numbers of the owner's choosing: one for each connection of the interface.
#[derive(Clone, Debug)]
pub struct ReceiveBudget {
    total_bytes: u32,
    /// No sender gets less: a datagram must fit.
    least_bytes: u32,
    period: u64,
    /// The last period in which each member sent.
    sent_in: Vec<u64>,
    senders_before: u32,
    senders_now: u32,
}

impl ReceiveBudget {
    /// A budget of `total_bytes`: what the link carries in a round trip and may queue, say. Each sender gets at least
    /// `least_bytes`.
    pub fn new(total_bytes: u32, least_bytes: u32) -> Self {
        Self {
            total_bytes,
            least_bytes,
            period: 0,
            sent_in: Vec::new(),
            senders_before: 0,
            senders_now: 0,
        }
    }

    /// `member` has sent something; returns the credit that it is due, for
    /// [`set_receive_credit`](crate::Connection::set_receive_credit).
    pub fn arrived(&mut self, now: Instant, member: usize) -> u32 {
        let period = now.as_nanos() / PERIOD_NANOS + 2;
        if period != self.period {
            self.senders_before = if period == self.period + 1 {
                self.senders_now
            } else {
                0
            };
            (self.senders_now, self.period) = (0, period);
        }
        if member >= self.sent_in.len() {
            self.sent_in.resize(member + 1, 0);
        }
        if self.sent_in[member] != period {
            self.sent_in[member] = period;
            self.senders_now += 1;
        }
        let senders = self.senders_before.max(self.senders_now).max(1);
        (self.total_bytes / senders).max(self.least_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_is_divided_among_those_who_send() {
        let mut budget = ReceiveBudget::new(1_000, 50);
        let at = |period: u64| Instant::from_nanos(period * PERIOD_NANOS);
        assert_eq!(budget.arrived(at(1), 0), 1_000);
        assert_eq!(budget.arrived(at(1), 0), 1_000);
        assert_eq!(budget.arrived(at(1), 1), 500);
        assert_eq!(budget.arrived(at(2), 7), 500);
        assert_eq!(budget.arrived(at(3), 7), 1_000);
        for member in 0..100 {
            budget.arrived(at(3), member);
        }
        assert_eq!(budget.arrived(at(3), 0), 50);
    }
}
