//! A service with devices, and programs that are connections to it.

pub(crate) mod raw;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use eni_efa_abi::control::DeviceAttributes;
use eni_efa_abi::limits::{MAX_ENDPOINTS, MAX_TRANSFER};
use eni_efa_abi::{Gid, Refusal};
use eni_efa_client::{
    Cause, Disposition, Endpoint, EndpointKind, Fabric, Handler, LaneId, Payload, RecordHeader,
};
use eni_fabric::{
    Device, Directory, Isolated, NamespaceId, Policy, Service, ServiceOptions, UnderlayOptions,
};
use eni_types::MacAddress;
use parking_lot::Mutex;
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Everything is allowed but what is forbidden.
#[derive(Debug, Default)]
pub(crate) struct Forbidden {
    pairs: Mutex<HashSet<(Gid, Gid)>>,
    generation: AtomicU64,
}

impl Forbidden {
    pub(crate) fn set(&self, a: Gid, b: Gid, forbidden: bool) {
        let pair = (a.min(b), a.max(b));
        if forbidden {
            self.pairs.lock().insert(pair);
        } else {
            self.pairs.lock().remove(&pair);
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

impl Policy for Forbidden {
    fn may_converse(&self, a: Gid, b: Gid) -> Result<(), Refusal> {
        if self.pairs.lock().contains(&(a.min(b), a.max(b))) {
            return Err(Refusal::NotAllowed);
        }
        Ok(())
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

pub(crate) fn gid(device: u8) -> Gid {
    Gid::from_mac(MacAddress([0x02, 0, 0, 0, 0, device]))
}

pub(crate) fn device(number: u8, network_namespace: Option<NamespaceId>) -> Device {
    Device {
        attributes: DeviceAttributes {
            name: format!("efa_{number}"),
            gid: gid(number),
            mac: [0x02, 0, 0, 0, 0, number],
            subnet: "subnet-1".to_owned(),
            node_guid: gid(number).interface_id(),
            max_transfer: MAX_TRANSFER as u32,
            max_endpoints: MAX_ENDPOINTS as u32,
            reaches_other_hosts: false,
        },
        network_namespace,
    }
}

/// A service whose every caller may open every device.
pub(crate) struct Running {
    pub(crate) service: Option<Service>,
    pub(crate) policy: Arc<Forbidden>,
    directory: TempDir,
}

impl Running {
    pub(crate) fn start(devices: Vec<Device>) -> Self {
        Self::start_with(devices, None, Arc::new(Isolated))
    }

    pub(crate) fn start_with(
        devices: Vec<Device>,
        underlay: Option<UnderlayOptions>,
        hosts: Arc<dyn Directory>,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let policy = Arc::new(Forbidden::default());
        let service = Service::start(ServiceOptions {
            socket: directory.path().join("fabric.sock"),
            devices,
            policy: policy.clone(),
            directory: hosts,
            underlay,
            seed: 7,
        });
        Self {
            service: Some(service.unwrap()),
            policy,
            directory,
        }
    }

    pub(crate) fn socket(&self) -> std::path::PathBuf {
        self.directory.path().join("fabric.sock")
    }

    pub(crate) fn open(&self) -> Fabric {
        Fabric::open_at(&self.socket()).unwrap()
    }

    pub(crate) fn endpoint(&self, device: usize) -> Endpoint {
        self.open()
            .create_endpoint(device, EndpointKind::Srd)
            .unwrap()
    }
}

/// Keeps what comes.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) records: Vec<(LaneId, RecordHeader, Vec<u8>)>,
    pub(crate) completed: Vec<(LaneId, u32, Result<(), Cause>)>,
    pub(crate) broken: Vec<(LaneId, Cause)>,
    pub(crate) hold: bool,
}

impl Handler for Log {
    fn record(&mut self, lane: LaneId, header: &RecordHeader, payload: Payload<'_>) -> Disposition {
        if self.hold {
            return Disposition::Hold;
        }
        self.records.push((lane, *header, payload.to_vec()));
        Disposition::Consumed
    }

    fn completed(&mut self, lane: LaneId, request: u32, outcome: Result<(), Cause>) {
        self.completed.push((lane, request, outcome));
    }

    fn broken(&mut self, lane: LaneId, cause: Cause) {
        self.broken.push((lane, cause));
    }
}

/// Polls until `done` says so.
///
/// # Panics
/// After [`PATIENCE`].
#[track_caller]
pub(crate) fn poll_until(
    endpoint: &mut Endpoint,
    log: &mut Log,
    mut done: impl FnMut(&Endpoint, &Log) -> bool,
) {
    let deadline = Instant::now() + PATIENCE;
    while !done(endpoint, log) {
        endpoint.poll(log);
        assert!(
            Instant::now() < deadline,
            "{} records came, and of lanes {:?}",
            log.records.len(),
            log.broken
        );
    }
}

/// A header of face A.
pub(crate) fn header(immediate: u32) -> RecordHeader {
    RecordHeader {
        kind: 1,
        immediate,
        ..RecordHeader::default()
    }
}
