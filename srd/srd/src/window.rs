//! One path's congestion window: grows while the queue is short, shrinks in proportion to how long it is.
//!
//! The rule is Swift's (Kumar et al., SIGCOMM 2020), with the queueing delay in place of the whole round trip: the base is
//! measured, because one setting must fit a rack and a memory bus.

use crate::time::Instant;

/// The part of the excess that a decrease takes: 8 tenths, as in Swift.
const DECREASE_TENTHS: u64 = 8;
/// A window never shrinks below this part of a datagram; below one datagram it is kept by pacing.
const MIN_WINDOW_DIVISOR: u64 = 32;
/// The most that a window holds, 8 MiB: 100 Gb/s for 0.6 ms on one path.
const MAX_WINDOW_BYTES: u64 = 8 << 20;

#[derive(Clone, Debug)]
pub(crate) struct Window {
    bytes: u64,
    datagram: u64,
    is_doubling: bool,
    /// Growth too small for a whole byte, in bytes squared.
    remainder: u64,
    last_decrease: Instant,
}

impl Window {
    pub(crate) fn new(datagram_bytes: usize) -> Self {
        let datagram = datagram_bytes as u64;
        Self {
            bytes: datagram,
            datagram,
            is_doubling: true,
            remainder: 0,
            last_decrease: Instant::default(),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// `acked` bytes arrived without much queueing; `increase` is the growth in bytes for each round trip.
    pub(crate) fn grow(&mut self, acked: u64, increase: u64) {
        if self.is_doubling {
            self.bytes += acked;
        } else {
            // A window below one datagram grows by the whole increase for each packet, as if it were one datagram.
            let divisor = self.bytes.max(self.datagram);
            let grown = self.remainder + acked.saturating_mul(increase);
            self.bytes += grown / divisor;
            self.remainder = grown % divisor;
        }
        self.bytes = self.bytes.min(MAX_WINDOW_BYTES);
    }

    /// The queue was `delay` long, above `target`: shrinks, at most once in a round trip and at most by half.
    pub(crate) fn shrink(&mut self, now: Instant, delay: u64, target: u64, round_trip: u64) {
        self.is_doubling = false;
        if now.nanos_since(self.last_decrease) < round_trip {
            return;
        }
        self.last_decrease = now;
        let excess = delay.saturating_sub(target);
        let cut = u128::from(self.bytes) * u128::from(excess * DECREASE_TENTHS)
            / u128::from(delay.max(1) * 10);
        let cut = u64::try_from(cut).unwrap_or(u64::MAX);
        self.set(self.bytes - cut.min(self.bytes / 2));
    }

    /// A packet was lost: halves, at most once in a round trip.
    pub(crate) fn lose(&mut self, now: Instant, round_trip: u64) {
        self.is_doubling = false;
        if now.nanos_since(self.last_decrease) >= round_trip {
            self.last_decrease = now;
            self.set(self.bytes / 2);
        }
    }

    /// The path was silent: begins anew with one datagram.
    pub(crate) fn restart(&mut self) {
        *self = Self {
            last_decrease: self.last_decrease,
            ..Self::new(self.datagram as usize)
        };
    }

    fn set(&mut self, bytes: u64) {
        self.bytes = bytes.max(self.datagram / MIN_WINDOW_DIVISOR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATAGRAM: usize = 8_000;

    #[test]
    fn a_window_grows_by_the_increase_for_each_window_acknowledged() {
        let mut window = Window::new(DATAGRAM);
        window.shrink(Instant::from_nanos(1_000_000), 10, 10, 1);
        let before = window.bytes();
        for _ in 0..before / 40 {
            window.grow(40, 800);
        }
        let grown = window.bytes() - before;
        assert!((700..=800).contains(&grown), "{grown}");
    }

    #[test]
    fn a_window_shrinks_once_in_a_round_trip_and_never_to_nothing() {
        let mut window = Window::new(DATAGRAM);
        let mut now = Instant::from_nanos(1_000_000);
        window.shrink(now, 1_000, 100, 50);
        assert_eq!(window.bytes(), 4_000);
        window.shrink(now.after_nanos(49), 1_000, 100, 50);
        assert_eq!(window.bytes(), 4_000);
        for _ in 0..20 {
            now = now.after_nanos(50);
            window.lose(now, 50);
        }
        assert_eq!(window.bytes(), DATAGRAM as u64 / MIN_WINDOW_DIVISOR);
    }
}
