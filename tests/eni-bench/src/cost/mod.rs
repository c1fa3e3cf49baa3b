//! What a change costs the region, and whether that grows with the region.

pub(crate) mod live;
pub(crate) mod memory;
pub(crate) mod nat;
