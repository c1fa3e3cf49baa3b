//! `fi_ops_atomic`. In every function the program promises an open endpoint and memory that stays until the operation
//! completes, as `man 3 fi_atomic` says; that is what the SAFETY comments below refer to.

use super::{Form, kind_of, limits_of};
use crate::buffer::{ProgramBuffer, STRETCHES};
use crate::endpoint::Failed;
use crate::endpoint::sys::object;
use crate::fid::code;
use crate::fid::negative;
use crate::fid::sys::Table;
use eni_efa_messaging::{AtomicRequest, Buffer, LaneId};
use eni_libfabric_sys as fi;
use std::os::raw::{c_int, c_void};

pub(in super::super) static OPERATIONS: Table<fi::fi_ops_atomic> = Table::new(fi::fi_ops_atomic {
    size: size_of::<fi::fi_ops_atomic>(),
    write: Some(write),
    writev: Some(writev),
    writemsg: Some(writemsg),
    inject: Some(inject),
    readwrite: Some(readwrite),
    readwritev: Some(readwritev),
    readwritemsg: Some(readwritemsg),
    compwrite: Some(compwrite),
    compwritev: Some(compwritev),
    compwritemsg: Some(compwritemsg),
    writevalid: Some(writevalid),
    readwritevalid: Some(readwritevalid),
    compwritevalid: Some(compwritevalid),
});

/// Elements in memory, in stretches.
#[derive(Clone, Copy)]
struct Elements {
    vector: *const fi::fi_ioc,
    count: usize,
}

/// What is done, and to which memory of the peer.
#[derive(Clone, Copy)]
struct Target {
    peer: u64,
    address: u64,
    key: u64,
    datatype: u32,
    operation: u32,
}

impl Target {
    fn new(
        peer: u64,
        (address, key): (u64, u64),
        (datatype, operation): (fi::fi_datatype, fi::fi_op),
    ) -> Self {
        Self {
            peer,
            address,
            key,
            datatype,
            operation,
        }
    }
}

/// One stretch of elements.
fn one(address: *mut c_void, count: usize) -> fi::fi_ioc {
    fi::fi_ioc {
        addr: address,
        count,
    }
}

impl Elements {
    fn of(element: &fi::fi_ioc) -> Self {
        Self {
            vector: element,
            count: 1,
        }
    }

    /// The elements as bytes.
    ///
    /// # Safety
    /// As [`ProgramBuffer::many`].
    unsafe fn buffer(self, size: usize) -> Option<ProgramBuffer> {
        if self.count > STRETCHES {
            return None;
        }
        let mut vector = [libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        }; STRETCHES];
        for (index, stretch) in vector.iter_mut().take(self.count).enumerate() {
            // SAFETY: the caller promises `count` elements.
            let element = unsafe { &*self.vector.add(index) };
            *stretch = libc::iovec {
                iov_base: element.addr,
                iov_len: element.count * size,
            };
        }
        // SAFETY: the caller promises the memory; `vector` has as many elements.
        unsafe { ProgramBuffer::many(vector.as_ptr(), self.count) }
    }
}

/// # Safety
/// See the module.
unsafe fn submit(
    ep: *mut fi::fid_ep,
    target: &Target,
    operands: Elements,
    comparands: Option<Elements>,
    result: Option<Elements>,
    (context, flags): (*mut c_void, Option<u64>),
) -> isize {
    let invalid = code(Err(Failed::Invalid));
    let form = match (comparands.is_some(), result.is_some()) {
        (true, _) => Form::Comparing,
        (false, true) => Form::Fetching,
        (false, false) => Form::Plain,
    };
    let Some((most, size)) = limits_of(target.datatype, target.operation, form) else {
        return negative(libc::EOPNOTSUPP) as isize;
    };
    let Some((operation, datatype)) = kind_of(target.datatype, target.operation) else {
        return negative(libc::EOPNOTSUPP) as isize;
    };
    // SAFETY: the caller promises the memory of all three.
    let (endpoint, operands, comparands, result) = unsafe {
        (
            object(ep),
            operands.buffer(size),
            comparands.map(|elements| elements.buffer(size)),
            result.map(|elements| elements.buffer(size)),
        )
    };
    let reads = target.operation == fi::FI_ATOMIC_READ;
    let bytes = |buffer: &ProgramBuffer| {
        let mut bytes = vec![0; buffer.len()];
        buffer.read(0, &mut bytes);
        bytes
    };
    let result = match result {
        None => None,
        Some(Some(result)) => Some(result),
        Some(None) => return invalid,
    };
    let operands = match (&operands, reads) {
        (_, true) => Vec::new(),
        (Some(operands), false) => bytes(operands),
        (None, false) => return invalid,
    };
    let comparands = match &comparands {
        None => Vec::new(),
        Some(Some(comparands)) => bytes(comparands),
        Some(None) => return invalid,
    };
    let length = if reads {
        result.as_ref().map_or(0, Buffer::len)
    } else {
        operands.len()
    };
    let agree = comparands.is_empty() || comparands.len() == length;
    let fits = result.as_ref().is_none_or(|result| result.len() == length);
    let count = length / size;
    if count > most || !agree || !fits {
        return invalid;
    }
    let request = AtomicRequest {
        // Found by the peer's number.
        lane: LaneId(0),
        operation,
        datatype,
        count,
        operands: &operands,
        comparands: &comparands,
        result,
        address: target.address,
        key: target.key,
        context: context as u64,
        report: flags.is_some_and(|flags| endpoint.reports_transmit(flags)),
    };
    endpoint.with(|state, number| state.atomic(number, target.peer, request))
}

