//! What the machine looks like.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use eni_abi::Globals;
use eni_types::{AttachmentId, InstanceId};

use crate::{DesiredUplink, Tables};

/// Everything of ours found on the machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Instances that have a place: a namespace, a directory or processes.
    pub instances: BTreeMap<InstanceId, ObservedInstance>,
    /// Veth pairs, by vport; the uplink's is not among them.
    pub devices: BTreeMap<u32, ObservedDevice>,
    /// Vports whose fabric end runs our program; the uplink's among them.
    pub programs: BTreeSet<u32>,
    /// The way to the host, if it is complete.
    pub uplink: Option<DesiredUplink>,
    /// The packet tables. Rows of [`Tables::vports`] carry their generations; rows that are not
    /// [`eni_abi::Vport::PRESENT`] only keep the number that must not come again.
    pub tables: Tables,
    /// The one row of the globals.
    pub globals: Globals,
}

/// An instance that has a place on the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObservedInstance {
    /// The boot it was last started for; none if it was never started, or not since the machine was.
    pub boot_count: Option<u64>,
    /// Whether any of its processes lives.
    pub alive: bool,
}

/// A veth pair of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedDevice {
    /// Whose it is; none while it is unfinished, as a crash leaves it.
    pub plug: Option<Plug>,
    /// The private addresses the guest end was last configured with; empty before the first time.
    pub configured: Vec<Ipv4Addr>,
}

/// What a veth pair is there for; kept in its alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plug {
    /// The attachment.
    pub attachment_id: AttachmentId,
    /// The instance that has the guest end.
    pub instance_id: InstanceId,
    /// N of `ethN`.
    pub device_index: u8,
}
