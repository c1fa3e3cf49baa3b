//! Prints what the device messages of a plug and an unplug cost, in microseconds (median of 50). Needs root.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::time::Instant;

use eni_netlink::{Address, Namespace, NetlinkError, Route, Rule, VethSpec};
use eni_types::{IpCidr, Ipv4Cidr, MacAddress};

const ROUNDS: usize = 50;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::temp_dir().join(format!("eni-netlink-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    let (fabric_path, guest_path) = (directory.join("fabric"), directory.join("guest"));
    let result = measure(
        &Namespace::create(&fabric_path)?,
        &Namespace::create(&guest_path)?,
    );
    Namespace::delete(&fabric_path)?;
    Namespace::delete(&guest_path)?;
    std::fs::remove_dir(&directory)?;
    Ok(result?)
}

fn measure(fabric: &Namespace, guest: &Namespace) -> Result<(), NetlinkError> {
    let mut costs: [Vec<u128>; 6] = Default::default();
    let mut fabric_netlink = fabric.netlink()?;
    for _ in 0..ROUNDS {
        let mut clock = Instant::now();
        let mut lap = |cost: &mut Vec<u128>| {
            cost.push(clock.elapsed().as_micros());
            clock = Instant::now();
        };
        let [open, add, move_in, up, addresses, delete] = &mut costs;
        let mut netlink = guest.netlink()?;
        lap(open);
        fabric_netlink.add_veth(&VethSpec {
            name: "eni77",
            index: Some(77),
            mac: None,
            peer_name: "spare77",
            peer_mac: Some(MacAddress([2, 0, 0, 0, 0, 7])),
            peer_group: 0,
            peer_namespace: None,
            mtu_bytes: 9001,
            no_arp: true,
            peer_no_arp: false,
        })?;
        lap(add);
        let links = fabric_netlink.links()?;
        let peer = links.iter().find(|link| link.name == "spare77");
        let peer = peer.map_or(0, |link| link.index);
        let mac = MacAddress([2, 0, 0, 0, 0, 8]);
        fabric_netlink.move_link(peer, guest.as_fd(), "eth1", mac)?;
        lap(move_in);
        fabric_netlink.set_link_alias(77, "eni-attach-1")?;
        let index = netlink.links()?.last().map_or(0, |link| link.index);
        netlink.set_link_up(index, Some("eni-attach-1"))?;
        lap(up);
        configure(&mut netlink, index)?;
        lap(addresses);
        fabric_netlink.delete_link(77)?;
        lap(delete);
    }
    for (name, cost) in ["open", "add", "move", "up", "addresses", "delete"]
        .iter()
        .zip(&mut costs)
    {
        cost.sort_unstable();
        println!(
            "{name:10} {:6} µs, worst {:6}",
            cost[cost.len() / 2],
            cost[cost.len() - 1]
        );
    }
    Ok(())
}

fn configure(netlink: &mut eni_netlink::Netlink, index: u32) -> Result<(), NetlinkError> {
    let ip = Ipv4Addr::new(10, 0, 0, 5).into();
    netlink.add_address(Address {
        link_index: index,
        address: ip,
        prefix_length: 24,
        metric: 512,
    })?;
    for (table, metric) in [(eni_netlink::MAIN_TABLE, 512), (10_001, 0)] {
        netlink.add_route(Route {
            destination: Ipv4Cidr::ANY.into(),
            gateway: Some(Ipv4Addr::new(10, 0, 0, 1).into()),
            source: None,
            link_index: index,
            table,
            metric,
        })?;
    }
    netlink.add_rule(&Rule {
        source: IpCidr::host(ip),
        destination: None,
        incoming: None,
        table: 10_001,
        except_group: None,
        priority: 10_001,
    })?;
    Ok(())
}
