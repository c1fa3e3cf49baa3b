//! IP addresses of either family.

use core::hash::{Hash, Hasher};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Ipv4;

/// An address of either family in network byte order, one of IPv4 mapped into IPv6: `::ffff:a.b.c.d` (RFC 4291 section
/// 2.5.5.2). `::`, which is nobody's, stands for "none" in tables.
///
/// Four words, because a copy or a comparison of bytes becomes a call in BPF, and pairs of words would want their places in
/// a key to be multiples of eight.
#[derive(Clone, Copy, Debug, Default, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Address([u32; 4]);

/// The third word of every IPv4 address.
const MAPPED: u32 = 0x0000_ffff_u32.to_be();

impl Address {
    /// No address.
    pub const NONE: Self = Self([0; 4]);
    /// Bits of an address.
    pub const BITS: u8 = 128;
    /// Bits that all IPv4 addresses share: what a prefix of IPv4 is longer by as a prefix of such addresses.
    pub const IPV4_BITS_BEFORE: u8 = 96;

    /// An IPv4 address.
    #[must_use]
    #[inline(always)]
    pub const fn v4(address: Ipv4) -> Self {
        Self([0, 0, MAPPED, address.0])
    }

    /// The IPv4 address that this is.
    #[must_use]
    #[inline(always)]
    pub const fn as_v4(self) -> Option<Ipv4> {
        let [a, b, c, last] = self.0;
        if a | b | (c ^ MAPPED) == 0 {
            Some(Ipv4(last))
        } else {
            None
        }
    }

    /// The last four bytes: the IPv4 address of one that is known to be of IPv4.
    #[must_use]
    #[inline(always)]
    pub const fn last_four(self) -> Ipv4 {
        let [_, _, _, last] = self.0;
        Ipv4(last)
    }

    /// Whether this is no address.
    #[must_use]
    #[inline(always)]
    pub const fn is_none(self) -> bool {
        let [a, b, c, d] = self.0;
        a | b | c | d == 0
    }

    /// The first address of the network of `length` bits that this one is in; lengths above 128 give the address.
    #[must_use]
    pub const fn network(self, length: u8) -> Self {
        let [a, b, c, d] = self.0;
        Self([
            a & word_mask(length, 0),
            b & word_mask(length, 32),
            c & word_mask(length, 64),
            d & word_mask(length, 96),
        ])
    }
}

/// What a prefix of `length` bits leaves of the word that begins at bit `begin`.
const fn word_mask(length: u8, begin: u8) -> u32 {
    Ipv4::mask(length.saturating_sub(begin)).0
}

/// Without branches, which the compiler would make a call of `memcmp`.
impl PartialEq for Address {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        (a ^ e) | (b ^ f) | (c ^ g) | (d ^ h) == 0
    }
}

impl Eq for Address {}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl From<Ipv4> for Address {
    #[inline(always)]
    fn from(address: Ipv4) -> Self {
        Self::v4(address)
    }
}

impl From<Ipv4Addr> for Address {
    fn from(address: Ipv4Addr) -> Self {
        Self::v4(address.into())
    }
}

impl From<Ipv6Addr> for Address {
    fn from(address: Ipv6Addr) -> Self {
        let mut words = [0; 4];
        let bytes = address.octets();
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u32::from_ne_bytes(*bytes);
        }
        Self(words)
    }
}

/// A mapped address is one of IPv4.
impl From<Address> for IpAddr {
    fn from(address: Address) -> Self {
        let mut bytes = [0; 16];
        for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(address.0) {
            *bytes = word.to_ne_bytes();
        }
        Ipv6Addr::from(bytes).to_canonical()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6(text: &str) -> Address {
        text.parse::<Ipv6Addr>().unwrap().into()
    }

    #[test]
    fn an_ipv4_address_is_its_mapped_one() {
        let address = Ipv4Addr::new(10, 1, 2, 3);
        let mapped = Address::from(address);
        assert_eq!(mapped, v6("::ffff:10.1.2.3"));
        assert_eq!(mapped.as_v4(), Some(address.into()));
        assert_eq!(IpAddr::from(mapped), IpAddr::V4(address));
        assert!(!Address::from(Ipv4Addr::UNSPECIFIED).is_none());
        for other in [
            "::10.1.2.3",
            "::",
            "1::ffff:10.1.2.3",
            "0:0:1::ffff:10.1.2.3",
        ] {
            assert_eq!(v6(other).as_v4(), None, "{other}");
        }
        assert_eq!(
            IpAddr::from(v6("2001:db8::1")),
            "2001:db8::1".parse::<IpAddr>().unwrap()
        );
    }

    #[test]
    fn addresses_that_differ_anywhere_differ() {
        let address = v6("1:2:3:4:5:6:7:8");
        for word in 0..4 {
            let mut other = address;
            other.0[word] ^= 1 << 31;
            assert_ne!(address, other);
        }
        assert_eq!(address, v6("1:2:3:4:5:6:7:8"));
    }

    #[test]
    fn networks_keep_the_first_bits() {
        let all = v6("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
        for (length, want) in [
            (0, "::"),
            (1, "8000::"),
            (33, "ffff:ffff:8000::"),
            (96, "ffff:ffff:ffff:ffff:ffff:ffff::"),
            (127, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"),
            (128, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            assert_eq!(all.network(length), v6(want), "/{length}");
        }
        let address = Address::from(Ipv4Addr::new(10, 1, 2, 3));
        assert_eq!(address.network(96 + 16), Ipv4Addr::new(10, 1, 0, 0).into());
    }
}
