//! The functions of counters.

use super::Counter;
use crate::domain::Domain;
use crate::domain::sys::domain_of;
use crate::fid::negative;
use crate::fid::sys::{Table, give, head, no_bind, no_control, table, take};
use crate::wait::Wait;
use eni_libfabric_sys as fi;
use std::os::raw::{c_int, c_void};
use std::sync::Arc;

/// A counter as libfabric sees it.
#[repr(C)]
pub(crate) struct CounterObject {
    head: fi::fid_cntr,
    domain: Arc<Domain>,
    pub(crate) number: usize,
}

static TABLE: Table<fi::fi_ops> = table(close, no_bind, no_control);

static OPERATIONS: Table<fi::fi_ops_cntr> = Table::new(fi::fi_ops_cntr {
    size: size_of::<fi::fi_ops_cntr>(),
    read: Some(read),
    readerr: Some(readerr),
    add: Some(add),
    set: Some(set),
    wait: Some(wait),
    adderr: Some(adderr),
    seterr: Some(seterr),
});

pub(crate) unsafe extern "C" fn cntr_open(
    domain: *mut fi::fid_domain,
    attributes: *mut fi::fi_cntr_attr,
    out: *mut *mut fi::fid_cntr,
    context: *mut c_void,
) -> c_int {
    // SAFETY: libfabric hands in a domain of this provider, and attributes or none.
    let (domain, attributes) = unsafe { (domain_of(domain), attributes.as_ref()) };
    let wait = attributes.map_or(fi::FI_WAIT_NONE, |attributes| attributes.wait_obj);
    if !matches!(
        wait,
        fi::FI_WAIT_NONE | fi::FI_WAIT_UNSPEC | fi::FI_WAIT_YIELD
    ) {
        return negative(libc::ENOSYS);
    }
    let number = domain.lock().counters.insert(Counter::default());
    let object = CounterObject {
        head: fi::fid_cntr {
            fid: head(fi::FI_CLASS_CNTR, context, &TABLE),
            ops: OPERATIONS.pointer(),
        },
        domain,
        number,
    };
    // SAFETY: libfabric asks for the object in `out`.
    unsafe { give(object, out) }
}

unsafe extern "C" fn close(handle: *mut fi::fid) -> c_int {
    // SAFETY: libfabric closes what `cntr_open` gave.
    let object = unsafe { take::<CounterObject>(handle) };
    object.domain.lock().counters.remove(object.number);
    0
}

impl CounterObject {
    /// What `act` does to the counter, after progress of the endpoints that count here.
    fn with<T: Default>(&self, act: impl FnOnce(&mut Counter) -> T) -> T {
        let mut state = self.domain.lock();
        let mut index = 0;
        while let Some(&endpoint) = state
            .counters
            .get(self.number)
            .and_then(|counter| counter.endpoints.get(index))
        {
            state.progress(endpoint);
            index += 1;
        }
        state
            .counters
            .get_mut(self.number)
            .map(act)
            .unwrap_or_default()
    }
}

/// # Safety
/// `counter` is a counter of this provider.
unsafe fn object<'a>(counter: *mut fi::fid_cntr) -> &'a CounterObject {
    // SAFETY: the caller promises what it is.
    unsafe { &*counter.cast::<CounterObject>() }
}

unsafe extern "C" fn read(counter: *mut fi::fid_cntr) -> u64 {
    // SAFETY: the program promises the counter.
    unsafe { object(counter) }.with(|counter| counter.successes)
}

unsafe extern "C" fn readerr(counter: *mut fi::fid_cntr) -> u64 {
    // SAFETY: the program promises the counter.
    unsafe { object(counter) }.with(|counter| counter.failures)
}

unsafe extern "C" fn add(counter: *mut fi::fid_cntr, value: u64) -> c_int {
    // SAFETY: the program promises the counter.
    unsafe { object(counter) }
        .with(|counter| counter.successes = counter.successes.wrapping_add(value));
    0
}

unsafe extern "C" fn set(counter: *mut fi::fid_cntr, value: u64) -> c_int {
    // SAFETY: the program promises the counter.
    unsafe { object(counter) }.with(|counter| counter.successes = value);
    0
}

unsafe extern "C" fn adderr(counter: *mut fi::fid_cntr, value: u64) -> c_int {
    // SAFETY: the program promises the counter.
    unsafe { object(counter) }
        .with(|counter| counter.failures = counter.failures.wrapping_add(value));
    0
}

unsafe extern "C" fn seterr(counter: *mut fi::fid_cntr, value: u64) -> c_int {
    // SAFETY: the program promises the counter.
    unsafe { object(counter) }.with(|counter| counter.failures = value);
    0
}

unsafe extern "C" fn wait(counter: *mut fi::fid_cntr, threshold: u64, timeout_ms: c_int) -> c_int {
    // SAFETY: the program promises the counter.
    let object = unsafe { object(counter) };
    let failures = object.with(|counter| counter.failures);
    let mut wait = Wait::new(timeout_ms);
    loop {
        let (successes, failed) = object.with(|counter| (counter.successes, counter.failures));
        if successes >= threshold {
            return 0;
        }
        if failed != failures {
            return -fi::FI_EAVAIL.cast_signed();
        }
        if !wait.pause() {
            return negative(libc::ETIMEDOUT);
        }
    }
}
