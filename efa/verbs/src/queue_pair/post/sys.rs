//! `ibv_post_send` and `ibv_post_recv`, and reading what the program's lists say.

use super::super::sys::{identity, lock, send_queue};
use super::super::{InlineCollector, SendQueue, Staged, post_one, transmit};
use crate::address::sys::handle;
use crate::bindings::{
    IBV_SEND_INLINE, IBV_SEND_SIGNALED, IBV_WR_SEND, IBV_WR_SEND_WITH_IMM, ibv_qp, ibv_recv_wr,
    ibv_send_wr, ibv_sge,
};
use crate::context::post_error;
use crate::ffi::{code, guard};
use eni_efa_device::{
    Gather, MAX_RECEIVE_ENTRIES, MAX_SEND_ENTRIES, Operation, ReceiveRequest, ScatterEntry,
};
use libc::c_int;

/// Adds a piece of inline data; false when it does not fit.
///
/// # Safety
/// `data` has `length` bytes that can be read.
pub(in crate::queue_pair) unsafe fn collect(
    inline: &mut InlineCollector,
    data: *const u8,
    length: usize,
) -> bool {
    match inline.place(length) {
        Some(place) => {
            // SAFETY: the caller's promise; the place has as many bytes.
            unsafe { data.copy_to_nonoverlapping(place.as_mut_ptr(), length) };
            true
        }
        None => false,
    }
}

/// A scatter list, if it is not too long.
///
/// # Safety
/// `list` has `count` entries that can be read.
#[inline]
pub(in crate::queue_pair) unsafe fn entries<const N: usize>(
    list: *const ibv_sge,
    count: usize,
) -> Option<[ScatterEntry; N]> {
    if count > N {
        return None;
    }
    let mut entries = [ScatterEntry::default(); N];
    for (index, entry) in entries.iter_mut().enumerate().take(count) {
        // SAFETY: there are `count`.
        let from = unsafe { &*list.add(index) };
        *entry = ScatterEntry {
            address: from.addr,
            length: from.length,
            key: from.lkey,
        };
    }
    Some(entries)
}

/// One work request of `ibv_post_send`.
///
/// # Safety
/// The request, what it points to and its address handle can be read.
unsafe fn plain_request(send: &SendQueue, request: &ibv_send_wr) -> Result<Staged, c_int> {
    let immediate = match request.opcode {
        IBV_WR_SEND => None,
        // SAFETY: every bit pattern of the union is a number.
        IBV_WR_SEND_WITH_IMM => Some(unsafe { request.__bindgen_anon_1.imm_data }),
        _ => return Err(libc::EINVAL),
    };
    let unsignaled = !send.signals_all && request.send_flags & IBV_SEND_SIGNALED == 0;
    if unsignaled || request.send_flags & !(IBV_SEND_SIGNALED | IBV_SEND_INLINE) != 0 {
        return Err(libc::EINVAL);
    }
    let count = usize::try_from(request.num_sge).map_err(|_| libc::EINVAL)?;
    // SAFETY: the list has this many entries.
    let list =
        unsafe { entries::<MAX_SEND_ENTRIES>(request.sg_list, count) }.ok_or(libc::EINVAL)?;
    let mut staged = Staged::new(request.wr_id, Operation::Send, immediate);
    staged.request.gather = Gather::Entries(list, count);
    if request.send_flags & IBV_SEND_INLINE != 0 {
        let mut inline = InlineCollector::new(send.inline_limit);
        for entry in list.iter().take(count) {
            let data = std::ptr::with_exposed_provenance(entry.address as usize);
            // SAFETY: the program's data can be read.
            if !unsafe { collect(&mut inline, data, entry.length as usize) } {
                return Err(libc::EINVAL);
            }
        }
        staged.request.gather = inline.gather().ok_or(libc::EINVAL)?;
    }
    // SAFETY: on queue pairs of datagrams this is the member that is set, and the handle is live.
    let (destination, (handle, gid)) = unsafe { (request.wr.ud, handle(request.wr.ud.ah)) };
    staged.handle = handle;
    staged.gid = gid;
    staged.queue_pair = destination.remote_qpn;
    staged.request.queue_key = destination.remote_qkey;
    Ok(staged)
}

/// `ibv_post_send`.
///
/// # Safety
/// The queue pair is live; the requests can be read; `bad` can be written.
pub(crate) unsafe extern "C" fn post_send(
    qp: *mut ibv_qp,
    mut next: *mut ibv_send_wr,
    bad: *mut *mut ibv_send_wr,
) -> c_int {
    guard(libc::EIO, || {
        // SAFETY: the queue pair is live.
        let _held = unsafe { lock(qp.cast()) }.hold();
        // SAFETY: locked.
        let send = unsafe { send_queue(qp.cast()) };
        let mut state = match send.opened.lock() {
            Ok(state) => state,
            Err(error) => {
                // SAFETY: the caller's promise.
                unsafe { bad.write(next) };
                return error;
            }
        };
        let mut result = Ok(());
        // SAFETY: each request is null or can be read.
        while let Some(request) = unsafe { next.as_ref() } {
            // SAFETY: as above.
            result = unsafe { plain_request(send, request) }
                .and_then(|staged| post_one(&mut state, send.id, &staged));
            if result.is_err() {
                // SAFETY: the caller's promise.
                unsafe { bad.write(next) };
                break;
            }
            next = request.next;
        }
        transmit(&mut state, send.id);
        code(result)
    })
}

/// `ibv_post_recv`.
///
/// # Safety
/// The queue pair is live; the requests can be read; `bad` can be written.
pub(crate) unsafe extern "C" fn post_recv(
    qp: *mut ibv_qp,
    mut next: *mut ibv_recv_wr,
    bad: *mut *mut ibv_recv_wr,
) -> c_int {
    guard(libc::EIO, || {
        // SAFETY: the queue pair is live.
        let (opened, id) = unsafe { identity(qp) };
        let mut state = match opened.lock() {
            Ok(state) => state,
            Err(error) => {
                // SAFETY: the caller's promise.
                unsafe { bad.write(next) };
                return error;
            }
        };
        // SAFETY: each request is null or can be read.
        while let Some(request) = unsafe { next.as_ref() } {
            let count = usize::try_from(request.num_sge).unwrap_or(usize::MAX);
            // SAFETY: the list has this many entries.
            let list = unsafe { entries::<MAX_RECEIVE_ENTRIES>(request.sg_list, count) };
            let posted = list.ok_or(libc::EINVAL).and_then(|entries| {
                let receive = ReceiveRequest {
                    work_request: request.wr_id,
                    entries,
                    count,
                };
                state.device.post_receive(id, &receive).map_err(post_error)
            });
            if let Err(error) = posted {
                // SAFETY: the caller's promise.
                unsafe { bad.write(next) };
                return error;
            }
            next = request.next;
        }
        0
    })
}
