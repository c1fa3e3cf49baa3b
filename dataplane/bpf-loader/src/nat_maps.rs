//! What each NAT gateway remembers.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aya::maps::Map;
use eni_abi::{MAX_NAT_GATEWAYS, NatEntry, NatKey, map};

use crate::DataPlaneError;
use crate::instance_table::InstanceTable;
use crate::sys::{self, Position};
use crate::test_run::Program;

/// How many entries of a gateway are looked at in a turn, of about a second: a full map is walked through in 16. So a turn costs what
/// these do, and what has expired; no packet waits for it, as it would for a walk in the kernel.
const ENTRIES_AT_ONCE: usize = (map::NAT_ROOM / 16) as usize;
/// A walk begins so many turns after the one before did, or when that has ended: no flow ends sooner after it has begun
/// (`eni_pipeline::TCP_CLOSED_SECONDS`).
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
    walks: BTreeMap<u32, Walk>,
}

/// A walk through a gateway's map.
#[derive(Debug)]
struct Walk {
    began: u32,
    /// `None` when it has ended.
    position: Option<Position>,
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
            walks: BTreeMap::new(),
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

    /// Removes what is over of the flows of each gateway, as far as its walk goes in this turn, and the maps of those that are gone.
    /// To be called about once a second.
    ///
    /// # Errors
    /// [`DataPlaneError`].
    pub fn collect_expired(&self) -> Result<(), DataPlaneError> {
        let mut maps = self.lock();
        let maps = &mut *maps;
        while let Some(gateway) = maps.leaving.first().copied() {
            maps.flows.remove(gateway)?;
            maps.walks.remove(&gateway);
            maps.leaving.remove(&gateway);
        }
        maps.turn = maps.turn.wrapping_add(1);
        for gateway in maps.flows.instances().collect::<Vec<u32>>() {
            if let Some(mut position) = maps.position(gateway) {
                let ended = maps.walk_on(gateway, &mut position, ENTRIES_AT_ONCE)?;
                if let Some(walk) = maps.walks.get_mut(&gateway) {
                    walk.position = (!ended).then_some(position);
                }
            }
        }
        Ok(())
    }

    /// Removes all that is over of a gateway's flows.
    ///
    /// # Errors
    /// [`DataPlaneError`].
    pub fn collect(&self, gateway: u32) -> Result<(), DataPlaneError> {
        let maps = self.lock();
        maps.walk_on(gateway, &mut Position::default(), usize::MAX)?;
        Ok(())
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

impl Maps {
    /// From where the walk through a gateway's map goes on in this turn; `None` if it waits for a later one.
    fn position(&mut self, gateway: u32) -> Option<Position> {
        let turn = self.turn;
        let begin = Walk {
            began: turn,
            position: Some(Position::default()),
        };
        match self.walks.entry(gateway) {
            // Not all in the same turn.
            Entry::Vacant(_) if !turn.wrapping_add(gateway).is_multiple_of(TURNS_BETWEEN) => None,
            Entry::Vacant(vacant) => vacant.insert(begin).position.take(),
            Entry::Occupied(mut walk) => {
                let is_under_way = walk.get().position.is_some();
                if !is_under_way && turn.wrapping_sub(walk.get().began) >= TURNS_BETWEEN {
                    walk.insert(begin);
                }
                walk.get_mut().position.take()
            }
        }
    }

    /// Looks at about so many entries of a gateway, and removes those that are over; whether they were the last.
    fn walk_on(
        &self,
        gateway: u32,
        position: &mut Position,
        most: usize,
    ) -> Result<bool, DataPlaneError> {
        let now_ns = sys::monotonic_ns();
        let (mut entries, mut over) = (Vec::new(), Vec::new());
        let (mut looked_at, mut ended) = (0, false);
        while !ended && looked_at < most {
            entries.clear();
            ended = self.flows.next_entries(gateway, position, &mut entries)?;
            looked_at += entries.len();
            let found = entries.iter();
            let found = found.filter(|(key, entry)| key.is_over(entry, now_ns));
            over.extend(found.map(|(key, _)| *key));
        }
        self.collect.collect_nat(gateway, &over)?;
        Ok(ended)
    }
}
