//! The functions of domains.

use super::Domain;
use crate::address_vector::sys::av_open;
use crate::counter::sys::cntr_open;
use crate::endpoint::atomic::attributes_of;
use crate::endpoint::sys::ep_open;
use crate::fid::negative;
use crate::fid::sys::{Table, give, head, no_control, table, take};
use crate::memory_region::sys::REGISTRATION;
use crate::queue::sys::cq_open;
use eni_efa_client::Fabric;
use eni_libfabric_sys as fi;
use std::ffi::CStr;
use std::os::raw::{c_int, c_void};
use std::sync::Arc;

/// A domain as libfabric sees it.
#[repr(C)]
pub(crate) struct DomainObject {
    head: fi::fid_domain,
    pub(crate) domain: Arc<Domain>,
}

static TABLE: Table<fi::fi_ops> = table(close, bind, no_control);

static OPERATIONS: Table<fi::fi_ops_domain> = Table::new(fi::fi_ops_domain {
    size: size_of::<fi::fi_ops_domain>(),
    av_open: Some(av_open),
    cq_open: Some(cq_open),
    endpoint: Some(ep_open),
    scalable_ep: Some(no_scalable_endpoint),
    cntr_open: Some(cntr_open),
    poll_open: Some(no_poll),
    stx_ctx: Some(no_shared_transmit),
    srx_ctx: Some(no_shared_receive),
    query_atomic: Some(query_atomic),
    query_collective: Some(no_collective),
    endpoint2: None,
});

/// The shared part of a domain.
///
/// # Safety
/// `handle` is a domain of this provider.
pub(crate) unsafe fn domain_of(handle: *mut fi::fid_domain) -> Arc<Domain> {
    // SAFETY: the caller promises what it is.
    unsafe { Arc::clone(&(*handle.cast::<DomainObject>()).domain) }
}

pub(crate) unsafe extern "C" fn domain_open(
    _: *mut fi::fid_fabric,
    info: *mut fi::fi_info,
    out: *mut *mut fi::fid_domain,
    context: *mut c_void,
) -> c_int {
    // SAFETY: libfabric hands in an info of this provider's.
    let attributes = unsafe { &*(*info).domain_attr };
    let Ok(fabric) = Fabric::open() else {
        return negative(libc::ENODATA);
    };
    let named = |name: &str| {
        // SAFETY: names of infos end with a zero.
        !attributes.name.is_null()
            && unsafe { CStr::from_ptr(attributes.name) }.to_bytes() == name.as_bytes()
    };
    let Some(device) = fabric
        .devices()
        .iter()
        .position(|device| named(&device.name))
    else {
        return negative(libc::ENODEV);
    };
    let mode = attributes.mr_mode.unsigned_abs();
    let is_basic = mode == fi::FI_MR_BASIC;
    let mut domain = Domain {
        uses_addresses: is_basic || u64::from(mode) & fi::FI_MR_VIRT_ADDR != 0,
        chooses_keys: is_basic || u64::from(mode) & fi::FI_MR_PROV_KEY != 0,
        ..Domain::new(fabric, device)
    };
    if attributes.threading == fi::FI_THREAD_DOMAIN {
        // SAFETY: that is what the program promises with this (`man 3 fi_domain`, "Threading Model").
        unsafe { domain.state.trust() };
    }
    let object = DomainObject {
        head: fi::fid_domain {
            fid: head(fi::FI_CLASS_DOMAIN, context, &TABLE),
            ops: OPERATIONS.pointer(),
            mr: REGISTRATION.pointer(),
        },
        domain: Arc::new(domain),
    };
    // SAFETY: libfabric asks for the object in `out`.
    unsafe { give(object, out) }
}

unsafe extern "C" fn close(handle: *mut fi::fid) -> c_int {
    // SAFETY: libfabric closes what `domain_open` gave. Objects that are still open keep the shared part.
    drop(unsafe { take::<DomainObject>(handle) });
    0
}

/// An event queue may be bound; nothing is ever told through it.
unsafe extern "C" fn bind(_: *mut fi::fid, _: *mut fi::fid, _: u64) -> c_int {
    0
}

unsafe extern "C" fn query_atomic(
    _: *mut fi::fid_domain,
    datatype: fi::fi_datatype,
    operation: fi::fi_op,
    attributes: *mut fi::fi_atomic_attr,
    flags: u64,
) -> c_int {
    match attributes_of(datatype, operation, flags) {
        Some((count, size)) => {
            // SAFETY: libfabric asks for the answer here.
            unsafe {
                (*attributes).count = count;
                (*attributes).size = size;
            }
            0
        }
        None => negative(libc::EOPNOTSUPP),
    }
}

unsafe extern "C" fn no_scalable_endpoint(
    _: *mut fi::fid_domain,
    _: *mut fi::fi_info,
    _: *mut *mut fi::fid_ep,
    _: *mut c_void,
) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_poll(
    _: *mut fi::fid_domain,
    _: *mut fi::fi_poll_attr,
    _: *mut *mut fi::fid_poll,
) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_shared_transmit(
    _: *mut fi::fid_domain,
    _: *mut fi::fi_tx_attr,
    _: *mut *mut fi::fid_stx,
    _: *mut c_void,
) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_shared_receive(
    _: *mut fi::fid_domain,
    _: *mut fi::fi_rx_attr,
    _: *mut *mut fi::fid_ep,
    _: *mut c_void,
) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_collective(
    _: *mut fi::fid_domain,
    _: fi::fi_collective_op,
    _: *mut fi::fi_collective_attr,
    _: u64,
) -> c_int {
    negative(libc::EOPNOTSUPP)
}
