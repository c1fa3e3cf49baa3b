//! `ibv_create_cq` to `ibv_poll_cq`.

use super::{Queue, flags, opcode};
use crate::bindings::{
    EFADV_WC_EX_WITH_SGID, efadv_cq, efadv_cq_init_attr, ibv_comp_channel, ibv_context, ibv_cq,
    ibv_cq_ex, ibv_cq_init_attr_ex, ibv_gid, ibv_poll_cq_attr, ibv_wc, ibv_wc_opcode,
    ibv_wc_status,
};
use crate::context::object_error;
use crate::device::sys::opened;
use crate::ffi::sys::export;
use crate::ffi::{code, fail, guard, made};
use crate::latch::Latch;
use eni_efa_device::{
    Completion, CompletionOperation, CompletionQueueId, Gid, Status, UNKNOWN_HANDLE,
};
use libc::{c_int, c_uint, c_void};
use std::mem::{offset_of, size_of, zeroed};
use std::sync::Arc;

/// A completion queue: what the program sees, and what we keep.
#[repr(C)]
struct QueueObject {
    extended: ibv_cq_ex,
    efa: efadv_cq,
    /// Held from `start_poll` to `end_poll`, and while polling the plain way.
    lock: Latch,
    queue: Queue,
    /// The completion that the program looks at.
    current: Completion,
}

/// What stands in `current` before the first poll.
const NOTHING: Completion = Completion {
    work_request: 0,
    status: Status::Success,
    operation: CompletionOperation::Send,
    length: 0,
    queue_pair: 0,
    source_queue_pair: 0,
    source_handle: UNKNOWN_HANDLE,
    source_gid: Gid([0; 16]),
    immediate: None,
};

/// # Safety
/// `cq` was made by `create` and has not been destroyed, and nobody else uses it meanwhile.
#[inline]
unsafe fn object<'a>(cq: *mut ibv_cq_ex) -> &'a mut QueueObject {
    // SAFETY: every queue is the first field of a `QueueObject`.
    unsafe { &mut *cq.cast::<QueueObject>() }
}

/// # Safety
/// As for [`object`]; the queue may be in use.
#[inline]
unsafe fn lock<'a>(cq: *mut ibv_cq_ex) -> &'a Latch {
    // SAFETY: every queue is the first field of a `QueueObject`.
    unsafe { &(*cq.cast::<QueueObject>()).lock }
}

/// The model's number of a queue.
///
/// # Safety
/// `cq` was made by `create` and has not been destroyed.
pub(crate) unsafe fn queue_id(cq: *mut ibv_cq) -> CompletionQueueId {
    // SAFETY: every queue is the first field of a `QueueObject`; its number never changes.
    unsafe { (*cq.cast::<QueueObject>()).queue.id }
}

/// # Safety
/// The context is open.
unsafe fn create(
    context: *mut ibv_context,
    entries: u32,
    cq_context: *mut c_void,
    channel: *mut ibv_comp_channel,
) -> Result<*mut ibv_cq_ex, c_int> {
    if !channel.is_null() {
        return Err(libc::EOPNOTSUPP);
    }
    // SAFETY: the caller's promise.
    let opened = unsafe { opened(context) };
    // As rdma-core's provider does; the program may rely on the rounded size.
    let entries = entries.checked_next_power_of_two().ok_or(libc::EINVAL)?;
    let id = opened
        .lock()?
        .device
        .create_completion_queue(entries)
        .map_err(object_error)?;
    // SAFETY: C structures of numbers and nullable pointers.
    let (mut extended, mut efa): (ibv_cq_ex, efadv_cq) = unsafe { (zeroed(), zeroed()) };
    extended.context = context;
    extended.cq_context = cq_context;
    extended.cqe = entries as c_int;
    extended.start_poll = Some(start_poll);
    extended.next_poll = Some(next_poll);
    extended.end_poll = Some(end_poll);
    extended.read_opcode = Some(read_opcode);
    extended.read_vendor_err = Some(read_vendor_err);
    extended.read_byte_len = Some(read_byte_len);
    extended.read_imm_data = Some(read_imm_data);
    extended.read_qp_num = Some(read_qp_num);
    extended.read_src_qp = Some(read_src_qp);
    extended.read_wc_flags = Some(read_wc_flags);
    extended.read_slid = Some(read_slid);
    extended.read_sl = Some(read_nothing);
    extended.read_dlid_path_bits = Some(read_nothing);
    efa.wc_read_sgid = Some(read_sgid);
    let object = Box::into_raw(Box::new(QueueObject {
        extended,
        efa,
        lock: Latch::new(),
        queue: Queue {
            opened: Arc::clone(opened),
            id,
            polls: 0,
        },
        current: NOTHING,
    }));
    Ok(object.cast())
}

