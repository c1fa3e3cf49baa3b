//! Typed access to the maps.

use crate::DataPlaneError;
use crate::sys::{self, Raw};
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, HashMap, Map, MapData, MapError};
use eni_abi::{
    Address, Flow, FlowKey, FlowKeyIpv6, Globals, IdentityKey, Location, LpmKey, MacKey, Mapping,
    MappingKey, NatGateway, Plain, Policy, PortKey, PublicAddress, RemoteKey, Route, RouteKey,
    RuleBits, VpcBlockKey, Vport, map,
};

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{Ordering, fence};

/// All tables that a process may read or write. See `eni_abi::map`.
#[allow(missing_docs, reason = "each field is the map of its name")]
pub struct Tables {
    pub globals: ArrayTable<Globals>,
    pub vports: ArrayTable<Vport>,
    pub mappings: HashTable<MappingKey, Mapping>,
    pub prefix_mappings: LpmTable<MappingKey, Mapping>,
    pub public_addresses: HashTable<Address, PublicAddress>,
    pub vpc_blocks: LpmTable<VpcBlockKey, u32>,
    pub macs: HashTable<MacKey, Location>,
    pub routes: LpmTable<RouteKey, Route>,
    pub nat_gateways: HashTable<u32, NatGateway>,
    pub policies: HashTable<u32, Policy>,
    pub remote_rules: LpmTable<RemoteKey, RuleBits>,
    pub identity_rules: HashTable<IdentityKey, RuleBits>,
    pub port_rules: LpmTable<PortKey, RuleBits>,
    pub flows: HashTable<FlowKey, Flow>,
    pub flows_ipv6: HashTable<FlowKeyIpv6, Flow>,
}

impl Tables {
    /// Takes the tables from `take`, which gives a map of a name.
    pub(crate) fn take(
        mut take: impl FnMut(&'static str) -> Option<Map>,
    ) -> Result<Self, DataPlaneError> {
        let mut map = |name| take(name).ok_or(DataPlaneError::Missing(name));
        Ok(Self {
            globals: ArrayTable::new(map::GLOBALS, map(map::GLOBALS)?)?,
            vports: ArrayTable::new(map::VPORTS, map(map::VPORTS)?)?,
            mappings: HashTable::new(map::MAPPINGS, map(map::MAPPINGS)?)?,
            prefix_mappings: LpmTable::new(map::PREFIX_MAPPINGS, map(map::PREFIX_MAPPINGS)?)?,
            public_addresses: HashTable::new(map::PUBLIC_ADDRESSES, map(map::PUBLIC_ADDRESSES)?)?,
            vpc_blocks: LpmTable::new(map::VPC_BLOCKS, map(map::VPC_BLOCKS)?)?,
            macs: HashTable::new(map::MACS, map(map::MACS)?)?,
            routes: LpmTable::new(map::ROUTES, map(map::ROUTES)?)?,
            nat_gateways: HashTable::new(map::NAT_GATEWAYS, map(map::NAT_GATEWAYS)?)?,
            policies: HashTable::new(map::POLICIES, map(map::POLICIES)?)?,
            remote_rules: LpmTable::new(map::REMOTE_RULES, map(map::REMOTE_RULES)?)?,
            identity_rules: HashTable::new(map::IDENTITY_RULES, map(map::IDENTITY_RULES)?)?,
            port_rules: LpmTable::new(map::PORT_RULES, map(map::PORT_RULES)?)?,
            flows: HashTable::new(map::FLOWS, map(map::FLOWS)?)?,
            flows_ipv6: HashTable::new(map::FLOWS_IPV6, map(map::FLOWS_IPV6)?)?,
        })
    }
}

impl Tables {
    /// Replaces the row of `vport`, twice, so that no reader takes it for whole before it is: see `eni_abi`'s docs. The
    /// instance that the row names has its maps before ([`crate::InstanceMaps::create`]): without them none of its flows can
    /// be tracked.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`], also for a `vport` beyond the end. The row may then be left in transition: what is decided by
    /// it is decided anew after a second.
    pub fn replace_vport(&mut self, vport: u32, row: &Vport) -> Result<(), DataPlaneError> {
        let in_transition = Vport {
            generation: row.generation | Vport::IN_TRANSITION,
            ..*row
        };
        self.vports.set(vport, &in_transition)?;
        self.vports.set(vport, row)
    }
}

/// An array: every index below its size has a value, at first zero.
pub struct ArrayTable<V: Plain> {
    name: &'static str,
    map: Array<MapData, Raw<V>>,
    descriptor: OwnedFd,
}

impl<V: Plain> ArrayTable<V> {
    pub(crate) fn new(name: &'static str, map: Map) -> Result<Self, DataPlaneError> {
        let descriptor = descriptor(name, &map)?;
        let map =
            Array::try_from(map).map_err(|source| DataPlaneError::Map { map: name, source })?;
        Ok(Self {
            name,
            map,
            descriptor,
        })
    }