/// Submits with the flags of operations that bring none.
///
/// # Safety
/// See the module.
unsafe fn submit_as_usual(
    ep: *mut fi::fid_ep,
    target: &Target,
    operands: Elements,
    comparands: Option<Elements>,
    result: Option<Elements>,
    context: *mut c_void,
) -> isize {
    // SAFETY: the caller promises all of it.
    unsafe {
        let tell = (context, Some(object(ep).transmit_flags()));
        submit(ep, target, operands, comparands, result, tell)
    }
}

/// The target of a message; `None` where it names more than one stretch.
///
/// # Safety
/// `message` is complete.
unsafe fn target_of(message: &fi::fi_msg_atomic) -> Option<Target> {
    if message.rma_iov_count != 1 {
        return None;
    }
    // SAFETY: the caller promises one element.
    let remote = unsafe { &*message.rma_iov };
    Some(Target {
        peer: message.addr,
        address: remote.addr,
        key: remote.key,
        datatype: message.datatype,
        operation: message.op,
    })
}

/// # Safety
/// See the module.
unsafe fn submit_message(
    ep: *mut fi::fid_ep,
    message: *const fi::fi_msg_atomic,
    comparands: Option<Elements>,
    result: Option<Elements>,
    flags: u64,
) -> isize {
    // SAFETY: the caller promises all of it.
    unsafe {
        let message = &*message;
        let Some(target) = target_of(message) else {
            return code(Err(Failed::Invalid));
        };
        let operands = Elements {
            vector: message.msg_iov,
            count: message.iov_count,
        };
        submit(
            ep,
            &target,
            operands,
            comparands,
            result,
            (message.context, Some(flags)),
        )
    }
}

unsafe extern "C" fn write(
    ep: *mut fi::fid_ep,
    operands: *const c_void,
    count: usize,
    _: *mut c_void,
    peer: u64,
    address: u64,
    key: u64,
    datatype: fi::fi_datatype,
    operation: fi::fi_op,
    context: *mut c_void,
) -> isize {
    let target = Target::new(peer, (address, key), (datatype, operation));
    let operands = one(operands.cast_mut(), count);
    // SAFETY: see the module.
    unsafe { submit_as_usual(ep, &target, Elements::of(&operands), None, None, context) }
}

unsafe extern "C" fn writev(
    ep: *mut fi::fid_ep,
    vector: *const fi::fi_ioc,
    _: *mut *mut c_void,
    count: usize,
    peer: u64,
    address: u64,
    key: u64,
    datatype: fi::fi_datatype,
    operation: fi::fi_op,
    context: *mut c_void,
) -> isize {
    let target = Target::new(peer, (address, key), (datatype, operation));
    // SAFETY: see the module.
    unsafe { submit_as_usual(ep, &target, Elements { vector, count }, None, None, context) }
}

unsafe extern "C" fn writemsg(
    ep: *mut fi::fid_ep,
    message: *const fi::fi_msg_atomic,
    flags: u64,
) -> isize {
    // SAFETY: see the module.
    unsafe { submit_message(ep, message, None, None, flags) }
}

unsafe extern "C" fn inject(
    ep: *mut fi::fid_ep,
    operands: *const c_void,
    count: usize,
    peer: u64,
    address: u64,
    key: u64,
    datatype: fi::fi_datatype,
    operation: fi::fi_op,
) -> isize {
    let target = Target::new(peer, (address, key), (datatype, operation));
    let operands = one(operands.cast_mut(), count);
    // SAFETY: see the module; operands are copied before this returns.
    unsafe {
        submit(
            ep,
            &target,
            Elements::of(&operands),
            None,
            None,
            (std::ptr::null_mut(), None),
        )
    }
}

unsafe extern "C" fn readwrite(
    ep: *mut fi::fid_ep,
    operands: *const c_void,
    count: usize,
    _: *mut c_void,
    result: *mut c_void,
    _: *mut c_void,
    peer: u64,
    address: u64,
    key: u64,
    datatype: fi::fi_datatype,
    operation: fi::fi_op,
    context: *mut c_void,
) -> isize {
    let target = Target::new(peer, (address, key), (datatype, operation));
    let (operands, result) = (one(operands.cast_mut(), count), one(result, count));
    // SAFETY: see the module.
    unsafe {
        let result = Some(Elements::of(&result));
        submit_as_usual(ep, &target, Elements::of(&operands), None, result, context)
    }
}

