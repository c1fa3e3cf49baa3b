//! The machine: what is observed on it, and how each step is done.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use eni_abi::{LpmKey, Plain};
use eni_bpf_loader::{DataPlane, DataPlaneError, HashTable, LpmTable, mount_bpffs, unmount_bpffs};
use eni_instance::{InstanceDriver, NamespaceDriver, RunDirectory};
use eni_lower::efa::EfaDevices;
use eni_netlink::{Namespace, Netlink};
use eni_plan::{Announcement, Observed, Plug, Step, TableChange, Tables, UPLINK_VPORT};
use eni_types::{InstanceId, Ipv4Cidr};

use crate::announce::Announcer;
use crate::efa::EfaFabric;
use crate::uplink::{Host, UplinkOwner};
use crate::{AgentError, Status, VportStatus};

/// Nothing is ever handed to the fabric's own stack; should anything reach it, it neither answers nor forwards.
const FABRIC_SETTINGS: &[(&str, &str)] = &[
    ("ipv4/ip_forward", "0"),
    ("ipv4/conf/all/arp_ignore", "8"),
    ("ipv4/conf/default/arp_ignore", "8"),
];
const FABRIC_IPV6_SETTINGS: &[(&str, &str)] = &[
    ("ipv6/conf/all/disable_ipv6", "1"),
    ("ipv6/conf/default/disable_ipv6", "1"),
];

/// One region's part of the machine.
pub(crate) struct Machine {
    run: RunDirectory,
    host: Host,
    owner: UplinkOwner,
    fabric: Namespace,
    fabric_netlink: Netlink,
    data_plane: DataPlane,
    driver: NamespaceDriver,
    efa: EfaFabric,
    announcer: Announcer,
}

impl Machine {
    /// Opens what is there, and makes what is missing of the region's frame: run directory, BPF filesystem, fabric.
    pub(crate) fn open(
        run: RunDirectory,
        init_command: Vec<OsString>,
        efa_libraries: PathBuf,
        public_pool: Ipv4Cidr,
    ) -> Result<Self, AgentError> {
        let mut host = Host::current()?;
        let owner = UplinkOwner::of(&run);
        // Before anything is made.
        host.check(existing_fabric(&run)?.as_mut(), &owner)?;
        host.check_pool(public_pool)?;
        fs::create_dir_all(run.path()).map_err(io_error("make", run.path()))?;
        mount_bpffs(&run.bpf())?;
        let fabric = Namespace::create(&run.fabric())?;
        fabric.write_settings(FABRIC_SETTINGS)?;
        if Path::new("/proc/sys/net/ipv6").exists() {
            fabric.write_settings(FABRIC_IPV6_SETTINGS)?;
        }
        Ok(Self {
            host,
            owner,
            fabric_netlink: fabric.netlink()?,
            data_plane: DataPlane::open(&run.bpf())?,
            driver: NamespaceDriver::new(run.clone(), &fabric, init_command, efa_libraries)?,
            efa: EfaFabric::new(run.clone()),
            announcer: Announcer::new(&fabric)?,
            fabric,
            run,
        })
    }

    /// Moves the calling thread into the fabric, where programs are attached: that saves a thread for each.
    pub(crate) fn enter_fabric(&self) -> Result<(), AgentError> {
        Ok(self.fabric.enter()?)
    }

    /// Everything of the region on this machine.
    pub(crate) fn observe(&mut self) -> Result<Observed, AgentError> {
        let tables = &self.data_plane.tables;
        let globals = tables.globals.get(0)?;
        let rows = (0..).zip(tables.vports.values()?);
        let tables = Tables {
            vports: rows.filter(|(_, row)| *row != Default::default()).collect(),
            mappings: all(&tables.mappings)?,
            public_addresses: all(&tables.public_addresses)?,
            vpc_blocks: all_prefixes(&tables.vpc_blocks)?,
            macs: all(&tables.macs)?,
            routes: all_prefixes(&tables.routes)?,
            policies: all(&tables.policies)?,
            remote_rules: all_prefixes(&tables.remote_rules)?,
            identity_rules: all(&tables.identity_rules)?,
            port_rules: all_prefixes(&tables.port_rules)?,
        };
        let mut observed = Observed {
            tables,
            globals,
            ..Observed::default()
        };
        self.observe_devices(&mut observed)?;
        Ok(observed)
    }

