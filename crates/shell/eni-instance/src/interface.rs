//! The guest's side of an interface: what amazon-ec2-net-utils would set in it.
//!
//! The addresses, each with the subnet's length; a default route through the subnet's router with metric 512 + index,
//! so that the primary interface wins; and a table of the interface's own. Where the instance has several interfaces, the
//! table is asked for everything that is sent from one of the interface's addresses, so that it answers on the one it
//! was asked on (the primary interface too, which amazon-ec2-net-utils leaves out).

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
pub(crate) fn device_name(device_index: u8) -> String {
    format!("eth{device_index}")
}

/// Applies `interface` to the guest's device `link_index`, and takes away the `stale` addresses.
pub(crate) fn configure(
    netlink: &mut Netlink,
    link_index: u32,
    interface: &DesiredInterface,
    stale: &[Ipv4Addr],
) -> Result<(), NetlinkError> {
    let index = u32::from(interface.device_index);
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
        if interface.source_routing {
            netlink.add_rule(rule(*wanted))?;
        } else {
            netlink.delete_rule(rule(*wanted))?;
        }
    }
    Ok(())
}

/// What we have configured in a guest for one device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Configured {
    pub(crate) addresses: Vec<Ipv4Addr>,
    /// Whether each address has its rule.
    pub(crate) source_routing: bool,
}

impl Configured {
    pub(crate) fn wanted(interface: &DesiredInterface) -> Self {
        Self {
            addresses: interface.private_ip_addresses.clone(),
            source_routing: interface.source_routing,
        }
    }
}

/// What we have configured for a device, kept beside the instance, so that addresses a user adds in the guest are never
/// taken for ours.
pub(crate) struct AddressRecord(PathBuf);

/// Stands in the record, on a line of its own, where addresses have rules.
const SOURCE_ROUTING: &str = "source-routing";

impl AddressRecord {
    pub(crate) fn of(directory: &Path, id: AttachmentId) -> Self {
        Self(directory.join(format!("{id}.addresses")))
    }

    pub(crate) fn read(&self) -> Configured {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        Configured {
            addresses: text.lines().filter_map(|line| line.parse().ok()).collect(),
            source_routing: text.lines().any(|line| line == SOURCE_ROUTING),
        }
    }

    pub(crate) fn write(&self, configured: &Configured) -> io::Result<()> {
        let addresses = configured.addresses.iter().map(Ipv4Addr::to_string);
        let flag = configured.source_routing.then(|| SOURCE_ROUTING.to_owned());
        let text: String = addresses
            .chain(flag)
            .map(|line| format!("{line}\n"))
            .collect();
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
