//! The lock of a completion queue between `start_poll` and `end_poll`, and of a send queue between `wr_start` and
//! `wr_complete`. Spins a little, then sleeps (a futex).

use parking_lot::RawMutex;
use parking_lot::lock_api::RawMutex as _;
use std::cell::Cell;

type Guard = <RawMutex as parking_lot::lock_api::RawMutex>::Guard;

/// See the module.
pub(crate) struct Latch {
    raw: RawMutex,
    /// What the lock gave. Only who holds the lock looks here.
    guard: Cell<Option<Guard>>,
}

/// Opens a latch when it goes.
pub(crate) struct Held<'a>(&'a Latch);

impl Latch {
    pub(crate) fn new() -> Self {
        Self {
            raw: RawMutex::INIT,
            guard: Cell::new(None),
        }
    }

    /// Takes it for the calls that follow.
    #[inline]
    pub(crate) fn close(&self) {
        let guard = self.raw.lock();
        self.guard.set(Some(guard));
    }

    /// Gives it back.
    ///
    /// # Safety
    /// It was closed for what now ends.
    #[inline]
    pub(crate) unsafe fn open(&self) {
        if let Some(guard) = self.guard.take() {
            // SAFETY: the guard is what this lock gave.
            unsafe { self.raw.unlock(guard) }
        }
    }

    /// Takes it for as long as the result lives.
    pub(crate) fn hold(&self) -> Held<'_> {
        self.close();
        Held(self)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // SAFETY: closed by `hold`.
        unsafe { self.0.open() }
    }
}
