//! The functions of completion queues.

use super::{Entry, Failure, Queue};
use crate::domain::sys::domain_of;
use crate::domain::{Domain, State};
use crate::fid::negative;
use crate::fid::sys::{Table, give, head, no_bind, no_control, table, take};
use crate::wait::Wait;
use eni_libfabric_sys as fi;
use std::os::raw::{c_char, c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A completion queue as libfabric sees it.
#[repr(C)]
pub(crate) struct QueueObject {
    head: fi::fid_cq,
    domain: Arc<Domain>,
    pub(crate) number: usize,
    format: u32,
    /// `fi_cq_signal` ends one wait.
    is_signalled: AtomicBool,
}

static TABLE: Table<fi::fi_ops> = table(close, no_bind, no_control);

static OPERATIONS: Table<fi::fi_ops_cq> = Table::new(fi::fi_ops_cq {
    size: size_of::<fi::fi_ops_cq>(),
    read: Some(read),
    readfrom: Some(readfrom),
    readerr: Some(readerr),
    sread: Some(sread),
    sreadfrom: Some(sreadfrom),
    signal: Some(signal),
    strerror: Some(strerror),
});

const AGAIN: isize = -(libc::EAGAIN as isize);

pub(crate) unsafe extern "C" fn cq_open(
    domain: *mut fi::fid_domain,
    attributes: *mut fi::fi_cq_attr,
    out: *mut *mut fi::fid_cq,
    context: *mut c_void,
) -> c_int {
    // SAFETY: libfabric hands in a domain of this provider and complete attributes.
    let (domain, attributes) = unsafe { (domain_of(domain), &mut *attributes) };
    if !matches!(
        attributes.wait_obj,
        fi::FI_WAIT_NONE | fi::FI_WAIT_UNSPEC | fi::FI_WAIT_YIELD
    ) {
        return negative(libc::ENOSYS);
    }
    if attributes.format == fi::FI_CQ_FORMAT_UNSPEC {
        attributes.format = fi::FI_CQ_FORMAT_CONTEXT;
    }
    if !matches!(
        attributes.format,
        fi::FI_CQ_FORMAT_CONTEXT
            | fi::FI_CQ_FORMAT_MSG
            | fi::FI_CQ_FORMAT_DATA
            | fi::FI_CQ_FORMAT_TAGGED
    ) {
        return negative(libc::ENOSYS);
    }
    let number = domain.lock().queues.insert(Queue::new(attributes.size));
    let object = QueueObject {
        head: fi::fid_cq {
            fid: head(fi::FI_CLASS_CQ, context, &TABLE),
            ops: OPERATIONS.pointer(),
        },
        domain,
        number,
        format: attributes.format,
        is_signalled: AtomicBool::new(false),
    };
    // SAFETY: libfabric asks for the object in `out`.
    unsafe { give(object, out) }
}

unsafe extern "C" fn close(handle: *mut fi::fid) -> c_int {
    // SAFETY: libfabric closes what `cq_open` gave.
    let object = unsafe { take::<QueueObject>(handle) };
    object.domain.lock().queues.remove(object.number);
    0
}

/// Writes one entry in a format; gives its size.
///
/// # Safety
/// `target` has room for an entry.
#[inline]
unsafe fn write(entry: &Entry, format: u32, target: *mut u8) -> usize {
    let op_context = entry.context as *mut c_void;
    let &Entry {
        flags,
        length: len,
        data,
        tag,
        ..
    } = entry;
    let buf = entry.address as *mut c_void;
    // SAFETY: the caller promises room. Entries begin alike, and the program's buffer is aligned for them.
    unsafe {
        match format {
            fi::FI_CQ_FORMAT_CONTEXT => {
                *target.cast() = fi::fi_cq_entry { op_context };
                size_of::<fi::fi_cq_entry>()
            }
            fi::FI_CQ_FORMAT_MSG => {
                *target.cast() = fi::fi_cq_msg_entry {
                    op_context,
                    flags,
                    len,
                };
                size_of::<fi::fi_cq_msg_entry>()
            }
            fi::FI_CQ_FORMAT_DATA => {
                *target.cast() = fi::fi_cq_data_entry {
                    op_context,
                    flags,
                    len,
                    buf,
                    data,
                };
                size_of::<fi::fi_cq_data_entry>()
            }
            _ => {
                *target.cast() = fi::fi_cq_tagged_entry {
                    op_context,
                    flags,
                    len,
                    buf,
                    data,
                    tag,
                };
                size_of::<fi::fi_cq_tagged_entry>()
            }
        }
    }
}

impl State {
    /// Gives the queue of `number` with something in it, if there is anything.
    #[inline]
    fn fill(&mut self, number: usize) -> Option<&mut Queue> {
        if self.queues.get(number)?.entries.is_empty() {
            let mut index = 0;
            while let Some(&endpoint) = self.queues.get(number)?.endpoints.get(index) {
                self.progress(endpoint);
                index += 1;
            }
        }
        self.queues.get_mut(number)
    }
}

/// # Safety
/// `queue` is a queue of this provider, `entries` has room for `count` in its format, and `sources` is null or has room
/// for as many.
#[inline]
unsafe fn read_entries(
    queue: *mut fi::fid_cq,
    entries: *mut c_void,
    count: usize,
    sources: *mut u64,
) -> isize {
    // SAFETY: the caller promises what it is.
    let object = unsafe { &*queue.cast::<QueueObject>() };
    let mut state = object.domain.lock();
    let Some(queue) = state.fill(object.number) else {
        return AGAIN;
    };
    if !queue.failures.is_empty() {
        return -(fi::FI_EAVAIL as isize);
    }
    let mut target: *mut u8 = entries.cast();
    let mut done = 0;
    while done < count {
        let Some(queue) = state.queues.get_mut(object.number) else {
            break;
        };
        let Some(entry) = queue.entries.pop_front() else {
            break;
        };
        // SAFETY: the caller promises room for `count`.
        unsafe {
            target = target.add(write(&entry, object.format, target));
            if !sources.is_null() {
                *sources.add(done) = state.address_of(entry.endpoint, entry.source);
            }
        }
        done += 1;
    }
    if done == 0 { AGAIN } else { done.cast_signed() }
}

unsafe extern "C" fn read(queue: *mut fi::fid_cq, entries: *mut c_void, count: usize) -> isize {
    // SAFETY: the program promises the queue and room.
    unsafe { read_entries(queue, entries, count, std::ptr::null_mut()) }
}

unsafe extern "C" fn readfrom(
    queue: *mut fi::fid_cq,
    entries: *mut c_void,
    count: usize,
    sources: *mut u64,
) -> isize {
    // SAFETY: the program promises the queue and room.
    unsafe { read_entries(queue, entries, count, sources) }
}

/// Fields that came after 1.5 (`src_addr`) are never written: a program of an older interface has no room for them.
unsafe extern "C" fn readerr(
    queue: *mut fi::fid_cq,
    target: *mut fi::fi_cq_err_entry,
    _flags: u64,
) -> isize {
    // SAFETY: the program promises the queue.
    let object = unsafe { &*queue.cast::<QueueObject>() };
    let mut state = object.domain.lock();
    let failure = state
        .queues
        .get_mut(object.number)
        .and_then(|queue| queue.failures.pop_front());
    let Some(Failure {
        entry,
        error,
        beyond,
    }) = failure
    else {
        return AGAIN;
    };
    // SAFETY: the program promises room.
    unsafe {
        (*target).op_context = entry.context as *mut c_void;
        (*target).flags = entry.flags;
        (*target).len = entry.length;
        (*target).buf = entry.address as *mut c_void;
        (*target).data = entry.data;
        (*target).tag = entry.tag;
        (*target).olen = beyond;
        (*target).err = error.cast_signed();
        (*target).prov_errno = error.cast_signed();
        // Says that nothing was written to the program's buffer for more.
        (*target).err_data_size = 0;
    }
    1
}

unsafe extern "C" fn sreadfrom(
    queue: *mut fi::fid_cq,
    entries: *mut c_void,
    count: usize,
    sources: *mut u64,
    _condition: *const c_void,
    timeout_ms: c_int,
) -> isize {
    // SAFETY: the program promises the queue.
    let object = unsafe { &*queue.cast::<QueueObject>() };
    let mut wait = Wait::new(timeout_ms);
    loop {
        // SAFETY: the program promises the queue and room.
        let done = unsafe { read_entries(queue, entries, count, sources) };
        if done != AGAIN || object.is_signalled.swap(false, Ordering::AcqRel) || !wait.pause() {
            return done;
        }
    }
}

unsafe extern "C" fn sread(
    queue: *mut fi::fid_cq,
    entries: *mut c_void,
    count: usize,
    condition: *const c_void,
    timeout_ms: c_int,
) -> isize {
    // SAFETY: the program promises the queue and room.
    unsafe {
        sreadfrom(
            queue,
            entries,
            count,
            std::ptr::null_mut(),
            condition,
            timeout_ms,
        )
    }
}

unsafe extern "C" fn signal(queue: *mut fi::fid_cq) -> c_int {
    // SAFETY: the program promises the queue.
    unsafe { &*queue.cast::<QueueObject>() }
        .is_signalled
        .store(true, Ordering::Release);
    0
}

/// Provider's errors are libfabric's: the names of those below 256 are the C library's.
unsafe extern "C" fn strerror(
    _: *mut fi::fid_cq,
    error: c_int,
    _: *const c_void,
    _: *mut c_char,
    _: usize,
) -> *const c_char {
    // SAFETY: the text stays until the thread's next call, which is what the C library promises.
    unsafe { libc::strerror(error) }
}
