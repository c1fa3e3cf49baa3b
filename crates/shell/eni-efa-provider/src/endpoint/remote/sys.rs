//! `fi_ops_rma`. In every function the program promises an open endpoint and memory that stays until the operation
//! completes, as `man 3 fi_rma` says; that is what the SAFETY comments below refer to.

use crate::buffer::ProgramBuffer;
use crate::endpoint::Failed;
use crate::endpoint::operations::RemoteOperation;
use crate::endpoint::sys::{EndpointObject, object};
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
    let &Target {
        peer,
        address,
        key,
        data,
    } = target;
    let report = endpoint.reports_transmit(flags);
    let operation = RemoteOperation {
        peer,
        transfer,
        buffer,
        address,
        key,
        data,
        context: context as u64,
        report,
    };
    endpoint.with(|state, number| state.transfer(number, operation))
}

/// A write of which the program does not want to hear, unless it fails.
fn injected(endpoint: &EndpointObject, buffer: ProgramBuffer, target: &Target) -> isize {
    if buffer.len() > INJECT {
        return code(Err(Failed::TooLong));
    }
    let &Target {
        peer,
        address,
        key,
        data,
    } = target;
    let transfer = Transfer::Write;
    let operation = RemoteOperation {
        peer,
        transfer,
        buffer,
        address,
        key,
        data,
        context: 0,
        report: false,
    };
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
    let (endpoint, buffer) = unsafe { (object(ep), ProgramBuffer::one(buffer.cast(), length)) };
    let target = Target {
        peer,
        address,
        key,
        data: None,
    };
    transfer(
        endpoint,
        Transfer::Read,
        Some(buffer),
        &target,
        context,
        endpoint.transmit_flags(),
    )
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
    let (endpoint, buffer) = unsafe { (object(ep), ProgramBuffer::many(vector.cast(), count)) };
    let target = Target {
        peer,
        address,
        key,
        data: None,
    };
    transfer(
        endpoint,
        Transfer::Read,
        buffer,
        &target,
        context,
        endpoint.transmit_flags(),
    )
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
    let (endpoint, buffer) = unsafe {
        (
            object(ep),
            ProgramBuffer::one(buffer.cast_mut().cast(), length),
        )
    };
    let target = Target {
        peer,
        address,
        key,
        data: None,
    };
    transfer(
        endpoint,
        Transfer::Write,
        Some(buffer),
        &target,
        context,
        endpoint.transmit_flags(),
    )
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
    let (endpoint, buffer) = unsafe { (object(ep), ProgramBuffer::many(vector.cast(), count)) };
    let target = Target {
        peer,
        address,
        key,
        data: None,
    };
    transfer(
        endpoint,
        Transfer::Write,
        buffer,
        &target,
        context,
        endpoint.transmit_flags(),
    )
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
    let (endpoint, buffer) = unsafe {
        (
            object(ep),
            ProgramBuffer::one(buffer.cast_mut().cast(), length),
        )
    };
    injected(
        endpoint,
        buffer,
        &Target {
            peer,
            address,
            key,
            data: None,
        },
    )
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
    let (endpoint, buffer) = unsafe {
        (
            object(ep),
            ProgramBuffer::one(buffer.cast_mut().cast(), length),
        )
    };
    let target = Target {
        peer,
        address,
        key,
        data: Some(data),
    };
    transfer(
        endpoint,
        Transfer::Write,
        Some(buffer),
        &target,
        context,
        endpoint.transmit_flags(),
    )
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
    let (endpoint, buffer) = unsafe {
        (
            object(ep),
            ProgramBuffer::one(buffer.cast_mut().cast(), length),
        )
    };
    injected(
        endpoint,
        buffer,
        &Target {
            peer,
            address,
            key,
            data: Some(data),
        },
    )
}
