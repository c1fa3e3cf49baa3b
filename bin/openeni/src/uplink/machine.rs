//! What the machine says of its way out, and the steps of a plan carried out in it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use eni_agent::UPLINK_NAME;
use eni_netlink::{Link, MAIN_TABLE, Netlink};
use serde_json::Value;

use super::plan::{FORWARDING, Found, InterfaceName, Place, REDIRECTS, Setting, Step};
use super::{UplinkError, machine};
use crate::directory::Directory;

const SETTINGS: &str = "/proc/sys/net/ipv4";
const DEVICES: &str = "conf";
/// Not a device of its own: what is written to it is [`FORWARDING`].
const ALL_DEVICES: &str = "all";
/// Where `nft` is on machines whose root has not these directories in its PATH, as after `su`.
const SYSTEM_PROGRAMS: &str = "/usr/sbin:/sbin";

/// What there is, with the table of this name.
pub(super) fn look(directory: &Directory, table: &str) -> Result<Found, UplinkError> {
    Ok(Found {
        has_table: has_table(table)?,
        place: place()?,
        settings: settings()?,
        record: directory.uplink()?,
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
    })
}

/// Forwarding, and what changes along with it.
fn settings() -> Result<Vec<Setting>, UplinkError> {
    let failed = || machine(format!("cannot read {SETTINGS}"));
    let mut names = vec![FORWARDING.to_owned(), REDIRECTS.to_owned()];
    let devices = fs::read_dir(Path::new(SETTINGS).join(DEVICES)).map_err(failed())?;
    for device in devices {
        let device = device.map_err(failed())?.file_name();
        if device != ALL_DEVICES {
            names.push(format!("{DEVICES}/{}/forwarding", device.to_string_lossy()));
        }
    }
    let mut settings = Vec::new();
    for name in names {
        match fs::read_to_string(setting_file(&name)) {
            Ok(value) => settings.push(Setting::new(name, value.trim())),
            // A device that has gone meanwhile.
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed()(source)),
        }
    }
    Ok(settings)
}

fn setting_file(name: &str) -> PathBuf {
    Path::new(SETTINGS).join(name)
}

fn has_table(table: &str) -> Result<bool, UplinkError> {
    let listed = nft(&["-j", "list", "tables", "ip"], "")?;
    let listed: Value = serde_json::from_slice(&listed.stdout)
        .map_err(|error| machine("cannot read what nft lists")(error.into()))?;
    let tables = listed["nftables"].as_array().into_iter().flatten();
    Ok(tables
        .filter_map(|object| object["table"]["name"].as_str())
        .any(|name| name == table))
}

/// Whether the kernel would take these commands; changes nothing.
pub(super) fn check_rules(commands: &str) -> Result<(), UplinkError> {
    nft(&["-c", "-f", "-"], commands).map(drop)
}

fn nft(arguments: &[&str], commands: &str) -> Result<Output, UplinkError> {
    let failed = || machine("cannot run nft");
    let path = std::env::var("PATH").unwrap_or_default();
    let child = Command::new("nft")
        .env("PATH", format!("{path}:{SYSTEM_PROGRAMS}"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => UplinkError::NoNft,
        _ => failed()(source),
    })?;
    if let Some(mut input) = child.stdin.take() {
        match input.write_all(commands.as_bytes()) {
            // It has ended without reading, and says why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            other => other.map_err(failed())?,
        }
    }
    let output = child.wait_with_output().map_err(failed())?;
    match output.status.success() {
        true => Ok(output),
        false => Err(UplinkError::Nft {
            said: String::from_utf8_lossy(&output.stderr).trim().into(),
        }),
    }
}

/// Refuses an interface that there is not, or that leads to no other machine.
pub(super) fn check_interface(name: &InterfaceName) -> Result<(), UplinkError> {
    let links = Netlink::open()?.links()?;
    match links.iter().find(|link| link.name == name.as_str()) {
        None => Err(UplinkError::NoSuchInterface(name.clone())),
        Some(link) if link.loopback || link.name == UPLINK_NAME => {
            Err(UplinkError::NotOutward(name.clone()))
        }
        Some(_) => Ok(()),
    }
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
    let link = netlink.link(route.link_index)?;
    let name = link.ok_or(UplinkError::NoDefaultRoute)?.name;
    name.parse()
        .map_err(|rule| UplinkError::Unnameable { name, rule })
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
            Step::Rules(commands) => drop(nft(&["-f", "-"], commands)?),
            Step::Set(Setting { name, value }) => {
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
