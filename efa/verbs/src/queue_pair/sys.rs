//! `ibv_create_qp` to `ibv_post_recv`, and the functions behind `ibv_wr_start`.

use super::post::sys::{collect, entries};
use super::{InlineCollector, SendQueue, Staged};
use crate::address::sys::handle;
use crate::bindings::{
    EFADV_QP_DRIVER_TYPE_SRD, IBV_QP_EX_WITH_RDMA_READ, IBV_QP_EX_WITH_RDMA_WRITE,
    IBV_QP_EX_WITH_RDMA_WRITE_WITH_IMM, IBV_QP_EX_WITH_SEND, IBV_QP_EX_WITH_SEND_WITH_IMM,
    IBV_QP_INIT_ATTR_PD, IBV_QP_INIT_ATTR_SEND_OPS_FLAGS, IBV_QP_QKEY, IBV_QP_STATE, IBV_QPS_RESET,
    IBV_QPT_DRIVER, IBV_QPT_UD, efadv_qp_init_attr, ibv_ah, ibv_context, ibv_data_buf, ibv_pd,
    ibv_qp, ibv_qp_attr, ibv_qp_cap, ibv_qp_ex, ibv_qp_init_attr, ibv_qp_init_attr_ex, ibv_qp_type,
    ibv_sge,
};
use crate::completion_queue::sys::queue_id;
use crate::context::object_error;
use crate::device::max_transfer;
use crate::device::sys::opened;
use crate::ffi::sys::export;
use crate::ffi::{code, fail, guard, made};
use crate::lane::{Link, refusal_error};
use crate::latch::Latch;
use crate::memory::sys::domain;
use eni_efa_client::{CreateError, EndpointKind};
use eni_efa_device::{
    Gather, MAX_INLINE, MAX_SEND_ENTRIES, Operation, QueuePairAttributes, QueuePairKind,
    QueuePairState, RegionKey, ScatterEntry,
};
use libc::{c_int, c_void};
use std::mem::{size_of, zeroed};
use std::sync::Arc;

/// A queue pair: what the program sees, and what we keep.
#[repr(C)]
struct QueuePairObject {
    extended: ibv_qp_ex,
    /// Held from `wr_start` to `wr_complete` or `wr_abort`.
    lock: Latch,
    send: SendQueue,
    capabilities: ibv_qp_cap,
}

/// # Safety
/// `qp` was made by `create`, has not been destroyed, and its send queue is locked.
#[inline]
pub(super) unsafe fn send_queue<'a>(qp: *mut ibv_qp_ex) -> &'a mut SendQueue {
    // SAFETY: every queue pair is the first field of a `QueuePairObject`.
    unsafe { &mut (*qp.cast::<QueuePairObject>()).send }
}

/// # Safety
/// `qp` was made by `create` and has not been destroyed.
#[inline]
pub(super) unsafe fn lock<'a>(qp: *mut ibv_qp_ex) -> &'a Latch {
    // SAFETY: every queue pair is the first field of a `QueuePairObject`.
    unsafe { &(*qp.cast::<QueuePairObject>()).lock }
}

/// What of a queue pair never changes: whom it belongs to, and its number in the model.
///
/// # Safety
/// `qp` was made by `create` and has not been destroyed.
#[inline]
pub(super) unsafe fn identity<'a>(
    qp: *mut ibv_qp,
) -> (&'a crate::context::Opened, eni_efa_device::QueuePairId) {
    // SAFETY: every queue pair is the first field of a `QueuePairObject`.
    let send = unsafe { &raw const (*qp.cast::<QueuePairObject>()).send };
    // SAFETY: these two fields are written once, before the program has the queue pair.
    unsafe { (&(*send).opened, (*send).id) }
}

