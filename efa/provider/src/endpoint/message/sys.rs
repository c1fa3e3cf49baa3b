//! `fi_ops_msg`. In every function the program promises an open endpoint and memory that stays until the operation
//! completes, as `man 3 fi_msg` says; that is what the SAFETY comments below refer to.

use crate::buffer::ProgramBuffer;
use crate::endpoint::Failed;
use crate::endpoint::operations::ReceiveOperation;
use crate::endpoint::sys::{EndpointObject, object, with_many, with_one};
use crate::fid::code;
use crate::fid::sys::Table;
use eni_efa_messaging::Message;
use eni_libfabric_sys as fi;
use std::os::raw::c_void;

pub(in super::super) static OPERATIONS: Table<fi::fi_ops_msg> = Table::new(fi::fi_ops_msg {
    size: size_of::<fi::fi_ops_msg>(),
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

const PLAIN: Message = Message {
    tag: None,
    data: None,
};

fn with_data(data: u64) -> Message {
    Message {
        tag: None,
        data: Some(data),
    }
}

#[inline(always)]
fn receive(
    endpoint: &EndpointObject,
    source: u64,
    buffer: Option<ProgramBuffer>,
    context: *mut c_void,
    flags: u64,
) -> isize {
    let Some(buffer) = buffer else {
        return code(Err(Failed::Invalid));
    };
    endpoint.receive(ReceiveOperation {
        many: flags & fi::FI_MULTI_RECV != 0,
        ..endpoint.receive_operation(source, &buffer, context, flags)
    })
}

unsafe extern "C" fn recv(
    ep: *mut fi::fid_ep,
    address: *mut c_void,
    length: usize,
    _: *mut c_void,
    source: u64,
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_one(ep, address, length) };
    receive(
        endpoint,
        source,
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
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_many(ep, vector, count) };
    receive(endpoint, source, buffer, context, endpoint.receive_flags())
}

unsafe extern "C" fn recvmsg(ep: *mut fi::fid_ep, message: *const fi::fi_msg, flags: u64) -> isize {
    // SAFETY: see the module.
    unsafe {
        let message = &*message;
        let buffer = ProgramBuffer::many(message.msg_iov.cast(), message.iov_count);
        receive(object(ep), message.addr, buffer, message.context, flags)
    }
}

unsafe extern "C" fn send(
    ep: *mut fi::fid_ep,
    address: *const c_void,
    length: usize,
    _: *mut c_void,
    peer: u64,
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_one(ep, address, length) };
    endpoint.send_as_usual(peer, PLAIN, Some(buffer), context)
}

unsafe extern "C" fn sendv(
    ep: *mut fi::fid_ep,
    vector: *const fi::iovec,
    _: *mut *mut c_void,
    count: usize,
    peer: u64,
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_many(ep, vector, count) };
    endpoint.send_as_usual(peer, PLAIN, buffer, context)
}

unsafe extern "C" fn sendmsg(ep: *mut fi::fid_ep, message: *const fi::fi_msg, flags: u64) -> isize {
    // SAFETY: see the module.
    unsafe {
        let message = &*message;
        let buffer = ProgramBuffer::many(message.msg_iov.cast(), message.iov_count);
        let data = (flags & fi::FI_REMOTE_CQ_DATA != 0).then_some(message.data);
        object(ep).send(
            message.addr,
            Message { tag: None, data },
            buffer,
            message.context,
            flags,
        )
    }
}

unsafe extern "C" fn inject(
    ep: *mut fi::fid_ep,
    address: *const c_void,
    length: usize,
    peer: u64,
) -> isize {
    // SAFETY: see the module; the bytes are copied before this returns.
    let (endpoint, buffer) = unsafe { with_one(ep, address, length) };
    endpoint.inject(peer, PLAIN, buffer)
}

unsafe extern "C" fn senddata(
    ep: *mut fi::fid_ep,
    address: *const c_void,
    length: usize,
    _: *mut c_void,
    data: u64,
    peer: u64,
    context: *mut c_void,
) -> isize {
    // SAFETY: see the module.
    let (endpoint, buffer) = unsafe { with_one(ep, address, length) };
    endpoint.send_as_usual(peer, with_data(data), Some(buffer), context)
}

unsafe extern "C" fn injectdata(
    ep: *mut fi::fid_ep,
    address: *const c_void,
    length: usize,
    data: u64,
    peer: u64,
) -> isize {
    // SAFETY: see the module; the bytes are copied before this returns.
    let (endpoint, buffer) = unsafe { with_one(ep, address, length) };
    endpoint.inject(peer, with_data(data), buffer)
}
