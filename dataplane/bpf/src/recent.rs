//! Flows that this CPU has decided lately: found without a call, where [`crate::maps::FLOWS`] takes four.
//!
//! A slot for each value of a hash, the last flow decided there in it, private to its CPU: nobody else writes it, so that
//! it is never read half written. What is not here is copied from `FLOWS`: a flow that moves to another CPU is at home there
//! from its first packet. A flow is forgotten on all CPUs by a new epoch of its slot.

use eni_abi::{Flow, FlowKey, FlowKeyIpv6};

/// Slots of one map value: a CPU's part of a value may have 32 KiB (`PCPU_MIN_UNIT_SIZE`).
pub(crate) const PAGE_SLOTS: usize = 128;
/// Values: 4,096 slots, half a megabyte for each CPU.
pub(crate) const PAGES: u32 = 32;
/// Slots of all pages.
pub(crate) const SLOTS: u32 = PAGES * PAGE_SLOTS as u32;

/// One value of [`crate::maps::RECENT_FLOWS`].
pub(crate) type Page<K> = [RecentFlow<K>; PAGE_SLOTS];

/// A slot.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct RecentFlow<K> {
    pub(crate) flow: Flow,
    pub(crate) key: K,
    /// The epoch of the slot in which it was decided.
    pub(crate) epoch: u64,
}

impl RecentFlow<FlowKey> {
    /// Whether this is the flow of `key`. An empty slot is nobody's: there is no vport 0.
    ///
    /// Without branches, which the compiler would make a call of `memcmp`.
    #[inline(always)]
    pub(crate) fn is_of(&self, key: &FlowKey) -> bool {
        let own = &self.key;
        let difference = (own.vport ^ key.vport)
            | (own.source.0 ^ key.source.0)
            | (own.destination.0 ^ key.destination.0)
            | (own.ports.0 ^ key.ports.0)
            | (own.protocol ^ key.protocol);
        difference == 0
    }
}

impl RecentFlow<FlowKeyIpv6> {
    /// As for IPv4.
    #[inline(always)]
    pub(crate) fn is_of(&self, key: &FlowKeyIpv6) -> bool {
        let own = &self.key;
        let ([a, b, c, d], [e, f, g, h]) = (own.source.to_pairs(), key.source.to_pairs());
        let source = (a ^ e) | (b ^ f) | (c ^ g) | (d ^ h);
        let ([a, b, c, d], [e, f, g, h]) = (own.destination.to_pairs(), key.destination.to_pairs());
        let destination = (a ^ e) | (b ^ f) | (c ^ g) | (d ^ h);
        let difference = (own.vport ^ key.vport)
            | source
            | destination
            | (own.ports.0 ^ key.ports.0)
            | (own.protocol ^ key.protocol);
        difference == 0
    }
}

/// Where a flow's slot is.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    /// Of all slots: the index of its epoch.
    pub(crate) number: u32,
    pub(crate) page: u32,
    /// Within the page.
    pub(crate) index: usize,
}

/// The odd number next to 2^64 divided by the golden ratio: multiplied by it, neighbours land far apart (Knuth, The Art of
/// Computer Programming, volume 3, section 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Slot {
    /// Guests may choose flows that meet in one slot: those are found in `FLOWS`, more slowly.
    #[inline(always)]
    pub(crate) fn of(key: &FlowKey) -> Self {
        let addresses = u64::from(key.source.0) << 32 | u64::from(key.destination.0);
        let rest = u64::from(key.ports.0) << 32 | u64::from(key.vport << 8 | key.protocol);
        Self::at(addresses, rest)
    }

    /// As for IPv4.
    #[inline(always)]
    pub(crate) fn of_ipv6(key: &FlowKeyIpv6) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (key.source.to_pairs(), key.destination.to_pairs());
        let join = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        let mut addresses = join(a, b);
        for pair in [join(c, d), join(e, f), join(g, h)] {
            addresses = addresses.wrapping_mul(SPREAD) ^ pair;
        }
        let rest = join(key.ports.0, key.vport << 8 | key.protocol);
        Self::at(addresses, rest)
    }

    #[inline(always)]
    fn at(addresses: u64, rest: u64) -> Self {
        let mixed = (addresses.wrapping_mul(SPREAD) ^ rest).wrapping_mul(SPREAD);
        // Every bit of the key has a say in the highest bits only.
        let number = (mixed >> (u64::BITS - SLOTS.ilog2())) as u32;
        Self {
            number,
            page: number / PAGE_SLOTS as u32,
            index: number as usize % PAGE_SLOTS,
        }
    }
}
