//! The functions of endpoints that carry no data.

use super::operations::{MessageOperation, NO_ADDRESS, Outcome, ReceiveOperation};
use super::{Bindings, EndpointState, Failed};
use crate::address_vector::sys::AddressVectorObject;
use crate::address_vector::{ADDRESS, to_bytes};
use crate::buffer::ProgramBuffer;
use crate::counter::sys::CounterObject;
use crate::domain::Domain;
use crate::domain::sys::domain_of;
use crate::fid::sys::{Table, give, head, table, take};
use crate::fid::{code, negative};
use crate::offer::INJECT;
use crate::queue::sys::QueueObject;
use eni_efa_client::EndpointKind;
use eni_efa_messaging::{Buffer, Level, Message};
use eni_libfabric_sys as fi;
use std::os::raw::{c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// An endpoint as libfabric sees it, with what its functions need before they take the lock.
#[repr(C)]
pub(crate) struct EndpointObject {
    head: fi::fid_ep,
    domain: Arc<Domain>,
    number: usize,
    is_directed: bool,
    /// Flags of operations that bring none.
    transmit_flags: AtomicU64,
    receive_flags: AtomicU64,
    /// Successes are reported only where an operation asks for it.
    transmits_selectively: AtomicBool,
    receives_selectively: AtomicBool,
}

/// Flags of single operations that ask for something else than a receive (`man 3 fi_tagged`); they are no defaults.
pub(super) const LOOKS: u64 = fi::FI_PEEK | fi::FI_CLAIM | fi::FI_DISCARD;

static TABLE: Table<fi::fi_ops> = table(close, bind, control);

static OPERATIONS: Table<fi::fi_ops_ep> = Table::new(fi::fi_ops_ep {
    size: size_of::<fi::fi_ops_ep>(),
    cancel: Some(cancel),
    getopt: Some(getopt),
    setopt: Some(setopt),
    tx_ctx: Some(no_transmit_context),
    rx_ctx: Some(no_receive_context),
    rx_size_left: Some(no_size_left),
    tx_size_left: Some(no_size_left),
});

static CONNECTION: Table<fi::fi_ops_cm> = Table::new(fi::fi_ops_cm {
    size: size_of::<fi::fi_ops_cm>(),
    setname: Some(no_setname),
    getname: Some(getname),
    getpeer: Some(no_getpeer),
    connect: Some(no_connect),
    listen: Some(no_listen),
    accept: Some(no_accept),
    reject: Some(no_reject),
    shutdown: Some(no_shutdown),
    join: Some(no_join),
});

/// The endpoint behind a handle.
///
/// # Safety
/// `handle` is an endpoint of this provider, and stays open for `'a`.
#[inline]
pub(super) unsafe fn object<'a>(handle: *mut fi::fid_ep) -> &'a EndpointObject {
    // SAFETY: the caller promises what it is.
    unsafe { &*handle.cast::<EndpointObject>() }
}

/// When a message with `flags` completes; where they do not say, as reliable endpoints' do (`man 3 fi_cq`, "Completion
/// event semantics").
#[inline(always)]
fn level(flags: u64) -> Level {
    if flags & fi::FI_DELIVERY_COMPLETE != 0 {
        Level::Delivered
    } else if flags & (fi::FI_INJECT_COMPLETE | fi::FI_TRANSMIT_COMPLETE) == fi::FI_INJECT_COMPLETE
    {
        Level::Injected
    } else {
        Level::Transmitted
    }
}

/// The endpoint behind a handle, and a buffer of one stretch.
///
/// # Safety
/// As [`object`] and [`ProgramBuffer::one`]; nothing is written to what is only sent.
#[inline(always)]
pub(super) unsafe fn with_one<'a>(
    handle: *mut fi::fid_ep,
    address: *const c_void,
    length: usize,
) -> (&'a EndpointObject, ProgramBuffer) {
    // SAFETY: the caller promises both.
    unsafe {
        let buffer = ProgramBuffer::one(address.cast_mut().cast(), length);
        (object(handle), buffer)
    }
}

