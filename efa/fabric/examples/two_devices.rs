//! A service with the devices `efa_0` and `efa_1` that any program may open, at the socket path given, until its
//! standard input ends.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use eni_efa_abi::Gid;
use eni_efa_abi::control::DeviceAttributes;
use eni_efa_abi::limits::{MAX_ENDPOINTS, MAX_TRANSFER};
use eni_fabric::{Device, Isolated, SameSubnet, Service, ServiceOptions};
use eni_types::MacAddress;

fn device(number: u8) -> Device {
    let mac = [0x02, 0, 0, 0, 0, number];
    let gid = Gid::from_mac(MacAddress(mac));
    Device {
        attributes: DeviceAttributes {
            name: format!("efa_{number}"),
            gid,
            mac,
            subnet: "subnet-1".to_owned(),
            node_guid: gid.interface_id(),
            max_transfer: MAX_TRANSFER as u32,
            max_endpoints: MAX_ENDPOINTS as u32,
            reaches_other_hosts: false,
        },
        network_namespace: None,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket = std::env::args_os().nth(1).ok_or("give the socket's path")?;
    let devices = vec![device(0), device(1)];
    let subnets = devices
        .iter()
        .map(|device| (device.attributes.gid, device.attributes.subnet.clone()));
    let service = Service::start(ServiceOptions {
        socket: PathBuf::from(socket),
        policy: Arc::new(SameSubnet::new(subnets)),
        devices,
        directory: Arc::new(Isolated),
        underlay: None,
        seed: u64::from(std::process::id()),
    })?;
    println!("ready {}", service.socket().display());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
