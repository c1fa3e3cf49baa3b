//! Addresses and ports as they lie in a frame.
//!
//! All are kept in *network byte order*: the bytes in memory are the bytes on the wire. Comparing, hashing and masking
//! need no conversion, a value read from a frame is a table key as it stands, and LPM tries compare from the first bit.

use core::net::Ipv4Addr;

/// A MAC address as three 16-bit words in network byte order.
///
/// Words rather than bytes because the BPF back end moves `[u8; 6]` by a bytewise `memcpy`: 110 against 88 ns a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Mac(pub [u16; 3]);

impl Mac {
    /// Ethernet's broadcast address.
    pub const BROADCAST: Self = Self([0xffff; 3]);

    /// The address of six bytes in wire order.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 6]) -> Self {
        let [a, b, c, d, e, f] = bytes;
        Self([
            u16::from_ne_bytes([a, b]),
            u16::from_ne_bytes([c, d]),
            u16::from_ne_bytes([e, f]),
        ])
    }

    /// The six bytes in wire order.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 6] {
        let [[a, b], [c, d], [e, f]] = [
            self.0[0].to_ne_bytes(),
            self.0[1].to_ne_bytes(),
            self.0[2].to_ne_bytes(),
        ];
        [a, b, c, d, e, f]
    }

    /// Whether the address names a group: the first byte's lowest bit (IEEE 802-2014 section 8.2.2).
    #[must_use]
    #[inline(always)]
    pub const fn is_multicast(self) -> bool {
        u16::from_be(self.0[0]) & 0x0100 != 0
    }
}

/// An IPv4 address (or mask) in network byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Ipv4(pub u32);

impl Ipv4 {
    /// `0.0.0.0`; in tables "none".
    pub const UNSPECIFIED: Self = Self(0);
    /// `255.255.255.255`.
    pub const BROADCAST: Self = Self(u32::MAX);

    /// The address whose first two and last two bytes are these words of a frame.
    #[must_use]
    #[inline(always)]
    pub const fn from_words(first: u16, last: u16) -> Self {
        if cfg!(target_endian = "little") {
            Self(first as u32 | (last as u32) << 16)
        } else {
            Self((first as u32) << 16 | last as u32)
        }
    }

    /// The inverse of [`Ipv4::from_words`].
    #[must_use]
    #[inline(always)]
    pub const fn to_words(self) -> [u16; 2] {
        if cfg!(target_endian = "little") {
            [self.0 as u16, (self.0 >> 16) as u16]
        } else {
            [(self.0 >> 16) as u16, self.0 as u16]
        }
    }

    /// The mask of a prefix of `length` bits; lengths above 32 give the full mask.
    #[must_use]
    pub const fn mask(length: u8) -> Self {
        let host = match length {
            0 => 0,
            1..=32 => u32::MAX << (32 - length as u32),
            _ => u32::MAX,
        };
        Self(host.to_be())
    }

    /// Whether `self` lies in `network`, both taken under `mask`.
    #[must_use]
    #[inline(always)]
    pub const fn is_in(self, network: Self, mask: Self) -> bool {
        (self.0 ^ network.0) & mask.0 == 0
    }

    /// First addresses and prefix lengths of the blocks that no router forwards, from or to: what stays on its host or its
    /// link (RFC 6890: "this host on this network", loopback, link-local), groups as a VPC has none (RFC 5771), and what
    /// is kept for the future (RFC 1112 section 4), `255.255.255.255` in it.
    ///
    /// Not the private (RFC 1918), shared (RFC 6598), documentation (RFC 5737) and benchmarking (RFC 2544) networks: the
    /// way to the host may lead into a network that uses them.
    pub const NEVER_FORWARDED: [(Ipv4Addr, u8); 5] = [
        (Ipv4Addr::new(0, 0, 0, 0), 8),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
        (Ipv4Addr::new(169, 254, 0, 0), 16),
        (Ipv4Addr::new(224, 0, 0, 0), 4),
        (Ipv4Addr::new(240, 0, 0, 0), 4),
    ];

    /// Whether the address lies in one of [`Ipv4::NEVER_FORWARDED`].
    #[must_use]
    #[inline(always)]
    pub fn is_never_forwarded(self) -> bool {
        const BLOCKS: [(Ipv4, Ipv4); 5] = {
            let mut blocks = [(Ipv4(0), Ipv4(0)); 5];
            let mut index = 0;
            while index < blocks.len() {
                let (first, length) = Ipv4::NEVER_FORWARDED[index];
                blocks[index] = (Ipv4(u32::from_ne_bytes(first.octets())), Ipv4::mask(length));
                index += 1;
            }
            blocks
        };
        let mut found = false;
        for (network, mask) in BLOCKS {
            found |= self.is_in(network, mask);
        }
        found
    }