/// The endpoint behind a handle, and a buffer of stretches, if they are not too many.
///
/// # Safety
/// As [`object`] and [`ProgramBuffer::many`].
#[inline(always)]
pub(super) unsafe fn with_many<'a>(
    handle: *mut fi::fid_ep,
    vector: *const fi::iovec,
    count: usize,
) -> (&'a EndpointObject, Option<ProgramBuffer>) {
    // SAFETY: the caller promises both.
    unsafe { (object(handle), ProgramBuffer::many(vector.cast(), count)) }
}

impl EndpointObject {
    #[inline]
    pub(super) fn transmit_flags(&self) -> u64 {
        self.transmit_flags.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn receive_flags(&self) -> u64 {
        self.receive_flags.load(Ordering::Relaxed)
    }

    /// Whether the success of something that this end starts is reported.
    #[inline]
    pub(super) fn reports_transmit(&self, flags: u64) -> bool {
        flags & fi::FI_COMPLETION != 0 || !self.transmits_selectively.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn reports_receive(&self, flags: u64) -> bool {
        flags & fi::FI_COMPLETION != 0 || !self.receives_selectively.load(Ordering::Relaxed)
    }

    /// Does something under the domain's lock.
    #[inline(always)]
    pub(super) fn with(
        &self,
        act: impl FnOnce(&mut crate::domain::State, usize) -> Outcome,
    ) -> isize {
        code(act(&mut self.domain.lock(), self.number))
    }

    /// Sends a message with `flags`.
    #[inline(always)]
    pub(super) fn send(
        &self,
        address: u64,
        message: Message,
        buffer: Option<ProgramBuffer>,
        context: *mut c_void,
        flags: u64,
    ) -> isize {
        let Some(buffer) = buffer else {
            return code(Err(Failed::Invalid));
        };
        if flags & fi::FI_INJECT != 0 && buffer.len() > INJECT {
            return code(Err(Failed::TooLong));
        }
        let operation = MessageOperation {
            address,
            message,
            buffer: &buffer,
            context: context as u64,
            report: self.reports_transmit(flags),
            level: level(flags),
        };
        code(self.domain.lock().send(self.number, operation))
    }

    /// Sends a message with the flags of operations that bring none.
    #[inline(always)]
    pub(super) fn send_as_usual(
        &self,
        address: u64,
        message: Message,
        buffer: Option<ProgramBuffer>,
        context: *mut c_void,
    ) -> isize {
        self.send(address, message, buffer, context, self.transmit_flags())
    }

    /// Sends a message whose buffer the program has back at once, and of whose success it does not want to hear.
    #[inline(always)]
    pub(super) fn inject(&self, address: u64, message: Message, buffer: ProgramBuffer) -> isize {
        if buffer.len() > INJECT {
            return code(Err(Failed::TooLong));
        }
        let operation = MessageOperation {
            address,
            message,
            buffer: &buffer,
            context: 0,
            report: false,
            level: Level::Injected,
        };
        code(self.domain.lock().send(self.number, operation))
    }

    /// Posts a receive.
    #[inline(always)]
    pub(super) fn receive(&self, operation: ReceiveOperation<'_>) -> isize {
        code(self.domain.lock().receive(self.number, operation))
    }

    /// A receive with `flags`, to be filled in.
    #[inline(always)]
    pub(super) fn receive_operation<'a>(
        &self,
        source: u64,
        buffer: &'a ProgramBuffer,
        context: *mut c_void,
        flags: u64,
    ) -> ReceiveOperation<'a> {
        ReceiveOperation {
            tagged: false,
            source: (self.is_directed && source != NO_ADDRESS).then_some(source),
            tag: 0,
            ignore: 0,
            buffer,
            context: context as u64,
            report: self.reports_receive(flags),
            many: false,
        }
    }
}

