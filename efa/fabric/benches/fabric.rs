//! One-way latency, rate of small records and bandwidth: within a host, and between two services over loopback.
//!
//! Prints the best and the median of several trials. Each side, program and service, is pinned to a processor.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing to report"
)]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use eni_efa_abi::Gid;
use eni_efa_abi::control::DeviceAttributes;
use eni_efa_abi::limits::{MAX_ENDPOINTS, MAX_TRANSFER};
use eni_efa_client::{
    Cause, Disposition, Endpoint, EndpointKind, Fabric, Handler, LaneId, LaneState, Payload, Peer,
    RecordHeader,
};
use eni_fabric::{Device, Directory, SameSubnet, Service, ServiceOptions, UnderlayOptions};
use eni_types::MacAddress;
use rustix::thread::{CpuSet, sched_setaffinity};

const TRIALS: usize = 7;

#[derive(Debug)]
struct Hosts(HashMap<Gid, SocketAddr>);

impl Directory for Hosts {
    fn host_of(&self, gid: Gid) -> Option<SocketAddr> {
        self.0.get(&gid).copied()
    }
}

fn pin(processor: usize) {
    let mut set = CpuSet::new();
    set.set(processor);
    sched_setaffinity(None, &set).unwrap();
}

fn gid(device: u8) -> Gid {
    Gid::from_mac(MacAddress([0x02, 0, 0, 0, 0, device]))
}

fn device(number: u8) -> Device {
    Device {
        attributes: DeviceAttributes {
            name: format!("efa_{number}"),
            gid: gid(number),
            mac: [0x02, 0, 0, 0, 0, number],
            subnet: "subnet-1".to_owned(),
            node_guid: 0,
            max_transfer: MAX_TRANSFER as u32,
            max_endpoints: MAX_ENDPOINTS as u32,
            reaches_other_hosts: false,
        },
        network_namespace: None,
    }
}

fn service(
    socket: PathBuf,
    devices: &[u8],
    underlay: Option<UnderlayOptions>,
    hosts: Hosts,
) -> Service {
    Service::start(ServiceOptions {
        socket,
        devices: devices.iter().map(|number| device(*number)).collect(),
        policy: Arc::new(SameSubnet::new(
            [0, 1].map(|number| (gid(number), String::new())),
        )),
        directory: Arc::new(hosts),
        underlay,
        seed: 1,
    })
    .unwrap()
}

#[derive(Default)]
struct Counter {
    records: u64,
    bytes: u64,
    completed: u64,
    target: Vec<u8>,
}

impl Handler for Counter {
    fn record(&mut self, _: LaneId, _: &RecordHeader, payload: Payload<'_>) -> Disposition {
        self.target.resize(payload.len().max(self.target.len()), 0);
        payload.copy_to(0, &mut self.target[..payload.len()]);
        self.records += 1;
        self.bytes += payload.len() as u64;
        Disposition::Consumed
    }

    fn completed(&mut self, _: LaneId, _: u32, outcome: Result<(), Cause>) {
        outcome.unwrap();
        self.completed += 1;
    }

    fn broken(&mut self, _: LaneId, cause: Cause) {
        panic!("{cause}");
    }
}

struct End {
    endpoint: Endpoint,
    lane: LaneId,
    counter: Counter,
}

impl End {
    fn open(socket: &Path, device: usize, tell: impl FnOnce(Peer) -> Peer) -> Self {
        let mut endpoint = Fabric::open_at(socket)
            .unwrap()
            .create_endpoint(device, EndpointKind::Srd)
            .unwrap();
        let peer = tell(endpoint.address());
        let lane = endpoint.lane_to(peer);
        let mut counter = Counter::default();
        while endpoint.lane_state(lane) == LaneState::Connecting {
            endpoint.poll(&mut counter);
        }
        Self {
            endpoint,
            lane,
            counter,
        }
    }

    fn send(&mut self, payload: &[u8]) {
        let header = RecordHeader {
            kind: 1,
            ..RecordHeader::default()
        };
        while self
            .endpoint
            .try_send(self.lane, &header, &[payload], 0)
            .is_err()
        {
            self.endpoint.poll(&mut self.counter);
        }
    }

