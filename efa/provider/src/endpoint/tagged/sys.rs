//! `fi_ops_tagged`. In every function the program promises an open endpoint and memory that stays until the operation
//! completes, as `man 3 fi_tagged` says; that is what the SAFETY comments below refer to.

use crate::buffer::ProgramBuffer;
use crate::endpoint::Failed;
use crate::endpoint::operations::ReceiveOperation;
use crate::endpoint::sys::{EndpointObject, LOOKS, object, with_many, with_one};
use crate::fid::code;
use crate::fid::sys::Table;
use eni_efa_messaging::{Message, Peek};
use eni_libfabric_sys as fi;
use std::os::raw::c_void;

pub(in super::super) static OPERATIONS: Table<fi::fi_ops_tagged> = Table::new(fi::fi_ops_tagged {
    size: size_of::<fi::fi_ops_tagged>(),
    recv: Some(recv),
    recvv: Some(recvv),
    recvmsg: Some(recvmsg),
    send: Some(send),
    sendv: Some(sendv),
    sendmsg: Some(sendmsg),
    inject: Some(inject),
    senddata: Some(senddata),
    injectdata: Some(injectdata),
});

fn tagged(tag: u64) -> Message {
    Message {
        tag: Some(tag),
        data: None,
    }
}

fn with_data(tag: u64, data: u64) -> Message {
    Message {
        tag: Some(tag),
        data: Some(data),
    }
}

/// What a receive takes.
struct Wanted {
    source: u64,
    tag: u64,
    ignore: u64,
}

/// A receive with `flags`, none of which is one of [`LOOKS`].
#[inline(always)]
fn receive(
    endpoint: &EndpointObject,
    wanted: &Wanted,
    buffer: Option<ProgramBuffer>,
    context: *mut c_void,
    flags: u64,
) -> isize {
    let Some(buffer) = buffer else {
        return code(Err(Failed::Invalid));
    };
    endpoint.receive(operation(endpoint, wanted, &buffer, context, flags))
}

#[inline(always)]
fn operation<'a>(
    endpoint: &EndpointObject,
    wanted: &Wanted,
    buffer: &'a ProgramBuffer,
    context: *mut c_void,
    flags: u64,
) -> ReceiveOperation<'a> {
    ReceiveOperation {
        tagged: true,
        tag: wanted.tag,
        ignore: wanted.ignore,
        ..endpoint.receive_operation(wanted.source, buffer, context, flags)
    }
}

/// Looks at what has come, or takes what was claimed before.
#[cold]
fn look(endpoint: &EndpointObject, operation: ReceiveOperation<'_>, flags: u64) -> isize {
    let (claims, discards) = (flags & fi::FI_CLAIM != 0, flags & fi::FI_DISCARD != 0);
    endpoint.with(
        |state, number| match (flags & fi::FI_PEEK != 0, claims, discards) {
            (true, false, false) => state.peek(number, &operation, Peek::Look),
            (true, true, false) => state.peek(number, &operation, Peek::Claim),
            (true, false, true) => state.peek(number, &operation, Peek::Discard),
            (false, true, discards) => state.claimed(number, operation, discards),
            (true, true, true) | (false, false, _) => Err(Failed::Invalid),
        },
    )
}

unsafe extern "C" fn recv(
    ep: *mut fi::fid_ep,
    address: *mut c_void,
    length: usize,
    _: *mut c_void,
    source: u64,
    tag: u64,
    ignore: u64,
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_one(ep, address, length) };
    receive(
        endpoint,
        &Wanted {
            source,
            tag,
            ignore,
        },
        Some(buffer),
        context,
        endpoint.receive_flags(),
    )
}

unsafe extern "C" fn recvv(
    ep: *mut fi::fid_ep,
    vector: *const fi::iovec,
    _: *mut *mut c_void,
    count: usize,
    source: u64,
    tag: u64,
    ignore: u64,
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_many(ep, vector, count) };
    receive(
        endpoint,
        &Wanted {
            source,
            tag,
            ignore,
        },
        buffer,
        context,
        endpoint.receive_flags(),
    )
}

unsafe extern "C" fn recvmsg(
    ep: *mut fi::fid_ep,
    message: *const fi::fi_msg_tagged,
    flags: u64,
) -> isize {
    // SAFETY: see the module.
    unsafe {
        let message = &*message;
        let buffer = ProgramBuffer::many(message.msg_iov.cast(), message.iov_count);
        let wanted = Wanted {
            source: message.addr,
            tag: message.tag,
            ignore: message.ignore,
        };
        let (endpoint, context) = (object(ep), message.context);
        if flags & LOOKS == 0 {
            return receive(endpoint, &wanted, buffer, context, flags);
        }
        buffer.map_or(code(Err(Failed::Invalid)), |buffer| {
            look(
                endpoint,
                operation(endpoint, &wanted, &buffer, context, flags),
                flags,
            )
        })
    }
}

unsafe extern "C" fn send(
    ep: *mut fi::fid_ep,
    address: *const c_void,
    length: usize,
    _: *mut c_void,
    peer: u64,
    tag: u64,
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_one(ep, address, length) };
    endpoint.send_as_usual(peer, tagged(tag), Some(buffer), context)
}

unsafe extern "C" fn sendv(
    ep: *mut fi::fid_ep,
    vector: *const fi::iovec,
    _: *mut *mut c_void,
    count: usize,
    peer: u64,
    tag: u64,
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_many(ep, vector, count) };
    endpoint.send_as_usual(peer, tagged(tag), buffer, context)
}

unsafe extern "C" fn sendmsg(
    ep: *mut fi::fid_ep,
    message: *const fi::fi_msg_tagged,
    flags: u64,
) -> isize {
    // SAFETY: see the module.
    unsafe {
        let message = &*message;
        let buffer = ProgramBuffer::many(message.msg_iov.cast(), message.iov_count);
        let data = (flags & fi::FI_REMOTE_CQ_DATA != 0).then_some(message.data);
        let content = Message {
            tag: Some(message.tag),
            data,
        };
        object(ep).send(message.addr, content, buffer, message.context, flags)
    }
}

unsafe extern "C" fn inject(
    ep: *mut fi::fid_ep,
    address: *const c_void,
    length: usize,
    peer: u64,
    tag: u64,
) -> isize {
    // SAFETY: see the module; the bytes are copied before this returns.
    let (endpoint, buffer) = unsafe { with_one(ep, address, length) };
    endpoint.inject(peer, tagged(tag), buffer)
}

unsafe extern "C" fn senddata(
    ep: *mut fi::fid_ep,
    address: *const c_void,
    length: usize,
    _: *mut c_void,
    data: u64,
    peer: u64,
    tag: u64,
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_one(ep, address, length) };
    endpoint.send_as_usual(peer, with_data(tag, data), Some(buffer), context)
}

unsafe extern "C" fn injectdata(
    ep: *mut fi::fid_ep,
    address: *const c_void,
    length: usize,
    data: u64,
    peer: u64,
    tag: u64,
) -> isize {
    // SAFETY: see the module; the bytes are copied before this returns.
    let (endpoint, buffer) = unsafe { with_one(ep, address, length) };
    endpoint.inject(peer, with_data(tag, data), buffer)
}