fn check(attributes: &ibv_qp_init_attr_ex) -> Result<QueuePairKind, c_int> {
    let kind = match attributes.qp_type {
        IBV_QPT_UD => QueuePairKind::Datagram,
        IBV_QPT_DRIVER => QueuePairKind::Srd,
        _ => return Err(libc::EOPNOTSUPP),
    };
    let known = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS;
    if attributes.comp_mask & !known != 0 {
        return Err(libc::EOPNOTSUPP);
    }
    let lacks_queue = attributes.send_cq.is_null() || attributes.recv_cq.is_null();
    if attributes.comp_mask & IBV_QP_INIT_ATTR_PD == 0 || lacks_queue || !attributes.srq.is_null() {
        return Err(libc::EINVAL);
    }
    if attributes.cap.max_inline_data as usize > MAX_INLINE {
        return Err(libc::EINVAL);
    }
    if attributes.comp_mask & IBV_QP_INIT_ATTR_SEND_OPS_FLAGS != 0 {
        let sends = IBV_QP_EX_WITH_SEND | IBV_QP_EX_WITH_SEND_WITH_IMM;
        let rdma = IBV_QP_EX_WITH_RDMA_READ
            | IBV_QP_EX_WITH_RDMA_WRITE
            | IBV_QP_EX_WITH_RDMA_WRITE_WITH_IMM;
        let supported = if kind == QueuePairKind::Srd {
            sends | rdma
        } else {
            sends
        };
        if attributes.send_ops_flags & !u64::from(supported) != 0 {
            return Err(libc::EOPNOTSUPP);
        }
    }
    Ok(kind)
}

/// # Safety
/// The context is open, and so is everything that the attributes name.
unsafe fn create(
    context: *mut ibv_context,
    attributes: &mut ibv_qp_init_attr_ex,
) -> Result<*mut ibv_qp, c_int> {
    let kind = check(attributes)?;
    // SAFETY: the context is open.
    let opened = unsafe { opened(context) };
    let endpoint_kind = match kind {
        QueuePairKind::Srd => EndpointKind::Srd,
        QueuePairKind::Datagram => EndpointKind::Datagram,
    };
    // A child of fork must not ask the service by its parent's socket.
    drop(opened.lock()?);
    let endpoint = opened
        .fabric
        .create_endpoint(opened.index, endpoint_kind)
        .map_err(|error| match error {
            CreateError::Refused(refusal) => refusal_error(refusal),
            CreateError::Region(_) => libc::ENOMEM,
        })?;
    let number = endpoint.queue_pair();
    // SAFETY: the queues and the domain are live.
    let (queues, domain) = unsafe {
        (
            [queue_id(attributes.send_cq), queue_id(attributes.recv_cq)],
            domain(attributes.pd),
        )
    };
    let capabilities = &mut attributes.cap;
    // As rdma-core's provider does; the program may rely on the rounded sizes.
    let round = |depth: u32| depth.max(1).checked_next_power_of_two().ok_or(libc::EINVAL);
    capabilities.max_send_wr = round(capabilities.max_send_wr)?;
    capabilities.max_recv_wr = round(capabilities.max_recv_wr)?;
    let model = QueuePairAttributes {
        domain,
        send_queue: queues[0],
        receive_queue: queues[1],
        kind,
        number,
        send_depth: capabilities.max_send_wr,
        receive_depth: capabilities.max_recv_wr,
        send_entries: capabilities.max_send_sge as usize,
        receive_entries: capabilities.max_recv_sge as usize,
        max_transfer: max_transfer(&opened.attributes),
    };
    let mut state = opened.lock()?;
    let id = state
        .device
        .create_queue_pair(model)
        .map_err(object_error)?;
    state.attach(
        id,
        Link::new(endpoint, id, max_transfer(&opened.attributes)),
        queues,
    );
    drop(state);
    crate::stand_in::arrange(opened, id);
    let object = QueuePairObject {
        extended: extended(context, attributes, number),
        lock: Latch::new(),
        send: SendQueue {
            opened: Arc::clone(opened),
            id,
            staged: Vec::new(),
            error: None,
            inline_limit: attributes.cap.max_inline_data as usize,
            signals_all: attributes.sq_sig_all != 0,
        },
        capabilities: attributes.cap,
    };
    Ok(Box::into_raw(Box::new(object)).cast())
}

