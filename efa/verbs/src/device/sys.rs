//! `ibv_get_device_list` to `ibv_query_port`.

use super::{DEVICE, PAGE_SIZES, PORT, QUEUE_PAIR_NUMBERS, VENDOR, count, max_transfer};
use crate::bindings::{
    _compat_ibv_port_attr, IBV_MTU_4096, IBV_NODE_UNSPECIFIED, IBV_PORT_ACTIVE,
    IBV_TRANSPORT_UNSPECIFIED, efadv_device_attr, ibv_context, ibv_device, ibv_device_attr,
    ibv_device_attr_ex, ibv_gid, ibv_port_attr, ibv_query_device_ex_input, verbs_context,
};
use crate::completion_queue::sys::{create_extended, poll_cq, req_notify_cq};
use crate::context::Opened;
use crate::ffi::sys::{export, set_text};
use crate::ffi::{fail, made};
use crate::program;
use crate::queue_pair::sys::create_qp_ex;
use crate::queue_pair::{post_recv, post_send};
use eni_efa_device as efa;
use libc::{c_char, c_int, c_void};
use parking_lot::Mutex;
use std::mem::{offset_of, size_of, zeroed};
use std::ptr;
use std::sync::Arc;

/// A device of the list. Lives as long as the program, as the list's users may keep it.
#[repr(C)]
struct DeviceObject {
    device: ibv_device,
    index: usize,
    node_guid: u64,
}

/// The devices that have been given out, as addresses.
static DEVICES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// An opened device: what the program sees, and what we keep.
#[repr(C)]
struct ContextObject {
    verbs: verbs_context,
    opened: Arc<Opened>,
}

/// What we keep of an opened device.
///
/// # Safety
/// `context` came from `ibv_open_device` and has not been closed.
#[inline]
pub(crate) unsafe fn opened<'a>(context: *mut ibv_context) -> &'a Arc<Opened> {
    let offset = offset_of!(ContextObject, verbs) + offset_of!(verbs_context, context);
    // SAFETY: every context is the field of a `ContextObject`, which lives until it is closed.
    unsafe { &(*context.byte_sub(offset).cast::<ContextObject>()).opened }
}

fn new_device(index: usize, attributes: &eni_efa_client::DeviceAttributes) -> *mut DeviceObject {
    // SAFETY: a C structure of numbers, text and nullable pointers.
    let mut device: ibv_device = unsafe { zeroed() };
    device.node_type = IBV_NODE_UNSPECIFIED;
    device.transport_type = IBV_TRANSPORT_UNSPECIFIED;
    let sysfs = program::sysfs_path();
    set_text(&mut device.name, &attributes.name);
    set_text(&mut device.dev_name, &format!("uverbs{index}"));
    set_text(
        &mut device.dev_path,
        &format!("{sysfs}/class/infiniband_verbs/uverbs{index}"),
    );
    set_text(
        &mut device.ibdev_path,
        &format!("{sysfs}/class/infiniband/{}", attributes.name),
    );
    let node_guid = attributes.node_guid.to_be();
    Box::into_raw(Box::new(DeviceObject {
        device,
        index,
        node_guid,
    }))
}

fn device_list() -> Vec<*mut ibv_device> {
    let mut known = DEVICES.lock();
    for (index, attributes) in program::devices().iter().enumerate().skip(known.len()) {
        known.push(new_device(index, attributes).expose_provenance());
    }
    known
        .iter()
        .map(|address| ptr::with_exposed_provenance_mut(*address))
        .collect()
}

fn open(index: usize, device: *mut ibv_device) -> Result<*mut ibv_context, c_int> {
    let fabric = program::fabric().ok_or(libc::ENODEV)?;
    let opened = Opened::new(fabric, index).ok_or(libc::ENODEV)?;
    // SAFETY: a C structure of numbers and nullable pointers.
    let mut verbs: verbs_context = unsafe { zeroed() };
    verbs.sz = size_of::<verbs_context>();
    verbs.query_port = Some(query_port);
    verbs.query_device_ex = Some(query_device_ex);
    verbs.create_cq_ex = Some(create_extended);
    verbs.create_qp_ex = Some(create_qp_ex);
    let context = &mut verbs.context;
    context.device = device;
    context.cmd_fd = -1;
    // SAFETY: takes no pointers. Without a descriptor the field says so.
    context.async_fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
    context.num_comp_vectors = 1;
    // `__VERBS_ABI_IS_EXTENDED`: the context is the last field of a `verbs_context`.
    context.abi_compat = ptr::without_provenance_mut(usize::MAX);
    context.ops.poll_cq = Some(poll_cq);
    context.ops.req_notify_cq = Some(req_notify_cq);
    context.ops.post_send = Some(post_send);
    context.ops.post_recv = Some(post_recv);
    let object = Box::into_raw(Box::new(ContextObject {
        verbs,
        opened: Arc::new(opened),
    }));
    // SAFETY: just made.
    Ok(unsafe { &raw mut (*object).verbs.context })
}

