//! What is remembered for each instance: its connections, and fragments under way.

use std::sync::Arc;

use crate::collection::{Collection, Look};
use crate::instance_table::InstanceTable;
use crate::sys;
use crate::table::ArrayTable;
use crate::test_run::Program;
use crate::{DataPlaneError, NatMaps};
use aya::maps::Map;
use eni_abi::{Connection, ConnectionKey, Fragment, FragmentKey, MAX_VPORTS, Tracked, map};

/// The maps of instances, by [`eni_abi::Vport::instance`]. Making any number of instances' maps takes the kernel two grace
/// periods (10 to 20 ms each), and so does taking one instance's away.
pub struct InstanceMaps {
    /// Tracked flows.
    pub connections: InstanceTable<ConnectionKey, Connection>,
    /// First fragments of packets under way.
    pub fragments: InstanceTable<FragmentKey, Fragment>,
    /// About how many connections each instance has.
    pub tracked: ArrayTable<Tracked>,
    collect: Program,
    collection: Collection,
    nat: Arc<NatMaps>,
}

impl InstanceMaps {
    pub(crate) fn new(
        mut take: impl FnMut(&'static str) -> Result<Map, DataPlaneError>,
        collect: Program,
        nat: Arc<NatMaps>,
    ) -> Result<Self, DataPlaneError> {
        let connections = InstanceTable::new(
            map::CONNECTIONS,
            take(map::CONNECTIONS)?,
            sys::BPF_MAP_TYPE_HASH,
            map::CONNECTION_ALLOWANCE,
            sys::BPF_F_NO_PREALLOC,
            0..MAX_VPORTS,
        )?;
        let fragments = InstanceTable::new(
            map::FRAGMENTS,
            take(map::FRAGMENTS)?,
            sys::BPF_MAP_TYPE_LRU_HASH,
            map::FRAGMENT_ALLOWANCE,
            0,
            connections.instances(),
        )?;
        Ok(Self {
            connections,
            fragments,
            tracked: ArrayTable::new(map::TRACKED, take(map::TRACKED)?)?,
            collect,
            collection: Collection::default(),
            nat,
        })
    }

    /// The instances that have maps. One whose making a crash has cut short is among them.
    pub fn instances(&self) -> impl Iterator<Item = u32> + '_ {
        self.connections.instances()
    }

    /// Gives each of `instances` empty maps, in place of those that it has.
    ///
    /// # Errors
    /// [`DataPlaneError::Io`], also when the kernel has no memory for an instance: some may then have theirs.
    pub fn create(&mut self, instances: &[u32]) -> Result<(), DataPlaneError> {
        // In this order: who has fragments has connections.
        self.connections.create(instances)?;
        self.fragments.create(instances)
    }

    /// Takes an instance's maps away, with what is in them.
    ///
    /// # Errors
    /// [`DataPlaneError::Io`].
    pub fn remove(&mut self, instance: u32) -> Result<(), DataPlaneError> {
        self.fragments.remove(instance)?;
        self.connections.remove(instance)?;
        self.collection.forget(instance);
        Ok(())
    }

    /// Removes expired connections of the instances whose turn it is; how many. Flows through NAT gateways as well. To be called about once a second: those
    /// that ended count against their instance's allowance until then.
    ///
    /// # Errors
    /// [`DataPlaneError`].
    pub fn collect_expired(&mut self) -> Result<u32, DataPlaneError> {
        self.nat.collect_expired()?;
        self.collection.next_turn();
        let now_ns = sys::monotonic_ns();
        let mut removed = 0;
        let asked = self.instances();
        let asked = asked.filter(|instance| self.collection.is_asked(*instance));
        for instance in asked.collect::<Vec<u32>>() {
            let tracked = self.tracked.get(instance)?.connections;
            let look = self.collection.look(instance, tracked, now_ns);
            if look != Look::Not {
                removed += self.collect.collect(instance, 0)?;
            }
            if look == Look::ForDue {
                self.see_what_is_due(instance)?;
            }
        }
        Ok(removed)
    }

    fn see_what_is_due(&mut self, instance: u32) -> Result<(), DataPlaneError> {
        let left = self.connections.entries_of(instance)?;
        let expiries = left.iter().map(|(_, connection)| connection.expires_ns);
        let due_ns = expiries.min().unwrap_or(u64::MAX);
        self.collection.found(instance, left.len() as u64, due_ns);
        Ok(())
    }
}
