//! The program that was released with table layout 7, running: what an upgrade finds.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use aya::programs::SchedClassifier;
use aya::{Ebpf, EbpfLoader};
use eni_abi::layout_7 as old;
use eni_abi::{Address, Ipv4, LpmKey, Plain, map};
use eni_pipeline::testing::MemoryTables;

use crate::attach::Links;
use crate::sys::{self, NewMap};
use crate::table::failed_call;
use crate::{DataPlaneError, data_plane};

/// Built from the sources of that release.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../tests/programs/layout-7.bpf.o");

/// Its data plane. Dropping it leaves everything pinned running.
pub struct ReleasedDataPlane {
    ebpf: Ebpf,
    links: Links,
    maps: PathBuf,
}

impl ReleasedDataPlane {
    /// Loads the program, pins its maps under the bpffs `directory`, and fills them.
    ///
    /// # Errors
    /// [`DataPlaneError`].
    pub fn open(directory: &Path, tables: &MemoryTables) -> Result<Self, DataPlaneError> {
        let directory = directory.join(format!("abi-{}", old::ABI_VERSION));
        let maps = data_plane::make_directory(directory.join("maps"))?;
        let links = data_plane::make_directory(directory.join("links"))?;
        let mut loader = EbpfLoader::new();
        for name in data_plane::PINNED {
            loader.map_pin_path(name, maps.join(name));
        }
        let mut ebpf = loader.load(OBJECT)?;
        data_plane::classifier(&mut ebpf, data_plane::INGRESS)?.load()?;
        let mut released = Self {
            ebpf,
            links: Links::new(links),
            maps,
        };
        released.make_room(tables)?;
        released.fill(tables)?;
        Ok(released)
    }

    /// Attaches the program to the device with interface index `vport` in the network namespace `namespace`.
    ///
    /// # Errors
    /// [`DataPlaneError`].
    pub fn attach(&mut self, vport: u32, namespace: impl AsFd) -> Result<(), DataPlaneError> {
        let program: &mut SchedClassifier =
            data_plane::classifier(&mut self.ebpf, data_plane::INGRESS)?;
        self.links.attach(vport, namespace.as_fd(), program)
    }

    fn make_room(&self, tables: &MemoryTables) -> Result<(), DataPlaneError> {
        let name = map::CONNECTIONS;
        let failed = |source| failed_call("make room", name, source);
        let outer = sys::open_pin(&self.maps.join(name)).map_err(failed)?;
        let inner = NewMap {
            kind: sys::BPF_MAP_TYPE_HASH,
            key_size: size_of::<old::ConnectionKey>() as u32,
            value_size: size_of::<old::Connection>() as u32,
            max_entries: map::CONNECTION_ALLOWANCE,
            flags: sys::BPF_F_NO_PREALLOC,
        };
        let mut made = Vec::new();
        for row in tables.vports.values() {
            made.push((row.instance, sys::create_map(&inner).map_err(failed)?));
        }
        sys::put_inner_maps(outer.as_fd(), &made).map_err(failed)
    }

    /// Writes `tables` as that layout has them.
    fn fill(&mut self, tables: &MemoryTables) -> Result<(), DataPlaneError> {
        let mappings = tables.mappings.iter().map(|(key, row)| {
            let key = old::MappingKey {
                vpc: key.vpc,
                address: key.address.last_four(),
            };
            let row = old::Mapping {
                vport: row.location.vport,
                subnet: row.subnet,
                identity: row.identity,
                public_address: row.public_address.last_four(),
                mac: row.mac,
                unannounced: row.unannounced,
            };
            (key, row)
        });
        self.write(map::MAPPINGS, mappings)?;
        let public_addresses = tables.public_addresses.iter().map(|(address, row)| {
            let row = old::PublicAddress {
                vpc: row.vpc,
                private_address: row.private_address.last_four(),
                vport: row.location.vport,
            };
            (address.last_four(), row)
        });
        self.write(map::PUBLIC_ADDRESSES, public_addresses)?;
        let blocks = tables.vpc_blocks.iter().map(|(key, row)| {
            let vpc = key.data.vpc;
            let key = short(key, key.data.address, |address| old::VpcBlockKey {
                vpc,
                address,
            });
            (key, *row)
        });
        self.write(map::VPC_BLOCKS, blocks)?;
        let macs = tables.macs.iter();
        self.write(map::MACS, macs.map(|(key, row)| (*key, row.vport)))?;
        let routes = tables.routes.iter().map(|(key, row)| {
            let route_table = key.data.route_table;
            let key = short(key, key.data.destination, |destination| old::RouteKey {
                route_table,
                destination,
            });
            let row = old::Route {
                kind: row.kind,
                vport: row.location.vport,
            };
            (key, row)
        });
        self.write(map::ROUTES, routes)?;
        let remote_rules = tables.remote_rules.iter().map(|(key, row)| {
            let policy = key.data.policy;
            let key = short(key, key.data.remote, |remote| old::RemoteKey {
                policy,
                remote,
            });
            (key, *row)
        });
        self.write(map::REMOTE_RULES, remote_rules)?;
        self.write(map::POLICIES, copied(&tables.policies))?;
        self.write(map::IDENTITY_RULES, copied(&tables.identity_rules))?;
        self.write(map::PORT_RULES, copied(&tables.port_rules))?;
        let vports = tables.vports.iter();
        let vports = vports.map(|(vport, row)| (*vport, old::Vport::from(*row)));
        self.write(map::VPORTS, vports)?;
        self.write(map::GLOBALS, std::iter::once((0_u32, tables.globals)))
    }

    fn write<K: Plain, V: Plain>(
        &self,
        name: &'static str,
        entries: impl Iterator<Item = (K, V)>,
    ) -> Result<(), DataPlaneError> {
        let failed = |source| failed_call("BPF_MAP_UPDATE_ELEM", name, source);
        let map = sys::open_pin(&self.maps.join(name)).map_err(failed)?;
        for (key, value) in entries {
            sys::insert(map.as_fd(), &key, &value, sys::Insertion::Always).map_err(failed)?;
        }
        Ok(())
    }
}

fn copied<K: Copy, V: Copy>(
    rows: &std::collections::BTreeMap<K, V>,
) -> impl Iterator<Item = (K, V)> {
    rows.iter().map(|(key, row)| (*key, *row))
}

/// A trie's key with an address of four bytes.
fn short<K, Old>(key: &LpmKey<K>, address: Address, data: impl FnOnce(Ipv4) -> Old) -> LpmKey<Old> {
    LpmKey {
        prefix_length: key.prefix_length - u32::from(Address::IPV4_BITS_BEFORE),
        data: data(address.last_four()),
    }
}
