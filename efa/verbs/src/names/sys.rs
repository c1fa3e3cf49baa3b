//! `ibv_wc_status_str` to `ibv_read_sysfs_file`.

use super::{NODES, PORT_STATES, RATES, STATUSES, UNKNOWN, name};
use crate::bindings::{IBV_FORK_DISABLED, IBV_FORK_UNNEEDED, ibv_context, ibv_fork_status};
use crate::ffi::sys::{export, text};
use crate::program;
use libc::{c_char, c_int, c_void};
use std::ffi::CString;
use std::sync::OnceLock;

export! {
    "IBVERBS_1.1"
    unsafe fn ibv_wc_status_str(status: c_int) -> *const c_char, else UNKNOWN.as_ptr();
    { name(&STATUSES, status, 0).as_ptr() }

    "IBVERBS_1.1"
    unsafe fn ibv_node_type_str(node: c_int) -> *const c_char, else UNKNOWN.as_ptr();
    { name(&NODES, node, 1).as_ptr() }

    "IBVERBS_1.1"
    unsafe fn ibv_port_state_str(state: c_int) -> *const c_char, else UNKNOWN.as_ptr();
    { name(&PORT_STATES, state, 0).as_ptr() }

    "IBVERBS_1.1"
    unsafe fn ibv_event_type_str(_event: c_int) -> *const c_char, else UNKNOWN.as_ptr();
    { UNKNOWN.as_ptr() }

    "IBVERBS_1.0"
    unsafe fn ibv_rate_to_mult(rate: c_int) -> c_int, else -1;
    { RATES.iter().find(|known| known.0 == rate).map_or(-1, |known| known.1) }

    "IBVERBS_1.0"
    unsafe fn mult_to_ibv_rate(factor: c_int) -> c_int, else 0;
    { RATES.iter().find(|known| known.1 == factor).map_or(0, |known| known.0) }

    "IBVERBS_1.1"
    unsafe fn ibv_rate_to_mbps(rate: c_int) -> c_int, else -1;
    { RATES.iter().find(|known| known.0 == rate).map_or(-1, |known| known.2) }

    "IBVERBS_1.1"
    unsafe fn mbps_to_ibv_rate(megabits: c_int) -> c_int, else 0;
    { RATES.iter().find(|known| known.2 == megabits).map_or(0, |known| known.0) }

    // Nothing of the device is pinned: a child of fork shares no page with it.
    "IBVERBS_1.1"
    unsafe fn ibv_fork_init() -> c_int, else libc::EIO;
    { 0 }

    "IBVERBS_1.13"
    unsafe fn ibv_is_fork_initialized() -> ibv_fork_status, else IBV_FORK_DISABLED;
    { IBV_FORK_UNNEEDED }

    "IBVERBS_1.1"
    unsafe fn ibv_dontfork_range(_base: *mut c_void, _size: usize) -> c_int, else libc::EIO;
    { 0 }

    "IBVERBS_1.1"
    unsafe fn ibv_dofork_range(_base: *mut c_void, _size: usize) -> c_int, else libc::EIO;
    { 0 }

    "IBVERBS_1.5"
    unsafe fn ibv_get_pkey_index(_context: *mut ibv_context, _port: u8, key: u16) -> c_int, else -1;
    { if key == 0xffff { 0 } else { -1 } }

    "IBVERBS_1.0"
    unsafe fn ibv_get_sysfs_path() -> *const c_char, else std::ptr::null();
    {
        static PATH: OnceLock<CString> = OnceLock::new();
        PATH.get_or_init(|| CString::new(program::sysfs_path()).unwrap_or_default()).as_ptr()
    }

    "IBVERBS_1.0"
    unsafe fn ibv_read_sysfs_file(
        folder: *const c_char, file: *const c_char, to: *mut c_char, size: usize
    ) -> c_int, else -1;
    {
        // SAFETY: both are strings.
        let (Some(folder), Some(file)) = (unsafe { (text(folder), text(file)) }) else {
            return -1;
        };
        let Ok(content) = std::fs::read(format!("{folder}/{file}")) else {
            return -1;
        };
        let content = content.strip_suffix(b"\n").unwrap_or(&content);
        let length = content.len().min(size.saturating_sub(1));
        if size > 0 {
            // SAFETY: the program's buffer has `size` bytes, of which `length + 1` are written.
            unsafe {
                content.as_ptr().copy_to_nonoverlapping(to.cast(), length);
                to.add(length).write(0);
            }
        }
        c_int::try_from(length).unwrap_or(-1)
    }
}
