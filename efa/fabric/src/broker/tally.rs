//! What the broker counts of each device.

use std::collections::{HashMap, HashSet};

use eni_efa_abi::Gid;

/// What a device has at the moment, and what it was denied since it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Endpoints.
    pub endpoints: u64,
    /// Lanes of its endpoints, to peers on this host and elsewhere.
    pub lanes: u64,
    /// Address handles and lanes that the policy did not allow.
    pub refused: u64,
    /// Lanes that the policy has ended.
    pub revoked: u64,
}

/// The tallies of all devices, and which have changed.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    of_device: HashMap<Gid, Tally>,
    changed: HashSet<Gid>,
}

impl Tallies {
    /// The tally of a device, to be changed.
    pub(super) fn of(&mut self, gid: Gid) -> &mut Tally {
        self.changed.insert(gid);
        self.of_device.entry(gid).or_default()
    }

    /// Forgets devices that are gone.
    pub(super) fn keep(&mut self, stays: impl Fn(Gid) -> bool) {
        self.of_device.retain(|gid, _| stays(*gid));
        self.changed.retain(|gid| stays(*gid));
    }

    /// Those that have changed since the last call.
    pub(super) fn take_changed(&mut self) -> Vec<(Gid, Tally)> {
        let changed = self.changed.drain();
        changed
            .map(|gid| (gid, self.of_device.get(&gid).copied().unwrap_or_default()))
            .collect()
    }
}
