//! What the machine says of its way out, and the steps of a plan carried out in it.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use eni_agent::UPLINK_NAME;
use eni_netlink::{Link, MAIN_TABLE, Netfilter, Netlink, NetlinkError};
use eni_types::Ipv4Cidr;
use tracing::warn;

use super::check::{Facts, Way};
use super::nft::nft;
use super::plan::{
    FORWARDING, Found, GivenName, InterfaceName, Place, REDIRECTS, Record, Setting, Step,
};
use super::{UplinkError, machine};
use crate::directory::{Directory, DirectoryError};

const SETTINGS: &str = "/proc/sys/net/ipv4";
const DEVICES: &str = "conf";
/// Not a device of its own: what is written to it is [`FORWARDING`].
const ALL_DEVICES: &str = "all";
/// An address of the internet, to ask the kernel for the way to it: a.root-servers.net. Nothing is sent there.
const FAR: Ipv4Addr = Ipv4Addr::new(198, 41, 0, 4);

/// What was before the way out was turned on, if it is.
pub(super) fn record(directory: &Directory) -> Result<Option<Record>, UplinkError> {
    match directory.uplink() {
        Err(DirectoryError::Corrupt { path }) => Err(UplinkError::Damaged(path)),
        other => Ok(other?),
    }
}

/// What there is, with the table of this name.
pub(super) fn look(directory: &Directory, table: &str) -> Result<Found, UplinkError> {
    let record = record(directory)?;
    let mut netfilter = Netfilter::open()?;
    let mut tables = Vec::new();
    for table in Found::tables_of(record.as_ref(), table) {
        if netfilter.has_table(&table)? {
            tables.push(table);
        }
    }
    let links = Netlink::open()?.links()?;
    let devices = links.into_iter().map(|link| (link.index, link.name));
    let devices: BTreeMap<u32, String> = devices.collect();
    Ok(Found {
        place: place()?,
        settings: settings(&devices)?,
        devices,
        tables,
        record,
    })
}

fn place() -> Result<Place, UplinkError> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_err(machine("cannot read the boot id"))?;
    let namespace = fs::read_link("/proc/thread-self/ns/net")
        .map_err(machine("cannot tell the network namespace"))?;
    Ok(Place {
        boot: boot.trim().into(),
        network_namespace: namespace.to_string_lossy().into_owned(),
        cookie: Some(Netlink::open()?.namespace_cookie()?),
    })
}

/// Forwarding, and what changes along with it.
fn settings(links: &BTreeMap<u32, String>) -> Result<Vec<Setting>, UplinkError> {
    let failed = || machine(format!("cannot read {SETTINGS}"));
    let mut settings = vec![Setting::new(FORWARDING, ""), Setting::new(REDIRECTS, "")];
    let devices = fs::read_dir(Path::new(SETTINGS).join(DEVICES)).map_err(failed())?;
    for device in devices {
        let device = device.map_err(failed())?.file_name();
        if device != ALL_DEVICES {
            let device = device.to_string_lossy();
            let found = links.iter().find(|(_, name)| **name == device);
            let index = found.map(|(index, _)| *index);
            settings.push(Setting::forwarding_of(&device, index, ""));
        }
    }
    let mut read = Vec::new();
    for setting in settings {
        match fs::read_to_string(setting_file(&setting.name)) {
            Ok(value) => read.push(Setting {
                value: value.trim().to_owned(),
                ..setting
            }),
            // A device that has gone meanwhile.
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed()(source)),
        }
    }
    Ok(read)
}

fn setting_file(name: &str) -> PathBuf {
    Path::new(SETTINGS).join(name)
}

/// Whether the kernel would take these commands; changes nothing.
pub(super) fn check_rules(commands: &str) -> Result<(), UplinkError> {
    nft(&["-c", "-f", "-"], commands)
}

/// The interface of this name, or of this alternative one. Refuses one that there is not, or that leads to no other machine.
pub(super) fn interface(given: &GivenName) -> Result<InterfaceName, UplinkError> {
    let Some(link) = Netlink::open()?.link_named(given.as_str())? else {
        return Err(UplinkError::NoSuchInterface(given.clone()));
    };
    if link.loopback || link.name == UPLINK_NAME {
        return Err(UplinkError::NotOutward(given.clone()));
    }
    name_of(link)
}

fn name_of(link: Link) -> Result<InterfaceName, UplinkError> {
    link.name.parse().map_err(|rule| UplinkError::Unnameable {
        name: link.name,
        rule,
    })
}

