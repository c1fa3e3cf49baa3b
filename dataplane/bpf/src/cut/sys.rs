//! The helpers that cut a packet. See `crate::sys` on what the verifier proves.

use core::hint::black_box;
use core::ptr::null_mut;

use aya_ebpf::bindings::{__sk_buff, TC_ACT_SHOT};
use aya_ebpf::helpers::{
    bpf_clone_redirect, bpf_csum_diff, bpf_l4_csum_replace, bpf_redirect, bpf_redirect_peer,
    bpf_skb_adjust_room, bpf_skb_change_tail, bpf_skb_load_bytes, bpf_skb_store_bytes,
};
use eni_abi::{DropReason, VPC_MTU};
use eni_pipeline::{Frame, LONGEST_PIECE, piece};
use eni_wire::{
    ETHERNET_LENGTH, ETHERNET_WORDS, EtherType, IPV4_LENGTH, IPV4_WORDS, IPV6_LENGTH, IPV6_WORDS,
    UDP_LENGTH, checksum, protocol,
};

use super::{Payload, SUMMED_AT_ONCE, SUMS};
use crate::frame::sys::SocketBuffer;
use crate::maps;
use crate::sys::count_drop;

const PAYLOAD_OFFSET: u32 = ETHERNET_LENGTH + IPV4_LENGTH;
const LONGEST_PAYLOAD: u32 = VPC_MTU - IPV4_LENGTH;
const MOST_PIECES: u32 = LONGEST_PAYLOAD.div_ceil(LONGEST_PIECE);
/// In a frame.
const ETHER_TYPE: u32 = 12;
const PAYLOAD_LENGTH_IPV6: u32 = ETHERNET_LENGTH + 4;
const PAYLOAD_OFFSET_IPV6: u32 = ETHERNET_LENGTH + IPV6_LENGTH;
const HEADERS_WORDS_IPV6: usize = ETHERNET_WORDS + IPV6_WORDS;
/// In a transport's header.
const TCP_CHECKSUM: u32 = 16;
const UDP_CHECKSUM: u32 = 6;
/// In a frame.
const HEADER_CHECKSUM: u32 = ETHERNET_LENGTH + 10;
/// Version 4, five words of header.
const PLAIN: u8 = 0x45;
/// What `bpf_skb_change_tail` answers for a frame that a tunnel of the kernel's has wrapped: `-ENOTSUPP`.
const NOT_SUPPORTED: i64 = -524;
/// Linux' `BPF_ADJ_ROOM_MAC`.
const ROOM_BEHIND_ETHERNET: u32 = 1;
/// What `bpf_skb_adjust_room` takes away at once: less than its 4,095.
const TAKEN_AT_ONCE: u32 = 4_000;
/// What is left of the frame before it is written anew: more than the helper insists on.
const LEFT: u32 = PAYLOAD_OFFSET + UDP_LENGTH;
const LEFT_IPV6: u32 = PAYLOAD_OFFSET_IPV6 + UDP_LENGTH;
/// Of a piece's length.
const LENGTH_MASK: u32 = 0x7ff;
const _: () = assert!(LONGEST_PIECE <= LENGTH_MASK);
const _: () = assert!(size_of::<Payload>() > (MOST_PIECES * LONGEST_PIECE + LENGTH_MASK) as usize);
/// MF and the fragment offset.
const FRAGMENT_MASK: u16 = 0x3fff_u16.to_be();

/// Delivers the IPv4 packet without options in `skb` to the guest end of `vport`, in fragments.
#[inline(never)]
pub(crate) fn deliver(skb: *mut __sk_buff, vport: u32, sender: u32) -> i32 {
    match cut(skb, vport) {
        Some(action) => action,
        None => {
            count_drop(sender, DropReason::RewriteFailed);
            TC_ACT_SHOT
        }
    }
}

