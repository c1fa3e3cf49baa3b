//! The guest's side of an interface: what amazon-ec2-net-utils would set in it.
//!
//! The addresses, each with the subnet's length; a default route through the subnet's router with metric 512 + index,
//! so that the primary interface wins; and a table of the interface's own, asked for everything that is sent from one
//! of its addresses, so that an instance with several interfaces answers on the one it was asked on.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use eni_netlink::{Address, MAIN_TABLE, Netlink, NetlinkError, Route, Rule};
use eni_plan::DesiredInterface;
use eni_types::{AttachmentId, Ipv4Cidr};

/// amazon-ec2-net-utils: the metric of eth0's default route; the others follow by index.
const FIRST_METRIC: u32 = 512;

/// amazon-ec2-net-utils: the routing table of ethN is 10000 + N; the rules' priorities are the same.
const FIRST_TABLE: u32 = 10_000;

/// The device's name in the guest.
pub(crate) fn device_name(device_number: u16) -> String {
    format!("eth{device_number}")
}

/// Applies `interface` to the guest's device `link_index`, and takes away the `stale` addresses.
pub(crate) fn configure(
    netlink: &mut Netlink,
    link_index: u32,
    interface: &DesiredInterface,
    stale: &[Ipv4Addr],
) -> Result<(), NetlinkError> {
    let index = u32::from(interface.device_number);
    let (metric, table) = (FIRST_METRIC + index, FIRST_TABLE + index);
    let rule = |source| Rule {
        source,
        table,
        priority: table,
    };
    let address = |address| Address {
        link_index,
        address,
        prefix_length: interface.subnet.prefix_length(),
        metric,
    };
    let route = |destination, gateway, table, metric| Route {
        destination,
        gateway,
        source: None,
        link_index,
        table,
        metric,
    };
    for gone in stale {
        netlink.delete_rule(rule(*gone))?;
        netlink.delete_address(address(*gone))?;
    }
    for wanted in &interface.private_ip_addresses {
        netlink.add_address(address(*wanted))?;
    }
    let router = Some(interface.router_address);
    netlink.add_route(route(Ipv4Cidr::ANY, router, MAIN_TABLE, metric))?;
    netlink.add_route(route(interface.subnet, None, table, 0))?;
    netlink.add_route(route(Ipv4Cidr::ANY, router, table, 0))?;
    for wanted in &interface.private_ip_addresses {
        netlink.add_rule(rule(*wanted))?;
    }
    Ok(())
}

/// The addresses that we have given a device, kept beside the instance, so that those a user adds in the guest are never
/// taken for ours.
pub(crate) struct AddressRecord(PathBuf);

impl AddressRecord {
    pub(crate) fn of(directory: &Path, id: AttachmentId) -> Self {
        Self(directory.join(format!("{id}.addresses")))
    }

    pub(crate) fn read(&self) -> Vec<Ipv4Addr> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    pub(crate) fn write(&self, addresses: &[Ipv4Addr]) -> io::Result<()> {
        let text: String = addresses.iter().map(|ip| format!("{ip}\n")).collect();
        let new = self.0.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(new, &self.0)
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}
