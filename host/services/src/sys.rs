//! The system calls that Rust cannot check.
#![allow(unsafe_code, reason = "this file is what is unsafe here")]

use std::mem;
use std::time::Duration;

use eni_ntp::{Clock, Leap};
use nix::libc;

/// What the kernel knows of its clock: adjtimex(2), which changes nothing when it is asked for nothing.
pub(crate) fn clock() -> Clock {
    // SAFETY: a structure of numbers only.
    let mut asked: libc::timex = unsafe { mem::zeroed() };
    // SAFETY: the structure is there for as long as the call lasts.
    let state = unsafe { libc::adjtimex(&raw mut asked) };
    let has = |flag| asked.status & flag != 0;
    Clock {
        is_synchronized: state >= 0 && state != libc::TIME_ERROR && !has(libc::STA_UNSYNC),
        leap: match () {
            () if has(libc::STA_INS) => Leap::Insert,
            () if has(libc::STA_DEL) => Leap::Delete,
            () => Leap::None,
        },
        maximum_error: Duration::from_micros(u64::try_from(asked.maxerror).unwrap_or(0)),
    }
}
