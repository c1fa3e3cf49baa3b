//! The functions of memory regions.

use crate::buffer::ProgramBuffer;
use crate::domain::Domain;
use crate::domain::sys::domain_of;
use crate::fid::negative;
use crate::fid::sys::{Table, give, head, table, take};
use eni_efa_messaging::{Access, Region, RegionError};
use eni_libfabric_sys as fi;
use std::os::raw::{c_int, c_void};
use std::sync::Arc;

#[repr(C)]
struct RegionObject {
    head: fi::fid_mr,
    domain: Arc<Domain>,
    is_remote: bool,
}

static TABLE: Table<fi::fi_ops> = table(close, bind, control);

/// How domains register memory.
pub(crate) static REGISTRATION: Table<fi::fi_ops_mr> = Table::new(fi::fi_ops_mr {
    size: size_of::<fi::fi_ops_mr>(),
    reg: Some(reg),
    regv: Some(regv),
    regattr: Some(regattr),
});

/// What a program registers.
struct Wanted {
    address: *mut u8,
    length: usize,
    access: u64,
    key: u64,
    context: *mut c_void,
}

/// # Safety
/// `handle` is a domain, `out` can be written, and the memory stays until the region is closed.
unsafe fn register(handle: *mut fi::fid, wanted: &Wanted, out: *mut *mut fi::fid_mr) -> c_int {
    // SAFETY: the caller promises the domain.
    let domain = unsafe { domain_of(handle.cast()) };
    let access = Access {
        read: wanted.access & fi::FI_REMOTE_READ != 0,
        write: wanted.access & fi::FI_REMOTE_WRITE != 0,
    };
    let is_remote = access.read || access.write;
    let mut key = if domain.chooses_keys {
        rand::random()
    } else {
        wanted.key
    };
    if is_remote {
        let region = Region {
            // SAFETY: the caller promises the memory.
            buffer: unsafe { ProgramBuffer::one(wanted.address, wanted.length) },
            base: if domain.uses_addresses {
                wanted.address as u64
            } else {
                0
            },
            access,
        };
        loop {
            match domain.lock().regions.register(key, region.clone()) {
                Ok(()) => break,
                Err(RegionError::KeyInUse) if domain.chooses_keys => key = rand::random(),
                Err(RegionError::KeyInUse) => return -fi::FI_ENOKEY.cast_signed(),
                Err(RegionError::TooMany) => return negative(libc::ENOSPC),
            }
        }
    }
    let object = RegionObject {
        head: fi::fid_mr {
            fid: head(fi::FI_CLASS_MR, wanted.context, &TABLE),
            // Not looked at, but some programs take null for a failure.
            mem_desc: wanted.address.cast(),
            key,
        },
        domain,
        is_remote,
    };
    // SAFETY: the caller promises `out`.
    unsafe { give(object, out) }
}

unsafe extern "C" fn reg(
    domain: *mut fi::fid,
    address: *const c_void,
    length: usize,
    access: u64,
    _offset: u64,
    key: u64,
    _flags: u64,
    out: *mut *mut fi::fid_mr,
    context: *mut c_void,
) -> c_int {
    let address = address.cast_mut().cast();
    let wanted = Wanted {
        address,
        length,
        access,
        key,
        context,
    };
    // SAFETY: libfabric hands in a domain; the program promises the memory.
    unsafe { register(domain, &wanted, out) }
}

unsafe extern "C" fn regv(
    domain: *mut fi::fid,
    vector: *const fi::iovec,
    count: usize,
    access: u64,
    _offset: u64,
    key: u64,
    _flags: u64,
    out: *mut *mut fi::fid_mr,
    context: *mut c_void,
) -> c_int {
    if count != 1 {
        return negative(libc::EINVAL);
    }
    // SAFETY: libfabric hands in a domain and one stretch; the program promises the memory.
    unsafe {
        let fi::iovec {
            iov_base,
            iov_len: length,
        } = *vector;
        let wanted = Wanted {
            address: iov_base.cast(),
            length,
            access,
            key,
            context,
        };
        register(domain, &wanted, out)
    }
}

/// Fields behind `context` came with later versions and mean nothing here: they are not read.
unsafe extern "C" fn regattr(
    domain: *mut fi::fid,
    attributes: *const fi::fi_mr_attr,
    _flags: u64,
    out: *mut *mut fi::fid_mr,
) -> c_int {
    // SAFETY: libfabric hands in a domain and attributes; the program promises the memory.
    unsafe {
        if (*attributes).iov_count != 1 {
            return negative(libc::EINVAL);
        }
        let fi::iovec {
            iov_base,
            iov_len: length,
        } = *(*attributes).mr_iov;
        let wanted = Wanted {
            address: iov_base.cast(),
            length,
            access: (*attributes).access,
            key: (*attributes).requested_key,
            context: (*attributes).context,
        };
        register(domain, &wanted, out)
    }
}

unsafe extern "C" fn close(handle: *mut fi::fid) -> c_int {
    // SAFETY: libfabric closes what `register` gave.
    let object = unsafe { take::<RegionObject>(handle) };
    if object.is_remote {
        object.domain.lock().regions.deregister(object.head.key);
    }
    0
}

/// Every endpoint of the domain may be used, so binding to one changes nothing.
unsafe extern "C" fn bind(_: *mut fi::fid, _: *mut fi::fid, _: u64) -> c_int {
    0
}

unsafe extern "C" fn control(_: *mut fi::fid, command: c_int, _: *mut c_void) -> c_int {
    if command.unsigned_abs() == fi::FI_ENABLE {
        0
    } else {
        negative(libc::ENOSYS)
    }
}