export! {
    "IBVERBS_1.1"
    unsafe fn ibv_get_device_list(count: *mut c_int) -> *mut *mut ibv_device, else fail(libc::EIO);
    {
        let devices = device_list();
        // SAFETY: `calloc` takes no pointers; the list is one longer than the devices and ends with null.
        let list: *mut *mut ibv_device =
            unsafe { libc::calloc(devices.len() + 1, size_of::<*mut ibv_device>()) }.cast();
        if list.is_null() {
            return fail(libc::ENOMEM);
        }
        // SAFETY: the list has room for all devices; the program's count is null or can be written.
        unsafe {
            ptr::copy_nonoverlapping(devices.as_ptr(), list, devices.len());
            if let Some(count) = count.as_mut() {
                *count = super::count(devices.len());
            }
        }
        list
    }

    "IBVERBS_1.1"
    unsafe fn ibv_free_device_list(list: *mut *mut ibv_device) -> (), else ();
    {
        // SAFETY: the list came from `ibv_get_device_list`.
        unsafe { libc::free(list.cast()) }
    }

    "IBVERBS_1.1"
    unsafe fn ibv_get_device_name(device: *mut ibv_device) -> *const c_char, else ptr::null();
    {
        // SAFETY: the device came from the list and is never freed.
        unsafe { (*device).name.as_ptr() }
    }

    "IBVERBS_1.1"
    unsafe fn ibv_get_device_guid(device: *mut ibv_device) -> u64, else 0;
    {
        // SAFETY: every device is the first field of a `DeviceObject`, which is never freed.
        unsafe { (*device.cast::<DeviceObject>()).node_guid }
    }

    "IBVERBS_1.9"
    unsafe fn ibv_get_device_index(device: *mut ibv_device) -> c_int, else -1;
    {
        // SAFETY: every device is the first field of a `DeviceObject`, which is never freed.
        count(unsafe { (*device.cast::<DeviceObject>()).index })
    }

    "IBVERBS_1.1"
    unsafe fn ibv_open_device(device: *mut ibv_device) -> *mut ibv_context, else fail(libc::EIO);
    {
        // SAFETY: every device is the first field of a `DeviceObject`, which is never freed.
        let index = unsafe { (*device.cast::<DeviceObject>()).index };
        made(open(index, device))
    }

    "IBVERBS_1.1"
    unsafe fn ibv_close_device(context: *mut ibv_context) -> c_int, else libc::EIO;
    {
        let offset = offset_of!(ContextObject, verbs) + offset_of!(verbs_context, context);
        // SAFETY: the context came from `ibv_open_device`; the program does not use it again.
        let object = unsafe { Box::from_raw(context.byte_sub(offset).cast::<ContextObject>()) };
        // SAFETY: the descriptor is ours, if there is one.
        unsafe { libc::close(object.verbs.context.async_fd) };
        0
    }

    "IBVERBS_1.1"
    unsafe fn ibv_query_device(context: *mut ibv_context, to: *mut ibv_device_attr) -> c_int, else libc::EIO;
    {
        // SAFETY: the context is open; `to` can be written.
        unsafe { to.write(attributes(opened(context))) };
        0
    }

    "IBVERBS_1.1"
    unsafe fn ibv_query_port(
        context: *mut ibv_context, port: u8, to: *mut _compat_ibv_port_attr
    ) -> c_int, else libc::EIO;
    {
        // Programs built before `link_layer` have a structure that ends before it.
        let size = offset_of!(ibv_port_attr, link_layer);
        // SAFETY: the context is open; `to` has at least this many bytes.
        unsafe { query_port(context, port, to.cast(), size) }
    }

    "IBVERBS_1.1"
    unsafe fn ibv_query_gid(
        context: *mut ibv_context, port: u8, index: c_int, to: *mut ibv_gid
    ) -> c_int, else libc::EIO;
    {
        if port != PORT || index != 0 {
            crate::ffi::sys::set_errno(libc::EINVAL);
            return -1;
        }
        // SAFETY: the context is open; `to` can be written.
        unsafe { (*to).raw = opened(context).attributes.gid.0 };
        0
    }

    "IBVERBS_PRIVATE_34"
    unsafe fn ibv_query_gid_type(
        _context: *mut ibv_context, port: u8, index: u32, to: *mut c_int
    ) -> c_int, else libc::EIO;
    {
        if port != PORT || index != 0 {
            return libc::EINVAL;
        }
        // `IBV_GID_TYPE_SYSFS_IB_ROCE_V1`, which is what the kernel says for devices without RoCE.
        // SAFETY: `to` can be written.
        unsafe { to.write(0) };
        0
    }

    "IBVERBS_1.1"
    unsafe fn ibv_query_pkey(
        _context: *mut ibv_context, port: u8, index: c_int, to: *mut u16
    ) -> c_int, else libc::EIO;
    {
        if port != PORT || index != 0 {
            crate::ffi::sys::set_errno(libc::EINVAL);
            return -1;
        }
        // The default partition.
        // SAFETY: `to` can be written.
        unsafe { to.write(0xffff) };
        0
    }

    "EFA_1.1"
    unsafe fn efadv_query_device(
        context: *mut ibv_context, to: *mut efadv_device_attr, size: u32
    ) -> c_int, else libc::EIO;
    {
        // SAFETY: a C structure of numbers.
        let mut attributes: efadv_device_attr = unsafe { zeroed() };
        attributes.max_sq_wr = efa::MAX_SEND_DEPTH;
        attributes.max_rq_wr = efa::MAX_RECEIVE_DEPTH;
        attributes.max_sq_sge = efa::MAX_SEND_ENTRIES as u16;
        attributes.max_rq_sge = efa::MAX_RECEIVE_ENTRIES as u16;
        attributes.inline_buf_size = efa::MAX_INLINE as u16;
        attributes.device_caps = crate::device::capabilities();
        attributes.max_rdma_size = efa::MAX_RDMA;
        // SAFETY: the context is open; the program's structure has `size` bytes.
        unsafe {
            let _open = opened(context);
            write_versioned(&attributes, to.cast(), size as usize);
        }
        0
    }
}