fn extended(context: *mut ibv_context, attributes: &ibv_qp_init_attr_ex, number: u32) -> ibv_qp_ex {
    // SAFETY: a C structure of numbers and nullable pointers.
    let mut extended: ibv_qp_ex = unsafe { zeroed() };
    let base = &mut extended.qp_base;
    base.context = context;
    base.qp_context = attributes.qp_context;
    base.pd = attributes.pd;
    base.send_cq = attributes.send_cq;
    base.recv_cq = attributes.recv_cq;
    base.qp_num = number;
    base.state = IBV_QPS_RESET;
    base.qp_type = attributes.qp_type;
    extended.wr_start = Some(wr_start);
    extended.wr_complete = Some(wr_complete);
    extended.wr_abort = Some(wr_abort);
    extended.wr_send = Some(wr_send);
    extended.wr_send_imm = Some(wr_send_imm);
    extended.wr_rdma_read = Some(wr_rdma_read);
    extended.wr_rdma_write = Some(wr_rdma_write);
    extended.wr_rdma_write_imm = Some(wr_rdma_write_imm);
    extended.wr_set_sge = Some(wr_set_sge);
    extended.wr_set_sge_list = Some(wr_set_sge_list);
    extended.wr_set_inline_data = Some(wr_set_inline_data);
    extended.wr_set_inline_data_list = Some(wr_set_inline_data_list);
    extended.wr_set_ud_addr = Some(wr_set_ud_addr);
    extended
}

/// `ibv_create_qp_ex`: unreliable datagrams only.
///
/// # Safety
/// The context is open, and so is everything that the attributes name.
pub(crate) unsafe extern "C" fn create_qp_ex(
    context: *mut ibv_context,
    attributes: *mut ibv_qp_init_attr_ex,
) -> *mut ibv_qp {
    guard(std::ptr::null_mut(), || {
        // SAFETY: the caller's promise.
        let attributes = unsafe { &mut *attributes };
        if attributes.qp_type != IBV_QPT_UD {
            return fail(libc::EOPNOTSUPP);
        }
        // SAFETY: the caller's promise.
        made(unsafe { create(context, attributes) })
    })
}

/// Makes a queue pair of the older attributes.
///
/// # Safety
/// The domain is live, and so is everything that the attributes name.
unsafe fn create_plain(
    pd: *mut ibv_pd,
    attributes: &mut ibv_qp_init_attr,
    kind: ibv_qp_type,
) -> Result<*mut ibv_qp, c_int> {
    if attributes.qp_type != kind {
        return Err(libc::EOPNOTSUPP);
    }
    // SAFETY: a C structure of numbers and nullable pointers.
    let mut extended: ibv_qp_init_attr_ex = unsafe { zeroed() };
    extended.qp_context = attributes.qp_context;
    extended.send_cq = attributes.send_cq;
    extended.recv_cq = attributes.recv_cq;
    extended.srq = attributes.srq;
    extended.cap = attributes.cap;
    extended.qp_type = attributes.qp_type;
    extended.sq_sig_all = attributes.sq_sig_all;
    extended.comp_mask = IBV_QP_INIT_ATTR_PD;
    extended.pd = pd;
    // SAFETY: the caller's promise.
    let qp = unsafe { create((*pd).context, &mut extended) }?;
    attributes.cap = extended.cap;
    Ok(qp)
}

