//! Networks, as the tries hold them.

use eni_wire::{Address, Ipv4};

/// The addresses that share their first bits.
///
/// **Families share a trie.** What contains the mapped addresses of IPv4 (`::/0` down to `::/80`) is found for every packet
/// of IPv4 that no row of its own matches. Who adds such a prefix of IPv6 adds [`Prefix::ALL_IPV4`] with what holds for
/// IPv4 beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    /// The first one.
    pub address: Address,
    /// How many bits, out of 128.
    pub length: u8,
}

impl Prefix {
    /// All addresses of IPv4: `0.0.0.0/0`.
    pub const ALL_IPV4: Self = Self {
        address: Address::v4(Ipv4::UNSPECIFIED),
        length: Address::IPV4_BITS_BEFORE,
    };

    /// The network of IPv4 that begins at `address`, of `length` bits out of 32.
    #[must_use]
    #[inline(always)]
    pub const fn v4(address: Ipv4, length: u8) -> Self {
        Self {
            address: Address::v4(address),
            length: Address::IPV4_BITS_BEFORE + length,
        }
    }

    /// One address.
    #[must_use]
    #[inline(always)]
    pub const fn host(address: Address) -> Self {
        Self {
            address,
            length: Address::BITS,
        }
    }

    /// The network of `length` bits that `address` is in.
    #[must_use]
    pub const fn around(address: Address, length: u8) -> Self {
        Self {
            address: address.network(length),
            length,
        }
    }

    /// Whether all addresses of `other` are in this one.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.length <= other.length && other.address.network(self.length) == self.address
    }
}
