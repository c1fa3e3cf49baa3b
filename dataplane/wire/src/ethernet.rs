//! Ethernet II headers.

use crate::Mac;

/// Bytes of an Ethernet II header.
pub const ETHERNET_LENGTH: u32 = 14;
/// Words of an Ethernet II header.
pub const ETHERNET_WORDS: usize = 7;

/// An EtherType in network byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EtherType(pub u16);

impl EtherType {
    /// RFC 894.
    pub const IPV4: Self = Self(0x0800_u16.to_be());
    /// RFC 826.
    pub const ARP: Self = Self(0x0806_u16.to_be());
    /// RFC 2464.
    pub const IPV6: Self = Self(0x86dd_u16.to_be());
    /// IEEE 802.1Q customer tag.
    pub const VLAN: Self = Self(0x8100_u16.to_be());
    /// IEEE 802.1ad service tag.
    pub const SERVICE_VLAN: Self = Self(0x88a8_u16.to_be());
}

/// An Ethernet II header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EthernetHeader {
    /// Destination MAC.
    pub destination: Mac,
    /// Source MAC.
    pub source: Mac,
    /// What follows.
    pub ether_type: EtherType,
}

impl EthernetHeader {
    /// The header in the first words of a frame.
    #[must_use]
    #[inline(always)]
    pub const fn from_words(words: &[u16; ETHERNET_WORDS]) -> Self {
        let [d0, d1, d2, s0, s1, s2, ether_type] = *words;
        Self {
            destination: Mac([d0, d1, d2]),
            source: Mac([s0, s1, s2]),
            ether_type: EtherType(ether_type),
        }
    }

    /// The inverse of [`EthernetHeader::from_words`].
    #[must_use]
    #[inline(always)]
    pub const fn to_words(&self) -> [u16; ETHERNET_WORDS] {
        let ([d0, d1, d2], [s0, s1, s2]) = (self.destination.0, self.source.0);
        [d0, d1, d2, s0, s1, s2, self.ether_type.0]
    }
}