pub(crate) unsafe extern "C" fn ep_open(
    domain: *mut fi::fid_domain,
    info: *mut fi::fi_info,
    out: *mut *mut fi::fid_ep,
    context: *mut c_void,
) -> c_int {
    // SAFETY: libfabric hands in a domain of this provider, and an info that may lack attributes.
    let (domain, info) = unsafe { (domain_of(domain), &*info) };
    // SAFETY: the same.
    let (transmit, receive) = unsafe { (info.tx_attr.as_ref(), info.rx_attr.as_ref()) };
    let made = domain
        .fabric
        .create_endpoint(domain.device, EndpointKind::Provider);
    let Ok(mut lanes) = made else {
        return negative(libc::ENODEV);
    };
    if !domain.is_contended() {
        lanes.allow_bursts();
    }
    let attributes = domain.fabric.devices().get(domain.device);
    let max_transfer = attributes.map_or(0, |device| device.max_transfer as usize);
    let state = EndpointState::new(lanes, max_transfer);
    let number = domain.lock().endpoints.insert(state);
    let object = EndpointObject {
        head: fi::fid_ep {
            fid: head(fi::FI_CLASS_EP, context, &TABLE),
            ops: OPERATIONS.pointer(),
            cm: CONNECTION.pointer(),
            msg: super::message::sys::OPERATIONS.pointer(),
            rma: super::remote::sys::OPERATIONS.pointer(),
            tagged: super::tagged::sys::OPERATIONS.pointer(),
            atomic: super::atomic::sys::OPERATIONS.pointer(),
            collective: std::ptr::null_mut(),
        },
        domain,
        number,
        is_directed: info.caps & fi::FI_DIRECTED_RECV != 0,
        transmit_flags: AtomicU64::new(transmit.map_or(0, |attributes| attributes.op_flags)),
        receive_flags: AtomicU64::new(receive.map_or(0, |attributes| attributes.op_flags) & !LOOKS),
        transmits_selectively: AtomicBool::new(false),
        receives_selectively: AtomicBool::new(false),
    };
    // SAFETY: libfabric asks for the object in `out`.
    unsafe { give(object, out) }
}

unsafe extern "C" fn close(handle: *mut fi::fid) -> c_int {
    // SAFETY: libfabric closes what `ep_open` gave.
    let object = unsafe { take::<EndpointObject>(handle) };
    let mut state = object.domain.lock();
    let endpoint = state.endpoints.remove(object.number);
    let is_other = |number: &usize| *number != object.number;
    for queue in state.queues.iter_mut() {
        queue.endpoints.retain(is_other);
    }
    for counter in state.counters.iter_mut() {
        counter.endpoints.retain(is_other);
    }
    drop(state);
    // Its end is told to the service, which need not happen under the lock.
    drop(endpoint);
    0
}

/// Adds `number` to what makes progress when a queue or counter is read.
fn join(endpoints: &mut Vec<usize>, number: usize) {
    if !endpoints.contains(&number) {
        endpoints.push(number);
    }
}

