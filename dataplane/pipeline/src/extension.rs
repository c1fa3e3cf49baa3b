//! The extension headers of IPv6 (RFC 8200, section 4): walked to what they are before, so that no packet passes unexamined.
//!
//! Options are left to who they are for, hop-by-hop options too (RFC 8200, section 4.3: a router may leave them alone); a
//! packet that is to visit places is dropped, as one of IPv4 is.

use eni_abi::DropReason;
use eni_wire::{
    ETHERNET_LENGTH, EXTENSION_UNIT, EXTENSION_WORDS, ExtensionHeader, FragmentHeader,
    FragmentPart, IPV6_LENGTH, protocol,
};

use crate::Frame;

/// So many extension headers are walked: what a host need not exceed either (RFC 8504, section 5.3).
pub(crate) const MOST_EXTENSION_HEADERS: usize = 8;
/// The routing header that makes a packet go to and fro (RFC 5095).
const ROUTING_TYPE_0: u8 = 0;
/// The largest payload; fragments of a larger one must not be put together.
const LARGEST_PAYLOAD: u32 = u16::MAX as u32;
/// Behind Ethernet's header and IPv6's.
pub(crate) const FIRST_OFFSET: u32 = ETHERNET_LENGTH + IPV6_LENGTH;

/// A chain of extension headers: before the walk its beginning, behind it its end.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Chain {
    /// Of the header at hand in the frame.
    pub(crate) offset: u32,
    /// Where the packet ends in the frame.
    pub(crate) end: u32,
    /// Where what is fragmented begins in the frame.
    pub(crate) fragment_begin: u32,
    /// Where that begins in the whole packet's.
    pub(crate) fragment_offset: u32,
    /// Of the fragment header.
    pub(crate) identification: u32,
    /// What the header at hand is.
    pub(crate) number: u8,
    /// A packet with a fragment header that is all of its packet is whole (RFC 6946).
    pub(crate) part: FragmentPart,
    more_fragments: bool,
}

impl Chain {
    /// The chain whose first header, `number`, is at `offset`.
    #[inline(always)]
    pub(crate) fn begin(&mut self, number: u8, offset: u32, end: u32) {
        self.offset = offset;
        self.end = end;
        self.fragment_begin = offset;
        self.fragment_offset = 0;
        self.identification = 0;
        self.number = number;
        self.part = FragmentPart::Whole;
        self.more_fragments = false;
    }

    /// How much of the whole packet's payload this one carries.
    #[inline(always)]
    pub(crate) fn fragment_length(&self) -> u32 {
        self.end.wrapping_sub(self.fragment_begin)
    }

    /// Walks to the upper layer's header, or to the payload of a later fragment. Whatever frame and numbers, no header is read
    /// beyond the packet's end, and none is walked twice.
    ///
    /// # Errors
    /// [`DropReason::Truncated`], [`DropReason::MalformedHeader`], [`DropReason::SourceRoute`] and
    /// [`DropReason::ExtensionHeaders`].
    #[inline(never)]
    pub(crate) fn walk<F: Frame>(&mut self, frame: &F) -> Result<(), DropReason> {
        let (mut number, mut offset) = (self.number, self.offset);
        let end = self.end;
        let mut is_fragment = false;
        for index in 0..=MOST_EXTENSION_HEADERS {
            if !is_extension(number) {
                self.number = number;
                self.offset = offset;
                return Ok(());
            }
            let is_misplaced = number == protocol::HOP_BY_HOP && index != 0
                || number == protocol::FRAGMENT && is_fragment;
            if index == MOST_EXTENSION_HEADERS || is_misplaced {
                break;
            }
            if offset.wrapping_add(EXTENSION_UNIT) > end {
                return Err(DropReason::Truncated);
            }
            let words: [u16; EXTENSION_WORDS] = frame.load(offset).ok_or(DropReason::Truncated)?;
            if number == protocol::FRAGMENT {
                is_fragment = true;
                offset = offset.wrapping_add(EXTENSION_UNIT);
                let header = FragmentHeader::from_words(&words);
                self.enter_fragment(&header, offset)?;
                number = header.next_header;
                if self.part == FragmentPart::Later {
                    self.number = number;
                    self.offset = offset;
                    return Ok(());
                }
                continue;
            }
            let header = ExtensionHeader::from_words(&words);
            if number == protocol::ROUTING
                && (header.routing_type == ROUTING_TYPE_0 || header.segments_left != 0)
            {
                return Err(DropReason::SourceRoute);
            }
            number = header.next_header;
            offset = offset.wrapping_add(header.length);
            if offset > end {
                return Err(DropReason::Truncated);
            }
        }
        Err(DropReason::ExtensionHeaders)
    }

    /// Takes a fragment header, behind which the frame's part of what is fragmented begins.
    #[inline(always)]
    fn enter_fragment(&mut self, header: &FragmentHeader, begin: u32) -> Result<(), DropReason> {
        self.identification = header.identification;
        self.fragment_begin = begin;
        self.fragment_offset = header.offset;
        self.more_fragments = header.more_fragments;
        self.part = match (header.offset, header.more_fragments) {
            (0, false) => FragmentPart::Whole,
            (0, true) => FragmentPart::First,
            _ => FragmentPart::Later,
        };
        if self.part == FragmentPart::Whole {
            return Ok(());
        }
        let length = self.fragment_length();
        // RFC 8200, section 4.5: receivers discard a fragment that is not the last and ends elsewhere than at a unit.
        let is_uneven = header.more_fragments && !length.is_multiple_of(EXTENSION_UNIT);
        let before = begin.wrapping_sub(FIRST_OFFSET + EXTENSION_UNIT);
        let is_too_large =
            before.wrapping_add(header.offset).wrapping_add(length) > LARGEST_PAYLOAD;
        if length == 0 || is_uneven || is_too_large {
            return Err(DropReason::MalformedHeader);
        }
        Ok(())
    }
}

/// Whether a header of this number has another one behind it that says what the packet is. Authentication and encapsulating
/// security payload are protocols to the rules, as they are in EC2's; so are the others that RFC 7045 lists.
#[inline(always)]
const fn is_extension(number: u8) -> bool {
    matches!(
        number,
        protocol::HOP_BY_HOP
            | protocol::ROUTING
            | protocol::FRAGMENT
            | protocol::DESTINATION_OPTIONS
    )
}
