//! Takes over what an older layout's data plane has left pinned: tables, live connections, attachments.
//!
//! The old program goes on deciding packets until its links get the new one, each at once. By then the new tables hold what
//! the old ones held, so that no packet waits for the agent; what connections have done in between is carried over after.
//! Whoever ends before it is done leaves the old pins, and the next begins again: what is there already stays.

use crate::attach::Links;
use crate::table::{Tables, failed_call};
use crate::{DataPlaneError, InstanceMaps, sys};
use aya::programs::SchedClassifier;
use eni_abi::layout_7 as old;
use eni_abi::{
    ABI_VERSION, Connection, ConnectionKey, Globals, LpmKey, MAX_VPORTS, Plain, Tracked, map,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// What became of an older layout's data plane.
#[derive(Debug)]
pub enum Upgrade {
    /// There was none.
    None,
    /// It was taken over.
    Done {
        /// How many connections came along.
        connections: usize,
    },
    /// It was not as its layout says, or could not be taken over, and is removed: everything is made anew.
    Failed(DataPlaneError),
}

/// The pins of layout 7.
pub(crate) struct OldDataPlane {
    directory: PathBuf,
}

/// All instances' connections, as they are now laid out.
type Connections = BTreeMap<(u32, ConnectionKey), Connection>;

impl OldDataPlane {
    /// The one whose pins lie under the bpffs `directory`.
    pub(crate) fn find(directory: &Path) -> Option<Self> {
        let directory = directory.join(format!("abi-{}", old::ABI_VERSION));
        directory.is_dir().then_some(Self { directory })
    }

    /// Fills `tables`, which nobody reads yet, and puts `program`, which reads them, in the old links; they become `links`.
    pub(crate) fn hand_over(
        &self,
        tables: &mut Tables,
        instance_maps: &mut InstanceMaps,
        links: &Links,
        program: &mut SchedClassifier,
    ) -> Result<usize, DataPlaneError> {
        self.copy_tables(tables)?;
        self.copy_rows(tables, instance_maps)?;
        let before = self.connections()?;
        write(instance_maps, &before, sys::Insertion::IfAbsent)?;
        links.adopt(&self.directory.join("links"), program)?;
        let after = self.connections()?;
        let is_new = |key: &(u32, ConnectionKey)| !before.contains_key(key);
        let (new, known): (Connections, _) = after.into_iter().partition(|(key, _)| is_new(key));
        let changed = known
            .into_iter()
            .filter(|(key, row)| before.get(key) != Some(row));
        write(instance_maps, &new, sys::Insertion::IfAbsent)?;
        write(instance_maps, &changed.collect(), sys::Insertion::Always)?;
        Ok(before.len() + new.len())
    }

    fn copy_tables(&self, tables: &mut Tables) -> Result<(), DataPlaneError> {
        for (key, row) in self.read::<old::MappingKey, old::Mapping>(map::MAPPINGS)? {
            tables.mappings.insert(&key.into(), &row.into())?;
        }
        for (key, row) in self.read::<eni_abi::Ipv4, old::PublicAddress>(map::PUBLIC_ADDRESSES)? {
            tables.public_addresses.insert(&key.into(), &row.into())?;
        }
        for (key, row) in self.read::<LpmKey<old::VpcBlockKey>, u32>(map::VPC_BLOCKS)? {
            tables.vpc_blocks.insert(&key.into(), &row)?;
        }
        for (key, vport) in self.read::<old::MacKey, u32>(map::MACS)? {
            tables.macs.insert(&key, &eni_abi::Location::here(vport))?;
        }
        for (key, row) in self.read::<LpmKey<old::RouteKey>, old::Route>(map::ROUTES)? {
            tables.routes.insert(&key.into(), &row.into())?;
        }
        for (key, row) in self.read::<u32, old::Policy>(map::POLICIES)? {
            tables.policies.insert(&key, &row)?;
        }
        for (key, row) in self.read::<LpmKey<old::RemoteKey>, old::RuleBits>(map::REMOTE_RULES)? {
            tables.remote_rules.insert(&key.into(), &row)?;
        }
        for (key, row) in self.read::<old::IdentityKey, old::RuleBits>(map::IDENTITY_RULES)? {
            tables.identity_rules.insert(&key, &row)?;
        }
        for (key, row) in self.read::<LpmKey<old::PortKey>, old::RuleBits>(map::PORT_RULES)? {
            tables.port_rules.insert(&key, &row)?;
        }
        Ok(())
    }

    /// The rows of vports, with room for their instances, and the globals.
    fn copy_rows(
        &self,
        tables: &mut Tables,
        instance_maps: &mut InstanceMaps,
    ) -> Result<(), DataPlaneError> {
        let mut rows = self.read::<u32, old::Vport>(map::VPORTS)?;
        rows.retain(|(_, row)| *row != old::Vport::default());
        let mut instances: BTreeSet<u32> = rows.iter().map(|(_, row)| row.instance).collect();
        instances.retain(|instance| *instance != 0 && !instance_maps.connections.has(*instance));
        let instances: Vec<u32> = instances.into_iter().collect();
        instance_maps.create(&instances)?;
        for (vport, row) in rows {
            tables.replace_vport(vport, &row.into())?;
        }
        for (_, globals) in self.read::<u32, old::Globals>(map::GLOBALS)? {
            let globals = Globals {
                abi_version: ABI_VERSION,
                ..globals
            };
            tables.globals.set(0, &globals)?;
        }
        Ok(())
    }

    fn connections(&self) -> Result<Connections, DataPlaneError> {
        let outer = self.open(map::CONNECTIONS)?;
        let failed = |source| failed_call("read", map::CONNECTIONS, source);
        let mut connections = Connections::new();
        for instance in 0..MAX_VPORTS {
            let identifier = sys::inner_map_identifier(outer.as_fd(), instance).map_err(failed)?;
            let Some(identifier) = identifier else {
                continue;
            };
            let inner = sys::map_by_identifier(identifier).map_err(failed)?;
            let found =
                entries::<old::ConnectionKey, old::Connection>(map::CONNECTIONS, inner.as_fd())?;
            let found = found.into_iter();
            connections.extend(found.map(|(key, row)| ((instance, key.into()), row.into())));
        }
        Ok(connections)
    }

    fn read<K: Plain, V: Plain>(&self, name: &'static str) -> Result<Vec<(K, V)>, DataPlaneError> {
        entries(name, self.open(name)?.as_fd())
    }

    fn open(&self, name: &'static str) -> Result<OwnedFd, DataPlaneError> {
        sys::open_pin(&self.directory.join("maps").join(name))
            .map_err(|source| failed_call("BPF_OBJ_GET", name, source))
    }
}

/// All entries of a map, if keys and values have the sizes of `K` and `V`.
fn entries<K: Plain, V: Plain>(
    name: &'static str,
    map: BorrowedFd<'_>,
) -> Result<Vec<(K, V)>, DataPlaneError> {
    let sizes = sys::entry_sizes(map)
        .map_err(|source| failed_call("BPF_OBJ_GET_INFO_BY_FD", name, source))?;
    if sizes != (size_of::<K>(), size_of::<V>()) {
        return Err(failed_call(
            "read",
            name,
            io::Error::from(io::ErrorKind::InvalidData),
        ));
    }
    sys::lookup_all(map).map_err(|source| failed_call("BPF_MAP_LOOKUP_BATCH", name, source))
}

/// Writes the connections of the instances that have room for them: the others' rows are gone.
fn write(
    instance_maps: &mut InstanceMaps,
    connections: &Connections,
    insertion: sys::Insertion,
) -> Result<(), DataPlaneError> {
    let mut of_instances = BTreeMap::<u32, Vec<(ConnectionKey, Connection)>>::new();
    for ((instance, key), row) in connections {
        if instance_maps.connections.has(*instance) {
            let entries = of_instances.entry(*instance).or_default();
            entries.push((*key, *row));
        }
    }
    for (instance, entries) in of_instances {
        instance_maps
            .connections
            .insert_all(instance, &entries, insertion)?;
        let known = instance_maps.tracked.get(instance)?.connections;
        let tracked = Tracked {
            connections: known + entries.len() as u64,
        };
        instance_maps.tracked.set(instance, &tracked)?;
    }
    Ok(())
}
