//! Hosts and instances that are network namespaces.

use std::fs::File;
use std::net::SocketAddr;
use std::process::Command;
use std::thread;

use eni_efa_client::Fabric;
use eni_fabric::{Faults, UNDERLAY_PORT, namespace_of};
use nix::sched::{CloneFlags, setns};

use crate::support::{Running, device};
use crate::two_hosts::{MTU, everything_arrives_once, two_hosts_at};

/// A network namespace with a name, for as long as it lives.
struct Namespace(String);

impl Namespace {
    fn new(name: &str) -> Self {
        let namespace = Self(format!("fabric-{name}-{}", std::process::id()));
        ip(&["netns", "add", &namespace.0]);
        ip(&["-n", &namespace.0, "link", "set", "lo", "up"]);
        namespace
    }

    fn path(&self) -> std::path::PathBuf {
        std::path::Path::new("/run/netns").join(&self.0)
    }

    /// Takes this thread there.
    fn enter(&self) {
        setns(File::open(self.path()).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _removed = Command::new("ip")
            .args(["netns", "delete", &self.0])
            .status();
    }
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().unwrap();
    assert!(status.success(), "ip {arguments:?}");
}

/// Two namespaces joined by a virtual link.
fn joined(names: [&str; 2]) -> ([Namespace; 2], [SocketAddr; 2]) {
    let hosts = names.map(Namespace::new);
    let [a, b] = [&hosts[0].0, &hosts[1].0].map(String::as_str);
    ip(&[
        "-n", a, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", b,
    ]);
    let addresses = ["10.77.0.1", "10.77.0.2"];
    let mtu = MTU.to_string();
    for (host, address) in [a, b].into_iter().zip(addresses) {
        ip(&[
            "-n",
            host,
            "address",
            "add",
            &format!("{address}/24"),
            "dev",
            "wire",
        ]);
        ip(&["-n", host, "link", "set", "wire", "mtu", &mtu, "up"]);
    }
    let listen = addresses.map(|address| SocketAddr::new(address.parse().unwrap(), UNDERLAY_PORT));
    (hosts, listen)
}

#[test]
fn root_records_cross_a_virtual_link() {
    let (hosts, addresses) = joined(["one", "two"]);
    let running = two_hosts_at(addresses, None, |host| hosts[host].enter());
    everything_arrives_once(running, 20_000, 8_928);
}

#[test]
fn root_records_cross_a_virtual_link_that_loses_and_reorders() {
    let (hosts, addresses) = joined(["lossy", "late"]);
    let faults = Faults {
        seed: 3,
        lost: 10,
        late: 300,
    };
    let running = two_hosts_at(addresses, Some(faults), |host| hosts[host].enter());
    everything_arrives_once(running, 4_000, 8_928);
}

#[test]
#[ignore = "the program of another test"]
fn program_that_lists_its_devices() {
    let fabric = Fabric::open_at(std::env::var_os("FABRIC_TEST_SOCKET").unwrap().as_ref()).unwrap();
    let names: Vec<_> = fabric
        .devices()
        .iter()
        .map(|device| device.name.as_str())
        .collect();
    assert_eq!(
        names.join(" "),
        std::env::var("FABRIC_TEST_DEVICES").unwrap()
    );
}

#[test]
fn root_a_program_opens_the_devices_of_its_network_namespace() {
    let (here, there) = (Namespace::new("here"), Namespace::new("there"));
    let running = Running::start(vec![
        device(0, Some(namespace_of(&here.path()).unwrap())),
        device(1, Some(namespace_of(&there.path()).unwrap())),
    ]);
    for (namespace, devices) in [(Some(&here), "efa_0"), (Some(&there), "efa_1"), (None, "")] {
        let run = || {
            if let Some(namespace) = namespace {
                namespace.enter();
            }
            Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "namespaces::program_that_lists_its_devices",
                    "--ignored",
                ])
                .env("FABRIC_TEST_SOCKET", running.socket())
                .env("FABRIC_TEST_DEVICES", devices)
                .status()
                .unwrap()
        };
        let status = thread::scope(|scope| scope.spawn(run).join().unwrap());
        assert!(status.success(), "{devices}");
    }
}
