//! Peers that come and go.

use super::*;
use eni_efa_abi::control::DeviceAttributes;
use eni_efa_abi::limits::{MAX_ENDPOINTS, MAX_TRANSFER};
use eni_efa_client::{EndpointKind, Fabric, Gid, Payload};
use eni_efa_device::{
    MAX_RECEIVE_ENTRIES, MAX_SEND_ENTRIES, QueuePairAttributes, QueuePairKind, QueuePairState,
};
use eni_fabric::{Isolated, SameSubnet, Service, ServiceOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

/// A service with one device.
fn service(socket: std::path::PathBuf) -> Service {
    let gid = Gid([1; 16]);
    let attributes = DeviceAttributes {
        name: "efa_0".to_owned(),
        gid,
        mac: [2, 0, 0, 0, 0, 1],
        subnet: "subnet-1".to_owned(),
        node_guid: 0,
        max_transfer: MAX_TRANSFER as u32,
        max_endpoints: MAX_ENDPOINTS as u32,
        reaches_other_hosts: false,
    };
    let subnets = [(gid, attributes.subnet.clone())];
    let device = eni_fabric::Device {
        attributes,
        network_namespace: None,
    };
    Service::start(ServiceOptions {
        socket,
        policy: Arc::new(SameSubnet::new(subnets)),
        devices: vec![device],
        directory: Arc::new(Isolated),
        underlay: None,
        seed: 1,
    })
    .expect("a service")
}

/// A queue pair that receives and sends.
fn queue_pair(device: &mut Device, number: u32) -> QueuePairId {
    let domain = device.allocate_domain().expect("room");
    let queue = device.create_completion_queue(64).expect("room");
    let attributes = QueuePairAttributes {
        domain,
        send_queue: queue,
        receive_queue: queue,
        kind: QueuePairKind::Srd,
        number,
        send_depth: 16,
        receive_depth: 16,
        send_entries: MAX_SEND_ENTRIES,
        receive_entries: MAX_RECEIVE_ENTRIES,
        max_transfer: MAX_TRANSFER as u32,
    };
    let id = device.create_queue_pair(attributes).expect("room");
    let states = [
        QueuePairState::Init,
        QueuePairState::ReadyToReceive,
        QueuePairState::ReadyToSend,
    ];
    for state in states {
        device.modify(id, state).expect("in order");
    }
    id
}

struct Ignore;

impl Handler for Ignore {
    fn record(&mut self, _: LaneId, _: &RecordHeader, _: Payload<'_>) -> Disposition {
        Disposition::Consumed
    }
    fn completed(&mut self, _: LaneId, _: u32, _: Result<(), Cause>) {}
    fn broken(&mut self, _: LaneId, _: Cause) {}
}

/// A peer that says something and leaves; the queue pair hears both.
fn visit(fabric: &Fabric, device: &mut Device, link: &mut Link) {
    let mut peer = fabric
        .create_endpoint(0, EndpointKind::Srd)
        .expect("an endpoint");
    let lane = peer.lane_to(link.endpoint.address());
    let deadline = Instant::now() + PATIENCE;
    // One that the device takes and makes nothing of.
    let record = RecordHeader {
        kind: 63,
        ..RecordHeader::default()
    };
    while peer.try_send(lane, &record, &[], 0).is_err() {
        assert!(Instant::now() < deadline, "the lane opens");
        peer.poll(&mut Ignore);
        link.progress(device);
    }
    let address = peer.address();
    drop(peer);
    while !link.gone.contains_key(&address) {
        assert!(Instant::now() < deadline, "the end is heard of");
        link.progress(device);
    }
}

#[test]
fn peers_that_come_and_go_take_bounded_memory() {
    const VISITS: usize = 10 * MOST_GONE;
    let directory = tempfile::tempdir().expect("a place");
    let socket = directory.path().join("fabric.sock");
    let _service = service(socket.clone());
    let fabric = Fabric::open_at(&socket).expect("a fabric");
    let endpoint = fabric
        .create_endpoint(0, EndpointKind::Srd)
        .expect("an endpoint");
    let mut device = Device::new(1);
    let id = queue_pair(&mut device, endpoint.queue_pair());
    let mut link = Link::new(endpoint, id, MAX_TRANSFER as u32);
    let others = Fabric::open_at(&socket).expect("a fabric");
    for _ in 0..VISITS {
        visit(&others, &mut device, &mut link);
    }
    assert!(link.gone.len() <= MOST_GONE);
    // The next lane has a number that was another's, and so has every one that is known.
    let nobody = Peer {
        gid: Gid([1; 16]),
        queue_pair: 1,
    };
    let LaneId(next) = link.endpoint.lane_to(nobody);
    assert!((next as usize) < 2 * MOST_GONE, "{next}");
    let known = (0..VISITS as u32).filter(|lane| device.knows_lane(id, *lane));
    assert!(known.count() <= MOST_GONE);
}
