//! Slow paths, for connections whose messages keep off them: which are, and when to look at them again.

use super::{Health, Paths};
use crate::time::Instant;

/// How much longer a path's round trip may be than the fastest's before the path counts as slow, in target queueing
/// delays. This side alone makes queues of at most two (see [`scale_target`](super::scale_target)).
pub(super) const SLOW_TARGETS: u64 = 4;
/// How long a slow path rests before a look at it. What stands in a switch's queue drains in about that time.
pub(super) const SLOW_PROBE_NANOS: u64 = 1_000_000;
/// Looks in vain after which each further one doubles the rest: what is slow for longer is no burst.
const SLOW_AFTER_LOOKS: u8 = 3;
/// Most looks in vain that count: the rest is 64 ms at most, less than that of a path that is down.
const MAX_LOOKS_IN_VAIN: u8 = SLOW_AFTER_LOOKS + 6;
/// For how long after the last message slow paths are looked at: long enough for what this side queued itself to drain.
pub(super) const UNUSED_NANOS: u64 = 10_000_000;

impl Paths {
    /// Sorts a path by the round trip just measured.
    pub(super) fn is_quick(&mut self, now: Instant, path: u8, sample: u64) -> bool {
        let bit = 1 << path;
        let was_slow = self.quick & bit == 0;
        let sent_at = Instant::from_nanos(now.as_nanos().saturating_sub(sample));
        // Silence has told already that something is wrong with this path, not with those that live.
        let was_silent = self.path(path).health != Health::Live;
        let limit = self.slow_limit(
            path,
            if was_silent {
                Instant::default()
            } else {
                sent_at
            },
        );
        let state = self.path_mut(path);
        (state.latest, state.latest_sent_at) = (sample, sent_at);
        let fell = sample <= state.slow_above;
        let is_slow = match limit {
            Some(limit) => sample > limit,
            None => was_slow && !fell,
        };
        if is_slow {
            state.slow_above = limit.unwrap_or(state.slow_above);
            // Where a look is still to come, this is the answer to what was sent before.
            if was_slow && state.probe_at == Instant::NEVER {
                state.looks_in_vain = (state.looks_in_vain + 1).min(MAX_LOOKS_IN_VAIN);
            }
            self.quick &= !bit;
            self.look_again_later(now, path);
        } else if was_slow {
            if fell {
                // The window shows what was there for nobody else to take; growing from it would take long.
                state.window.restart();
            }
            state.probe_at = Instant::NEVER;
            state.looks_in_vain = 0;
            self.quick |= bit;
        }
        !is_slow
    }

    /// The longest round trip that is not slow for a packet sent at `sent_at`: by those that were sent later on other paths
    /// that messages take, and answered sooner; nothing where there are none. Earlier ones may have met a network without
    /// the queue that all paths share.
    fn slow_limit(&self, path: u8, sent_at: Instant) -> Option<u64> {
        // Two slow paths say nothing about each other, as long as there is a quick one.
        let set = match self.usable() & !(1 << path) {
            0 => self.live,
            others => others,
        };
        let others = (0..self.count()).filter(|other| *other != path && set & 1 << other != 0);
        let comparable = others
            .map(|other| self.path(other))
            .filter(|other| other.latest != u64::MAX && other.latest_sent_at >= sent_at);
        let fastest = comparable.map(|other| other.latest).min()?;
        Some(fastest.saturating_add(SLOW_TARGETS * self.target_queueing))
    }

    /// Has a look at a slow path after its rest.
    pub(super) fn look_again_later(&mut self, now: Instant, path: u8) {
        let state = self.path_mut(path);
        let doublings = state.looks_in_vain.saturating_sub(SLOW_AFTER_LOOKS);
        let probe_at = now.after_nanos(SLOW_PROBE_NANOS << doublings);
        state.probe_at = probe_at;
        self.probes_at = self.probes_at.min(probe_at);
    }

    /// Where no messages go out, looks that are due wait for them.
    pub(super) fn leave_slow_unwatched(&mut self, now: Instant) {
        if now.nanos_since(self.used_at) <= UNUSED_NANOS {
            return;
        }
        let mut slow = self.live & !self.quick;
        while slow != 0 {
            let path = slow.trailing_zeros() as u8;
            slow &= slow - 1;
            let state = self.path_mut(path);
            if state.probe_at <= now {
                state.probe_at = Instant::NEVER;
                self.unwatched |= 1 << path;
            }
        }
    }

    /// Messages go out again: the looks that waited for that are due.
    pub(super) fn watch_again(&mut self, now: Instant) {
        let mut slow = core::mem::take(&mut self.unwatched) & self.live & !self.quick;
        while slow != 0 {
            let path = slow.trailing_zeros() as u8;
            slow &= slow - 1;
            let state = self.path_mut(path);
            // What is under way there is a look already.
            if state.probe_at == Instant::NEVER && state.in_flight == 0 {
                state.probe_at = now;
                self.probes_at = now;
            }
        }
    }
}
