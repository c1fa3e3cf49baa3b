//! Having the C library tell of forks.

use super::FORKS;
use std::sync::atomic::Ordering;

/// Has children of `fork` counted from now on. Without memory for that they are not noticed.
pub(super) fn notice_forks() {
    // SAFETY: the handler may run in a child of a program with threads: it only touches an atomic.
    let _noticed = unsafe { libc::pthread_atfork(None, None, Some(forked)) };
}

unsafe extern "C" fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}
