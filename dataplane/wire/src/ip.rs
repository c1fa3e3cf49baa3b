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

    /// All nodes of a link, `ff02::1` (RFC 4291 section 2.7.1).
    pub const ALL_NODES: Self = Self::v6([0xff02, 0, 0, 0, 0, 0, 0, 1]);

    /// First segments and prefix lengths of the blocks of IPv6 that no router here forwards, from or to.
    ///
    /// - `::/16`, in which are "nobody", loopback, and addresses of IPv4: mapped, compatible, translated (RFC 4291 sections 2.5
    ///   and 4; RFC 2765). `64:ff9b::/96` (RFC 6052) is not in it.
    /// - `2002::/16`: addresses of IPv4 once more (RFC 3964 says what comes of them, RFC 7526 retires them).
    /// - `fd00:ec2::/32`: services of the fabric (EC2 User Guide, "Use instance metadata").
    /// - `fe80::/10`, `fec0::/10`, `ff00::/8`: link-local, site-local (RFC 3879), groups.
    ///
    /// Not `2001:db8::/32` (RFC 3849) and `fc00::/7` (RFC 4193): the way to the host may lead into such a network.
    pub const NEVER_FORWARDED: [([u16; 2], u8); 6] = [
        ([0, 0], 16),
        ([0x2002, 0], 16),
        ([0xfd00, 0x0ec2], 32),
        ([0xfe80, 0], 10),
        ([0xfec0, 0], 10),
        ([0xff00, 0], 8),
    ];

    /// The address of IPv6 with these segments.
    #[must_use]
    pub const fn v6(segments: [u16; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = segments;
        Self::from_words([
            a.to_be(),
            b.to_be(),
            c.to_be(),
            d.to_be(),
            e.to_be(),
            f.to_be(),
            g.to_be(),
            h.to_be(),
        ])
    }

    /// The address in these words of a frame.
    #[must_use]
    #[inline(always)]
    pub const fn from_words(words: [u16; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = words;
        Self([
            Ipv4::from_words(a, b).0,
            Ipv4::from_words(c, d).0,
            Ipv4::from_words(e, f).0,
            Ipv4::from_words(g, h).0,
        ])
    }

    /// The inverse of [`Address::from_words`].
    #[must_use]
    #[inline(always)]
    pub const fn to_words(self) -> [u16; 8] {
        let [a, b, c, d] = self.0;
        let ([a, b], [c, d]) = (
            [Ipv4(a).to_words(), Ipv4(b).to_words()],
            [Ipv4(c).to_words(), Ipv4(d).to_words()],
        );
        [a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]]
    }

    /// Of four words as they lie in a frame.
    #[must_use]
    #[inline(always)]
    pub const fn from_pairs(pairs: [u32; 4]) -> Self {
        Self(pairs)
    }

    /// The inverse of [`Address::from_pairs`].
    #[must_use]
    #[inline(always)]
    pub const fn to_pairs(self) -> [u32; 4] {
        self.0
    }

    /// The next address after one whose last bit is not set: the first of a network after the network's own.
    #[must_use]
    #[inline(always)]
    pub const fn next_of_network(self) -> Self {
        let [a, b, c, d] = self.0;
        Self([a, b, c, d | 1_u32.to_be()])
    }

    /// Whether the address, which is not of IPv4, lies in one of [`Address::NEVER_FORWARDED`].
    #[must_use]
    #[inline(always)]
    pub fn is_never_forwarded(self) -> bool {
        const BLOCKS: [(Ipv4, Ipv4); 6] = {
            let mut blocks = [(Ipv4(0), Ipv4(0)); 6];
            let mut index = 0;
            while index < blocks.len() {
                let ([first, second], length) = Address::NEVER_FORWARDED[index];
                blocks[index] = (
                    Ipv4::from_words(first.to_be(), second.to_be()),
                    Ipv4::mask(length),
                );
                index += 1;
            }
            blocks
        };
        let [first, ..] = self.0;
        let mut found = false;
        for (network, mask) in BLOCKS {
            found |= Ipv4(first).is_in(network, mask);
        }
        found
    }

    /// Whether the first `length` bits, at most 64, are those of `network`, which is not [`Address::NONE`].
    #[must_use]
    #[inline(always)]
    pub const fn has_prefix(self, network: Self, length: u32) -> bool {
        if network.is_none() || length == 0 || length > u64::BITS {
            return false;
        }
        let ([a, b, ..], [c, d, ..]) = (self.0, network.0);
        let own = (u32::from_be(a) as u64) << 32 | u32::from_be(b) as u64;
        let network = (u32::from_be(c) as u64) << 32 | u32::from_be(d) as u64;
        (own ^ network) >> ((u64::BITS - length) & 63) == 0
    }

    /// `ff00::/8`.
    #[must_use]
    #[inline(always)]
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 0xff00_0000_u32.to_be() == 0xff00_0000_u32.to_be()
    }

    /// `fe80::/10`.
    #[must_use]
    #[inline(always)]
    pub const fn is_link_local(self) -> bool {
        self.0[0] & 0xffc0_0000_u32.to_be() == 0xfe80_0000_u32.to_be()
    }

    /// `ff02::1:ff00:0/104`: where who has an address is asked for it (RFC 4291 section 2.7.1).
    #[must_use]
    #[inline(always)]
    pub const fn is_solicited_node(self) -> bool {
        let [a, b, c, d] = self.0;
        (a ^ 0xff02_0000_u32.to_be())
            | b
            | (c ^ 1_u32.to_be())
            | ((d ^ 0xff00_0000_u32.to_be()) & 0xff00_0000_u32.to_be())
            == 0
    }

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
    fn blocks_of_ipv6_that_nobody_forwards_end_where_they_end() {
        for (text, want) in [
            ("::", true),
            ("::1", true),
            ("::10.0.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("::ffff:0:10.0.0.1", true),
            ("0:ffff::", true),
            ("1::", false),
            ("64:ff9b::10.0.0.1", false),
            ("2001:db8::1", false),
            ("2002:a00:1::", true),
            ("2003::", false),
            ("fc00::1", false),
            ("fd00:ec2::254", true),
            ("fd00:ec3::", false),
            ("fe7f:ffff::", false),
            ("fe80::1", true),
            ("febf::", true),
            ("fec0::1", true),
            ("feff::", true),
            ("ff00::", true),
            ("ff02::1", true),
        ] {
            assert_eq!(v6(text).is_never_forwarded(), want, "{text}");
        }
    }

    #[test]
    fn prefixes_up_to_half_an_address_are_compared() {
        for (network, length, address, want) in [
            ("2001:db8:100::", 40, "2001:db8:1ff:ffff::1", true),
            ("2001:db8:100::", 40, "2001:db8:200::1", false),
            ("2001:db8:0:1::", 64, "2001:db8:0:1::1", true),
            ("2001:db8:0:1::", 64, "2001:db8:0:2::1", false),
            ("8000::", 1, "ffff::", true),
            ("8000::", 0, "ffff::", false),
            ("::", 64, "::1", false),
            ("2001:db8::", 65, "2001:db8::", false),
        ] {
            let found = v6(address).has_prefix(v6(network), length);
            assert_eq!(found, want, "{address} in {network}/{length}");
        }
    }

    #[test]
    fn groups_and_links_are_recognised() {
        assert_eq!(Address::ALL_NODES, v6("ff02::1"));
        assert_eq!(
            Address::from_words(v6("1:2:3::8").to_words()),
            v6("1:2:3::8")
        );
        assert_eq!(v6("2001:db8::").next_of_network(), v6("2001:db8::1"));
        for (text, group, link, solicited) in [
            ("ff02::1:ff12:3456", true, false, true),
            ("ff02::1:fe12:3456", true, false, false),
            ("ff02::1:0:ff12:3456", true, false, false),
            ("ff05::1:ff12:3456", true, false, false),
            ("fe80:ec2::1", false, true, false),
            ("febf::1", false, true, false),
            ("fec0::1", false, false, false),
            ("fe00::1", false, false, false),
        ] {
            let address = v6(text);
            assert_eq!(address.is_multicast(), group, "{text}");
            assert_eq!(address.is_link_local(), link, "{text}");
            assert_eq!(address.is_solicited_node(), solicited, "{text}");
        }
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