    fn wait(&mut self, records: u64) {
        while self.counter.records < records {
            self.endpoint.poll(&mut self.counter);
        }
        self.counter.records -= records;
    }
}

fn report(name: &str, unit: &str, mut figures: Vec<f64>, larger_is_better: bool) {
    figures.sort_by(f64::total_cmp);
    let best = if larger_is_better {
        figures[figures.len() - 1]
    } else {
        figures[0]
    };
    println!(
        "{name:40} best {best:9.3} median {:9.3} {unit}",
        figures[figures.len() / 2]
    );
}

/// Runs the trials between `here` and `there`, each a socket and a device.
fn measure(name: &str, here: (PathBuf, usize), there: (PathBuf, usize), rounds: u64) {
    let (to_there, from_here) = std::sync::mpsc::channel();
    let (to_here, from_there) = std::sync::mpsc::channel();
    let sizes: [(usize, u64); 2] = [(8, rounds * 20), (8_192, rounds * 4)];
    let echo = thread::spawn(move || {
        pin(1);
        let mut end = End::open(&there.0, there.1, |own| {
            to_here.send(own).unwrap();
            from_here.recv().unwrap()
        });
        for _ in 0..TRIALS {
            for _ in 0..rounds {
                end.wait(1);
                end.send(&[7; 8]);
            }
            for (_, count) in sizes {
                end.wait(count);
                end.send(&[7; 8]);
            }
        }
        // Until the other side has everything.
        thread::sleep(std::time::Duration::from_millis(100));
        while end.endpoint.poll(&mut end.counter) > 0 {}
    });
    pin(0);
    let mut end = End::open(&here.0, here.1, |own| {
        to_there.send(own).unwrap();
        from_there.recv().unwrap()
    });
    let (mut latency, mut streams) = (Vec::new(), [Vec::new(), Vec::new()]);
    for _ in 0..TRIALS {
        let start = Instant::now();
        for _ in 0..rounds {
            end.send(&[7; 8]);
            end.wait(1);
        }
        latency.push(start.elapsed().as_secs_f64() * 1e6 / rounds as f64 / 2.0);
        for ((length, count), figures) in sizes.into_iter().zip(&mut streams) {
            let payload = vec![7; length];
            let start = Instant::now();
            for _ in 0..count {
                end.send(&payload);
            }
            end.wait(1);
            figures.push(count as f64 / start.elapsed().as_secs_f64());
        }
    }
    echo.join().unwrap();
    report(&format!("{name}, 8 bytes one way"), "us", latency, false);
    let [small, large] = streams;
    let million = small.into_iter().map(|rate| rate / 1e6).collect();
    report(&format!("{name}, records of 8 bytes"), "M/s", million, true);
    let gigabytes = large.into_iter().map(|rate| rate * 8_192.0 / 1e9).collect();
    report(
        &format!("{name}, records of 8 KiB"),
        "GB/s",
        gigabytes,
        true,
    );
}

fn main() {
    let rounds = std::env::var("ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(2_000);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let one = service(path("one"), &[0, 1], None, Hosts(HashMap::new()));
    measure("one host", (path("one"), 0), (path("one"), 1), rounds * 10);
    drop(one);
    let address = |host| {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, host), 0)).unwrap();
        socket.local_addr().unwrap()
    };
    let addresses = [address(1), address(2)];
    let services = [0, 1].map(|host: u8| {
        let other = 1 - host;
        let hosts = Hosts(HashMap::from([(gid(other), addresses[usize::from(other)])]));
        let mut underlay = UnderlayOptions::new(addresses[usize::from(host)]);
        underlay.mtu = u16::MAX;
        let socket = path(&host.to_string());
        thread::spawn(move || {
            pin(usize::from(host));
            service(socket, &[host], Some(underlay), hosts)
        })
        .join()
        .unwrap()
    });
    measure("two hosts", (path("0"), 0), (path("1"), 0), rounds);
    drop(services);
}