/// Delivers the frame in `skb`, which leaves the region, with nothing left to do to it.
///
/// A guest may claim that a checksum is still to be completed, and where (`PACKET_VNET_HDR`): a device behind the host would
/// write it there, over addresses or ports that were judged here. Which place that is cannot be seen; so what is left to a
/// device is done here, at the place where it belongs. With segments Linux itself has looked at the place
/// (`tcp_gso_segment`, `__udp_gso_segment`).
#[inline(never)]
pub(crate) fn deliver_settled(skb: *mut __sk_buff, vport: u32, sender: u32) -> i32 {
    match settle(skb, vport) {
        Ok(action) => action,
        Err(reason) => {
            count_drop(sender, reason);
            TC_ACT_SHOT
        }
    }
}

#[inline(always)]
fn settle(skb: *mut __sk_buff, vport: u32) -> Result<i32, DropReason> {
    let mut frame = SocketBuffer { skb };
    let failed = DropReason::RewriteFailed;
    let [ether_type] = frame.load(ETHER_TYPE).ok_or(failed)?;
    if ether_type == EtherType::IPV6.0 {
        return settle_ipv6(skb, vport);
    }
    let header: [u16; IPV4_WORDS] = frame.load(ETHERNET_LENGTH).ok_or(failed)?;
    if !is_left_to_a_device(&mut frame, HEADER_CHECKSUM).ok_or(failed)? {
        frame.store(HEADER_CHECKSUM, &[header[5]]).ok_or(failed)?;
        // SAFETY: the helper only notes where to deliver.
        return Ok(unsafe { bpf_redirect_peer(vport, 0) as i32 });
    }
    // SAFETY: the helper checks the length, which stays.
    if unsafe { bpf_skb_change_tail(skb, frame.length(), 0) } == NOT_SUPPORTED {
        // A tunnel of the guest's kernel: what is to be completed lies within its payload.
        // SAFETY: the helper only notes where to deliver.
        return Ok(unsafe { bpf_redirect_peer(vport, 0) as i32 });
    }
    let [version_and_length, _] = header[0].to_ne_bytes();
    let [_, number] = header[4].to_ne_bytes();
    if version_and_length != PLAIN || !matches!(number, protocol::TCP | protocol::UDP) {
        return Err(DropReason::OffloadMismatch);
    }
    cut(skb, vport).ok_or(failed)
}

/// [`settle`] of IPv6, which is never cut.
#[inline(never)]
fn settle_ipv6(skb: *mut __sk_buff, vport: u32) -> Result<i32, DropReason> {
    let mut frame = SocketBuffer { skb };
    let failed = DropReason::RewriteFailed;
    let [length, next_and_limit] = frame.load(PAYLOAD_LENGTH_IPV6).ok_or(failed)?;
    if !is_left_to_a_device(&mut frame, PAYLOAD_LENGTH_IPV6).ok_or(failed)? {
        frame.store(PAYLOAD_LENGTH_IPV6, &[length]).ok_or(failed)?;
        // SAFETY: the helper only notes where to deliver.
        return Ok(unsafe { bpf_redirect_peer(vport, 0) as i32 });
    }
    // SAFETY: the helper checks the length, which stays.
    if unsafe { bpf_skb_change_tail(skb, frame.length(), 0) } == NOT_SUPPORTED {
        // A tunnel of the guest's kernel, as in `settle`.
        // SAFETY: the helper only notes where to deliver.
        return Ok(unsafe { bpf_redirect_peer(vport, 0) as i32 });
    }
    let [number, _] = next_and_limit.to_ne_bytes();
    let checksum_offset = match number {
        protocol::TCP => TCP_CHECKSUM,
        protocol::UDP => UDP_CHECKSUM,
        _ => return Err(DropReason::OffloadMismatch),
    };
    let length = u32::from(u16::from_be(length));
    write_completed(&mut frame, vport, length, checksum_offset).ok_or(failed)
}

