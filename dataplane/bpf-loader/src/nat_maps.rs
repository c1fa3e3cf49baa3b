//! What each NAT gateway remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aya::maps::Map;
use eni_abi::{MAX_NAT_GATEWAYS, NatEntry, NatKey, map};

use crate::DataPlaneError;
use crate::instance_table::InstanceTable;
use crate::sys;
use crate::test_run::Program;

/// A gateway with so many flows is looked through at every turn.
const MANY_FLOWS: u32 = map::NAT_ROOM / 16;
/// The others at every so many turns: no flow ends sooner after it has begun (`eni_pipeline::TCP_CLOSED_SECONDS`).
const TURNS_BETWEEN: u32 = 10;

/// The maps of NAT gateways, by number; for several threads at once. Making one takes the kernel a grace period (10 to 20 ms),
/// and so does taking one away.
pub struct NatMaps(Mutex<Maps>);

struct Maps {
    flows: InstanceTable<NatKey, NatEntry>,
    /// Those whose gateways are gone.
    leaving: BTreeSet<u32>,
    collect: Program,
    turn: u32,
    /// How many flows each had when it was last looked through.
    left: BTreeMap<u32, u32>,
}

impl NatMaps {
    /// Maps of other gateways than those `in_use` go.
    pub(crate) fn new(
        outer: Map,
        collect: Program,
        in_use: &BTreeSet<u32>,
    ) -> Result<Self, DataPlaneError> {
        let flows = InstanceTable::new(
            map::NAT_FLOWS,
            outer,
            sys::BPF_MAP_TYPE_HASH,
            map::NAT_ROOM,
            sys::BPF_F_NO_PREALLOC,
            0..MAX_NAT_GATEWAYS,
        )?;
        let leaving = flows.instances().filter(|number| !in_use.contains(number));
        Ok(Self(Mutex::new(Maps {
            leaving: leaving.collect(),
            flows,
            collect,
            turn: 0,
            left: BTreeMap::new(),
        })))
    }

    /// Gives a gateway a map, unless it has one. Before its row is written: without it nothing goes through it.
    ///
    /// # Errors
    /// [`DataPlaneError::Io`], also when the kernel has no memory for it.
    pub fn create(&self, gateway: u32) -> Result<(), DataPlaneError> {
        let mut maps = self.lock();
        if maps.leaving.remove(&gateway) || !maps.flows.has(gateway) {
            maps.flows.create(&[gateway])?;
        }
        Ok(())
    }

    /// The gateway is gone: [`NatMaps::collect_expired`] takes its map away.
    pub fn forget(&self, gateway: u32) {
        self.lock().leaving.insert(gateway);
    }

    /// Removes expired flows of the gateways whose turn it is, and the maps of those that are gone. To be called about once a
    /// second.
    ///
    /// # Errors
    /// [`DataPlaneError`].
    pub fn collect_expired(&self) -> Result<(), DataPlaneError> {
        let mut maps = self.lock();
        let maps = &mut *maps;
        while let Some(gateway) = maps.leaving.first().copied() {
            maps.flows.remove(gateway)?;
            maps.left.remove(&gateway);
            maps.leaving.remove(&gateway);
        }
        maps.turn = maps.turn.wrapping_add(1);
        for gateway in maps.flows.instances().collect::<Vec<u32>>() {
            let is_turn = maps
                .turn
                .wrapping_add(gateway)
                .is_multiple_of(TURNS_BETWEEN);
            let has_many = maps
                .left
                .get(&gateway)
                .is_some_and(|left| *left >= MANY_FLOWS);
            if is_turn || has_many {
                let left = maps.collect.collect(gateway, 0)?;
                maps.left.insert(gateway, left);
            }
        }
        Ok(())
    }

    /// Removes all expired flows of a gateway; how many are left.
    ///
    /// # Errors
    /// [`DataPlaneError::Io`].
    pub fn collect(&self, gateway: u32) -> Result<u32, DataPlaneError> {
        self.lock().collect.collect(gateway, 0)
    }

    /// The gateways that have a map.
    #[must_use]
    pub fn gateways(&self) -> Vec<u32> {
        self.lock().flows.instances().collect()
    }

    /// All entries of a gateway, in no order. Those that change meanwhile may be missing or there twice.
    ///
    /// # Errors
    /// [`DataPlaneError::Io`].
    pub fn entries(&self, gateway: u32) -> Result<Vec<(NatKey, NatEntry)>, DataPlaneError> {
        self.lock().flows.entries_of(gateway)
    }

    /// Adds or replaces an entry of a gateway.
    ///
    /// # Errors
    /// [`DataPlaneError::Io`].
    pub fn insert(
        &self,
        gateway: u32,
        key: &NatKey,
        entry: &NatEntry,
    ) -> Result<(), DataPlaneError> {
        self.lock().flows.insert(gateway, key, entry)
    }

    /// A panic in another thread leaves what is behind the lock whole: each call is a few system calls.
    fn lock(&self) -> MutexGuard<'_, Maps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
