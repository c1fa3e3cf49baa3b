//! A fabric service of one host, as a process of its own.

use eni_efa_abi::Gid;
use eni_efa_abi::control::{DeviceAttributes, Refusal};
use eni_efa_abi::limits::{MAX_ENDPOINTS, MAX_TRANSFER};
use eni_fabric::{Device, Directory, Faults, Policy, Poll, SameSubnet, Service, UnderlayOptions};
use eni_types::MacAddress;
use std::collections::HashMap;
use std::io::BufRead;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Of everything here.
const SUBNET: &str = "subnet-bench";

/// What a service is told.
#[derive(clap::Args)]
pub(crate) struct ServiceOptions {
    #[arg(long)]
    socket: PathBuf,
    /// Numbers of its devices.
    #[arg(long, value_delimiter = ',')]
    devices: Vec<u8>,
    /// Where it meets other hosts, if there are any.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// A device of another host and where that host is: NUMBER=ADDRESS.
    #[arg(long, value_parser = parse_other)]
    other: Option<(u8, SocketAddr)>,
    /// The largest IP packet between hosts.
    #[arg(long, default_value_t = 1_500)]
    mtu: u16,
    /// Datagrams of 1,000 to other hosts that are lost.
    #[arg(long, default_value_t = 0)]
    lost: u16,
    /// Datagrams of 1,000 to other hosts that later ones overtake.
    #[arg(long, default_value_t = 0)]
    late: u16,
}

impl ServiceOptions {
    fn faults(&self) -> Option<Faults> {
        let (lost, late) = (self.lost, self.late);
        (lost + late > 0).then(|| Faults {
            seed: u64::from(std::process::id()),
            lost,
            late,
        })
    }
}

fn parse_other(text: &str) -> Result<(u8, SocketAddr), String> {
    let (number, address) = text.split_once('=').ok_or("NUMBER=ADDRESS")?;
    let number = number
        .parse()
        .map_err(|error| format!("{number}: {error}"))?;
    let address = address
        .parse()
        .map_err(|error| format!("{address}: {error}"))?;
    Ok((number, address))
}

#[derive(Debug)]
struct Others(HashMap<Gid, SocketAddr>);

impl Directory for Others {
    fn host_of(&self, gid: Gid) -> Option<SocketAddr> {
        self.0.get(&gid).copied()
    }
}

fn mac(number: u8) -> [u8; 6] {
    [0x02, 0, 0, 0, 0, number]
}

fn gid(number: u8) -> Gid {
    Gid::from_mac(MacAddress(mac(number)))
}

/// The device with this number in the subnet, at `index` on its host.
fn device(index: usize, number: u8) -> Device {
    Device {
        attributes: DeviceAttributes {
            name: format!("efa_{index}"),
            gid: gid(number),
            mac: mac(number),
            subnet: SUBNET.to_owned(),
            node_guid: gid(number).interface_id(),
            max_transfer: u32::try_from(MAX_TRANSFER).unwrap_or(u32::MAX),
            max_endpoints: u32::try_from(MAX_ENDPOINTS).unwrap_or(u32::MAX),
            reaches_other_hosts: false,
        },
        network_namespace: None,
    }
}

/// Lets a subnet converse until it is told to let nobody.
#[derive(Debug)]
struct Switch {
    subnet: SameSubnet,
    forbidden: AtomicBool,
}

impl Policy for Switch {
    fn may_converse(&self, a: Gid, b: Gid) -> Result<(), Refusal> {
        if self.forbidden.load(Ordering::Acquire) {
            return Err(Refusal::NotAllowed);
        }
        self.subnet.may_converse(a, b)
    }

    fn generation(&self) -> u64 {
        u64::from(self.forbidden.load(Ordering::Acquire))
    }
}

/// Serves until standard input ends. A line there, any, ends all conversations, and lets none begin.
pub(crate) fn run(options: &ServiceOptions) -> Result<(), Box<dyn std::error::Error>> {
    let others = options
        .other
        .map(|(number, address)| (gid(number), address));
    let known = options
        .devices
        .iter()
        .map(|&number| gid(number))
        .chain(others.map(|(gid, _)| gid));
    let underlay = options.listen.map(|listen| UnderlayOptions {
        mtu: options.mtu,
        poll: Poll::Adaptive,
        faults: options.faults(),
        ..UnderlayOptions::new(listen)
    });
    let policy = Arc::new(Switch {
        subnet: SameSubnet::new(known.map(|gid| (gid, SUBNET.to_owned()))),
        forbidden: AtomicBool::new(false),
    });
    let service = Service::start(eni_fabric::ServiceOptions {
        socket: options.socket.clone(),
        devices: options
            .devices
            .iter()
            .enumerate()
            .map(|(index, &number)| device(index, number))
            .collect(),
        policy: Arc::clone(&policy) as Arc<dyn Policy>,
        directory: Arc::new(Others(others.into_iter().collect())),
        underlay,
        seed: u64::from(std::process::id()),
    })?;
    println!("ready {}", service.socket().display());
    for line in std::io::stdin().lock().lines() {
        line?;
        policy.forbidden.store(true, Ordering::Release);
        service.policy_changed();
    }
    Ok(())
}