unsafe extern "C" fn bind(handle: *mut fi::fid, other: *mut fi::fid, flags: u64) -> c_int {
    // SAFETY: libfabric hands in an endpoint of this provider, and an object that says what it is.
    let (object, class) = unsafe { (object(handle.cast()), (*other).fclass) };
    let mut state = object.domain.lock();
    let number = object.number;
    let mut bindings = state
        .endpoints
        .get(number)
        .map_or(Bindings::default(), |endpoint| endpoint.bindings);
    match u32::try_from(class).unwrap_or_default() {
        fi::FI_CLASS_AV => {
            // SAFETY: objects of this class are address vectors of this provider.
            let vector = unsafe { &*other.cast::<AddressVectorObject>() }.number;
            if let Some(endpoint) = state.endpoints.get_mut(number) {
                endpoint.vector = Some(vector);
            }
        }
        fi::FI_CLASS_CQ => {
            // SAFETY: objects of this class are queues of this provider.
            let queue = unsafe { &*other.cast::<QueueObject>() }.number;
            let is_selective = flags & fi::FI_SELECTIVE_COMPLETION != 0;
            if flags & fi::FI_TRANSMIT != 0 {
                bindings.transmit_queue = Some(queue);
                object
                    .transmits_selectively
                    .store(is_selective, Ordering::Relaxed);
            }
            if flags & fi::FI_RECV != 0 {
                bindings.receive_queue = Some(queue);
                object
                    .receives_selectively
                    .store(is_selective, Ordering::Relaxed);
            }
            if let Some(queue) = state.queues.get_mut(queue) {
                join(&mut queue.endpoints, number);
            }
        }
        fi::FI_CLASS_CNTR => {
            if flags & (fi::FI_REMOTE_READ | fi::FI_REMOTE_WRITE) != 0 {
                return negative(libc::EOPNOTSUPP);
            }
            // SAFETY: objects of this class are counters of this provider.
            let counter = unsafe { &*other.cast::<CounterObject>() }.number;
            let place = |flag: u64, binding: &mut Option<usize>| {
                if flags & flag != 0 {
                    *binding = Some(counter);
                }
            };
            place(fi::FI_SEND, &mut bindings.send_counter);
            place(fi::FI_RECV, &mut bindings.receive_counter);
            place(fi::FI_READ, &mut bindings.read_counter);
            place(fi::FI_WRITE, &mut bindings.write_counter);
            if let Some(counter) = state.counters.get_mut(counter) {
                join(&mut counter.endpoints, number);
            }
        }
        fi::FI_CLASS_EQ => {}
        _ => return negative(libc::EINVAL),
    }
    if let Some(endpoint) = state.endpoints.get_mut(number) {
        endpoint.bindings = bindings;
    }
    0
}

unsafe extern "C" fn control(handle: *mut fi::fid, command: c_int, argument: *mut c_void) -> c_int {
    // SAFETY: libfabric hands in an endpoint of this provider.
    let object = unsafe { object(handle.cast()) };
    match command.unsigned_abs() {
        fi::FI_ENABLE => {
            let state = object.domain.lock();
            let Some(endpoint) = state.endpoints.get(object.number) else {
                return negative(libc::EINVAL);
            };
            let Bindings {
                transmit_queue,
                receive_queue,
                ..
            } = endpoint.bindings;
            if transmit_queue.is_none() && receive_queue.is_none() {
                return -fi::FI_ENOCQ.cast_signed();
            }
            if endpoint.vector.is_none() {
                -fi::FI_ENOAV.cast_signed()
            } else {
                0
            }
        }
        fi::FI_GETOPSFLAG => {
            // SAFETY: this command's argument is a word of flags.
            let flags = unsafe { &mut *argument.cast::<u64>() };
            *flags = if *flags & fi::FI_TRANSMIT != 0 {
                object.transmit_flags()
            } else {
                object.receive_flags()
            };
            0
        }
        fi::FI_SETOPSFLAG => {
            // SAFETY: this command's argument is a word of flags.
            let flags = unsafe { *argument.cast::<u64>() };
            let rest = flags & !(fi::FI_TRANSMIT | fi::FI_RECV);
            if flags & fi::FI_TRANSMIT != 0 {
                object.transmit_flags.store(rest, Ordering::Relaxed);
            } else {
                object.receive_flags.store(rest & !LOOKS, Ordering::Relaxed);
            }
            0
        }
        _ => negative(libc::ENOSYS),
    }
}

unsafe extern "C" fn cancel(handle: *mut fi::fid, context: *mut c_void) -> isize {
    // SAFETY: libfabric hands in an endpoint of this provider.
    let object = unsafe { object(handle.cast()) };
    object.with(|state, number| state.cancel(number, context as u64))
}

