//! `ibv_alloc_pd` to `ibv_dereg_mr`.

use crate::bindings::{ibv_context, ibv_mr, ibv_pd};
use crate::context::object_error;
use crate::device::sys::opened;
use crate::ffi::sys::export;
use crate::ffi::{code, fail, made};
use eni_efa_device::{Access, DomainId, RegionKey, Registration};
use libc::{c_int, c_uint, c_void};
use std::mem::zeroed;
use std::time::Duration;

/// How long taking a domain back waits for another thread's call.
const PATIENCE: Duration = Duration::from_millis(100);

/// A protection domain.
#[repr(C)]
struct DomainObject {
    pd: ibv_pd,
    id: DomainId,
}

/// The model's number of a domain.
///
/// # Safety
/// `pd` came from `ibv_alloc_pd` and has not been deallocated.
pub(crate) unsafe fn domain(pd: *mut ibv_pd) -> DomainId {
    // SAFETY: every domain is the first field of a `DomainObject`.
    unsafe { (*pd.cast::<DomainObject>()).id }
}

/// # Safety
/// `pd` is a live protection domain.
unsafe fn register(pd: *mut ibv_pd, registration: Registration) -> Result<*mut ibv_mr, c_int> {
    // SAFETY: the domain is live, and so is the context that it belongs to.
    let (context, id) = unsafe { ((*pd).context, domain(pd)) };
    // SAFETY: as above.
    let opened = unsafe { opened(context) };
    let key = opened
        .lock()?
        .device
        .register(id, registration)
        .map_err(object_error)?;
    // SAFETY: a C structure of numbers and nullable pointers.
    let mut mr: ibv_mr = unsafe { zeroed() };
    mr.context = context;
    mr.pd = pd;
    mr.addr = std::ptr::with_exposed_provenance_mut(registration.base as usize);
    mr.length = registration.length as usize;
    mr.lkey = key.0;
    mr.rkey = key.0;
    Ok(Box::into_raw(Box::new(mr)))
}

fn registration(
    base: *mut c_void,
    length: usize,
    virtual_address: u64,
    access: u32,
) -> Registration {
    Registration {
        base: base.expose_provenance() as u64,
        length: length as u64,
        virtual_address,
        access: Access::from_bits(access),
    }
}

export! {
    "IBVERBS_1.1"
    unsafe fn ibv_alloc_pd(context: *mut ibv_context) -> *mut ibv_pd, else fail(libc::EIO);
    {
        // SAFETY: the context is open.
        let state = unsafe { opened(context) }.lock();
        let made_id = state.and_then(|mut state| state.device.allocate_domain().map_err(object_error));
        // SAFETY: a C structure of numbers and nullable pointers.
        let mut pd: ibv_pd = unsafe { zeroed() };
        pd.context = context;
        let object = made_id.map(|id| Box::into_raw(Box::new(DomainObject { pd, id })));
        made(object).cast()
    }

    "IBVERBS_1.1"
    unsafe fn ibv_dealloc_pd(pd: *mut ibv_pd) -> c_int, else libc::EIO;
    {
        // SAFETY: the domain is live.
        let (opened, id) = unsafe { (opened((*pd).context), domain(pd)) };
        // libfabric comes here from `exit`, and programs call that from signal handlers, which may have stopped this
        // very thread while it held the lock.
        let state = opened.lock_for(PATIENCE);
        let gone = state.and_then(|mut state| state.device.deallocate_domain(id).map_err(object_error));
        if gone.is_ok() {
            // SAFETY: the domain was made by `ibv_alloc_pd`; the program does not use it again.
            drop(unsafe { Box::from_raw(pd.cast::<DomainObject>()) });
        }
        code(gone)
    }

    "IBVERBS_1.1"
    unsafe fn ibv_reg_mr(
        pd: *mut ibv_pd, base: *mut c_void, length: usize, access: c_int
    ) -> *mut ibv_mr, else fail(libc::EIO);
    {
        let virtual_address = base.expose_provenance() as u64;
        // SAFETY: the domain is live.
        made(unsafe { register(pd, registration(base, length, virtual_address, access as u32)) })
    }

    "IBVERBS_1.7"
    unsafe fn ibv_reg_mr_iova(
        pd: *mut ibv_pd, base: *mut c_void, length: usize, virtual_address: u64, access: c_int
    ) -> *mut ibv_mr, else fail(libc::EIO);
    {
        // SAFETY: the domain is live.
        made(unsafe { register(pd, registration(base, length, virtual_address, access as u32)) })
    }

    "IBVERBS_1.8"
    unsafe fn ibv_reg_mr_iova2(
        pd: *mut ibv_pd, base: *mut c_void, length: usize, virtual_address: u64, access: c_uint
    ) -> *mut ibv_mr, else fail(libc::EIO);
    {
        // SAFETY: the domain is live.
        made(unsafe { register(pd, registration(base, length, virtual_address, access)) })
    }

    "IBVERBS_1.1"
    unsafe fn ibv_dereg_mr(mr: *mut ibv_mr) -> c_int, else libc::EIO;
    {
        // SAFETY: the region was made by `register` and is live.
        let (opened, key) = unsafe { (opened((*mr).context), RegionKey((*mr).lkey)) };
        let gone = opened.lock().and_then(|mut state| state.device.deregister(key).map_err(object_error));
        if gone.is_ok() {
            // SAFETY: as above; the program does not use it again.
            drop(unsafe { Box::from_raw(mr) });
        }
        code(gone)
    }
}
