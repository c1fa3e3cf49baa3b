//! Operations that every object has, and how objects are handed out and taken back.

use crate::fid::negative;
use eni_libfabric_sys as fi;
use std::os::raw::{c_char, c_int, c_void};

/// A table of libfabric's that is never written: libfabric takes it by a mutable pointer, but only reads.
pub(crate) struct Table<T>(T);

// SAFETY: nobody writes it.
unsafe impl<T> Sync for Table<T> {}

impl<T> Table<T> {
    pub(crate) const fn new(table: T) -> Self {
        Self(table)
    }

    pub(crate) const fn pointer(&'static self) -> *mut T {
        (&raw const self.0).cast_mut()
    }
}

/// The function that closes an object.
pub(crate) type Close = unsafe extern "C" fn(*mut fi::fid) -> c_int;
/// The function that binds another object to one.
pub(crate) type Bind = unsafe extern "C" fn(*mut fi::fid, *mut fi::fid, u64) -> c_int;
/// The function for everything else.
pub(crate) type Control = unsafe extern "C" fn(*mut fi::fid, c_int, *mut c_void) -> c_int;

/// A table for a kind of objects. Every function is filled: libfabric's wrappers call without asking.
pub(crate) const fn table(close: Close, bind: Bind, control: Control) -> Table<fi::fi_ops> {
    Table::new(fi::fi_ops {
        size: size_of::<fi::fi_ops>(),
        close: Some(close),
        bind: Some(bind),
        control: Some(control),
        ops_open: Some(no_ops_open),
        tostr: None,
        ops_set: None,
    })
}

/// The head of an object.
pub(crate) fn head(class: u32, context: *mut c_void, table: &'static Table<fi::fi_ops>) -> fi::fid {
    fi::fid {
        fclass: class as usize,
        context,
        ops: table.pointer(),
    }
}

/// Gives an object to the program, whose it is until it closes it.
///
/// # Safety
/// `out` can be written; `H` is the type that `O` begins with.
pub(crate) unsafe fn give<O, H>(object: O, out: *mut *mut H) -> c_int {
    // SAFETY: the caller promises `out`.
    unsafe { *out = Box::into_raw(Box::new(object)).cast() };
    0
}

/// Takes an object back.
///
/// # Safety
/// `handle` came from [`give`] of an `O`, and is not used after this.
pub(crate) unsafe fn take<O>(handle: *mut fi::fid) -> Box<O> {
    // SAFETY: the caller promises where it comes from.
    unsafe { Box::from_raw(handle.cast()) }
}

pub(crate) unsafe extern "C" fn no_bind(_: *mut fi::fid, _: *mut fi::fid, _: u64) -> c_int {
    negative(libc::ENOSYS)
}

pub(crate) unsafe extern "C" fn no_control(_: *mut fi::fid, _: c_int, _: *mut c_void) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_ops_open(
    _: *mut fi::fid,
    _: *const c_char,
    _: u64,
    _: *mut *mut c_void,
    _: *mut c_void,
) -> c_int {
    negative(libc::ENOSYS)
}
