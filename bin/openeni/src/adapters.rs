//! The region's Elastic Fabric Adapters: the fabric service follows the published world.
//!
//! The service is started with the first adapter and ends with the process, and every conversation with it: programs get
//! completions with errors, and nothing that a rule has forbidden meanwhile goes on.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use eni_agent::{AdapterService, AdapterServiceError};
use eni_efa_abi::control::DeviceAttributes;
use eni_efa_abi::limits::{MAX_ENDPOINTS, MAX_TRANSFER};
use eni_efa_abi::{Gid, Refusal};
use eni_efa_install::Installation;
use eni_efa_policy::{EfaDevice, EfaDevices, EfaRefusal};
use eni_fabric::{Device, DeviceCounters, Isolated, Policy, Service, ServiceOptions, namespace_of};
use eni_instance::{AdapterFiles, AdapterFilesError, RunDirectory};
use eni_model::World;
use eni_types::NetworkInterfaceId;

/// The fabric service of a region on one machine.
pub(crate) struct Adapters {
    run: RunDirectory,
    rules: Arc<Rules>,
    service: OnceLock<Service>,
    /// What the service knows.
    devices: Mutex<Vec<Device>>,
}

/// The adapters of the published world, as the service asks about them.
#[derive(Debug, Default)]
struct Rules {
    adapters: RwLock<EfaDevices>,
    generation: AtomicU64,
}

impl Adapters {
    /// No service yet.
    pub(crate) fn new(run: RunDirectory) -> Self {
        Self {
            run,
            rules: Arc::default(),
            service: OnceLock::new(),
            devices: Mutex::default(),
        }
    }

    /// What the service has counted of each adapter whose device it has.
    pub(crate) fn counters(&self) -> Vec<(NetworkInterfaceId, DeviceCounters)> {
        let adapters = self.rules.adapters();
        let counters = self.service.get().into_iter().flat_map(Service::counters);
        counters
            .filter_map(|(gid, counters)| {
                Some((adapters.by_gid(gid)?.network_interface_id, counters))
            })
            .collect()
    }

    fn start(&self, devices: Vec<Device>) -> Result<Service, eni_fabric::StartError> {
        Service::start(ServiceOptions {
            socket: self.run.efa_socket(),
            devices,
            policy: Arc::clone(&self.rules) as Arc<dyn Policy>,
            directory: Arc::new(Isolated),
            seed: rand::random(),
            underlay: None,
        })
    }
}

impl AdapterService for Adapters {
    fn world_published(&self, world: &World) -> bool {
        let changed = self.rules.set(EfaDevices::of(world));
        if changed && let Some(service) = self.service.get() {
            service.policy_changed();
        }
        changed
    }

    fn instances_changed(&self) -> Result<(), AdapterServiceError> {
        let mut known = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let devices = self.rules.devices(&self.run);
        if devices == *known {
            return Ok(());
        }
        match self.service.get() {
            Some(service) => service.set_devices(devices.clone()),
            None => {
                let service = self.start(devices.clone())?;
                // Nobody else sets it: the devices are locked.
                let service = self.service.get_or_init(|| service);
                // The rules may have changed since it asked for them.
                service.policy_changed();
            }
        }
        *known = devices;
        Ok(())
    }
}

impl Rules {
    /// Whether they are others than before.
    fn set(&self, adapters: EfaDevices) -> bool {
        let mut current = self
            .adapters
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if *current == adapters {
            return false;
        }
        *current = adapters;
        self.generation.fetch_add(1, Ordering::AcqRel);
        true
    }

    fn adapters(&self) -> RwLockReadGuard<'_, EfaDevices> {
        self.adapters.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn devices(&self, run: &RunDirectory) -> Vec<Device> {
        let adapters = self.adapters();
        adapters
            .iter()
            .filter_map(|adapter| device(adapter, run))
            .collect()
    }
}

impl Policy for Rules {
    fn may_converse(&self, a: Gid, b: Gid) -> Result<(), Refusal> {
        let adapters = self.adapters();
        let interface = |gid: Gid| {
            let adapter = adapters.by_gid(gid).ok_or(Refusal::UnknownGid)?;
            Ok(adapter.network_interface_id)
        };
        adapters
            .may_converse(interface(a)?, interface(b)?)
            .map_err(|refusal| match refusal {
                EfaRefusal::NoDevice(_) => Refusal::UnknownGid,
                EfaRefusal::DifferentSubnets => Refusal::DifferentSubnet,
                EfaRefusal::Egress(_) | EfaRefusal::Ingress(_) => Refusal::NotAllowed,
            })
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

/// The adapter as a device of the service; none while its instance is not there.
fn device(adapter: &EfaDevice, run: &RunDirectory) -> Option<Device> {
    let namespace = run.existing_network_namespace(adapter.instance_id)?;
    Some(Device {
        attributes: DeviceAttributes {
            name: format!("efa_{}", adapter.number),
            gid: adapter.gid,
            mac: adapter.mac_address.0,
            subnet: adapter.subnet_id.to_string(),
            node_guid: adapter.gid.interface_id(),
            max_transfer: MAX_TRANSFER as u32,
            max_endpoints: MAX_ENDPOINTS as u32,
            reaches_other_hosts: false,
        },
        network_namespace: Some(namespace_of(&namespace).ok()?),
    })
}

/// The libraries and the look-alike of `/sys` by which programs find adapters.
pub(crate) struct Libraries {
    /// Where the two libraries are.
    pub(crate) directory: PathBuf,
    /// The fabric service's socket.
    pub(crate) socket: PathBuf,
}

impl AdapterFiles for Libraries {
    fn lay_out(
        &self,
        directory: &Path,
        devices: usize,
    ) -> Result<Vec<(&'static str, OsString)>, AdapterFilesError> {
        let installation = Installation {
            directory,
            libraries: &self.directory,
            socket: &self.socket,
            devices,
        };
        installation.install()?;
        Ok(installation.environment())
    }
}