/// `ibv_create_cq_ex`.
///
/// # Safety
/// The context is open; the attributes can be read.
pub(crate) unsafe extern "C" fn create_extended(
    context: *mut ibv_context,
    attributes: *mut ibv_cq_init_attr_ex,
) -> *mut ibv_cq_ex {
    guard(std::ptr::null_mut(), || {
        // SAFETY: the caller's promise.
        unsafe {
            let attributes = &mut *attributes;
            let cq = create(
                context,
                attributes.cqe,
                attributes.cq_context,
                attributes.channel,
            );
            made(cq)
        }
    })
}

export! {
    "IBVERBS_1.1"
    unsafe fn ibv_create_cq(
        context: *mut ibv_context, entries: c_int, cq_context: *mut c_void, channel: *mut ibv_comp_channel,
        _vector: c_int
    ) -> *mut ibv_cq, else fail(libc::EIO);
    {
        let Ok(entries) = u32::try_from(entries) else {
            return fail(libc::EINVAL);
        };
        // SAFETY: the context is open.
        made(unsafe { create(context, entries, cq_context, channel) }).cast()
    }

    "IBVERBS_1.1"
    unsafe fn ibv_destroy_cq(cq: *mut ibv_cq) -> c_int, else libc::EIO;
    {
        // SAFETY: the queue is live.
        let (opened, id) = unsafe { (opened((*cq).context), queue_id(cq)) };
        let gone = opened.lock().and_then(|mut state| state.device.destroy_completion_queue(id).map_err(object_error));
        if gone.is_ok() {
            // SAFETY: the queue was made by `create`; the program does not use it again.
            drop(unsafe { Box::from_raw(cq.cast::<QueueObject>()) });
        }
        code(gone)
    }

    "EFA_1.2"
    unsafe fn efadv_create_cq(
        context: *mut ibv_context, attributes: *mut ibv_cq_init_attr_ex, efa: *mut efadv_cq_init_attr, size: u32
    ) -> *mut ibv_cq_ex, else fail(libc::EIO);
    {
        if !efa.is_null() && size as usize >= size_of::<efadv_cq_init_attr>() {
            // SAFETY: the program's structure is at least as long as ours.
            let efa = unsafe { &*efa };
            if efa.comp_mask != 0 || efa.wc_flags & !u64::from(EFADV_WC_EX_WITH_SGID) != 0 {
                return fail(libc::EOPNOTSUPP);
            }
        }
        // SAFETY: the context is open; the attributes can be read.
        unsafe { create_extended(context, attributes) }
    }

    "EFA_1.2"
    unsafe fn efadv_cq_from_ibv_cq_ex(cq: *mut ibv_cq_ex) -> *mut efadv_cq, else std::ptr::null_mut();
    {
        // SAFETY: every queue is the first field of a `QueueObject`.
        unsafe { &raw mut (*cq.cast::<QueueObject>()).efa }
    }

    "EFA_1.2"
    unsafe fn efadv_wc_read_sgid(cq: *mut efadv_cq, to: *mut ibv_gid) -> c_int, else libc::EIO;
    {
        // SAFETY: the queue is live and being polled; `to` can be written.
        unsafe { read_sgid(cq, to) }
    }
}

impl QueueObject {
    #[inline]
    fn show(&mut self, polled: Result<Completion, c_int>) -> c_int {
        match polled {
            Ok(completion) => {
                self.extended.wr_id = completion.work_request;
                self.extended.status = completion.status.work_completion() as ibv_wc_status;
                self.current = completion;
                0
            }
            Err(error) => error,
        }
    }
}

unsafe extern "C" fn start_poll(cq: *mut ibv_cq_ex, attributes: *mut ibv_poll_cq_attr) -> c_int {
    guard(libc::EIO, || {
        // SAFETY: the attributes are null or can be read.
        if unsafe { attributes.as_ref() }.is_some_and(|attributes| attributes.comp_mask != 0) {
            return libc::EINVAL;
        }
        // SAFETY: the queue is live.
        let lock = unsafe { lock(cq) };
        lock.close();
        // SAFETY: locked.
        let object = unsafe { object(cq) };
        let polled = object.queue.start();
        let shown = object.show(polled);
        if shown != 0 {
            // SAFETY: locked above; without a completion the program does not call `end_poll`.
            unsafe { lock.open() };
        }
        shown
    })
}

