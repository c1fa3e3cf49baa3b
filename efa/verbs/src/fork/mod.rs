//! Noticing that one is a child of `fork`, which has its parent's memory and none of its threads: what another thread held
//! when the child was made stays locked for ever.

mod sys;

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many forks lie between this process and the one that first opened a device.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// A process among those that descend from each other by `fork`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Process(u32);

impl Process {
    /// This one.
    pub(crate) fn current() -> Self {
        static NOTICED: Once = Once::new();
        NOTICED.call_once(sys::notice_forks);
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Whether it is this one. It asks nobody: the system call for it would take longer than sending.
    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        FORKS.load(Ordering::Relaxed) == self.0
    }
}