/// Writes as much of a structure as the program's version of it has, and zeros where that is longer.
///
/// # Safety
/// `to` has `size` bytes that can be written.
unsafe fn write_versioned<T>(from: &T, to: *mut c_void, size: usize) {
    let length = size.min(size_of::<T>());
    // SAFETY: `from` has `length` bytes, `to` has `size`.
    unsafe {
        ptr::write_bytes(to.cast::<u8>(), 0, size);
        ptr::copy_nonoverlapping(ptr::from_ref(from).cast::<u8>(), to.cast::<u8>(), length);
    }
}

fn attributes(opened: &Opened) -> ibv_device_attr {
    // SAFETY: a C structure of numbers and text.
    let mut attributes: ibv_device_attr = unsafe { zeroed() };
    set_text(
        &mut attributes.fw_ver,
        concat!(env!("CARGO_PKG_VERSION"), ".0"),
    );
    attributes.node_guid = opened.attributes.node_guid.to_be();
    attributes.sys_image_guid = attributes.node_guid;
    attributes.max_mr_size = u64::MAX >> 1;
    attributes.page_size_cap = PAGE_SIZES;
    attributes.vendor_id = VENDOR;
    attributes.vendor_part_id = DEVICE;
    attributes.hw_ver = DEVICE;
    attributes.max_qp = QUEUE_PAIR_NUMBERS;
    attributes.max_qp_wr = efa::MAX_SEND_DEPTH as c_int;
    attributes.max_sge = count(efa::MAX_SEND_ENTRIES);
    attributes.max_sge_rd = count(efa::MAX_RDMA_ENTRIES);
    attributes.max_cq = count(efa::MAX_COMPLETION_QUEUES);
    attributes.max_cqe = efa::MAX_COMPLETIONS as c_int;
    attributes.max_mr = count(efa::MAX_REGIONS);
    attributes.max_pd = count(efa::MAX_DOMAINS);
    attributes.max_ah = count(efa::MAX_ADDRESS_HANDLES);
    attributes.max_pkeys = 1;
    attributes.phys_port_cnt = PORT;
    attributes
}

unsafe extern "C" fn query_device_ex(
    context: *mut ibv_context,
    _input: *const ibv_query_device_ex_input,
    to: *mut ibv_device_attr_ex,
    size: usize,
) -> c_int {
    crate::ffi::guard(libc::EIO, || {
        // SAFETY: a C structure of numbers and text.
        let mut extended: ibv_device_attr_ex = unsafe { zeroed() };
        // SAFETY: the context is open; the program's structure has `size` bytes.
        unsafe {
            extended.orig_attr = attributes(opened(context));
            extended.phys_port_cnt_ex = u32::from(PORT);
            write_versioned(&extended, to.cast(), size);
        }
        0
    })
}

unsafe extern "C" fn query_port(
    context: *mut ibv_context,
    port: u8,
    to: *mut ibv_port_attr,
    size: usize,
) -> c_int {
    crate::ffi::guard(libc::EIO, || {
        if port != PORT {
            return libc::EINVAL;
        }
        // SAFETY: a C structure of numbers.
        let mut attributes: ibv_port_attr = unsafe { zeroed() };
        attributes.state = IBV_PORT_ACTIVE;
        attributes.max_mtu = IBV_MTU_4096;
        attributes.active_mtu = IBV_MTU_4096;
        attributes.gid_tbl_len = 1;
        attributes.pkey_tbl_len = 1;
        // 100 Gb/s: four lanes of EDR, and a link that is up.
        attributes.active_width = 2;
        attributes.active_speed = 32;
        attributes.phys_state = 5;
        // SAFETY: the context is open; the program's structure has `size` bytes.
        unsafe {
            attributes.max_msg_sz = max_transfer(&opened(context).attributes);
            write_versioned(&attributes, to.cast(), size);
        }
        0
    })
}