unsafe extern "C" fn next_poll(cq: *mut ibv_cq_ex) -> c_int {
    guard(libc::EIO, || {
        // SAFETY: the program has called `start_poll`, so the queue is locked.
        let object = unsafe { object(cq) };
        let polled = object.queue.next();
        object.show(polled)
    })
}

unsafe extern "C" fn end_poll(cq: *mut ibv_cq_ex) {
    // SAFETY: the program has called `start_poll`, so the queue is locked.
    unsafe { lock(cq).open() };
}

/// The completion that the program looks at.
///
/// # Safety
/// The queue is live and being polled.
#[inline]
unsafe fn current<'a>(cq: *mut ibv_cq_ex) -> &'a Completion {
    // SAFETY: every queue is the first field of a `QueueObject`, and the poller has it to itself.
    unsafe { &(*cq.cast::<QueueObject>()).current }
}

/// Functions that read one field of the current completion.
macro_rules! readers {
    ($($name:ident -> $kind:ty = |$completion:ident| $value:expr;)*) => {$(
        unsafe extern "C" fn $name(cq: *mut ibv_cq_ex) -> $kind {
            // SAFETY: the program calls this between `start_poll` and `end_poll`.
            let $completion = unsafe { current(cq) };
            $value
        }
    )*};
}

readers! {
    read_opcode -> ibv_wc_opcode = |completion| opcode(completion.operation);
    read_vendor_err -> u32 = |completion| u32::from(completion.status.code());
    read_byte_len -> u32 = |completion| completion.length;
    read_imm_data -> u32 = |completion| completion.immediate.unwrap_or_default();
    read_qp_num -> u32 = |completion| completion.queue_pair;
    read_src_qp -> u32 = |completion| completion.source_queue_pair;
    read_wc_flags -> c_uint = |completion| flags(completion);
    read_slid -> u32 = |completion| u32::from(completion.source_handle);
    read_nothing -> u8 = |_completion| 0;
}

unsafe extern "C" fn read_sgid(cq: *mut efadv_cq, to: *mut ibv_gid) -> c_int {
    // SAFETY: the structure is a field of a `QueueObject` that is being polled.
    let current = unsafe {
        &(*cq
            .byte_sub(offset_of!(QueueObject, efa))
            .cast::<QueueObject>())
        .current
    };
    // As on EFA, the address comes along only while the program has no handle for it.
    if current.source_handle != UNKNOWN_HANDLE {
        return -libc::ENOENT;
    }
    // SAFETY: `to` can be written.
    unsafe { (*to).raw = current.source_gid.0 };
    0
}

/// `ibv_poll_cq`.
///
/// # Safety
/// The queue is live; `to` has room for `count` completions.
pub(crate) unsafe extern "C" fn poll_cq(cq: *mut ibv_cq, count: c_int, to: *mut ibv_wc) -> c_int {
    guard(-libc::EIO, || {
        // SAFETY: the queue is live.
        let _held = unsafe { lock(cq.cast()) }.hold();
        // SAFETY: locked.
        let object = unsafe { object(cq.cast()) };
        let mut polled = object.queue.start();
        let mut found = 0;
        while found < count {
            let Ok(completion) = polled else { break };
            // SAFETY: there is room for `count`.
            unsafe { to.add(found as usize).write(work_completion(&completion)) };
            found += 1;
            if found < count {
                polled = object.queue.next();
            }
        }
        match polled {
            Err(error) if found == 0 && error != libc::ENOENT => -error,
            _ => found,
        }
    })
}

fn work_completion(completion: &Completion) -> ibv_wc {
    // SAFETY: a C structure of numbers.
    let mut entry: ibv_wc = unsafe { zeroed() };
    entry.wr_id = completion.work_request;
    entry.status = completion.status.work_completion() as ibv_wc_status;
    entry.opcode = opcode(completion.operation);
    entry.vendor_err = u32::from(completion.status.code());
    entry.byte_len = completion.length;
    entry.qp_num = completion.queue_pair;
    entry.src_qp = completion.source_queue_pair;
    entry.slid = completion.source_handle;
    entry.wc_flags = flags(completion);
    entry.__bindgen_anon_1.imm_data = completion.immediate.unwrap_or_default();
    entry
}

/// `ibv_req_notify_cq`: there are no completion channels, as on EFA devices of the first generation.
pub(crate) unsafe extern "C" fn req_notify_cq(_cq: *mut ibv_cq, _solicited_only: c_int) -> c_int {
    libc::EOPNOTSUPP
}