/// Writes the frame of a packet of IPv6 anew, `length` bytes of payload with their checksum completed, and delivers it.
#[inline(always)]
fn write_completed(
    frame: &mut SocketBuffer,
    vport: u32,
    length: u32,
    checksum_offset: u32,
) -> Option<i32> {
    let headers: [u16; HEADERS_WORDS_IPV6] = frame.load(0)?;
    let length = black_box(length) & LENGTH_MASK;
    if length == 0 {
        return None;
    }
    let payload = maps::PAYLOAD.get_ptr_mut(0)?;
    let skb = frame.skb;
    // SAFETY: this CPU's own value, see `crate::sys::run`, with room for `length` bytes.
    if unsafe { bpf_skb_load_bytes(skb.cast(), PAYLOAD_OFFSET_IPV6, payload.cast(), length) } != 0 {
        return None;
    }
    complete(
        frame,
        payload,
        length,
        (PAYLOAD_OFFSET_IPV6, checksum_offset),
    )?;
    take_offload_away(frame, LEFT_IPV6)?;
    // SAFETY: the helpers check lengths and offsets; the value has `length` bytes.
    let result = unsafe {
        if bpf_skb_change_tail(skb, PAYLOAD_OFFSET_IPV6 + length, 0) != 0 {
            return None;
        }
        bpf_skb_store_bytes(skb.cast(), PAYLOAD_OFFSET_IPV6, payload.cast(), length, 0)
    };
    if result != 0 {
        return None;
    }
    frame.store(0, &headers)?;
    // SAFETY: the helper only notes where to deliver.
    Some(unsafe { bpf_redirect_peer(vport, 0) as i32 })
}

#[inline(always)]
fn cut(skb: *mut __sk_buff, vport: u32) -> Option<i32> {
    let mut frame = SocketBuffer { skb };
    let ethernet: [u16; ETHERNET_WORDS] = frame.load(0)?;
    let header: [u16; IPV4_WORDS] = frame.load(ETHERNET_LENGTH)?;
    let length = u32::from(u16::from_be(header[1])).wrapping_sub(IPV4_LENGTH);
    if length == 0 || length > LONGEST_PAYLOAD {
        return None;
    }
    let payload = maps::PAYLOAD.get_ptr_mut(0)?;
    // SAFETY: this CPU's own value, see `crate::sys::run`, with room for `length` bytes.
    let result = unsafe { bpf_skb_load_bytes(skb.cast(), PAYLOAD_OFFSET, payload.cast(), length) };
    if result != 0 {
        return None;
    }
    let [_, number] = header[4].to_ne_bytes();
    let checksum_offset = match number {
        protocol::TCP => TCP_CHECKSUM,
        protocol::UDP => UDP_CHECKSUM,
        _ => 0,
    };
    if header[3] & FRAGMENT_MASK == 0 && checksum_offset != 0 {
        complete(
            &mut frame,
            payload,
            length,
            (PAYLOAD_OFFSET, checksum_offset),
        )?;
    }
    take_offload_away(&mut frame, LEFT)?;
    for number in 0..MOST_PIECES {
        let offset = number * LONGEST_PIECE;
        if offset >= length {
            break;
        }
        let piece = piece(&header, length, offset);
        let size = provable(piece.length)?;
        // SAFETY: the helper checks the length.
        if unsafe { bpf_skb_change_tail(skb, PAYLOAD_OFFSET + size, 0) } != 0 {
            return None;
        }
        frame.store(0, &ethernet)?;
        frame.store(ETHERNET_LENGTH, &piece.header)?;
        // SAFETY: `offset` and the piece lie within the value: the last piece begins below its length.
        let result = unsafe {
            let from = payload.cast::<u8>().add(offset as usize);
            bpf_skb_store_bytes(skb.cast(), PAYLOAD_OFFSET, from.cast(), size, 0)
        };
        if result != 0 {
            return None;
        }
        if offset + LONGEST_PIECE >= length {
            // Out of the device as the clones are: in their order.
            // SAFETY: the helpers only note where to deliver.
            let action = unsafe {
                if offset == 0 {
                    bpf_redirect_peer(vport, 0)
                } else {
                    bpf_redirect(vport, 0)
                }
            };
            return Some(action as i32);
        }
        // SAFETY: the helper checks the interface index.
        if unsafe { bpf_clone_redirect(skb, vport, 0) } != 0 {
            return None;
        }
    }
    None
}

