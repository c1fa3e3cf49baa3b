//! Tables that each instance has one of, so that none fills another's.

use crate::DataPlaneError;
use crate::sys::{self, Insertion, NewMap};
use crate::table::{descriptor, failed_call};
use aya::maps::Map;
use eni_abi::Plain;
use std::collections::BTreeSet;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};

/// Each needs a descriptor until it is in its place.
const MADE_AT_ONCE: usize = 64;

/// An array of maps, by the number of an instance ([`eni_abi::Vport::instance`]).
pub struct InstanceTable<K: Plain, V: Plain> {
    name: &'static str,
    outer: OwnedFd,
    /// What each instance's map is made as.
    inner: NewMap,
    /// Those that have one: nobody else makes or removes any.
    instances: BTreeSet<u32>,
    entries: PhantomData<(K, V)>,
}

impl<K: Plain, V: Plain> InstanceTable<K, V> {
    /// Instances that have one are looked for `among` these.
    pub(crate) fn new(
        name: &'static str,
        outer: Map,
        kind: u32,
        max_entries: u32,
        flags: u32,
        among: impl IntoIterator<Item = u32>,
    ) -> Result<Self, DataPlaneError> {
        let mut table = Self {
            name,
            outer: descriptor(name, &outer)?,
            inner: NewMap {
                kind,
                key_size: size_of::<K>() as u32,
                value_size: size_of::<V>() as u32,
                max_entries,
                flags,
            },
            instances: BTreeSet::new(),
            entries: PhantomData,
        };
        for instance in among {
            if table.identifier(instance)?.is_some() {
                table.instances.insert(instance);
            }
        }
        Ok(table)
    }

    /// The instances that have a table.
    pub fn instances(&self) -> impl Iterator<Item = u32> + '_ {
        self.instances.iter().copied()
    }

    /// Whether `instance` has a table.
    pub(crate) fn has(&self, instance: u32) -> bool {
        self.instances.contains(&instance)
    }

    /// Gives each of `instances` an empty table, in place of the one that it has.
    pub(crate) fn create(&mut self, instances: &[u32]) -> Result<(), DataPlaneError> {
        for some in instances.chunks(MADE_AT_ONCE) {
            let made: io::Result<Vec<(u32, OwnedFd)>> = some
                .iter()
                .map(|instance| Ok((*instance, sys::create_map(&self.inner)?)))
                .collect();
            let made = made.map_err(|source| self.failed("BPF_MAP_CREATE", source))?;
            sys::put_inner_maps(self.outer.as_fd(), &made)
                .map_err(|source| self.failed("BPF_MAP_UPDATE_BATCH", source))?;
            self.instances.extend(some);
        }
        Ok(())
    }

    /// Takes the table of `instance` away, with what is in it. The kernel frees it when no packet uses it any more.
    pub(crate) fn remove(&mut self, instance: u32) -> Result<(), DataPlaneError> {
        if self.instances.contains(&instance) {
            sys::delete(self.outer.as_fd(), &instance)
                .map_err(|source| self.failed("BPF_MAP_DELETE_ELEM", source))?;
            self.instances.remove(&instance);
        }
        Ok(())
    }

    /// Adds or replaces an entry of `instance`.
    ///
    /// # Errors
    /// [`DataPlaneError::Io`], also when `instance` has no table or as much as fits one.
    pub fn insert(&mut self, instance: u32, key: &K, value: &V) -> Result<(), DataPlaneError> {
        self.insert_all(instance, &[(*key, *value)], Insertion::Always)
    }

    /// Adds entries of `instance`.
    pub(crate) fn insert_all(
        &mut self,
        instance: u32,
        entries: &[(K, V)],
        insertion: Insertion,
    ) -> Result<(), DataPlaneError> {
        let map = self.inner_map(instance)?;
        for (key, value) in entries {
            sys::insert(map.as_fd(), key, value, insertion)
                .map_err(|source| self.failed("BPF_MAP_UPDATE_ELEM", source))?;
        }
        Ok(())
    }

    /// All entries of all instances, in no order. Entries that change meanwhile may be missing or there twice.
    ///
    /// # Errors
    /// [`DataPlaneError::Io`].
    pub fn entries(&self) -> Result<Vec<(K, V)>, DataPlaneError> {
        let mut entries = Vec::new();
        for instance in &self.instances {
            entries.extend(self.entries_of(*instance)?);
        }
        Ok(entries)
    }

    /// All entries of one instance, in no order, as [`InstanceTable::entries`].
    pub(crate) fn entries_of(&self, instance: u32) -> Result<Vec<(K, V)>, DataPlaneError> {
        let map = self.inner_map(instance)?;
        sys::lookup_all(map.as_fd()).map_err(|source| self.failed("BPF_MAP_LOOKUP_BATCH", source))
    }

    /// The next entries of a walk through those of one instance; whether they were the last.
    pub(crate) fn next_entries(
        &self,
        instance: u32,
        position: &mut sys::Position,
        entries: &mut Vec<(K, V)>,
    ) -> Result<bool, DataPlaneError> {
        let map = self.inner_map(instance)?;
        sys::lookup_next(map.as_fd(), position, entries)
            .map_err(|source| self.failed("BPF_MAP_LOOKUP_BATCH", source))
    }

    fn inner_map(&self, instance: u32) -> Result<OwnedFd, DataPlaneError> {
        let absent = || self.failed("BPF_MAP_LOOKUP_ELEM", io::ErrorKind::NotFound.into());
        let identifier = self.identifier(instance)?.ok_or_else(absent)?;
        sys::map_by_identifier(identifier)
            .map_err(|source| self.failed("BPF_MAP_GET_FD_BY_ID", source))
    }

    /// The kernel's number of an instance's map.
    fn identifier(&self, instance: u32) -> Result<Option<u32>, DataPlaneError> {
        sys::inner_map_identifier(self.outer.as_fd(), instance)
            .map_err(|source| self.failed("BPF_MAP_LOOKUP_ELEM", source))
    }

    fn failed(&self, call: &'static str, source: io::Error) -> DataPlaneError {
        failed_call(call, self.name, source)
    }
}
