//! Networks, as the tries hold them.

use eni_wire::{Address, Ipv4};

/// Set in the number that a trie's key begins with where the rest is of IPv6.
const IPV6: u32 = 1 << 31;

/// The number that a trie's key begins with, whatever its family.
#[must_use]
#[inline(always)]
pub(crate) const fn number_of(word: u32) -> u32 {
    word & !IPV6
}

/// The addresses that share their first bits.
///
/// **Families share a trie and never meet in it.** The highest bit of the number that a key begins with says which family it is
/// of ([`Prefix::in_family`]): so `::/0`, in which the mapped addresses of IPv4 lie, is found for no packet of IPv4.
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

    /// All addresses of IPv6: `::/0`.
    pub const ALL_IPV6: Self = Self {
        address: Address::NONE,
        length: 0,
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

    /// Whether it is a network of IPv4.
    #[must_use]
    #[inline(always)]
    pub const fn is_ipv4(&self) -> bool {
        self.length >= Address::IPV4_BITS_BEFORE && self.address.as_v4().is_some()
    }

    /// What a trie's key begins with for `number`, which is below 2³¹, and this network's family.
    #[must_use]
    #[inline(always)]
    pub(crate) const fn in_family(&self, number: u32) -> u32 {
        if self.is_ipv4() {
            number
        } else {
            number | IPV6
        }
    }

    /// Whether all addresses of `other` are in this one.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.is_ipv4() == other.is_ipv4()
            && self.length <= other.length
            && other.address.network(self.length) == self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv6Addr;

    #[test]
    fn families_do_not_meet() {
        let v6 = |text: &str| Address::from(text.parse::<Ipv6Addr>().unwrap());
        let ten = Prefix::v4(Ipv4(u32::from_ne_bytes([10, 0, 0, 0])), 8);
        for (prefix, is_ipv4) in [
            (Prefix::ALL_IPV4, true),
            (ten, true),
            (Prefix::host(ten.address), true),
            (Prefix::ALL_IPV6, false),
            (Prefix::around(v6("::"), 80), false),
            (Prefix::host(v6("::fffe:0:1")), false),
            (Prefix::host(v6("2001:db8::1")), false),
        ] {
            assert_eq!(prefix.is_ipv4(), is_ipv4, "{prefix:?}");
            assert_eq!(Prefix::ALL_IPV4.contains(&prefix), is_ipv4, "{prefix:?}");
            assert_eq!(Prefix::ALL_IPV6.contains(&prefix), !is_ipv4, "{prefix:?}");
            let word = prefix.in_family(7);
            assert_eq!((word == 7, number_of(word)), (is_ipv4, 7), "{prefix:?}");
        }
    }
}
