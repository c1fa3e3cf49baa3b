//! Chains of extension headers, walked as the pipeline does and read again as RFC 8200 has them, to be compared.

use eni_abi::DropReason;
use eni_wire::FragmentPart;

use super::MemoryFrame;
use crate::extension::{Chain, FIRST_OFFSET, MOST_EXTENSION_HEADERS};

/// What a chain leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Led {
    /// The protocol; of a later fragment what its fragmented part begins with.
    pub number: u8,
    /// Where its header, or the later fragment's payload, begins behind the IPv6 header.
    pub offset: usize,
    /// Whether the packet is whole, or which part of one.
    pub part: FragmentPart,
    /// Where its payload begins in that of the whole packet.
    pub fragment_offset: usize,
}

/// The pipeline's walk over `payload`, which is all of a packet behind its IPv6 header and begins with a header `number`.
///
/// # Errors
/// Why the packet is dropped.
pub fn walk(payload: &[u8], number: u8) -> Result<Led, DropReason> {
    let mut bytes = alloc::vec![0; FIRST_OFFSET as usize];
    bytes.extend(payload);
    let frame = MemoryFrame::new(&bytes);
    let mut chain = Chain::default();
    chain.begin(number, FIRST_OFFSET, bytes.len() as u32);
    chain.walk(&frame)?;
    Ok(Led {
        number: chain.number,
        offset: (chain.offset - FIRST_OFFSET) as usize,
        part: chain.part,
        fragment_offset: chain.fragment_offset as usize,
    })
}

/// The same, header by header, in slices.
///
/// # Errors
/// Why the packet is dropped.
pub fn read(payload: &[u8], number: u8) -> Result<Led, DropReason> {
    let mut led = Led {
        number,
        offset: 0,
        part: FragmentPart::Whole,
        fragment_offset: 0,
    };
    let mut has_fragment_header = false;
    let mut headers = 0;
    loop {
        let is_extension = matches!(led.number, 0 | 43 | 44 | 60);
        if !is_extension {
            return Ok(led);
        }
        let is_first = headers == 0;
        headers += 1;
        let is_misplaced = led.number == 0 && !is_first || led.number == 44 && has_fragment_header;
        if headers > MOST_EXTENSION_HEADERS || is_misplaced {
            return Err(DropReason::ExtensionHeaders);
        }
        let header = payload
            .get(led.offset..led.offset + 8)
            .ok_or(DropReason::Truncated)?;
        if led.number == 43 && (header[2] == 0 || header[3] != 0) {
            return Err(DropReason::SourceRoute);
        }
        if led.number != 44 {
            led.offset += (usize::from(header[1]) + 1) * 8;
            if led.offset > payload.len() {
                return Err(DropReason::Truncated);
            }
            led.number = header[0];
            continue;
        }
        has_fragment_header = true;
        let before = led.offset;
        led.offset += 8;
        led.number = header[0];
        let offset_and_more = u16::from_be_bytes([header[2], header[3]]);
        let (offset, more) = (usize::from(offset_and_more & !7), offset_and_more & 1 == 1);
        led.fragment_offset = offset;
        if offset == 0 && !more {
            continue;
        }
        let length = payload.len() - led.offset;
        let is_uneven = more && !length.is_multiple_of(8);
        if length == 0 || is_uneven || before + offset + length > 65_535 {
            return Err(DropReason::MalformedHeader);
        }
        if offset != 0 {
            led.part = FragmentPart::Later;
            return Ok(led);
        }
        led.part = FragmentPart::First;
    }
}
