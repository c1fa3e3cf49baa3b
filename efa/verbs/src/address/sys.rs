//! `ibv_create_ah` and `efadv_query_ah`.

use crate::bindings::{efadv_ah_attr, ibv_ah, ibv_ah_attr, ibv_pd};
use crate::context::object_error;
use crate::device::sys::opened;
use crate::ffi::sys::export;
use crate::ffi::{code, fail, made};
use crate::lane::refusal_error;
use crate::memory::sys::domain;
use eni_efa_device::{AddressHandleId, Gid};
use libc::c_int;
use std::mem::{offset_of, zeroed};

/// An address handle.
#[repr(C)]
struct HandleObject {
    ah: ibv_ah,
    id: AddressHandleId,
    gid: Gid,
    number: u16,
}

/// The model's number of a handle, and the device that it leads to.
///
/// # Safety
/// `ah` came from `ibv_create_ah` and has not been destroyed.
#[inline]
pub(crate) unsafe fn handle(ah: *mut ibv_ah) -> (AddressHandleId, Gid) {
    // SAFETY: every handle is the first field of a `HandleObject`.
    let object = unsafe { &*ah.cast::<HandleObject>() };
    (object.id, object.gid)
}

/// # Safety
/// `pd` is a live protection domain.
unsafe fn create(pd: *mut ibv_pd, gid: Gid) -> Result<*mut HandleObject, c_int> {
    // SAFETY: the domain is live, and so is its context.
    let (context, domain) = unsafe { ((*pd).context, domain(pd)) };
    // SAFETY: as above.
    let opened = unsafe { opened(context) };
    let known = opened.lock()?.device.known_number(&gid);
    // The service is asked once for each address, and without holding the device up.
    let number = match known {
        Some(number) => number,
        None => opened
            .fabric
            .create_address_handle(opened.index, gid)
            .map_err(refusal_error)?,
    };
    let mut state = opened.lock()?;
    let id = state
        .device
        .create_address_handle(domain, gid, number)
        .map_err(object_error)?;
    let number = state.device.handle_number(id).unwrap_or(number);
    // SAFETY: a C structure of numbers and nullable pointers.
    let mut ah: ibv_ah = unsafe { zeroed() };
    ah.context = context;
    ah.pd = pd;
    Ok(Box::into_raw(Box::new(HandleObject {
        ah,
        id,
        gid,
        number,
    })))
}

export! {
    "IBVERBS_1.1"
    unsafe fn ibv_create_ah(pd: *mut ibv_pd, attributes: *mut ibv_ah_attr) -> *mut ibv_ah, else fail(libc::EIO);
    {
        // SAFETY: the attributes can be read; a GID is bytes.
        let gid = Gid(unsafe { (*attributes).grh.dgid.raw });
        // SAFETY: the domain is live.
        made(unsafe { create(pd, gid) }).cast()
    }

    "IBVERBS_1.1"
    unsafe fn ibv_destroy_ah(ah: *mut ibv_ah) -> c_int, else libc::EIO;
    {
        // SAFETY: the handle is live.
        let (opened, (id, _)) = unsafe { (opened((*ah).context), handle(ah)) };
        let mut state = match opened.lock() {
            Ok(state) => state,
            Err(error) => return error,
        };
        let gone = state.device.destroy_address_handle(id).map_err(object_error);
        if gone.is_ok() {
            state.forget_lanes();
            // SAFETY: the handle was made by `create`; the program does not use it again.
            drop(unsafe { Box::from_raw(ah.cast::<HandleObject>()) });
        }
        code(gone)
    }

    "EFA_1.1"
    unsafe fn efadv_query_ah(ah: *mut ibv_ah, to: *mut efadv_ah_attr, size: u32) -> c_int, else libc::EIO;
    {
        if (size as usize) < offset_of!(efadv_ah_attr, reserved) {
            return libc::EINVAL;
        }
        // SAFETY: the handle is live; the program's structure has the fields up to the number.
        unsafe {
            (*to).comp_mask = 0;
            (*to).ahn = (*ah.cast::<HandleObject>()).number;
        }
        0
    }
}