export! {
    "IBVERBS_1.1"
    unsafe fn ibv_create_qp(
        pd: *mut ibv_pd, attributes: *mut ibv_qp_init_attr
    ) -> *mut ibv_qp, else fail(libc::EIO);
    {
        // SAFETY: the domain is live; the attributes can be read and written.
        made(unsafe { create_plain(pd, &mut *attributes, IBV_QPT_UD) })
    }

    "EFA_1.0"
    unsafe fn efadv_create_driver_qp(
        pd: *mut ibv_pd, attributes: *mut ibv_qp_init_attr, driver_type: u32
    ) -> *mut ibv_qp, else fail(libc::EIO);
    {
        if driver_type != EFADV_QP_DRIVER_TYPE_SRD {
            return fail(libc::EOPNOTSUPP);
        }
        // SAFETY: the domain is live; the attributes can be read and written.
        made(unsafe { create_plain(pd, &mut *attributes, IBV_QPT_DRIVER) })
    }

    "EFA_1.1"
    unsafe fn efadv_create_qp_ex(
        context: *mut ibv_context, attributes: *mut ibv_qp_init_attr_ex, efa: *mut efadv_qp_init_attr, size: u32
    ) -> *mut ibv_qp, else fail(libc::EIO);
    {
        if size as usize >= size_of::<efadv_qp_init_attr>() && !efa.is_null() {
            // SAFETY: the program's structure is at least as long as ours.
            let efa = unsafe { &*efa };
            if efa.comp_mask != 0 || efa.driver_qp_type != EFADV_QP_DRIVER_TYPE_SRD {
                return fail(libc::EOPNOTSUPP);
            }
        }
        // SAFETY: the context is open; the attributes can be read and written.
        let attributes = unsafe { &mut *attributes };
        if attributes.qp_type != IBV_QPT_DRIVER {
            return fail(libc::EINVAL);
        }
        // SAFETY: as above.
        made(unsafe { create(context, attributes) })
    }

    "IBVERBS_1.6"
    unsafe fn ibv_qp_to_qp_ex(qp: *mut ibv_qp) -> *mut ibv_qp_ex, else std::ptr::null_mut();
    {
        // Every queue pair of ours begins with the extended one.
        qp.cast()
    }

    "IBVERBS_1.1"
    unsafe fn ibv_destroy_qp(qp: *mut ibv_qp) -> c_int, else libc::EIO;
    {
        // SAFETY: the queue pair is live.
        let (opened, id) = unsafe { identity(qp) };
        let mut state = match opened.lock() {
            Ok(state) => state,
            Err(error) => return error,
        };
        let gone = state.device.destroy_queue_pair(id).map_err(object_error);
        let link = state.detach(id);
        drop(state);
        // The endpoint takes its leave of the service, which may take a while.
        drop(link);
        if gone.is_ok() {
            // SAFETY: the queue pair was made by `create`; the program does not use it again.
            drop(unsafe { Box::from_raw(qp.cast::<QueuePairObject>()) });
        }
        code(gone)
    }

    "IBVERBS_1.1"
    unsafe fn ibv_modify_qp(qp: *mut ibv_qp, attributes: *mut ibv_qp_attr, mask: c_int) -> c_int, else libc::EIO;
    {
        let mask = mask as u32;
        // SAFETY: the queue pair is live; the attributes can be read.
        let ((opened, id), attributes) = unsafe { (identity(qp), &*attributes) };
        let mut state = match opened.lock() {
            Ok(state) => state,
            Err(error) => return error,
        };
        let result = (|| {
            if mask & IBV_QP_STATE != 0 {
                let wanted = QueuePairState::from_number(attributes.qp_state).ok_or(libc::EINVAL)?;
                state.device.modify(id, wanted).map_err(object_error)?;
            }
            if mask & IBV_QP_QKEY != 0 {
                state.device.set_queue_key(id, attributes.qkey).map_err(object_error)?;
            }
            Ok(())
        })();
        if result.is_ok() && mask & IBV_QP_STATE != 0 {
            // SAFETY: the queue pair is live, and the device is locked.
            unsafe { (*qp).state = attributes.qp_state };
        }
        code(result)
    }

    "IBVERBS_1.1"
    unsafe fn ibv_query_qp(
        qp: *mut ibv_qp, to: *mut ibv_qp_attr, _mask: c_int, init: *mut ibv_qp_init_attr
    ) -> c_int, else libc::EIO;
    {
        // SAFETY: the queue pair is live; both structures can be written.
        unsafe {
            let (opened, id) = identity(qp);
            let state = match opened.lock() {
                Ok(state) => state,
                Err(error) => return error,
            };
            let object = &*qp.cast::<QueuePairObject>();
            to.write(zeroed());
            (*to).qp_state = (*qp).state;
            (*to).cur_qp_state = (*qp).state;
            (*to).qkey = state.device.queue_key(id).unwrap_or_default();
            (*to).cap = object.capabilities;
            (*to).port_num = crate::device::PORT;
            init.write(zeroed());
            (*init).qp_context = (*qp).qp_context;
            (*init).send_cq = (*qp).send_cq;
            (*init).recv_cq = (*qp).recv_cq;
            (*init).cap = object.capabilities;
            (*init).qp_type = (*qp).qp_type;
        }
        0
    }
}

unsafe extern "C" fn wr_start(qp: *mut ibv_qp_ex) {
    // SAFETY: the queue pair is live.
    unsafe { lock(qp) }.close();
    // SAFETY: locked.
    unsafe { send_queue(qp) }.start();
}

unsafe extern "C" fn wr_complete(qp: *mut ibv_qp_ex) -> c_int {
    guard(libc::EIO, || {
        // SAFETY: the program has called `wr_start`, so the send queue is locked.
        let posted = unsafe { send_queue(qp) }.complete();
        // SAFETY: as above.
        unsafe { lock(qp).open() };
        code(posted)
    })
}

unsafe extern "C" fn wr_abort(qp: *mut ibv_qp_ex) {
    // SAFETY: the program has called `wr_start`, so the send queue is locked.
    unsafe {
        send_queue(qp).start();
        lock(qp).open();
    }
}

