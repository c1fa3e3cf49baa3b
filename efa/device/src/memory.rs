//! Memory regions and their keys.

use crate::device::DomainId;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Bits of a key that number the region; the others are its generation.
pub(crate) const INDEX_BITS: u32 = 18;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
const GENERATION_MASK: u32 = u32::MAX >> INDEX_BITS;
/// Numbers that rest before one is given again. A key is given a second time after at least this many times 2^14 later
/// registrations (67 million), so that no key that a peer may still hold names another region.
const RESTING: usize = 4_096;

/// Rights to a memory region: the bits of `enum ibv_access_flags` that EFA knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access(u8);

impl Access {
    /// The device may read for the program's own sends. Every region grants it.
    pub const LOCAL_READ: Self = Self(0);
    /// `IBV_ACCESS_LOCAL_WRITE`
    pub const LOCAL_WRITE: Self = Self(1);
    /// `IBV_ACCESS_REMOTE_WRITE`
    pub const REMOTE_WRITE: Self = Self(2);
    /// `IBV_ACCESS_REMOTE_READ`
    pub const REMOTE_READ: Self = Self(4);
    const ALL: u8 = 7;

    /// The rights in `bits` of `ibv_access_flags`; rights that EFA does not know are left out.
    pub fn from_bits(bits: u32) -> Self {
        Self((bits & u32::from(Self::ALL)) as u8)
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn includes(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }
}

/// The key of a region: `lkey` and `rkey` of libibverbs in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegionKey(pub u32);

/// What a program registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Address in the program's memory.
    pub base: u64,
    /// Bytes.
    pub length: u64,
    /// Address that work requests and peers use for `base` (`iova` of `ibv_reg_mr_iova2`).
    pub virtual_address: u64,
    /// Rights.
    pub access: Access,
}

#[derive(Debug)]
struct Region {
    domain: DomainId,
    registration: Registration,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    region: Option<Region>,
}

/// The regions of one device.
#[derive(Debug)]
pub(crate) struct Regions {
    slots: Vec<Slot>,
    /// Numbers that are free, longest first.
    resting: VecDeque<u32>,
    /// Grows with every region that goes: what was checked under the same epoch is still right.
    epoch: u64,
    random: u64,
}

