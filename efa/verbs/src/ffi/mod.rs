//! Between C's conventions and ours.

pub(crate) mod sys;

use libc::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs an exported function's body. A panic is a fault of ours; it must not unwind into the program, which hears
/// `fallback` instead.
#[inline]
pub(crate) fn guard<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        sys::set_errno(libc::EIO);
        fallback
    })
}

/// Sets `errno` and gives null: how libibverbs's functions that make something fail.
pub(crate) fn fail<T>(errno: c_int) -> *mut T {
    sys::set_errno(errno);
    std::ptr::null_mut()
}

/// The result of a libibverbs function that gives zero or an `errno`.
pub(crate) fn code(result: Result<(), c_int>) -> c_int {
    result.err().unwrap_or(0)
}

/// The pointer to a new object, or null and `errno`.
pub(crate) fn made<T>(result: Result<*mut T, c_int>) -> *mut T {
    result.unwrap_or_else(fail)
}
