//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//!
//! Words are in network byte order throughout: the sum does not care, as long as all agree (RFC 1071 section 2(B)).

use crate::{Address, Ipv4};

/// The 32-bit sum of `words`, to be added to others and [`finish`]ed. At most 65,536 words may be summed.
#[must_use]
#[inline(always)]
pub fn sum<const N: usize>(words: &[u16; N]) -> u32 {
    let mut total = 0_u32;
    for word in words {
        total = total.wrapping_add(u32::from(*word));
    }
    total
}

/// Folds a sum and complements it: the checksum field's value.
#[must_use]
#[inline(always)]
pub const fn finish(sum: u32) -> u16 {
    let once = (sum & 0xffff) + (sum >> 16);
    let twice = (once & 0xffff) + (once >> 16);
    !(twice as u16)
}

/// The sum of the pseudo-header of IPv6 (RFC 8200 section 8.1) for `length` bytes of `protocol`.
#[must_use]
#[inline(always)]
pub fn pseudo_header(source: Address, destination: Address, length: u16, protocol: u8) -> u32 {
    let rest = [length.to_be(), (protocol as u16).to_be()];
    sum(&source.to_words())
        .wrapping_add(sum(&destination.to_words()))
        .wrapping_add(sum(&rest))
}

/// The checksum after one word of the covered data went from `from` to `to`: RFC 1624 equation 3.
#[must_use]
#[inline(always)]
pub const fn replace_word(checksum: u16, from: u16, to: u16) -> u16 {
    finish(!checksum as u32 + (!from) as u32 + to as u32)
}

/// The checksum after an address of the covered data went from `from` to `to`.
#[must_use]
#[inline(always)]
pub const fn replace_address(checksum: u16, from: Ipv4, to: Ipv4) -> u16 {
    let ([from_first, from_last], [to_first, to_last]) = (from.to_words(), to.to_words());
    finish(
        !checksum as u32
            + (!from_first) as u32
            + (!from_last) as u32
            + to_first as u32
            + to_last as u32,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 1624 section 4: checksum 0xDD2F, a word from 0x5555 to 0x3285 gives 0x0000.
    #[test]
    fn an_update_gives_the_rfcs_example() {
        let be = u16::to_be;
        assert_eq!(replace_word(be(0xdd2f), be(0x5555), be(0x3285)), 0);
    }

    #[test]
    fn an_update_equals_a_fresh_sum() {
        let mut words = [0x4500, 0x1234, 0xffff, 0x0000, 0xabcd, 0x0001, 0x8000];
        let before = finish(sum(&words));
        let [from, to] = [Ipv4::from_words(words[4], words[5]), Ipv4(0x0203_a8c0)];
        [words[4], words[5]] = to.to_words();
        assert_eq!(replace_address(before, from, to), finish(sum(&words)));
    }
}
