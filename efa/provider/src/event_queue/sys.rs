//! The functions of event queues.

use crate::fid::sys::{Table, give, head, no_bind, no_control, table, take};
use crate::provider::NAME;
use eni_libfabric_sys as fi;
use std::os::raw::{c_char, c_int, c_void};
use std::time::Duration;

#[repr(C)]
struct EventQueueObject {
    head: fi::fid_eq,
}

static TABLE: Table<fi::fi_ops> = table(close, no_bind, no_control);

static OPERATIONS: Table<fi::fi_ops_eq> = Table::new(fi::fi_ops_eq {
    size: size_of::<fi::fi_ops_eq>(),
    read: Some(read),
    readerr: Some(readerr),
    write: Some(write),
    sread: Some(sread),
    strerror: Some(strerror),
});

/// How long a wait without limit sleeps, after which the program is told to try again.
const ENDLESS_SLEEP: Duration = Duration::from_secs(1);

pub(crate) unsafe extern "C" fn eq_open(
    _: *mut fi::fid_fabric,
    _: *mut fi::fi_eq_attr,
    out: *mut *mut fi::fid_eq,
    context: *mut c_void,
) -> c_int {
    let object = EventQueueObject {
        head: fi::fid_eq {
            fid: head(fi::FI_CLASS_EQ, context, &TABLE),
            ops: OPERATIONS.pointer(),
        },
    };
    // SAFETY: libfabric asks for the object in `out`.
    unsafe { give(object, out) }
}

unsafe extern "C" fn close(handle: *mut fi::fid) -> c_int {
    // SAFETY: libfabric closes what `eq_open` gave.
    drop(unsafe { take::<EventQueueObject>(handle) });
    0
}

unsafe extern "C" fn read(
    _: *mut fi::fid_eq,
    _: *mut u32,
    _: *mut c_void,
    _: usize,
    _: u64,
) -> isize {
    -(libc::EAGAIN as isize)
}

unsafe extern "C" fn readerr(_: *mut fi::fid_eq, _: *mut fi::fi_eq_err_entry, _: u64) -> isize {
    -(libc::EAGAIN as isize)
}

unsafe extern "C" fn write(
    _: *mut fi::fid_eq,
    _: u32,
    _: *const c_void,
    _: usize,
    _: u64,
) -> isize {
    -(libc::ENOSYS as isize)
}

unsafe extern "C" fn sread(
    _: *mut fi::fid_eq,
    _: *mut u32,
    _: *mut c_void,
    _: usize,
    timeout_ms: c_int,
    _: u64,
) -> isize {
    std::thread::sleep(u64::try_from(timeout_ms).map_or(ENDLESS_SLEEP, Duration::from_millis));
    -(libc::EAGAIN as isize)
}

unsafe extern "C" fn strerror(
    _: *mut fi::fid_eq,
    _: c_int,
    _: *const c_void,
    _: *mut c_char,
    _: usize,
) -> *const c_char {
    NAME.as_ptr()
}
