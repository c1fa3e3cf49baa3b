//! What `openeni status` shows of the data plane.

use eni_abi::{DropReason, Traffic};
use eni_fabric::DeviceCounters;
use eni_plan::Plug;
use eni_types::NetworkInterfaceId;

/// The data plane, and the fabric service beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Every interface in the data plane.
    pub vports: Vec<VportStatus>,
    /// What was counted of every Elastic Fabric Adapter whose instance is there.
    pub adapters: Vec<(NetworkInterfaceId, DeviceCounters)>,
}

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
