//! `fi_ops_rma`. In every function the program promises an open endpoint and memory that stays until the operation
//! completes, as `man 3 fi_rma` says; that is what the SAFETY comments below refer to.

use crate::buffer::ProgramBuffer;
use crate::endpoint::Failed;
use crate::endpoint::operations::RemoteOperation;
use crate::endpoint::sys::{EndpointObject, object, with_many, with_one};
use crate::fid::code;
use crate::fid::sys::Table;
use crate::offer::INJECT;
use eni_efa_messaging::{Buffer, Transfer};
use eni_libfabric_sys as fi;
use std::os::raw::c_void;

pub(in super::super) static OPERATIONS: Table<fi::fi_ops_rma> = Table::new(fi::fi_ops_rma {
    size: size_of::<fi::fi_ops_rma>(),
    read: Some(read),
    readv: Some(readv),
    readmsg: Some(readmsg),
    write: Some(write),
    writev: Some(writev),
    writemsg: Some(writemsg),
    inject: Some(inject),
    writedata: Some(writedata),
    injectdata: Some(injectdata),
});

/// The peer's end of a transfer.
struct Target {
    peer: u64,
    address: u64,
    key: u64,
    data: Option<u64>,
}

impl Target {
    fn new(peer: u64, address: u64, key: u64) -> Self {
        Self {
            peer,
            address,
            key,
            data: None,
        }
    }

    /// With data for the peer's completion.
    fn telling(self, data: u64) -> Self {
        Self {
            data: Some(data),
            ..self
        }
    }

    /// The operation on it.
    fn operation(
        &self,
        transfer: Transfer,
        buffer: ProgramBuffer,
        (context, report): (u64, bool),
    ) -> RemoteOperation {
        RemoteOperation {
            peer: self.peer,
            transfer,
            buffer,
            address: self.address,
            key: self.key,
            data: self.data,
            context,
            report,
        }
    }
}

fn transfer(
    endpoint: &EndpointObject,
    transfer: Transfer,
    buffer: Option<ProgramBuffer>,
    target: &Target,
    context: *mut c_void,
    flags: u64,
) -> isize {
    let Some(buffer) = buffer else {
        return code(Err(Failed::Invalid));
    };
    if flags & fi::FI_INJECT != 0 && buffer.len() > INJECT {
        return code(Err(Failed::TooLong));
    }
    let tell = (context as u64, endpoint.reports_transmit(flags));
    let operation = target.operation(transfer, buffer, tell);
    endpoint.with(|state, number| state.transfer(number, operation))
}

/// A transfer with the flags of operations that bring none.
fn transfer_as_usual(
    endpoint: &EndpointObject,
    way: Transfer,
    buffer: Option<ProgramBuffer>,
    target: &Target,
    context: *mut c_void,
) -> isize {
    let flags = endpoint.transmit_flags();
    transfer(endpoint, way, buffer, target, context, flags)
}

/// A write of which the program does not want to hear, unless it fails.
fn injected(endpoint: &EndpointObject, buffer: ProgramBuffer, target: &Target) -> isize {
    if buffer.len() > INJECT {
        return code(Err(Failed::TooLong));
    }
    let operation = target.operation(Transfer::Write, buffer, (0, false));
    endpoint.with(|state, number| state.transfer(number, operation))
}

/// # Safety
/// `message` is complete.
unsafe fn transfer_message(
    ep: *mut fi::fid_ep,
    message: *const fi::fi_msg_rma,
    flags: u64,
    way: Transfer,
) -> isize {
    // SAFETY: see the module.
    unsafe {
        let message = &*message;
        if message.rma_iov_count != 1 {
            return code(Err(Failed::Invalid));
        }
        let remote = &*message.rma_iov;
        let target = Target {
            peer: message.addr,
            address: remote.addr,
            key: remote.key,
            data: (way == Transfer::Write && flags & fi::FI_REMOTE_CQ_DATA != 0)
                .then_some(message.data),
        };
        let buffer = ProgramBuffer::many(message.msg_iov.cast(), message.iov_count);
        transfer(object(ep), way, buffer, &target, message.context, flags)
    }
}

unsafe extern "C" fn read(
    ep: *mut fi::fid_ep,
    buffer: *mut c_void,
    length: usize,
    _: *mut c_void,
    peer: u64,
    address: u64,
    key: u64,
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_one(ep, buffer, length) };
    let target = Target::new(peer, address, key);
    transfer_as_usual(endpoint, Transfer::Read, Some(buffer), &target, context)
}

unsafe extern "C" fn readv(
    ep: *mut fi::fid_ep,
    vector: *const fi::iovec,
    _: *mut *mut c_void,
    count: usize,
    peer: u64,
    address: u64,
    key: u64,
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_many(ep, vector, count) };
    let target = Target::new(peer, address, key);
    transfer_as_usual(endpoint, Transfer::Read, buffer, &target, context)
}

unsafe extern "C" fn readmsg(
    ep: *mut fi::fid_ep,
    message: *const fi::fi_msg_rma,
    flags: u64,
) -> isize {
    // SAFETY: see the module.
    unsafe { transfer_message(ep, message, flags, Transfer::Read) }
}

unsafe extern "C" fn write(
    ep: *mut fi::fid_ep,
    buffer: *const c_void,
    length: usize,
    _: *mut c_void,
    peer: u64,
    address: u64,
    key: u64,
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_one(ep, buffer, length) };
    let target = Target::new(peer, address, key);
    transfer_as_usual(endpoint, Transfer::Write, Some(buffer), &target, context)
}

unsafe extern "C" fn writev(
    ep: *mut fi::fid_ep,
    vector: *const fi::iovec,
    _: *mut *mut c_void,
    count: usize,
    peer: u64,
    address: u64,
    key: u64,
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_many(ep, vector, count) };
    let target = Target::new(peer, address, key);
    transfer_as_usual(endpoint, Transfer::Write, buffer, &target, context)
}

unsafe extern "C" fn writemsg(
    ep: *mut fi::fid_ep,
    message: *const fi::fi_msg_rma,
    flags: u64,
) -> isize {
    // SAFETY: see the module.
    unsafe { transfer_message(ep, message, flags, Transfer::Write) }
}

unsafe extern "C" fn inject(
    ep: *mut fi::fid_ep,
    buffer: *const c_void,
    length: usize,
    peer: u64,
    address: u64,
    key: u64,
) -> isize {
    // SAFETY: see the module; the bytes are copied before this returns.
    let (endpoint, buffer) = unsafe { with_one(ep, buffer, length) };
    injected(endpoint, buffer, &Target::new(peer, address, key))
}

unsafe extern "C" fn writedata(
    ep: *mut fi::fid_ep,
    buffer: *const c_void,
    length: usize,
    _: *mut c_void,
    data: u64,
    peer: u64,
    address: u64,
    key: u64,
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_one(ep, buffer, length) };
    let target = Target::new(peer, address, key).telling(data);
    transfer_as_usual(endpoint, Transfer::Write, Some(buffer), &target, context)
}

unsafe extern "C" fn injectdata(
    ep: *mut fi::fid_ep,
    buffer: *const c_void,
    length: usize,
    data: u64,
    peer: u64,
    address: u64,
    key: u64,
) -> isize {
    // SAFETY: see the module; the bytes are copied before this returns.
    let (endpoint, buffer) = unsafe { with_one(ep, buffer, length) };
    injected(
        endpoint,
        buffer,
        &Target::new(peer, address, key).telling(data),
    )
}
