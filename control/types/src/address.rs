//! IP blocks and MAC addresses.

use alloc::string::String;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text is not an IPv4 block such as `10.0.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an IPv4 CIDR block")]
pub struct MalformedCidr;

/// An IPv4 block without host bits. EC2 canonicalises: `100.68.0.18/18` becomes `100.68.0.0/18`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ipv4Cidr(Ipv4Net);

impl Ipv4Cidr {
    /// `0.0.0.0/0`, every address.
    pub const ANY: Self = Self(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0));
    /// `0.0.0.0/32`: no address of anybody's (RFC 1122, section 3.2.1.3).
    pub const UNSPECIFIED: Self = Self(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 32));

    /// The block of `prefix_length` bits that holds `address`; `None` above 32 bits.
    #[must_use]
    pub fn new(address: Ipv4Addr, prefix_length: u8) -> Option<Self> {
        Ipv4Net::new(address, prefix_length)
            .ok()
            .map(|net| Self(net.trunc()))
    }

    /// The first address.
    #[must_use]
    pub fn network(self) -> Ipv4Addr {
        self.0.network()
    }

    /// The last address.
    #[must_use]
    pub fn last(self) -> Ipv4Addr {
        self.0.broadcast()
    }

    /// Bits of the prefix, 0 to 32.
    #[must_use]
    pub fn prefix_length(self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether `address` lies in this block.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        self.0.contains(&address)
    }

    /// Whether all of `other` lies in this block (a block covers itself).
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether the two blocks share an address.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// Number of addresses, 1 to 2³².
    #[must_use]
    pub fn size(self) -> u64 {
        1 << (32 - u32::from(self.prefix_length()))
    }

    /// The address `offset` places after the first one, if it lies in this block.
    #[must_use]
    pub fn nth(self, offset: u64) -> Option<Ipv4Addr> {
        let offset = u32::try_from(offset)
            .ok()
            .filter(|_| offset < self.size())?;
        Some(Ipv4Addr::from_bits(u32::from(self.network()) + offset))
    }
}

impl FromStr for Ipv4Cidr {
    type Err = MalformedCidr;
    fn from_str(text: &str) -> Result<Self, MalformedCidr> {
        text.parse::<Ipv4Net>()
            .map(|net| Self(net.trunc()))
            .map_err(|_| MalformedCidr)
    }
}

impl fmt::Display for Ipv4Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Serialize for Ipv4Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ipv4Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The text is not an IPv6 block such as `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an IPv6 CIDR block")]
pub struct MalformedIpv6Cidr;

/// An IPv6 block without host bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ipv6Cidr(Ipv6Net);

impl Ipv6Cidr {
    /// `::/0`, every address.
    pub const ANY: Self = Self(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0));

    /// The block of `prefix_length` bits that holds `address`; `None` above 128 bits.
    #[must_use]
    pub fn new(address: Ipv6Addr, prefix_length: u8) -> Option<Self> {
        Ipv6Net::new(address, prefix_length)
            .ok()
            .map(|net| Self(net.trunc()))
    }

    /// The first address.
    #[must_use]
    pub fn network(self) -> Ipv6Addr {
        self.0.network()
    }

    /// The last address.
    #[must_use]
    pub fn last(self) -> Ipv6Addr {
        self.0.broadcast()
    }

    /// Bits of the prefix, 0 to 128.
    #[must_use]
    pub fn prefix_length(self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether `address` lies in this block.
    #[must_use]
    pub fn contains(self, address: Ipv6Addr) -> bool {
        self.0.contains(&address)
    }

    /// Whether all of `other` lies in this block (a block covers itself).
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether the two blocks share an address.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.covers(other) || other.covers(self)
    }
}

impl FromStr for Ipv6Cidr {
    type Err = MalformedIpv6Cidr;
    fn from_str(text: &str) -> Result<Self, MalformedIpv6Cidr> {
        text.parse::<Ipv6Net>()
            .map(|net| Self(net.trunc()))
            .map_err(|_| MalformedIpv6Cidr)
    }
}

impl fmt::Display for Ipv6Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Serialize for Ipv6Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ipv6Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The text is no block of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a CIDR block")]
pub struct MalformedIpCidr;

/// A block of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IpCidr {
    /// IPv4.
    V4(Ipv4Cidr),
    /// IPv6.
    V6(Ipv6Cidr),
}

