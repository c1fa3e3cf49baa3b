//! The layout of a region: the memory of one direction of a ring pair, written by its owner only.
//!
//! ```text
//! 0x000  magic u64, version u32, ring_units u32, rest zero
//! 0x080  consumed u32: units of the peer's ring that the owner has consumed
//! 0x100  state u32: OPEN or CLOSING
//! 0x180  bell u32: not 0 while the owner sleeps and is to be woken
//! 0x200  the ring: ring_units units of 64 bytes
//! ```
//!
//! Words are in the machine's byte order: a region never leaves its host.

use crate::limits::{MAX_RING, MIN_RING};

/// "ENI EFA" and a zero byte.
pub const MAGIC: u64 = u64::from_le_bytes(*b"ENI EFA\0");
/// Version of this layout and of the records' headers.
pub const VERSION: u32 = 2;
/// Where the version is.
pub const VERSION_OFFSET: usize = 8;
/// Where the number of units is.
pub const RING_UNITS_OFFSET: usize = 12;
/// Where the owner says how far it has read the peer's ring.
pub const CONSUMED_OFFSET: usize = 0x080;
/// Where the owner says whether more will come.
pub const STATE_OFFSET: usize = 0x100;
/// Where the owner says that it sleeps: a number that is not 0, and another for every sleep.
pub const BELL_OFFSET: usize = 0x180;
/// Where the ring begins.
pub const RING_OFFSET: usize = 0x200;
/// Records begin at multiples of this many bytes: a cache line.
pub const UNIT: usize = 64;
/// A page: regions are whole ones.
pub const PAGE: usize = 4_096;

/// State of a region whose owner writes.
pub const OPEN: u32 = 0;
/// State of a region whose owner will write no more.
pub const CLOSING: u32 = 1;

/// Size in bytes of the region that holds a ring of `ring_units` units.
pub const fn size(ring_units: u32) -> usize {
    (RING_OFFSET + ring_units as usize * UNIT).next_multiple_of(PAGE)
}

/// Whether a ring may have this many units: a power of two between [`MIN_RING`] and [`MAX_RING`] bytes.
pub const fn is_ring_units(ring_units: u32) -> bool {
    ring_units.is_power_of_two()
        && ring_units >= MIN_RING / UNIT as u32
        && ring_units <= MAX_RING / UNIT as u32
}

/// The number of units of the ring in a region of `size` bytes, where there is one.
pub fn ring_units_of(region_size: u64) -> Option<u32> {
    let least = MIN_RING / UNIT as u32;
    let most = MAX_RING / UNIT as u32;
    let mut units = least;
    while units <= most {
        if size(units) as u64 == region_size {
            return Some(units);
        }
        units *= 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_s_size_tells_its_ring() {
        for ring in [MIN_RING, MIN_RING * 4, MAX_RING] {
            let units = ring / UNIT as u32;
            assert!(is_ring_units(units));
            assert_eq!(ring_units_of(size(units) as u64), Some(units));
            assert_eq!(ring_units_of(size(units) as u64 + PAGE as u64), None);
        }
        assert!(!is_ring_units(MIN_RING / UNIT as u32 / 2));
        assert!(!is_ring_units(MAX_RING / UNIT as u32 * 2));
        assert!(!is_ring_units(MIN_RING / UNIT as u32 * 3));
        assert_eq!(ring_units_of(0), None);
    }
}
