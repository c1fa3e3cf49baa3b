//! Noticing that what was written is not read: the reader's program does something else, and may be nudged.

use core::time::Duration;

/// How long what is in a ring may stay unread before its reader is nudged. A program that polls takes it sooner.
pub const NUDGE_AFTER: Duration = Duration::from_millis(1);
/// The longest pause between nudges of a reader that does not move.
pub const MAX_NUDGE_PAUSE: Duration = Duration::from_millis(64);

/// Watches one ring. Moments are counted from any start, the same for all calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    /// What was unread when it was first seen, and what has come of it.
    unread: Option<Unread>,
}

#[derive(Clone, Copy, Debug)]
struct Unread {
    consumed: u64,
    pause: Duration,
    due: Duration,
}

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Everything is read.
    Read,
    /// Something is not: look again at this moment.
    Again(Duration),
    /// The reader is to be nudged; look again at this moment.
    Nudge(Duration),
}

impl Watch {
    /// Looks at a ring whose writer has written and whose reader has consumed so many units.
    pub fn look(&mut self, written: u64, consumed: u64, now: Duration) -> Look {
        if consumed >= written {
            self.unread = None;
            return Look::Read;
        }
        match &mut self.unread {
            Some(unread) if unread.consumed == consumed => {
                if now < unread.due {
                    return Look::Again(unread.due);
                }
                unread.pause = (unread.pause * 2).min(MAX_NUDGE_PAUSE);
                unread.due = now + unread.pause;
                Look::Nudge(unread.due)
            }
            _ => {
                let due = now + NUDGE_AFTER;
                self.unread = Some(Unread {
                    consumed,
                    pause: NUDGE_AFTER,
                    due,
                });
                Look::Again(due)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_reader_that_reads_is_left_alone_however_much_is_written() {
        let mut watch = Watch::default();
        for moment in 0..100 {
            let look = watch.look(moment + 2, moment + 1, millis(moment));
            assert_eq!(look, Look::Again(millis(moment + 1)));
        }
        assert_eq!(watch.look(5, 5, millis(101)), Look::Read);
    }

    #[test]
    fn a_reader_that_does_not_move_is_nudged_ever_more_seldom() {
        let mut watch = Watch::default();
        let mut at = millis(7);
        let mut nudges = Vec::new();
        for _ in 0..20 {
            match watch.look(9, 3, at) {
                Look::Nudge(next) => {
                    nudges.push(at);
                    at = next;
                }
                Look::Again(next) => at = next,
                Look::Read => unreachable!("nothing is read"),
            }
        }
        let pauses: Vec<_> = nudges.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(nudges[0], millis(8));
        assert_eq!(pauses[..3], [millis(2), millis(4), millis(8)]);
        assert_eq!(pauses.last(), Some(&MAX_NUDGE_PAUSE));
        assert_eq!(watch.look(9, 9, at), Look::Read);
        assert_eq!(watch.look(10, 9, at), Look::Again(at + NUDGE_AFTER));
    }
}
