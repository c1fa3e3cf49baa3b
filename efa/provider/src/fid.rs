//! What all of libfabric's objects have in common.

pub(crate) mod sys;

use crate::endpoint::Failed;
use std::os::raw::c_int;

/// A negative error number.
pub(crate) fn negative(number: i32) -> c_int {
    -number
}

/// What an operation gives through libfabric: 0 or a negative error number.
#[inline]
pub(crate) fn code(outcome: Result<(), Failed>) -> isize {
    let error = match outcome {
        Ok(()) => return 0,
        Err(Failed::Again) => libc::EAGAIN,
        Err(Failed::Invalid) => libc::EINVAL,
        Err(Failed::TooLong) => libc::EMSGSIZE,
        Err(Failed::NotClaimed) => libc::ENOMSG,
    };
    -(error as isize)
}
