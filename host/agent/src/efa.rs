//! The region's Elastic Fabric Adapters: the fabric service follows the published world.
//!
//! The service is started with the first adapter and ends with the agent, and every conversation with it: programs get
//! completions with errors, and nothing that a rule has forbidden meanwhile goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use eni_efa_abi::control::DeviceAttributes;
use eni_efa_abi::limits::{MAX_ENDPOINTS, MAX_TRANSFER};
use eni_efa_abi::{Gid, Refusal};
use eni_fabric::{Device, DeviceCounters, Isolated, Policy, Service, ServiceOptions, namespace_of};
use eni_instance::RunDirectory;
use eni_lower::efa::{EfaDevice, EfaDevices, EfaRefusal};
use eni_netlink::Namespace;
use eni_types::NetworkInterfaceId;

use crate::AgentError;

/// The fabric service of a region on one machine.
pub(crate) struct EfaFabric {
    run: RunDirectory,
    rules: Arc<Rules>,
    /// Whether the service has been told of the newest rules.
    told: bool,
    service: Option<Service>,
    /// What the service knows.
    devices: Vec<Device>,
}

/// The adapters of the published world, as the service asks about them.
#[derive(Debug, Default)]
struct Rules {
    adapters: RwLock<EfaDevices>,
    generation: AtomicU64,
}

impl EfaFabric {
    /// No service yet.
    pub(crate) fn new(run: RunDirectory) -> Self {
        Self {
            run,
            rules: Arc::default(),
            told: true,
            service: None,
            devices: Vec::new(),
        }
    }

    /// Answers by these adapters' rules from now on, and ends conversations that they no longer allow.
    pub(crate) fn follow(&mut self, adapters: EfaDevices) {
        if self.rules.set(adapters) {
            self.told = false;
        }
        if let Some(service) = self.service.as_ref().filter(|_| !self.told) {
            service.policy_changed();
            self.told = true;
        }
    }

    /// Gives the service the devices of the instances that are there, and starts it if it is the first time.
    pub(crate) fn publish(&mut self) -> Result<(), AgentError> {
        let devices = self.rules.devices(&self.run);
        if devices == self.devices {
            return Ok(());
        }
        match &self.service {
            Some(service) => service.set_devices(devices.clone()),
            None => self.service = Some(self.start(devices.clone())?),
        }
        self.devices = devices;
        Ok(())
    }

    /// What the service has counted of each adapter whose device it has.
    pub(crate) fn counters(&self) -> Vec<(NetworkInterfaceId, DeviceCounters)> {
        let adapters = self.rules.adapters();
        let counters = self.service.iter().flat_map(Service::counters);
        counters
            .filter_map(|(gid, counters)| {
                Some((adapters.by_gid(gid)?.network_interface_id, counters))
            })
            .collect()
    }

    fn start(&self, devices: Vec<Device>) -> Result<Service, AgentError> {
        Ok(Service::start(ServiceOptions {
            socket: self.run.efa_socket(),
            devices,
            policy: Arc::clone(&self.rules) as Arc<dyn Policy>,
            directory: Arc::new(Isolated),
            seed: rand::random(),
            underlay: None,
        })?)
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
    let path = run.network_namespace(adapter.instance_id);
    if !Namespace::exists(&path) {
        return None;
    }
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
        network_namespace: Some(namespace_of(&path).ok()?),
    })
}
