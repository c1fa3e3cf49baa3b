//! What one plan has taken and the world does not show yet.

use alloc::collections::BTreeSet;
use core::net::Ipv4Addr;
use core::ops::RangeInclusive;

use eni_types::MacAddress;
use rand_core::Rng;

use crate::resource::{DelegatedPrefix, Ipv6Address, PrivateAddress, PublicAddress};
use crate::{FoundBy, Table};

/// Addresses that a plan has given to rows of its own, such as those of several instances launched by one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims(BTreeSet<Claim>);

/// What only one row can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claim {
    Private(PrivateAddress),
    Ipv6(Ipv6Address),
    Prefix(DelegatedPrefix),
    Public(PublicAddress),
    Mac(MacAddress),
}

impl From<PrivateAddress> for Claim {
    fn from(address: PrivateAddress) -> Self {
        Self::Private(address)
    }
}

impl From<Ipv6Address> for Claim {
    fn from(address: Ipv6Address) -> Self {
        Self::Ipv6(address)
    }
}

impl From<DelegatedPrefix> for Claim {
    fn from(prefix: DelegatedPrefix) -> Self {
        Self::Prefix(prefix)
    }
}

impl From<PublicAddress> for Claim {
    fn from(address: PublicAddress) -> Self {
        Self::Public(address)
    }
}

impl From<MacAddress> for Claim {
    fn from(address: MacAddress) -> Self {
        Self::Mac(address)
    }
}

impl Claims {
    /// Takes what is claimed. Says whether it was free in this plan.
    pub(crate) fn take(&mut self, claim: impl Into<Claim>) -> bool {
        self.0.insert(claim.into())
    }

    /// Whether it is claimed already.
    pub(crate) fn has(&self, claim: impl Into<Claim>) -> bool {
        self.0.contains(&claim.into())
    }

    /// Whether any of these is claimed already.
    pub(crate) fn has_between<K: Into<Claim>>(&self, claims: RangeInclusive<K>) -> bool {
        let (first, last) = claims.into_inner();
        self.0.range(first.into()..=last.into()).next().is_some()
    }

    /// Takes a free address of `addresses`: a random one or, where that is taken, the next free one after it, as EC2's
    /// choice looks random too. `None` where all are taken.
    ///
    /// `key` is what `table` finds the holder of an address by, `passed_over` the last address of a block that is not looked
    /// into. The work is a search in the index and one step for each taken address, or such block, that follows directly
    /// upon the random one.
    pub(crate) fn take_free<R: FoundBy<K>, K: Ord + Copy + Into<Claim>>(
        &mut self,
        addresses: RangeInclusive<Ipv4Addr>,
        table: &Table<R>,
        key: impl Fn(Ipv4Addr) -> K,
        passed_over: impl Fn(&Self, Ipv4Addr) -> Option<Ipv4Addr>,
        rng: &mut dyn Rng,
    ) -> Option<Ipv4Addr> {
        let (first, last) = (addresses.start().to_bits(), addresses.end().to_bits());
        let size = u64::from(last.checked_sub(first)?) + 1;
        let offset = u32::try_from(rng.next_u64() % size).ok()?;
        let start = first + offset;
        let free = self
            .first_free(start..=last, table, &key, &passed_over)
            .or_else(|| self.first_free(first..=start, table, &key, &passed_over))?;
        self.take(key(free));
        Some(free)
    }

    fn first_free<R: FoundBy<K>, K: Ord + Copy + Into<Claim>>(
        &self,
        addresses: RangeInclusive<u32>,
        table: &Table<R>,
        key: impl Fn(Ipv4Addr) -> K,
        passed_over: impl Fn(&Self, Ipv4Addr) -> Option<Ipv4Addr>,
    ) -> Option<Ipv4Addr> {
        let key_of = |bits: u32| key(Ipv4Addr::from_bits(bits));
        let mut taken = table
            .keys_between(&(key_of(*addresses.start())..=key_of(*addresses.end())))
            .peekable();
        let mut bits = *addresses.start();
        while addresses.contains(&bits) {
            let candidate = Ipv4Addr::from_bits(bits);
            let key = key(candidate);
            let passed = match passed_over(self, candidate) {
                Some(last) => last,
                None if taken.next_if(|other| **other == key).is_some() || self.has(key) => {
                    candidate
                }
                None => return Some(candidate),
            };
            bits = passed.to_bits().checked_add(1)?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::sync::Arc;

    use eni_types::{AllocationId, IdSequence, TypedId};
    use proptest::prelude::*;

    use super::*;
    use crate::resource::Address;
    use crate::tags::Tags;
    use crate::testing::TestRng;

    fn table(taken: impl IntoIterator<Item = u8>) -> Table<Address> {
        let mut ids = IdSequence::default();
        let mut table = Table::default();
        for last in taken {
            table.put(Arc::new(Address {
                allocation_id: AllocationId::generate(&mut ids),
                public_ip: Ipv4Addr::new(10, 0, 0, last),
                association: None,
                lent: false,
                tags: Tags::default(),
            }));
        }
        table
    }

    proptest! {
        #[test]
        fn every_free_address_is_given_once_and_then_none(
            seed: u64,
            first in 0_u8..=20,
            length in 0_u8..=20,
            taken in proptest::collection::btree_set(0_u8..=45, 0..45),
        ) {
            let mut rng = TestRng::new(seed);
            let table = table(taken.iter().copied());
            let address = |last| Ipv4Addr::new(10, 0, 0, last);
            let want: BTreeSet<_> =
                (first..=first + length).filter(|last| !taken.contains(last)).map(address).collect();
            let mut claims = Claims::default();
            let mut give = || {
                claims.take_free(address(first)..=address(first + length), &table, PublicAddress, |_, _| None, &mut rng)
            };
            let given: BTreeSet<_> = want.iter().filter_map(|_| give()).collect();
            prop_assert_eq!(given, want);
            prop_assert_eq!(give(), None);
        }
    }

    #[test]
    fn the_last_address_of_all_ends_the_search() {
        let mut rng = TestRng::new(0);
        let table = table([]);
        let mut claims = Claims::default();
        let all = Ipv4Addr::BROADCAST..=Ipv4Addr::BROADCAST;
        let mut give =
            || claims.take_free(all.clone(), &table, PublicAddress, |_, _| None, &mut rng);
        assert_eq!((give(), give()), (Some(Ipv4Addr::BROADCAST), None));
    }
}
