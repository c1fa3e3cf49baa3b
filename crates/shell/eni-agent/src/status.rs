//! What `openeni status` shows of the data plane.

use eni_abi::{DropReason, Traffic};
use eni_plan::Plug;

/// An interface in the data plane, and what passed and was dropped there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VportStatus {
    /// Its number.
    pub vport: u32,
    /// The interface; none for the uplink.
    pub plug: Option<Plug>,
    /// Whether packets pass at all.
    pub passes: bool,
    /// Packets delivered from and to it.
    pub traffic: Traffic,
    /// Packets dropped, by reason; reasons without drops are left out.
    pub drops: Vec<(DropReason, u64)>,
}
