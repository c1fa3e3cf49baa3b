//! Registers a descriptor with the runtime: tokio leaves the promise that it stays open to the caller.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Waits for `descriptor` to become readable. Must be called inside a runtime of tokio's.
pub(super) fn wait_for_reading(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is owned, and closed only when what is given back is dropped, which ends the registration before.
    let registered = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    Ok(registered?)
}
