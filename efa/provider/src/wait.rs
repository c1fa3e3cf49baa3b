//! Waiting without anything to wait on: looking again, first at once, then after short sleeps.

use std::os::raw::c_int;
use std::time::{Duration, Instant};

/// Looks without a sleep in between: some tens of microseconds.
const SPINS: u32 = 2_000;
/// A sleep, which bounds what is lost when something comes just after a look.
const SLEEP: Duration = Duration::from_micros(50);

/// One wait.
#[derive(Debug)]
pub(crate) struct Wait {
    deadline: Option<Instant>,
    spins: u32,
}

impl Wait {
    /// Waits for so many milliseconds, or for ever if they are negative.
    pub(crate) fn new(timeout_ms: c_int) -> Self {
        let timeout = u64::try_from(timeout_ms).map(Duration::from_millis).ok();
        Self {
            deadline: timeout.map(|timeout| Instant::now() + timeout),
            spins: 0,
        }
    }

    /// Lets time pass; false when it is up.
    pub(crate) fn pause(&mut self) -> bool {
        self.spins += 1;
        if self.spins > SPINS {
            std::thread::sleep(SLEEP);
        }
        self.deadline
            .is_none_or(|deadline| Instant::now() < deadline)
    }
}
