//! The entry that libfabric looks up, and what it calls first.

use super::{INTERFACE, NAME, VERSION, fabric_name, info};
use crate::domain::sys::domain_open;
use crate::event_queue::sys::eq_open;
use crate::fid::negative;
use crate::fid::sys::{Table, give, head, no_bind, no_control, table, take};
use crate::offer::offer;
use eni_efa_client::Fabric;
use eni_libfabric_sys as fi;
use std::cell::UnsafeCell;
use std::os::raw::{c_char, c_int, c_void};

/// libfabric writes `fi_provider.context`.
struct Provider(UnsafeCell<fi::fi_provider>);

// SAFETY: only libfabric touches it, under its own lock.
unsafe impl Sync for Provider {}

static PROVIDER: Provider = Provider(UnsafeCell::new(fi::fi_provider {
    version: VERSION,
    fi_version: INTERFACE,
    context: fi::fi_context {
        internal: [std::ptr::null_mut(); 4],
    },
    name: NAME.as_ptr(),
    getinfo: Some(getinfo),
    fabric: Some(fabric_open),
    cleanup: Some(cleanup),
}));

/// What libfabric calls once it has loaded the library.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn fi_prov_ini() -> *mut fi::fi_provider {
    PROVIDER.0.get()
}

unsafe extern "C" fn cleanup() {}

/// Offers every device that this program may open. Endpoints have addresses that programs exchange themselves: a node's
/// name says nothing here, and whoever asks for one gets nothing. A service alone is not looked at.
unsafe extern "C" fn getinfo(
    _version: u32,
    node: *const c_char,
    _service: *const c_char,
    _flags: u64,
    hints: *const fi::fi_info,
    out: *mut *mut fi::fi_info,
) -> c_int {
    if !node.is_null() {
        return negative(libc::ENODATA);
    }
    // SAFETY: libfabric hands in complete hints, or none.
    let wanted = unsafe { info::sys::read(hints) };
    // Without a service there is nothing to offer.
    let Ok(fabric) = Fabric::open() else {
        return negative(libc::ENODATA);
    };
    let mut first = std::ptr::null_mut();
    for device in fabric.devices().iter().rev() {
        let name = fabric_name(&device.subnet);
        if let Some(offer) = offer(&wanted, &device.name, &name) {
            let info = info::sys::write(&offer, &device.name, &name);
            // SAFETY: `info` is fresh.
            unsafe { (*info).next = first };
            first = info;
        }
    }
    if first.is_null() {
        return negative(libc::ENODATA);
    }
    // SAFETY: libfabric asks for the list here.
    unsafe { *out = first };
    0
}

/// A fabric is only a name; the connection to the service belongs to domains.
#[repr(C)]
struct FabricObject {
    head: fi::fid_fabric,
}

static FABRIC_TABLE: Table<fi::fi_ops> = table(fabric_close, no_bind, no_control);

static FABRIC: Table<fi::fi_ops_fabric> = Table::new(fi::fi_ops_fabric {
    size: size_of::<fi::fi_ops_fabric>(),
    domain: Some(domain_open),
    passive_ep: Some(no_passive_endpoint),
    eq_open: Some(eq_open),
    wait_open: Some(no_wait),
    trywait: Some(trywait),
    domain2: None,
});

unsafe extern "C" fn fabric_open(
    attributes: *mut fi::fi_fabric_attr,
    out: *mut *mut fi::fid_fabric,
    context: *mut c_void,
) -> c_int {
    // SAFETY: libfabric hands in complete attributes and asks for the object in `out`.
    unsafe {
        let object = FabricObject {
            head: fi::fid_fabric {
                fid: head(fi::FI_CLASS_FABRIC, context, &FABRIC_TABLE),
                ops: FABRIC.pointer(),
                api_version: (*attributes).api_version,
            },
        };
        give(object, out)
    }
}

unsafe extern "C" fn fabric_close(handle: *mut fi::fid) -> c_int {
    // SAFETY: libfabric closes what `fabric_open` gave.
    drop(unsafe { take::<FabricObject>(handle) });
    0
}

unsafe extern "C" fn no_passive_endpoint(
    _: *mut fi::fid_fabric,
    _: *mut fi::fi_info,
    _: *mut *mut fi::fid_pep,
    _: *mut c_void,
) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_wait(
    _: *mut fi::fid_fabric,
    _: *mut fi::fi_wait_attr,
    _: *mut *mut fi::fid_wait,
) -> c_int {
    negative(libc::ENOSYS)
}

/// Nothing here can be waited for by descriptor.
unsafe extern "C" fn trywait(_: *mut fi::fid_fabric, _: *mut *mut fi::fid, _: c_int) -> c_int {
    negative(libc::ENOSYS)
}
