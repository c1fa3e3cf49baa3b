//! The peers: what Linux offers between two namespaces without OpenENI.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use eni_netlink::Namespace;

use crate::traffic::{Ends, PORT};

/// The same MTU as in a VPC, so that the same packets cross.
const MTU: &str = "9001";
/// Rules before the one that matches, counted with it.
const FILTER_RULES: u16 = 100;
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
/// Behind a router, in a network of its own, and the router's addresses.
const BEYOND: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 2);
const INNER_GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 254);
const OUTER_GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 254);
/// What is beyond an internet gateway.
const INTERNET_MTU: &str = "1500";
const MASQUERADE: &str = "table ip nat {\nchain postrouting {\ntype nat hook postrouting priority 100;\n\
     oifname \"server\" masquerade\n}\n}\n";

/// Namespaces joined without OpenENI. They go with this value.
pub(crate) struct Peer {
    namespaces: Vec<PathBuf>,
    /// The server's.
    address: Ipv4Addr,
}

impl Drop for Peer {
    fn drop(&mut self) {
        for path in &self.namespaces {
            if let Err(error) = Namespace::delete(path) {
                eprintln!("cannot delete the namespace {}: {error}", path.display());
            }
        }
    }
}

impl Peer {
    /// A veth pair from namespace to namespace: the fastest that two namespaces can be joined.
    pub(crate) fn raw_veth(directory: &Path) -> io::Result<Self> {
        let peer = Self::namespaces(directory, "veth", &["client", "server"])?;
        let [client, server] = [&peer.namespaces[0], &peer.namespaces[1]];
        run(
            client,
            &[
                "ip", "link", "add", "eth0", "mtu", MTU, "type", "veth", "peer", "name", "peer0",
                "mtu", MTU,
            ],
        )?;
        run(
            client,
            &[
                "ip",
                "link",
                "set",
                "peer0",
                "netns",
                &pid_path(server),
                "name",
                "eth0",
            ],
        )?;
        peer.configure()?;
        Ok(peer)
    }

    /// Two veth pairs on a Linux bridge; with `filtered`, behind 100 rules with connection tracking.
    pub(crate) fn bridge(directory: &Path, filtered: bool) -> io::Result<Self> {
        let peer = Self::namespaces(
            directory,
            if filtered { "nft" } else { "bridge" },
            &["client", "server", "bridge"],
        )?;
        let bridge = &peer.namespaces[2];
        run(
            bridge,
            &["ip", "link", "add", "br0", "mtu", MTU, "type", "bridge"],
        )?;
        for (name, namespace) in [
            ("client", &peer.namespaces[0]),
            ("server", &peer.namespaces[1]),
        ] {
            run(
                bridge,
                &[
                    "ip", "link", "add", name, "mtu", MTU, "type", "veth", "peer", "name", "peer0",
                    "mtu", MTU,
                ],
            )?;
            run(
                bridge,
                &[
                    "ip",
                    "link",
                    "set",
                    "peer0",
                    "netns",
                    &pid_path(namespace),
                    "name",
                    "eth0",
                ],
            )?;
            run(bridge, &["ip", "link", "set", name, "master", "br0", "up"])?;
        }
        run(bridge, &["ip", "link", "set", "br0", "up"])?;
        if filtered {
            // Bridged packets pass the IP hooks, where this kernel tracks connections (bridge-family tracking is not built).
            Namespace::open(bridge)
                .and_then(|namespace| {
                    namespace.write_settings(&[("bridge/bridge-nf-call-iptables", "1")])
                })
                .map_err(io::Error::other)?;
            let file = directory.join("rules.nft");
            std::fs::write(&file, ruleset())?;
            run(bridge, &["nft", "-f", &file.display().to_string()])?;
        }
        peer.configure()?;
        Ok(peer)
    }