unsafe extern "C" fn readwritev(
    ep: *mut fi::fid_ep,
    vector: *const fi::fi_ioc,
    _: *mut *mut c_void,
    count: usize,
    results: *mut fi::fi_ioc,
    _: *mut *mut c_void,
    result_count: usize,
    peer: u64,
    address: u64,
    key: u64,
    datatype: fi::fi_datatype,
    operation: fi::fi_op,
    context: *mut c_void,
) -> isize {
    let target = Target::new(peer, (address, key), (datatype, operation));
    let result = Some(Elements {
        vector: results,
        count: result_count,
    });
    // SAFETY: see the module.
    unsafe {
        submit_as_usual(
            ep,
            &target,
            Elements { vector, count },
            None,
            result,
            context,
        )
    }
}

unsafe extern "C" fn readwritemsg(
    ep: *mut fi::fid_ep,
    message: *const fi::fi_msg_atomic,
    results: *mut fi::fi_ioc,
    _: *mut *mut c_void,
    result_count: usize,
    flags: u64,
) -> isize {
    let result = Some(Elements {
        vector: results,
        count: result_count,
    });
    // SAFETY: see the module.
    unsafe { submit_message(ep, message, None, result, flags) }
}

unsafe extern "C" fn compwrite(
    ep: *mut fi::fid_ep,
    operands: *const c_void,
    count: usize,
    _: *mut c_void,
    comparands: *const c_void,
    _: *mut c_void,
    result: *mut c_void,
    _: *mut c_void,
    peer: u64,
    address: u64,
    key: u64,
    datatype: fi::fi_datatype,
    operation: fi::fi_op,
    context: *mut c_void,
) -> isize {
    let target = Target::new(peer, (address, key), (datatype, operation));
    let operands = one(operands.cast_mut(), count);
    let (comparands, result) = (one(comparands.cast_mut(), count), one(result, count));
    // SAFETY: see the module.
    unsafe {
        let (comparands, result) = (Some(Elements::of(&comparands)), Some(Elements::of(&result)));
        submit_as_usual(
            ep,
            &target,
            Elements::of(&operands),
            comparands,
            result,
            context,
        )
    }
}

unsafe extern "C" fn compwritev(
    ep: *mut fi::fid_ep,
    vector: *const fi::fi_ioc,
    _: *mut *mut c_void,
    count: usize,
    comparands: *const fi::fi_ioc,
    _: *mut *mut c_void,
    comparand_count: usize,
    results: *mut fi::fi_ioc,
    _: *mut *mut c_void,
    result_count: usize,
    peer: u64,
    address: u64,
    key: u64,
    datatype: fi::fi_datatype,
    operation: fi::fi_op,
    context: *mut c_void,
) -> isize {
    let target = Target::new(peer, (address, key), (datatype, operation));
    let comparands = Some(Elements {
        vector: comparands,
        count: comparand_count,
    });
    let result = Some(Elements {
        vector: results,
        count: result_count,
    });
    // SAFETY: see the module.
    unsafe {
        submit_as_usual(
            ep,
            &target,
            Elements { vector, count },
            comparands,
            result,
            context,
        )
    }
}

unsafe extern "C" fn compwritemsg(
    ep: *mut fi::fid_ep,
    message: *const fi::fi_msg_atomic,
    comparands: *const fi::fi_ioc,
    _: *mut *mut c_void,
    comparand_count: usize,
    results: *mut fi::fi_ioc,
    _: *mut *mut c_void,
    result_count: usize,
    flags: u64,
) -> isize {
    let comparands = Some(Elements {
        vector: comparands,
        count: comparand_count,
    });
    let result = Some(Elements {
        vector: results,
        count: result_count,
    });
    // SAFETY: see the module.
    unsafe { submit_message(ep, message, comparands, result, flags) }
}

/// # Safety
/// `count` can be written.
unsafe fn valid(datatype: u32, operation: u32, count: *mut usize, form: Form) -> c_int {
    let Some((most, _)) = limits_of(datatype, operation, form) else {
        return negative(libc::EOPNOTSUPP);
    };
    // SAFETY: the caller promises it.
    unsafe { *count = most };
    0
}

unsafe extern "C" fn writevalid(
    _: *mut fi::fid_ep,
    datatype: fi::fi_datatype,
    operation: fi::fi_op,
    count: *mut usize,
) -> c_int {
    // SAFETY: the program asks for the answer in `count`.
    unsafe { valid(datatype, operation, count, Form::Plain) }
}

unsafe extern "C" fn readwritevalid(
    _: *mut fi::fid_ep,
    datatype: fi::fi_datatype,
    operation: fi::fi_op,
    count: *mut usize,
) -> c_int {
    // SAFETY: the program asks for the answer in `count`.
    unsafe { valid(datatype, operation, count, Form::Fetching) }
}

unsafe extern "C" fn compwritevalid(
    _: *mut fi::fid_ep,
    datatype: fi::fi_datatype,
    operation: fi::fi_op,
    count: *mut usize,
) -> c_int {
    // SAFETY: the program asks for the answer in `count`.
    unsafe { valid(datatype, operation, count, Form::Comparing) }
}