    /// Refreshes all of `observed` but the tables, which nobody else writes.
    pub(crate) fn observe_devices(&mut self, observed: &mut Observed) -> Result<(), AgentError> {
        observed.instances = self.driver.instances()?;
        observed.brought = self.driver.brought()?;
        observed.devices = self.driver.devices()?;
        observed.uplink = self.host.observe(&mut self.fabric_netlink, &self.owner)?;
        let attachments = self.data_plane.attachments()?;
        let alive = attachments.iter().filter(|attachment| attachment.alive);
        observed.linked = alive.map(|attachment| attachment.vport).collect();
        // Filters are not listed. Those put in place by this process stay as long as their devices.
        let Observed {
            guarded,
            devices,
            uplink,
            ..
        } = observed;
        guarded.retain(|vport| {
            devices.contains_key(vport) || *vport == UPLINK_VPORT && uplink.is_some()
        });
        guarded.extend(&observed.linked);
        Ok(())
    }

    /// Lets the fabric service follow the region's adapters: whom it lets converse at once, which devices there are as
    /// far as their instances are there.
    pub(crate) fn follow_efa(&mut self, devices: EfaDevices) -> Result<(), AgentError> {
        self.efa.follow(devices);
        self.efa.publish()
    }

    /// Gives the instances that rows of `steps` name their room in the data plane, all at once.
    pub(crate) fn make_room(&mut self, steps: &[Step]) -> Result<(), AgentError> {
        let instances: Vec<u32> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Cut(_, row) | Step::WriteVport(_, row) | Step::Forget(_, row) => {
                    Some(row.instance)
                }
                _ => None,
            })
            .collect();
        Ok(self.data_plane.tables.make_room(&instances)?)
    }

    /// Does one step.
    pub(crate) fn apply(&mut self, step: &Step) -> Result<(), AgentError> {
        match step {
            Step::Cut(vport, row) | Step::WriteVport(vport, row) => {
                self.data_plane.tables.replace_vport(*vport, row)?;
            }
            Step::Unplug(vport) => {
                self.data_plane.detach(*vport)?;
                self.driver.unplug(*vport)?;
            }
            Step::PlugUplink(uplink) => {
                self.data_plane.detach(UPLINK_VPORT)?;
                self.host
                    .plug(&mut self.fabric_netlink, uplink, &self.owner)?;
            }
            Step::CreateInstance(id, boot_count) => self.driver.create(*id, *boot_count)?,
            Step::Plug(id, interface) => self.driver.plug(*id, interface)?,
            Step::Guard(vport) => self.data_plane.guard(*vport, &self.fabric)?,
            Step::Link(vport) => self.data_plane.attach(*vport, &self.fabric)?,
            Step::Configure(id, interface) => self.driver.configure(*id, interface)?,
            Step::Withdraw(id, instance_id) => self.driver.withdraw(*id, *instance_id)?,
            Step::Table(change) => self.change_table(change)?,
            Step::WriteGlobals(globals) => self.data_plane.tables.globals.set(0, globals)?,
            Step::Announce(announcement) => {
                self.announcer.announce(announcement)?;
                let Announcement { key, mapping, .. } = announcement;
                self.data_plane.tables.mappings.insert(key, mapping)?;
            }
            Step::Halt(id) => self.driver.stop(*id)?,
            Step::Boot(id, instance) => {
                // Its boot script may open a device at once.
                self.efa.publish()?;
                self.driver.start(*id, instance)?;
            }
            Step::Forget(vport, row) => {
                self.data_plane.forget_connections(*vport)?;
                self.data_plane.reset_counters(*vport)?;
                self.data_plane.tables.replace_vport(*vport, row)?;
            }
            Step::DestroyInstance(id) => self.driver.destroy(*id)?,
        }
        Ok(())
    }

    fn change_table(&mut self, change: &TableChange) -> Result<(), DataPlaneError> {
        let tables = &mut self.data_plane.tables;
        match change {
            TableChange::Mapping(key, row) => set(&mut tables.mappings, key, row.as_ref()),
            TableChange::PublicAddress(key, row) => {
                set(&mut tables.public_addresses, key, row.as_ref())
            }
            TableChange::VpcBlock(key, row) => {
                set_prefix(&mut tables.vpc_blocks, key, row.as_ref())
            }
            TableChange::Mac(key, row) => set(&mut tables.macs, key, row.as_ref()),
            TableChange::Route(key, row) => set_prefix(&mut tables.routes, key, row.as_ref()),
            TableChange::Policy(key, row) => set(&mut tables.policies, key, row.as_ref()),
            TableChange::RemoteRule(key, row) => {
                set_prefix(&mut tables.remote_rules, key, row.as_ref())
            }
            TableChange::IdentityRule(key, row) => {
                set(&mut tables.identity_rules, key, row.as_ref())
            }
            TableChange::PortRule(key, row) => {
                set_prefix(&mut tables.port_rules, key, row.as_ref())
            }
        }
    }

    /// Removes expired connections from the data plane's memory.
    pub(crate) fn collect_connections(&mut self) -> Result<(), AgentError> {
        self.data_plane.collect_connections()?;
        Ok(())
    }

    /// Forgets what instances have printed that are not described any more.
    pub(crate) fn forget_consoles(
        &mut self,
        known: &BTreeSet<InstanceId>,
    ) -> Result<(), AgentError> {
        Ok(self.driver.forget_consoles(known)?)
    }

    /// What passed and was dropped at each vport of `observed` and at each adapter.
    pub(crate) fn status(&self, observed: &Observed) -> Result<Status, AgentError> {
        Ok(Status {
            vports: self.vport_statuses(observed)?,
            adapters: self.efa.counters(),
        })
    }

    fn vport_statuses(&self, observed: &Observed) -> Result<Vec<VportStatus>, AgentError> {
        let plugs = observed
            .devices
            .iter()
            .map(|(vport, device)| (*vport, device.plug));
        [(UPLINK_VPORT, None)]
            .into_iter()
            .chain(plugs)
            .map(|(vport, plug): (u32, Option<Plug>)| {
                Ok(VportStatus {
                    vport,
                    plug,
                    passes: observed.passes(vport),
                    traffic: self.data_plane.traffic(vport)?,
                    drops: self.data_plane.drops(vport)?,
                })
            })
            .collect()
    }

    /// Takes everything down: instances, devices, programs, tables, namespaces.
    pub(crate) fn remove(mut self) -> Result<(), AgentError> {
        let instances = self.driver.remove_all();
        let uplink = self.fabric_netlink.delete_link(UPLINK_VPORT);
        let Self {
            run,
            fabric,
            fabric_netlink,
            data_plane,
            driver,
            host,
            owner: _,
            efa,
            announcer,
        } = self;
        drop((
            fabric,
            fabric_netlink,
            data_plane,
            driver,
            host,
            efa,
            announcer,
        ));
        unmount_bpffs(&run.bpf())?;
        Namespace::delete(&run.fabric())?;
        for directory in [run.bpf(), run.instances()] {
            match fs::remove_dir(&directory) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error("remove", &directory)(error));
                }
                _ => {}
            }
        }
        uplink?;
        Ok(instances?)
    }
}