    /// `224.0.0.0/4` (RFC 5771).
    #[must_use]
    #[inline(always)]
    pub const fn is_multicast(self) -> bool {
        self.0 & 0xf000_0000_u32.to_be() == 0xe000_0000_u32.to_be()
    }
}

impl From<Ipv4Addr> for Ipv4 {
    fn from(address: Ipv4Addr) -> Self {
        Self(u32::from_ne_bytes(address.octets()))
    }
}

impl From<Ipv4> for Ipv4Addr {
    fn from(address: Ipv4) -> Self {
        Self::from(address.0.to_ne_bytes())
    }
}

/// A TCP or UDP port, or an ICMP type and code, in network byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Port(pub u16);

impl Port {
    /// From a port number in host order.
    #[must_use]
    #[inline(always)]
    pub const fn new(number: u16) -> Self {
        Self(number.to_be())
    }

    /// ICMP's type and code, type first: the order that lets a prefix name all codes of one type.
    #[must_use]
    #[inline(always)]
    pub const fn icmp(icmp_type: u8, code: u8) -> Self {
        Self::new((icmp_type as u16) << 8 | code as u16)
    }

    /// The number in host order.
    #[must_use]
    #[inline(always)]
    pub const fn number(self) -> u16 {
        u16::from_be(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_the_bytes_of_the_wire() {
        let mac = Mac::from_bytes([2, 0, 0, 0xaa, 0xbb, 0xcc]);
        assert_eq!(mac.to_bytes(), [2, 0, 0, 0xaa, 0xbb, 0xcc]);
        let address = Ipv4::from(Ipv4Addr::new(10, 1, 2, 3));
        assert_eq!(address.0.to_ne_bytes(), [10, 1, 2, 3]);
        let [first, last] = address.to_words();
        assert_eq!((first.to_ne_bytes(), last.to_ne_bytes()), ([10, 1], [2, 3]));
        assert_eq!(Ipv4::from_words(first, last), address);
        assert_eq!(Port::new(443).0.to_ne_bytes(), [1, 187]);
        assert_eq!(Port::icmp(8, 3).0.to_ne_bytes(), [8, 3]);
    }

    #[test]
    fn masks_select_networks() {
        let network = Ipv4::from(Ipv4Addr::new(10, 1, 2, 0));
        let cases = [
            (24, [10, 1, 2, 255], true),
            (25, [10, 1, 2, 128], false),
            (0, [1, 1, 1, 1], true),
        ];
        for (length, octets, want) in cases {
            assert_eq!(
                Ipv4::from(Ipv4Addr::from(octets)).is_in(network, Ipv4::mask(length)),
                want,
                "/{length}"
            );
        }
    }

    #[test]
    fn what_no_router_forwards_ends_where_its_blocks_end() {
        for (octets, want) in [
            ([0, 0, 0, 0], true),
            ([0, 255, 255, 255], true),
            ([1, 0, 0, 0], false),
            ([126, 255, 255, 255], false),
            ([127, 0, 0, 1], true),
            ([128, 0, 0, 0], false),
            ([169, 253, 255, 255], false),
            ([169, 254, 169, 254], true),
            ([169, 255, 0, 0], false),
            ([223, 255, 255, 255], false),
            ([224, 0, 0, 1], true),
            ([240, 0, 0, 1], true),
            ([255, 255, 255, 255], true),
            ([10, 0, 0, 1], false),
            ([100, 64, 0, 1], false),
            ([192, 0, 2, 1], false),
            ([198, 18, 0, 1], false),
        ] {
            let address = Ipv4::from(Ipv4Addr::from(octets));
            assert_eq!(address.is_never_forwarded(), want, "{octets:?}");
        }
    }

    #[test]
    fn groups_are_recognised() {
        assert!(Mac::BROADCAST.is_multicast());
        assert!(Mac::from_bytes([1, 0, 0x5e, 0, 0, 1]).is_multicast());
        assert!(!Mac::from_bytes([2, 1, 0x5e, 0, 0, 1]).is_multicast());
        for (octets, want) in [
            ([224, 0, 0, 1], true),
            ([239, 255, 255, 255], true),
            ([240, 0, 0, 1], false),
        ] {
            assert_eq!(
                Ipv4::from(Ipv4Addr::from(octets)).is_multicast(),
                want,
                "{octets:?}"
            );
        }
    }
}