    /// A router between two networks, of which the server's is the internet's; with `masquerades`, behind its own address there.
    pub(crate) fn router(directory: &Path, masquerades: bool) -> io::Result<Self> {
        let prefix = if masquerades { "masquerade" } else { "router" };
        let mut peer = Self::namespaces(directory, prefix, &["client", "server", "router"])?;
        peer.address = BEYOND;
        let router = peer.namespaces[2].clone();
        for (name, namespace, [own, gateway], mtu) in [
            ("client", &peer.namespaces[0], [CLIENT, INNER_GATEWAY], MTU),
            (
                "server",
                &peer.namespaces[1],
                [BEYOND, OUTER_GATEWAY],
                INTERNET_MTU,
            ),
        ] {
            let other = pid_path(namespace);
            let text = format!(
                "ip link add {name} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {other}"
            );
            run(&router, &words(&text))?;
            for text in [
                format!("ip address add {gateway}/24 dev {name}"),
                format!("ip link set {name} up"),
            ] {
                run(&router, &words(&text))?;
            }
            for text in [
                "ip link set lo up".to_owned(),
                format!("ip address add {own}/24 dev eth0"),
                "ip link set eth0 up".to_owned(),
                format!("ip route add default via {gateway}"),
            ] {
                run(namespace, &words(&text))?;
            }
        }
        Namespace::open(&router)
            .and_then(|namespace| namespace.write_settings(&[("ipv4/ip_forward", "1")]))
            .map_err(io::Error::other)?;
        if masquerades {
            let file = directory.join("masquerade.nft");
            std::fs::write(&file, MASQUERADE)?;
            run(&router, &["nft", "-f", &file.display().to_string()])?;
        }
        Ok(peer)
    }

    /// Where to measure.
    pub(crate) fn ends(&self) -> Ends {
        Ends {
            client: self.namespaces[0].clone(),
            server: self.namespaces[1].clone(),
            address: self.address.into(),
        }
    }

    fn namespaces(directory: &Path, prefix: &str, names: &[&str]) -> io::Result<Self> {
        let mut peer = Self {
            namespaces: Vec::new(),
            address: SERVER,
        };
        for name in names {
            let path = directory.join(format!("{prefix}-{name}"));
            Namespace::create(&path).map_err(io::Error::other)?;
            peer.namespaces.push(path);
        }
        Ok(peer)
    }

    fn configure(&self) -> io::Result<()> {
        for (namespace, address) in self.namespaces.iter().zip([CLIENT, SERVER]) {
            run(namespace, &["ip", "link", "set", "lo", "up"])?;
            run(
                namespace,
                &[
                    "ip",
                    "address",
                    "add",
                    &format!("{address}/24"),
                    "dev",
                    "eth0",
                ],
            )?;
            run(namespace, &["ip", "link", "set", "eth0", "up"])?;
        }
        Ok(())
    }
}

/// What a host's administrator would write for the same policy: established flows first, then rule after rule.
fn ruleset() -> String {
    let mut rules = String::from(
        "table inet filter {\nchain forward {\ntype filter hook forward priority 0; policy drop;\n\
         ct state established,related accept\n",
    );
    for number in 1..FILTER_RULES {
        let port = 1_000 + number;
        rules.push_str(&format!(
            "ip saddr 10.8.{number}.0/24 tcp dport {port} accept\n"
        ));
    }
    rules.push_str(&format!(
        "ip saddr 10.9.0.0/24 meta l4proto {{ tcp, udp }} th dport {PORT} accept\n}}\n}}\n"
    ));
    rules
}

/// `ip link set … netns` takes names under /run/netns, process ids, or paths.
fn pid_path(namespace: &Path) -> String {
    namespace.display().to_string()
}

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

/// Runs a command in a namespace.
fn run(namespace: &Path, command: &[&str]) -> io::Result<()> {
    let output = Command::new("nsenter")
        .arg(format!("--net={}", namespace.display()))
        .arg("--")
        .args(command)
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!(
        "{}: {}",
        command.join(" "),
        said.trim()
    )))
}