unsafe extern "C" fn getopt(
    handle: *mut fi::fid,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    length: *mut usize,
) -> c_int {
    if (level.unsigned_abs(), name.unsigned_abs())
        != (fi::FI_OPT_ENDPOINT, fi::FI_OPT_MIN_MULTI_RECV)
    {
        return negative(libc::ENOPROTOOPT);
    }
    // SAFETY: libfabric hands in an endpoint of this provider; this option's value is a size.
    unsafe {
        let object = object(handle.cast());
        if *length < size_of::<usize>() {
            return -fi::FI_ETOOSMALL.cast_signed();
        }
        let minimum = object
            .domain
            .lock()
            .endpoints
            .get(object.number)
            .map(|endpoint| endpoint.minimum);
        *value.cast::<usize>() = minimum.unwrap_or_default();
        *length = size_of::<usize>();
    }
    0
}

unsafe extern "C" fn setopt(
    handle: *mut fi::fid,
    level: c_int,
    name: c_int,
    value: *const c_void,
    length: usize,
) -> c_int {
    if (level.unsigned_abs(), name.unsigned_abs())
        != (fi::FI_OPT_ENDPOINT, fi::FI_OPT_MIN_MULTI_RECV)
    {
        return negative(libc::ENOPROTOOPT);
    }
    if length != size_of::<usize>() {
        return negative(libc::EINVAL);
    }
    // SAFETY: libfabric hands in an endpoint of this provider; this option's value is a size.
    unsafe {
        let object = object(handle.cast());
        if let Some(endpoint) = object.domain.lock().endpoints.get_mut(object.number) {
            endpoint.minimum = *value.cast::<usize>();
        }
    }
    0
}

unsafe extern "C" fn getname(
    handle: *mut fi::fid,
    target: *mut c_void,
    length: *mut usize,
) -> c_int {
    // SAFETY: libfabric hands in an endpoint of this provider and `length` bytes at `target`.
    unsafe {
        let object = object(handle.cast());
        let state = object.domain.lock();
        let Some(endpoint) = state.endpoints.get(object.number) else {
            return negative(libc::EINVAL);
        };
        let bytes = to_bytes(endpoint.lanes.address());
        let fits = ADDRESS.min(*length);
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), target.cast(), fits);
        *length = ADDRESS;
        if fits < ADDRESS {
            -fi::FI_ETOOSMALL.cast_signed()
        } else {
            0
        }
    }
}

unsafe extern "C" fn no_setname(_: *mut fi::fid, _: *mut c_void, _: usize) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_getpeer(_: *mut fi::fid_ep, _: *mut c_void, _: *mut usize) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_connect(
    _: *mut fi::fid_ep,
    _: *const c_void,
    _: *const c_void,
    _: usize,
) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_listen(_: *mut fi::fid_pep) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_accept(_: *mut fi::fid_ep, _: *const c_void, _: usize) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_reject(
    _: *mut fi::fid_pep,
    _: *mut fi::fid,
    _: *const c_void,
    _: usize,
) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_shutdown(_: *mut fi::fid_ep, _: u64) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_join(
    _: *mut fi::fid_ep,
    _: *const c_void,
    _: u64,
    _: *mut *mut fi::fid_mc,
    _: *mut c_void,
) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_transmit_context(
    _: *mut fi::fid_ep,
    _: c_int,
    _: *mut fi::fi_tx_attr,
    _: *mut *mut fi::fid_ep,
    _: *mut c_void,
) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_receive_context(
    _: *mut fi::fid_ep,
    _: c_int,
    _: *mut fi::fi_rx_attr,
    _: *mut *mut fi::fid_ep,
    _: *mut c_void,
) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_size_left(_: *mut fi::fid_ep) -> isize {
    -(libc::ENOSYS as isize)
}
