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
pub(crate) fn device_name(device_number: u16) -> String {
    format!("eth{device_number}")
}

/// The guest's end of an interface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GuestDevice {
    /// Its interface index in the guest.
    pub(crate) link_index: u32,
    /// Whether it is up: the kernel takes no routes for one that is down.
    pub(crate) is_up: bool,
}

/// Applies `interface` to the guest's device, and takes away the `stale` addresses.
pub(crate) fn configure(
    netlink: &mut Netlink,
    device: GuestDevice,
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
        link_index: device.link_index,
        address,
        prefix_length: interface.subnet.prefix_length(),
        metric,
    };
    let route = |destination, gateway, table, metric| Route {
        destination,
        gateway,
        source: None,
        link_index: device.link_index,
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
    if device.is_up {
        let router = Some(interface.router_address);
        netlink.add_route(route(Ipv4Cidr::ANY, router, MAIN_TABLE, metric))?;
        netlink.add_route(route(interface.subnet, None, table, 0))?;
        netlink.add_route(route(Ipv4Cidr::ANY, router, table, 0))?;
    }
    for wanted in &interface.private_ip_addresses {
        if interface.source_routing {
            netlink.add_rule(rule(*wanted))?;
        } else {
            netlink.delete_rule(rule(*wanted))?;
        }
    }
    Ok(())
}

/// What we have done to a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Configuration {
    /// The addresses it may have from us.
    pub(crate) addresses: Vec<Ipv4Addr>,
    /// Whether each address has its rule.
    pub(crate) source_routing: bool,
    /// How often the guest had set it down ([`eni_netlink::Link::carrier_downs`] of the fabric end) when its routes were
    /// made; none if they could not be, because it was down.
    pub(crate) routed_at: Option<u32>,
}

/// A device's [`Configuration`], kept beside the instance, so that addresses a user adds in the guest are never taken
/// for ours: a line for each address, [`SOURCE_ROUTING`] where they have rules, and one of [`ROUTED_AT`].
pub(crate) struct ConfigurationRecord(PathBuf);

/// Begins the line that tells [`Configuration::routed_at`].
const ROUTED_AT: &str = "routed at ";
/// The line that tells [`Configuration::source_routing`].
const SOURCE_ROUTING: &str = "source routing";

impl ConfigurationRecord {
    pub(crate) fn of(directory: &Path, id: AttachmentId) -> Self {
        Self(directory.join(format!("{id}.addresses")))
    }

    pub(crate) fn read(&self) -> Configuration {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        let mut found = Configuration::default();
        for line in text.lines() {
            match line.strip_prefix(ROUTED_AT) {
                Some(count) => found.routed_at = count.parse().ok(),
                None if line == SOURCE_ROUTING => found.source_routing = true,
                None => found.addresses.extend(line.parse::<Ipv4Addr>()),
            }
        }
        found
    }

    pub(crate) fn write(&self, configuration: &Configuration) -> io::Result<()> {
        let addresses = configuration.addresses.iter();
        let mut text: String = addresses.map(|ip| format!("{ip}\n")).collect();
        if configuration.source_routing {
            text.push_str(&format!("{SOURCE_ROUTING}\n"));
        }
        if let Some(count) = configuration.routed_at {
            text.push_str(&format!("{ROUTED_AT}{count}\n"));
        }
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
