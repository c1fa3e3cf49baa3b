//! What a router refuses of an IPv4 header (RFC 1812, section 5.2.2; RFC 7126).

use eni_abi::DropReason;
use eni_wire::{ETHERNET_LENGTH, FragmentPart, IPV4_LENGTH, IPV4_WORDS, Ipv4Header, checksum};

use crate::Frame;

/// The longest options: what four bits can say, less the header itself.
const OPTIONS_LENGTH: usize = 40;
/// Options are read in words of so many bytes, the unit of the header's length.
const OPTION_WORD: usize = 4;
/// The largest IPv4 packet; the fragments of a larger one must not be put together ("ping of death").
const LARGEST_PACKET: u32 = u16::MAX as u32;
/// Fragments begin at multiples of this, so all but the last end there (RFC 791).
const FRAGMENT_UNIT: u32 = 8;

/// IP options (RFC 791).
mod option {
    pub(super) const END: u8 = 0;
    pub(super) const NOTHING: u8 = 1;
    pub(super) const LOOSE_SOURCE_ROUTE: u8 = 131;
    pub(super) const STRICT_SOURCE_ROUTE: u8 = 137;
}

/// Checksum, time to live and options of the header `ip`, which begins with `words`.
///
/// Senders never leave the header's checksum to a device, with segmentation offload neither.
#[inline(always)]
pub(crate) fn check<F: Frame>(
    frame: &F,
    ip: &Ipv4Header,
    words: &[u16; IPV4_WORDS],
) -> Result<(), DropReason> {
    let sum = checksum::sum(words);
    let options_length = ip.header_length - IPV4_LENGTH;
    if options_length > 0 {
        return check_with_options(frame, options_length, ip.time_to_live, sum);
    }
    check_fields(sum, ip.time_to_live)
}

/// Of a whole header: the sum of its words and its time to live.
#[inline(always)]
fn check_fields(sum: u32, time_to_live: u8) -> Result<(), DropReason> {
    if checksum::finish(sum) != 0 {
        return Err(DropReason::HeaderChecksum);
    }
    if time_to_live == 0 {
        return Err(DropReason::TimeToLive);
    }
    Ok(())
}

/// [`check`] of a header with `length` bytes of options, the sum of whose other words is `sum`. Apart, because few have any,
/// and clearing room for them costs more than all the rest.
#[inline(never)]
fn check_with_options<F: Frame>(
    frame: &F,
    length: u32,
    time_to_live: u8,
    mut sum: u32,
) -> Result<(), DropReason> {
    let mut options = [option::END; OPTIONS_LENGTH];
    let mut offset = 0;
    for bytes in options.chunks_exact_mut(OPTION_WORD) {
        if offset >= length {
            break;
        }
        let words: [u16; 2] = frame
            .load(ETHERNET_LENGTH + IPV4_LENGTH + offset)
            .ok_or(DropReason::Truncated)?;
        sum = sum.wrapping_add(checksum::sum(&words));
        let ([a, b], [c, d]) = (words[0].to_ne_bytes(), words[1].to_ne_bytes());
        bytes.copy_from_slice(&[a, b, c, d]);
        offset += OPTION_WORD as u32;
    }
    check_fields(sum, time_to_live)?;
    check_options(&options, length)
}

/// No option may say which way the packet goes: the route table does (RFC 7126, sections 4.3 and 4.4). All others are
/// stepped over.
#[inline(always)]
fn check_options(options: &[u8; OPTIONS_LENGTH], length: u32) -> Result<(), DropReason> {
    // How many bytes of the option at hand are left; and whether the next one is its length.
    let (mut left, mut is_length) = (0_u8, false);
    for (index, byte) in options.iter().enumerate() {
        if index as u32 >= length {
            break;
        }
        if is_length {
            // Type and length are part of it.
            if *byte < 2 {
                return Err(DropReason::MalformedHeader);
            }
            (left, is_length) = (*byte - 2, false);
        } else if left > 0 {
            left -= 1;
        } else {
            match *byte {
                option::END => return Ok(()),
                option::NOTHING => {}
                option::LOOSE_SOURCE_ROUTE | option::STRICT_SOURCE_ROUTE => {
                    return Err(DropReason::SourceRoute);
                }
                _ => is_length = true,
            }
        }
    }
    if left > 0 || is_length {
        return Err(DropReason::MalformedHeader);
    }
    Ok(())
}

/// How many bytes of its packet a fragment of `payload` bytes carries: receivers leave out what follows the last whole
/// unit, unless it is the last fragment (Linux' `ip_frag_queue`).
///
/// # Errors
/// [`DropReason::MalformedHeader`] when that is nothing, or more than a packet can have.
#[inline(always)]
pub(crate) fn fragment_length(ip: &Ipv4Header, payload: u32) -> Result<u32, DropReason> {
    if ip.part == FragmentPart::Whole {
        return Ok(payload);
    }
    let length = if ip.more_fragments {
        payload - payload % FRAGMENT_UNIT
    } else {
        payload
    };
    if length == 0 || ip.header_length + ip.fragment_offset + length > LARGEST_PACKET {
        return Err(DropReason::MalformedHeader);
    }
    Ok(length)
}
