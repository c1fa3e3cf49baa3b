//! The lanes are watched: a panic in one is caught, counted and shown, and the lane starts anew from what it observes.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Names a lane and a number, as in `tables=3` or `devices=10`: the lane panics once, at its so-manieth piece of work. Several
/// are separated by commas. With a plus behind it, as in `tables=3+`, all later work panics too, until the lane ends. For tests
/// of what the agent survives.
pub const PANIC_VARIABLE: &str = "OPENENI_AGENT_PANIC";

/// How a lane fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneState {
    /// It works.
    Running,
    /// It has panicked, and does not work before it has observed the machine anew.
    Restarting,
    /// It has ended, and cannot be started again in this process.
    Ended,
}

impl LaneState {
    /// In one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Ended => "ended",
        }
    }
}

/// What is known of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// Its name: `tables` or `devices`.
    pub name: &'static str,
    /// How it fares.
    pub state: LaneState,
    /// How often it has panicked since the agent started.
    pub panics: u64,
    /// What it said when it last failed.
    pub last_error: Option<String>,
}

/// A lane, as its threads and whoever asks for its status see it.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    status: Arc<Mutex<LaneStatus>>,
    /// The number of the piece of work that panics, counted down.
    planted: Arc<AtomicI64>,
    /// Whether all later ones panic, too.
    again: bool,
}

/// A lane's work has panicked.
#[derive(Debug, thiserror::Error)]
#[error("a panic: {0}")]
pub struct Panicked(String);

impl Lane {
    /// A lane that works; `planted` is as [`PANIC_VARIABLE`] has it.
    pub(crate) fn new(name: &'static str, planted: &str) -> Self {
        let number = planted.split(',').find_map(|one| {
            let (lane, number) = one.trim().split_once('=')?;
            Some(number).filter(|_| lane == name)
        });
        let number = number.unwrap_or_default();
        let again = number.ends_with('+');
        let number = number.trim_end_matches('+').parse();
        Self {
            status: Arc::new(Mutex::new(LaneStatus {
                name,
                state: LaneState::Running,
                panics: 0,
                last_error: None,
            })),
            planted: Arc::new(AtomicI64::new(number.unwrap_or(-1))),
            again,
        }
    }

    /// Does a piece of work. What it was about to change must be observed anew after a panic.
    pub(crate) fn work<T>(&self, work: impl FnOnce() -> T) -> Result<T, Panicked> {
        let worked = catch_unwind(AssertUnwindSafe(|| {
            assert!(!self.is_struck(), "planted by {PANIC_VARIABLE}");
            work()
        }));
        worked.map_err(|panic| {
            let text = text_of(&*panic);
            let mut status = self.lock();
            tracing::error!(
                lane = status.name,
                panic = text,
                "a lane of the agent has panicked"
            );
            status.panics += 1;
            status.last_error = Some(text.clone());
            Panicked(text)
        })
    }

    /// Whether a planted panic is due.
    fn is_struck(&self) -> bool {
        match self.planted.load(Ordering::Relaxed) {
            ..1 => false,
            1 if self.again => true,
            _ => self.planted.fetch_sub(1, Ordering::Relaxed) == 1,
        }
    }

    pub(crate) fn is_now(&self, state: LaneState) {
        self.lock().state = state;
    }

    /// What it said when it last failed, other than by a panic.
    pub(crate) fn has_failed(&self, error: String) {
        self.lock().last_error = Some(error);
    }

    pub(crate) fn status(&self) -> LaneStatus {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, LaneStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let literal = || panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(literal)
        .unwrap_or_else(|| "no words".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_panic_strikes_once_in_its_lane_and_is_told() {
        let (tables, devices) = (
            Lane::new("tables", "devices=2"),
            Lane::new("devices", "devices=2"),
        );
        for _ in 0..4 {
            assert_eq!(tables.work(|| 7).ok(), Some(7));
        }
        let worked: Vec<bool> = (0..4).map(|_| devices.work(|| ()).is_ok()).collect();
        assert_eq!(worked, [true, false, true, true]);
        assert_eq!(tables.status().panics, 0);
        let status = devices.status();
        assert_eq!(status.panics, 1);
        assert!(status.last_error.unwrap().contains(PANIC_VARIABLE));
    }

    #[test]
    fn one_planted_with_a_plus_strikes_from_then_on() {
        let lane = Lane::new("tables", "devices=1, tables=3+");
        let worked: Vec<bool> = (0..5).map(|_| lane.work(|| ()).is_ok()).collect();
        assert_eq!(worked, [true, true, false, false, false]);
    }
}