impl Regions {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            slots: Vec::new(),
            resting: VecDeque::new(),
            epoch: 0,
            random: seed,
        }
    }

    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Gives the region a key, or nothing when its addresses overflow or the table is full.
    pub(crate) fn register(
        &mut self,
        domain: DomainId,
        registration: Registration,
    ) -> Option<RegionKey> {
        registration.base.checked_add(registration.length)?;
        registration
            .virtual_address
            .checked_add(registration.length)?;
        let full = self.slots.len() >= crate::MAX_REGIONS - 1;
        let index = if self.resting.len() > RESTING || full {
            self.resting.pop_front()?
        } else {
            let generation = self.next_random() & GENERATION_MASK;
            let region = None;
            self.slots.push(Slot { generation, region });
            u32::try_from(self.slots.len() - 1).ok()?
        };
        let slot = self.slots.get_mut(index as usize)?;
        slot.region = Some(Region {
            domain,
            registration,
        });
        // Numbers start at one so that no key is zero, which programs take for "none".
        Some(RegionKey(slot.generation << INDEX_BITS | (index + 1)))
    }

    /// Takes the region back. Gives its domain, or nothing when there is no such region.
    pub(crate) fn deregister(&mut self, key: RegionKey) -> Option<DomainId> {
        let index = Self::index(key)?;
        let slot = self.slots.get_mut(index)?;
        if slot.generation != key.0 >> INDEX_BITS {
            return None;
        }
        let region = slot.region.take()?;
        slot.generation = (slot.generation + 1) & GENERATION_MASK;
        self.resting.push_back(u32::try_from(index).ok()?);
        self.epoch += 1;
        Some(region.domain)
    }

    /// Where `length` bytes at `virtual_address` lie in the program's memory, if `key` names a region of `domain` that
    /// has all of them and grants `needed`.
    #[inline]
    pub(crate) fn resolve(
        &self,
        key: RegionKey,
        domain: DomainId,
        virtual_address: u64,
        length: u64,
        needed: Access,
    ) -> Option<u64> {
        let slot = self.slots.get(Self::index(key)?)?;
        if slot.generation != key.0 >> INDEX_BITS {
            return None;
        }
        let region = slot.region.as_ref()?;
        let registration = &region.registration;
        let offset = virtual_address.checked_sub(registration.virtual_address)?;
        let end = offset.checked_add(length)?;
        let granted = region.domain == domain && registration.access.includes(needed);
        (granted && end <= registration.length).then(|| registration.base + offset)
    }

    #[inline]
    fn index(key: RegionKey) -> Option<usize> {
        (key.0 & INDEX_MASK)
            .checked_sub(1)
            .map(|index| index as usize)
    }

    /// splitmix64 (Steele, Lea and Flood, 2014).
    fn next_random(&mut self) -> u32 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOMAIN: DomainId = DomainId(0);

    fn registration(base: u64, length: u64) -> Registration {
        Registration {
            base,
            length,
            virtual_address: base,
            access: Access::LOCAL_WRITE.and(Access::REMOTE_READ),
        }
    }

    #[test]
    fn a_region_covers_its_bytes_and_no_others() {
        let mut regions = Regions::new(1);
        let key = regions
            .register(DOMAIN, registration(0x1000, 0x100))
            .expect("fits");
        let cases = [
            // address, length, want
            (0x1000, 0x100, Some(0x1000)),
            (0x1000, 0x101, None),
            (0x10ff, 1, Some(0x10ff)),
            (0x1100, 0, Some(0x1100)),
            (0x1100, 1, None),
            (0xfff, 1, None),
            (0x1001, u64::MAX, None),
            (u64::MAX, 2, None),
        ];
        for (address, length, want) in cases {
            let got = regions.resolve(key, DOMAIN, address, length, Access::LOCAL_READ);
            assert_eq!(got, want, "{length} bytes at {address:#x}");
        }
    }

    #[test]
    fn a_region_grants_what_it_was_registered_for_to_its_own_domain() {
        let mut regions = Regions::new(1);
        let key = regions.register(DOMAIN, registration(0, 8)).expect("fits");
        let cases = [
            (DOMAIN, Access::LOCAL_READ, true),
            (DOMAIN, Access::LOCAL_WRITE, true),
            (DOMAIN, Access::REMOTE_READ, true),
            (DOMAIN, Access::REMOTE_WRITE, false),
            (DomainId(1), Access::LOCAL_READ, false),
        ];
        for (domain, needed, want) in cases {
            let got = regions.resolve(key, domain, 0, 8, needed).is_some();
            assert_eq!(got, want, "{needed:?} in {domain:?}");
        }
    }

    #[test]
    fn a_registration_that_runs_past_the_last_address_is_refused() {
        let mut regions = Regions::new(1);
        assert_eq!(regions.register(DOMAIN, registration(u64::MAX, 1)), None);
        let shifted = Registration {
            virtual_address: u64::MAX,
            ..registration(0, 1)
        };
        assert_eq!(regions.register(DOMAIN, shifted), None);
    }

    #[test]
    fn a_virtual_address_leads_to_the_same_offset() {
        let mut regions = Regions::new(1);
        let shifted = Registration {
            virtual_address: 0,
            ..registration(0x5000, 16)
        };
        let key = regions.register(DOMAIN, shifted).expect("fits");
        assert_eq!(
            regions.resolve(key, DOMAIN, 4, 8, Access::LOCAL_READ),
            Some(0x5004)
        );
        assert_eq!(
            regions.resolve(key, DOMAIN, 0x5004, 8, Access::LOCAL_READ),
            None
        );
    }

    #[test]
    fn a_stale_key_opens_no_later_region() {
        let mut regions = Regions::new(7);
        let stale = regions.register(DOMAIN, registration(0, 8)).expect("fits");
        assert_eq!(regions.deregister(stale), Some(DOMAIN));
        assert_eq!(regions.deregister(stale), None);
        for round in 0..20_000 {
            let key = regions.register(DOMAIN, registration(0, 8)).expect("fits");
            assert_ne!(key, stale, "round {round}");
            assert_eq!(
                regions.resolve(stale, DOMAIN, 0, 1, Access::LOCAL_READ),
                None
            );
            assert_eq!(regions.deregister(key), Some(DOMAIN));
        }
    }

    #[test]
    fn no_key_is_zero() {
        let mut regions = Regions::new(0);
        for _ in 0..100 {
            let key = regions.register(DOMAIN, registration(0, 8)).expect("fits");
            assert_ne!(key.0 & INDEX_MASK, 0);
        }
    }
}