    /// The value at `index`.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`], also for an index beyond the end.
    pub fn get(&self, index: u32) -> Result<V, DataPlaneError> {
        let value = self
            .map
            .get(&index, 0)
            .map_err(|source| self.failed(source))?;
        Ok(value.0)
    }

    /// Replaces the value at `index`. Who sees the new value sees everything that this thread has written to any table
    /// before.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`], also for an index beyond the end.
    pub fn set(&mut self, index: u32, value: &V) -> Result<(), DataPlaneError> {
        let name = self.name;
        // A value is replaced where it lies, and no system call orders what the kernel writes in it before what it writes
        // in the next; maps of other kinds publish their entries (`rcu_assign_pointer`), and only those.
        fence(Ordering::Release);
        self.map
            .set(index, Raw(*value), 0)
            .map_err(|source| DataPlaneError::Map { map: name, source })
    }

    /// All values, from index 0 on.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`].
    pub fn values(&self) -> Result<Vec<V>, DataPlaneError> {
        let entries = lookup_all::<u32, V>(self.name, &self.descriptor)?;
        Ok(entries.into_iter().map(|(_, value)| value).collect())
    }

    fn failed(&self, source: MapError) -> DataPlaneError {
        DataPlaneError::Map {
            map: self.name,
            source,
        }
    }
}

/// A hash table.
pub struct HashTable<K: Plain, V: Plain> {
    name: &'static str,
    map: HashMap<MapData, Raw<K>, Raw<V>>,
    descriptor: OwnedFd,
}

impl<K: Plain, V: Plain> HashTable<K, V> {
    fn new(name: &'static str, map: Map) -> Result<Self, DataPlaneError> {
        let descriptor = descriptor(name, &map)?;
        let map =
            HashMap::try_from(map).map_err(|source| DataPlaneError::Map { map: name, source })?;
        Ok(Self {
            name,
            map,
            descriptor,
        })
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`].
    pub fn get(&self, key: &K) -> Result<Option<V>, DataPlaneError> {
        match self.map.get(&Raw(*key), 0) {
            Ok(Raw(value)) => Ok(Some(value)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Adds or replaces the value of `key`.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`], also when the table is full.
    pub fn insert(&mut self, key: &K, value: &V) -> Result<(), DataPlaneError> {
        let name = self.name;
        self.map
            .insert(Raw(*key), Raw(*value), 0)
            .map_err(|source| DataPlaneError::Map { map: name, source })
    }

    /// Removes `key`; whether it was there.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`].
    pub fn remove(&mut self, key: &K) -> Result<bool, DataPlaneError> {
        let result = self.map.remove(&Raw(*key));
        removed(self.name, result)
    }

    /// All entries, in no order. Entries that change meanwhile may be missing or there twice.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`].
    pub fn entries(&self) -> Result<Vec<(K, V)>, DataPlaneError> {
        lookup_all(self.name, &self.descriptor)
    }