/// The fabric that an earlier agent left.
fn existing_fabric(run: &RunDirectory) -> Result<Option<Netlink>, AgentError> {
    if !Namespace::exists(&run.fabric()) {
        return Ok(None);
    }
    Ok(Some(Namespace::open(&run.fabric())?.netlink()?))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AgentError {
    move |source| AgentError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

fn all<K: Plain + Ord, V: Plain>(
    table: &HashTable<K, V>,
) -> Result<BTreeMap<K, V>, DataPlaneError> {
    Ok(table.entries()?.into_iter().collect())
}

fn all_prefixes<K: Plain + Ord, V: Plain>(
    table: &LpmTable<K, V>,
) -> Result<BTreeMap<LpmKey<K>, V>, DataPlaneError> {
    Ok(table.entries()?.into_iter().collect())
}

fn set<K: Plain, V: Plain>(
    table: &mut HashTable<K, V>,
    key: &K,
    row: Option<&V>,
) -> Result<(), DataPlaneError> {
    match row {
        Some(row) => table.insert(key, row),
        None => table.remove(key).map(drop),
    }
}

fn set_prefix<K: Plain, V: Plain>(
    table: &mut LpmTable<K, V>,
    key: &LpmKey<K>,
    row: Option<&V>,
) -> Result<(), DataPlaneError> {
    match row {
        Some(row) => table.insert(key, row),
        None => table.remove(key).map(drop),
    }
}