/// Begins a work request.
///
/// # Safety
/// The program has called `wr_start`.
#[inline]
unsafe fn stage(qp: *mut ibv_qp_ex, operation: Operation, immediate: Option<u32>) {
    guard((), || {
        // SAFETY: the send queue is locked, and these fields are the program's while it is.
        let (work_request, flags) = unsafe { ((*qp).wr_id, (*qp).wr_flags) };
        // SAFETY: locked.
        unsafe { send_queue(qp) }.stage(Staged::new(work_request, operation, immediate), flags);
    });
}

unsafe extern "C" fn wr_send(qp: *mut ibv_qp_ex) {
    // SAFETY: the program has called `wr_start`.
    unsafe { stage(qp, Operation::Send, None) }
}

unsafe extern "C" fn wr_send_imm(qp: *mut ibv_qp_ex, immediate: u32) {
    // SAFETY: the program has called `wr_start`.
    unsafe { stage(qp, Operation::Send, Some(immediate)) }
}

unsafe extern "C" fn wr_rdma_read(qp: *mut ibv_qp_ex, key: u32, address: u64) {
    let key = RegionKey(key);
    // SAFETY: the program has called `wr_start`.
    unsafe { stage(qp, Operation::RdmaRead { address, key }, None) }
}

unsafe extern "C" fn wr_rdma_write(qp: *mut ibv_qp_ex, key: u32, address: u64) {
    let key = RegionKey(key);
    // SAFETY: the program has called `wr_start`.
    unsafe { stage(qp, Operation::RdmaWrite { address, key }, None) }
}

unsafe extern "C" fn wr_rdma_write_imm(qp: *mut ibv_qp_ex, key: u32, address: u64, immediate: u32) {
    let key = RegionKey(key);
    // SAFETY: the program has called `wr_start`.
    unsafe { stage(qp, Operation::RdmaWrite { address, key }, Some(immediate)) }
}

unsafe extern "C" fn wr_set_sge(qp: *mut ibv_qp_ex, key: u32, address: u64, length: u32) {
    let mut entries = [ScatterEntry::default(); MAX_SEND_ENTRIES];
    entries[0] = ScatterEntry {
        address,
        length,
        key,
    };
    // SAFETY: the program has called `wr_start`.
    unsafe { send_queue(qp) }.set_gather(Some(Gather::Entries(entries, 1)));
}

unsafe extern "C" fn wr_set_sge_list(qp: *mut ibv_qp_ex, count: usize, list: *const ibv_sge) {
    // SAFETY: the list has this many entries.
    let entries = unsafe { entries(list, count) };
    // SAFETY: the program has called `wr_start`.
    unsafe { send_queue(qp) }.set_gather(entries.map(|entries| Gather::Entries(entries, count)));
}

unsafe extern "C" fn wr_set_inline_data(qp: *mut ibv_qp_ex, data: *mut c_void, length: usize) {
    let buffer = ibv_data_buf { addr: data, length };
    // SAFETY: the program has called `wr_start`; the data can be read.
    unsafe { wr_set_inline_data_list(qp, 1, &raw const buffer) }
}

unsafe extern "C" fn wr_set_inline_data_list(
    qp: *mut ibv_qp_ex,
    count: usize,
    list: *const ibv_data_buf,
) {
    // SAFETY: the program has called `wr_start`.
    let send = unsafe { send_queue(qp) };
    let mut inline = InlineCollector::new(send.inline_limit);
    let mut fits = true;
    for index in 0..count {
        // SAFETY: the list has this many entries.
        let buffer = unsafe { &*list.add(index) };
        // SAFETY: the program's data can be read.
        fits &= unsafe { collect(&mut inline, buffer.addr.cast(), buffer.length) };
    }
    send.set_gather(inline.gather().filter(|_| fits));
}

unsafe extern "C" fn wr_set_ud_addr(
    qp: *mut ibv_qp_ex,
    ah: *mut ibv_ah,
    queue_pair: u32,
    queue_key: u32,
) {
    // SAFETY: the handle is live.
    let (handle, gid) = unsafe { handle(ah) };
    // SAFETY: the program has called `wr_start`.
    if let Some(staged) = unsafe { send_queue(qp) }.last() {
        staged.handle = handle;
        staged.gid = gid;
        staged.queue_pair = queue_pair;
        staged.request.queue_key = queue_key;
    }
}