    fn failed(&self, source: MapError) -> DataPlaneError {
        DataPlaneError::Map {
            map: self.name,
            source,
        }
    }
}

/// A longest-prefix-match trie.
pub struct LpmTable<K: Plain, V: Plain> {
    name: &'static str,
    map: LpmTrie<MapData, Raw<K>, Raw<V>>,
    descriptor: OwnedFd,
}

impl<K: Plain, V: Plain> LpmTable<K, V> {
    fn new(name: &'static str, map: Map) -> Result<Self, DataPlaneError> {
        let descriptor = descriptor(name, &map)?;
        let map =
            LpmTrie::try_from(map).map_err(|source| DataPlaneError::Map { map: name, source })?;
        Ok(Self {
            name,
            map,
            descriptor,
        })
    }

    /// The value of the longest prefix that contains `key`.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`].
    pub fn longest_match(&self, key: &LpmKey<K>) -> Result<Option<V>, DataPlaneError> {
        match self.map.get(&trie_key(key), 0) {
            Ok(Raw(value)) => Ok(Some(value)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Adds or replaces the value of exactly the prefix `key`.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`], also when the table is full.
    pub fn insert(&mut self, key: &LpmKey<K>, value: &V) -> Result<(), DataPlaneError> {
        let name = self.name;
        self.map
            .insert(&trie_key(key), Raw(*value), 0)
            .map_err(|source| DataPlaneError::Map { map: name, source })
    }

    /// Removes exactly the prefix `key`; whether it was there.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`].
    pub fn remove(&mut self, key: &LpmKey<K>) -> Result<bool, DataPlaneError> {
        let result = self.map.remove(&trie_key(key));
        removed(self.name, result)
    }

    /// All prefixes, in no order.
    ///
    /// # Errors
    /// [`DataPlaneError::Map`].
    pub fn entries(&self) -> Result<Vec<(LpmKey<K>, V)>, DataPlaneError> {
        lookup_all(self.name, &self.descriptor)
    }

    fn failed(&self, source: MapError) -> DataPlaneError {
        DataPlaneError::Map {
            map: self.name,
            source,
        }
    }
}

/// A descriptor of `map` for the calls that aya lacks.
pub(crate) fn descriptor(name: &'static str, map: &Map) -> Result<OwnedFd, DataPlaneError> {
    let (Map::Array(data)
    | Map::HashMap(data)
    | Map::LruHashMap(data)
    | Map::LpmTrie(data)
    | Map::ArrayOfMaps(data)) = map
    else {
        return Err(DataPlaneError::Missing(name));
    };
    let cloned = data.fd().as_fd().try_clone_to_owned();
    cloned.map_err(|source| failed_call("dup", name, source))
}

fn lookup_all<K: Plain, V: Plain>(
    name: &'static str,
    map: &OwnedFd,
) -> Result<Vec<(K, V)>, DataPlaneError> {
    sys::lookup_all(map.as_fd()).map_err(|source| failed_call("BPF_MAP_LOOKUP_BATCH", name, source))
}

pub(crate) fn failed_call(
    call: &'static str,
    name: &'static str,
    source: io::Error,
) -> DataPlaneError {
    DataPlaneError::Io {
        call,
        path: name.into(),
        source,
    }
}

fn trie_key<K: Plain>(key: &LpmKey<K>) -> Key<Raw<K>> {
    Key::new(key.prefix_length, Raw(key.data))
}

fn removed(map: &'static str, result: Result<(), MapError>) -> Result<bool, DataPlaneError> {
    match result {
        Ok(()) => Ok(true),
        Err(MapError::KeyNotFound) => Ok(false),
        Err(MapError::SyscallError(error))
            if error.io_error.raw_os_error() == Some(libc::ENOENT) =>
        {
            Ok(false)
        }
        Err(source) => Err(DataPlaneError::Map { map, source }),
    }
}
