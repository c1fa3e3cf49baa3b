//! Fragments of packets that are too large for the internet (RFC 791, section 3.2).

use eni_abi::INTERNET_MTU;
use eni_wire::{IPV4_LENGTH, IPV4_WORDS, checksum};

/// Bytes of payload in every fragment but the last: a multiple of eight.
pub const LONGEST_PIECE: u32 = INTERNET_MTU - IPV4_LENGTH;
const _: () = assert!(LONGEST_PIECE.is_multiple_of(8));

const MORE_FRAGMENTS: u16 = 0x2000;
/// Where in an IPv4 header the words are.
const TOTAL_LENGTH: usize = 1;
const FRAGMENT: usize = 3;
const CHECKSUM: usize = 5;

/// One fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its IP header.
    pub header: [u16; IPV4_WORDS],
    /// Bytes of payload.
    pub length: u32,
}

/// The fragment that begins at `offset`, a multiple of [`LONGEST_PIECE`], in the `payload` bytes behind `header`, which has
/// no options and may be that of a fragment itself.
#[must_use]
#[inline(always)]
pub fn piece(header: &[u16; IPV4_WORDS], payload: u32, offset: u32) -> Piece {
    let left = payload.saturating_sub(offset);
    let (length, last) = if left > LONGEST_PIECE {
        (LONGEST_PIECE, false)
    } else {
        (left, true)
    };
    let mut header = *header;
    let mut fragment = u16::from_be(header[FRAGMENT]).wrapping_add((offset / 8) as u16);
    if !last {
        fragment |= MORE_FRAGMENTS;
    }
    header[TOTAL_LENGTH] = ((IPV4_LENGTH + length) as u16).to_be();
    header[FRAGMENT] = fragment.to_be();
    header[CHECKSUM] = 0;
    header[CHECKSUM] = checksum::finish(checksum::sum(&header));
    Piece { header, length }
}
