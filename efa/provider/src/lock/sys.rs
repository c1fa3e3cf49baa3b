//! A spin lock that gives its value out.

use super::SPINS;
use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

/// A value that one thread at a time sees.
#[derive(Debug)]
pub(crate) struct Lock<T> {
    is_taken: AtomicBool,
    /// Several threads may come at once. Where they do not, nothing is locked: taking a lock waits until all earlier
    /// writes have reached the caches, those to rings included, and would double the cost of a short message.
    is_contended: bool,
    value: UnsafeCell<T>,
}

// SAFETY: `Guard`, of which there is one at a time, is the only way to the value: because it locks, or because whoever
// made the lock promised that threads come one after the other.
unsafe impl<T: Send> Sync for Lock<T> {}

/// Access to the value of a [`Lock`], until dropped.
pub(crate) struct Guard<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> Lock<T> {
    /// A lock, taken by any threads.
    pub(crate) fn new(value: T) -> Self {
        Self {
            is_taken: AtomicBool::new(false),
            is_contended: true,
            value: UnsafeCell::new(value),
        }
    }

    /// Locks nothing from now on.
    ///
    /// # Safety
    /// Threads come one after the other, each after what the one before did.
    pub(crate) unsafe fn trust(&mut self) {
        self.is_contended = false;
    }

    /// Whether it locks.
    pub(crate) fn is_contended(&self) -> bool {
        self.is_contended
    }

    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        if self.is_contended {
            self.take();
        }
        Guard { lock: self }
    }

    #[inline]
    fn take(&self) {
        let take = || {
            self.is_taken
                .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
        };
        let mut spins = 0;
        while take().is_err() {
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
            } else {
                spins = 0;
                std::thread::yield_now();
            }
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.lock.is_contended {
            self.lock.is_taken.store(false, Ordering::Release);
        }
    }
}
