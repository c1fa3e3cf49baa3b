//! The machine: what is observed on it, and how each step is done. Its parts go to the lanes.

mod devices;
mod tables;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use eni_bpf_loader::{DataPlane, InstanceMaps, Programs, Upgrade, mount_bpffs, unmount_bpffs};
use eni_instance::{AdapterFiles, NamespaceDriver, RunDirectory};
use eni_netlink::{Namespace, Netlink};
use eni_plan::Observed;
use eni_types::Ipv4Cidr;

use crate::announce::Speaker;
use crate::error::chain;
use crate::uplink::{Host, UplinkOwner};
use crate::{AdapterService, AgentError};

pub(crate) use self::devices::DevicesPart;
pub(crate) use self::tables::TablesPart;

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
    /// The packet tables.
    pub(crate) tables: TablesPart,
    /// Devices and instances.
    pub(crate) devices: DevicesPart,
    /// What is remembered for each instance.
    pub(crate) instance_maps: InstanceMaps,
}

impl Machine {
    /// Opens what is there, and makes what is missing of the region's frame: run directory, BPF filesystem, fabric.
    pub(crate) fn open(
        run: RunDirectory,
        init_command: Vec<OsString>,
        adapter_files: Arc<dyn AdapterFiles>,
        adapters: Arc<dyn AdapterService>,
        public_pool: Ipv4Cidr,
        authority: Option<&str>,
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
        let DataPlane {
            tables,
            instance_maps,
            nat_maps,
            programs,
            upgrade,
        } = DataPlane::open(&run.bpf())?;
        tell_of(&upgrade);
        let programs: Arc<Programs> = Arc::new(programs);
        let driver =
            NamespaceDriver::new(run.clone(), &fabric, init_command, adapter_files, authority)?;
        let (speaker, routes) = (Speaker::new(&fabric)?, host.routes()?);
        let of_tables = Arc::clone(&programs);
        let tables = TablesPart::new(tables, nat_maps, of_tables, speaker, routes.clone())?;
        let devices = DevicesPart::new(
            run,
            fabric,
            host,
            (owner, routes),
            programs,
            Box::new(driver),
            adapters,
        )?;
        Ok(Self {
            tables,
            devices,
            instance_maps,
        })
    }

    /// Everything of the region on this machine.
    pub(crate) fn observe(&self) -> Result<Observed, AgentError> {
        observe(&self.tables, &self.devices)
    }

    /// Takes everything down: instances, devices, programs, tables, namespaces.
    pub(crate) fn remove(self) -> Result<(), AgentError> {
        let Self {
            tables,
            devices,
            instance_maps,
        } = self;
        drop((tables, instance_maps));
        let (run, result) = devices.remove();
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
        result
    }
}

fn tell_of(upgrade: &Upgrade) {
    match upgrade {
        Upgrade::None => {}
        Upgrade::Done { connections } => {
            tracing::info!(connections, "took over the data plane of an older layout");
        }
        Upgrade::Failed(error) => tracing::warn!(
            error = %chain(error),
            "the data plane of an older layout is made anew: live connections are asked of the rules again"
        ),
    }
}

/// Everything of the region on this machine, while nothing changes it.
pub(crate) fn observe(tables: &TablesPart, devices: &DevicesPart) -> Result<Observed, AgentError> {
    let mut observed = tables.observe()?;
    observed.take_over(devices.look()?, &Default::default());
    Ok(observed)
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