impl IpCidr {
    /// The block of one address.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(Ipv4Cidr(Ipv4Net::from(address))),
            IpAddr::V6(address) => Self::V6(Ipv6Cidr(Ipv6Net::from(address))),
        }
    }

    /// Bits of the prefix.
    #[must_use]
    pub fn prefix_length(self) -> u8 {
        match self {
            Self::V4(block) => block.prefix_length(),
            Self::V6(block) => block.prefix_length(),
        }
    }

    /// Whether `address` lies in this block; none of the other family does.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::V4(block), IpAddr::V4(address)) => block.contains(address),
            (Self::V6(block), IpAddr::V6(address)) => block.contains(address),
            _ => false,
        }
    }

    /// Whether all of `other` lies in this block (a block covers itself, and none of the other family).
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::V4(block), Self::V4(other)) => block.covers(other),
            (Self::V6(block), Self::V6(other)) => block.covers(other),
            _ => false,
        }
    }

    /// The block if it is of IPv4.
    #[must_use]
    pub fn ipv4(self) -> Option<Ipv4Cidr> {
        match self {
            Self::V4(block) => Some(block),
            Self::V6(_) => None,
        }
    }

    /// The block if it is of IPv6.
    #[must_use]
    pub fn ipv6(self) -> Option<Ipv6Cidr> {
        match self {
            Self::V4(_) => None,
            Self::V6(block) => Some(block),
        }
    }
}

impl From<Ipv4Cidr> for IpCidr {
    fn from(block: Ipv4Cidr) -> Self {
        Self::V4(block)
    }
}

impl From<Ipv6Cidr> for IpCidr {
    fn from(block: Ipv6Cidr) -> Self {
        Self::V6(block)
    }
}

impl FromStr for IpCidr {
    type Err = MalformedIpCidr;
    fn from_str(text: &str) -> Result<Self, MalformedIpCidr> {
        let ipv4 = text.parse().map(Self::V4);
        ipv4.or_else(|_| text.parse().map(Self::V6).map_err(|_| MalformedIpCidr))
    }
}

impl fmt::Display for IpCidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(block) => block.fmt(formatter),
            Self::V6(block) => block.fmt(formatter),
        }
    }
}

/// The text is not a MAC address such as `02:1a:00:00:00:01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a MAC address")]
pub struct MalformedMac;

/// An Ethernet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// A unicast, locally administered address (IEEE 802, 8.2) with EC2's usual first octet, from 40 random bits.
    #[must_use]
    pub fn locally_administered(random: u64) -> Self {
        let bytes = random.to_be_bytes();
        Self([0x02, bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]])
    }
}

impl FromStr for MacAddress {
    type Err = MalformedMac;
    fn from_str(text: &str) -> Result<Self, MalformedMac> {
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts
                .next()
                .filter(|part| part.len() == 2)
                .ok_or(MalformedMac)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| MalformedMac)?;
        }
        if parts.next().is_some() {
            Err(MalformedMac)
        } else {
            Ok(Self(octets))
        }
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(formatter, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl Serialize for MacAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MacAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn a_block_is_canonicalised() {
        for (text, want) in [
            ("100.68.0.18/18", Ok("100.68.0.0/18")),
            ("10.0.0.0/33", Err(MalformedCidr)),
            ("10.0.0.0", Err(MalformedCidr)),
            ("10.0.0/8", Err(MalformedCidr)),
            ("0.0.0.0/0", Ok("0.0.0.0/0")),
        ] {
            assert_eq!(
                text.parse::<Ipv4Cidr>().map(|cidr| cidr.to_string()),
                want.map(ToString::to_string),
                "{text}"
            );
        }
    }

    #[test]
    fn an_ipv6_block_is_canonicalised() {
        for (text, want) in [
            ("2001:DB8::1/32", Ok("2001:db8::/32")),
            ("::/0", Ok("::/0")),
            ("::/129", Err(MalformedIpv6Cidr)),
            ("10.0.0.0/8", Err(MalformedIpv6Cidr)),
        ] {
            assert_eq!(
                text.parse::<Ipv6Cidr>().map(|cidr| cidr.to_string()),
                want.map(ToString::to_string),
                "{text}"
            );
        }
    }

    #[test]
    fn a_block_counts_its_addresses_from_the_first_to_the_last() {
        let block: Ipv4Cidr = "10.0.0.16/28".parse().unwrap();
        assert_eq!(block.size(), 16);
        assert_eq!(block.nth(0), Some(block.network()));
        assert_eq!(block.nth(15), Some(block.last()));
        assert_eq!(block.nth(16), None);
        assert_eq!(Ipv4Cidr::ANY.size(), 1 << 32);
        assert_eq!(
            Ipv4Cidr::ANY.nth(u64::from(u32::MAX)),
            Some(Ipv4Addr::BROADCAST)
        );
    }

    proptest! {
        #[test]
        fn a_generated_mac_is_unicast_and_locally_administered(random: u64) {
            let mac = MacAddress::locally_administered(random);
            prop_assert_eq!(mac.0[0] & 0b11, 0b10);
            prop_assert_eq!(mac.to_string().parse::<MacAddress>(), Ok(mac));
        }
    }
}