/// Refuses a host whose forwarding cannot be turned on from here; to open the file changes nothing.
pub(super) fn check_forwarding() -> Result<(), UplinkError> {
    let file = setting_file(FORWARDING);
    let opened = OpenOptions::new().write(true).open(&file);
    opened
        .map(drop)
        .map_err(|source| UplinkError::NoForwarding { file, source })
}

/// The interface of the IPv4 default route that is preferred.
pub(super) fn default_interface() -> Result<InterfaceName, UplinkError> {
    let mut netlink = Netlink::open()?;
    let routes = netlink.routes()?;
    let route = routes
        .iter()
        .filter(|route| route.table == MAIN_TABLE && route.destination.to_string() == "0.0.0.0/0")
        .min_by_key(|route| route.metric)
        .ok_or(UplinkError::NoDefaultRoute)?;
    // The kernel tells no device of a route that has several next hops.
    if route.link_index == 0 {
        return Err(UplinkError::SeveralDefaultRoutes);
    }
    let link = netlink.link(route.link_index)?;
    name_of(link.ok_or(UplinkError::NoDefaultRoute)?)
}

/// What there is of a way out by `interface` for what comes from `pool`, as the kernel would have it now.
pub(super) fn facts(
    interface: &InterfaceName,
    pool: Ipv4Cidr,
    found: &Found,
) -> Result<Facts, UplinkError> {
    let mut netlink = Netlink::open()?;
    let uplink = netlink.link_named(interface.as_str())?;
    let region = netlink.link_named(UPLINK_NAME)?;
    // The first address is the host's own.
    let guest = pool.nth(2).unwrap_or(pool.network());
    let mut way = |source, destination, incoming: &Option<Link>| {
        let Some(incoming) = incoming else {
            return Ok(None);
        };
        match netlink.leaves_by(source, destination, Some(incoming.index)) {
            Ok(Some(index)) => Ok(Some(Way::By(
                netlink
                    .link(index)?
                    .map_or_else(String::new, |link| link.name),
            ))),
            Ok(None) => Ok(None),
            Err(NetlinkError::Refused { errno, .. }) => Ok(Some(Way::Refused(errno.into()))),
            Err(other) => Err(other),
        }
    };
    Ok(Facts {
        has_table: !found.tables.is_empty(),
        forwards: found.forwards(),
        has_region: region.is_some(),
        out: way(guest, FAR, &region)?,
        back: way(FAR, guest, &uplink)?,
        uplink: uplink.map(|link| (link.up, link.carrier)),
    })
}

/// Refuses a network namespace in which the region of this directory has no device.
pub(super) fn check_namespace(directory: &Directory) -> Result<(), UplinkError> {
    let path = directory.path();
    // The alias holds what fits of the path.
    let of_region = |link: &Link| {
        let alias = link.alias.as_deref().unwrap_or_default();
        !alias.is_empty() && path.display().to_string().starts_with(alias)
    };
    let links = Netlink::open()?.links()?;
    match links
        .iter()
        .any(|link| link.name == UPLINK_NAME && of_region(link))
    {
        true => Ok(()),
        false => Err(UplinkError::OtherNamespace { path: path.into() }),
    }
}

/// Does what was planned, one after the other.
pub(super) fn carry_out(steps: &[Step], directory: &Directory) -> Result<(), UplinkError> {
    for step in steps {
        match step {
            Step::Remember(record) => directory.keep_uplink(record)?,
            Step::Rules(commands) => nft(&["-f", "-"], commands)?,
            Step::ForgetConnections(pool) => forget_connections(*pool),
            Step::Set(Setting { name, value, .. }) => {
                let file = setting_file(name);
                match fs::write(&file, value) {
                    Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
                    other => {
                        other.map_err(machine(format!("cannot write {}", file.display())))?;
                    }
                }
            }
            Step::Forget => directory.forget_uplink()?,
        }
    }
    Ok(())
}

/// Without this, connections keep the translation they began with, or none. A kernel that does not tell its connections,
/// or not to us, ends them in its own time.
fn forget_connections(pool: Ipv4Cidr) {
    let forget = || -> Result<(), NetlinkError> {
        let mut netfilter = Netfilter::open()?;
        let outward = |from, to| pool.contains(from) && !pool.contains(to);
        for connection in netfilter.connections(outward)? {
            netfilter.delete_connection(&connection)?;
        }
        Ok(())
    };
    if let Err(error) = forget() {
        warn!(
            "connections that there are go on as they began: {}",
            eni_agent::chain(&error)
        );
    }
}