/// The length of a piece, as the verifier knows it too: it does not see what the compiler concludes of the loop, and is told
/// by a mask, out of the compiler's sight.
#[inline(always)]
fn provable(length: u32) -> Option<u32> {
    let length = black_box(length) & LENGTH_MASK;
    if length == 0 { None } else { Some(length) }
}

/// Completes the transport checksum at `offset` in `payload`, which begins at `begin` in the frame, if that was left to a device: then it holds the pseudo-header's sum.
#[inline(always)]
fn complete(
    frame: &mut SocketBuffer,
    payload: *mut Payload,
    length: u32,
    (begin, offset): (u32, u32),
) -> Option<()> {
    if length < offset + 2 || !is_left_to_a_device(frame, begin + offset)? {
        return Some(());
    }
    let bytes: *mut u8 = payload.cast();
    // SAFETY: within the value, whose end is further behind the longest payload than a word.
    unsafe {
        let end = bytes.add(length as usize);
        for place in 0..4 {
            *end.add(place) = 0;
        }
    }
    let rounded = (length + 3) & !3;
    let mut sum = 0_u32;
    for number in 0..SUMS as u32 {
        let begin = number * SUMMED_AT_ONCE as u32;
        if begin >= rounded {
            break;
        }
        let left = rounded - begin;
        let size = if left > SUMMED_AT_ONCE as u32 {
            SUMMED_AT_ONCE as u32
        } else {
            left
        };
        // SAFETY: within the value: the last part begins a whole part before its end.
        sum = unsafe {
            let part = bytes.add(begin as usize);
            bpf_csum_diff(null_mut(), 0, part.cast(), size, sum) as u32
        };
    }
    let finished = match checksum::finish(sum) {
        0 => 0xffff, // 0 would mean none in UDP, and the same as this in TCP
        finished => finished,
    };
    // SAFETY: within the value; an even offset of a page.
    unsafe { *bytes.add(offset as usize).cast::<u16>() = finished };
    Some(())
}

/// Whether a checksum of the frame is still to be completed: then Linux leaves what its device will write over as it is
/// (`inet_proto_csum_replace4`). The word at `offset` may be changed.
#[inline(always)]
fn is_left_to_a_device(frame: &mut SocketBuffer, offset: u32) -> Option<bool> {
    const WORD_LENGTH: u64 = 2;
    let [before] = frame.load(offset)?;
    // SAFETY: the helper checks the offset.
    if unsafe { bpf_l4_csum_replace(frame.skb.cast(), offset, 0, 1, WORD_LENGTH) } != 0 {
        return None;
    }
    let [after] = frame.load(offset)?;
    Some(before == after)
}

/// Takes as much from the front of the frame as it had, which is made longer before by `left` bytes. A frame whose checksum would be completed
/// from somewhere in what is gone asks for it no more (`skb_postpull_rcsum`).
#[inline(always)]
fn take_offload_away(frame: &mut SocketBuffer, left: u32) -> Option<()> {
    // SAFETY: the helper checks the length.
    if unsafe { bpf_skb_change_tail(frame.skb, frame.length() + left, 0) } != 0 {
        return None;
    }
    for _ in 0..=VPC_MTU / TAKEN_AT_ONCE {
        let excess = frame.length().saturating_sub(left);
        if excess == 0 {
            break;
        }
        let taken = if excess > TAKEN_AT_ONCE {
            TAKEN_AT_ONCE
        } else {
            excess
        };
        let difference = -(taken as i32);
        // SAFETY: the helper checks the length.
        let result = unsafe { bpf_skb_adjust_room(frame.skb, difference, ROOM_BEHIND_ETHERNET, 0) };
        if result != 0 {
            return None;
        }
    }
    (!is_left_to_a_device(frame, left - UDP_LENGTH)?).then_some(())
}
