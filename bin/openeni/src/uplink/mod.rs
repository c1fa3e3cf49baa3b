//! `openeni uplink`: the way from the public pool out of the machine, and back to what was before.
//!
//! [`plan`] says what to do about what [`machine`] finds. Before anything is changed, what was there is written into the data
//! directory, so that it can be taken back after a crash as well.

mod check;
mod machine;
mod nft;
mod plan;
#[cfg(test)]
mod plan_tests;

use std::io;
use std::path::PathBuf;

use eni_netlink::NetlinkError;
use eni_types::Ipv4Cidr;
use serde::{Deserialize, Serialize};
use tracing::{error, info, warn};

pub(crate) use self::plan::GivenName;
use self::plan::InterfaceName;
pub(crate) use self::plan::Record;
use crate::cli::{Uplink, UplinkOptions};
use crate::directory::{Directory, DirectoryError};

/// Why the way out is not turned on or off. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UplinkError {
    /// The data directory is not to be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Nothing of a region's is in the directory.
    #[error("{} holds no region: name a region's directory by --data-dir", .0.display())]
    NotARegion(PathBuf),
    /// The region runs in another network namespace.
    #[error(
        "the region of {} has no openeni0 in this network namespace: run this in the region's own (`nsenter --net=…`)",
        path.display()
    )]
    OtherNamespace { path: PathBuf },
    /// It is on in another network namespace.
    #[error(
        "this was turned on in another network namespace of this machine: turn it off there, or remove {} if that namespace \
         is gone", .0.display()
    )]
    Elsewhere(PathBuf),
    /// No device of this name.
    #[error(
        "there is no interface {0} in this network namespace: `ip -brief link` lists those there are"
    )]
    NoSuchInterface(GivenName),
    /// The loopback device, or the region's own.
    #[error("{0} leads to no other machine: name the interface that does")]
    NotOutward(GivenName),
    /// The host has no way out itself.
    #[error(
        "this host has no IPv4 default route: name the interface that leads out (`openeni uplink on INTERFACE`)"
    )]
    NoDefaultRoute,
    /// Its way out is by several interfaces at once.
    #[error(
        "this host's IPv4 default route has several next hops: name the interface that leads out (`openeni uplink on INTERFACE`)"
    )]
    SeveralDefaultRoutes,
    /// Nothing that a rule can be about.
    #[error(
        "the default route's interface {name:?} cannot be used: {rule}; rename it, or name another"
    )]
    Unnameable { name: String, rule: String },
    /// nftables is not installed.
    #[error("there is no `nft` on this machine: install it (Debian's package nftables)")]
    NoNft,
    /// nftables refuses.
    #[error("nft refuses: {said}")]
    Nft { said: String },
    /// nftables does not answer.
    #[error("nft has not ended within {} s, and was killed: try again", nft::PATIENCE.as_secs())]
    NftHangs,
    /// The record says nothing.
    #[error(
        "{} is damaged, so that what was before `openeni uplink on` is not known: put it back from a copy, or remove it; without it \
         `openeni uplink off` removes the rules, and leaves net.ipv4.ip_forward and what goes with it as they are",
        .0.display()
    )]
    Damaged(PathBuf),
    /// `/proc/sys` cannot be written, as in most containers.
    #[error("this host does not forward IPv4, and its {} cannot be written here: turn it on from outside of the container", file.display())]
    NoForwarding { file: PathBuf, source: io::Error },
    /// The kernel's list of devices or routes.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The machine refused something.
    #[error("{what}")]
    Machine { what: String, source: io::Error },
}

fn machine(what: impl Into<String>) -> impl FnOnce(io::Error) -> UplinkError {
    move |source| UplinkError::Machine {
        what: what.into(),
        source,
    }
}

/// `openeni uplink`.
pub(crate) fn run(options: &UplinkOptions) -> Result<(), UplinkError> {
    let directory = Directory::open(&options.data_dir)?;
    match options.what.as_ref().unwrap_or(&Uplink::Status) {
        Uplink::On { interface } => {
            let pool = directory.endpoint()?.public_pool;
            machine::check_namespace(&directory)?;
            let interface = match interface {
                Some(given) => machine::interface(given)?,
                None => machine::default_interface()?,
            };
            on(&directory, pool, &interface)?;
            println!("what comes from {pool} leaves by {interface}, with this host's address");
            if let Some(way) = way_out(&directory)? {
                way.warn();
            }
        }
        Uplink::Off => match off(&directory)? {
            true => println!("the uplink is off, and all is as before"),
            false => println!("the uplink was not on"),
        },
        Uplink::Status => match way_out(&directory)? {
            Some(way) => {
                println!("the uplink is on, by {}", way.interface);
                way.warn();
            }
            None => println!("the uplink is off"),
        },
    }
    Ok(())
}

/// A way out that is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WayOut {
    pub(crate) interface: String,
    /// Why nothing gets out by it, as far as can be told.
    pub(crate) problems: Vec<String>,
}

impl WayOut {
    fn warn(&self) {
        for problem in &self.problems {
            warn!("{problem}");
        }
    }
}

/// The way out of the region in this directory, if one is on.
pub(crate) fn way_out(directory: &Directory) -> Result<Option<WayOut>, UplinkError> {
    if !directory.holds_region() {
        return Err(UplinkError::NotARegion(directory.path().into()));
    }
    if machine::record(directory)?.is_none() {
        return Ok(None);
    }
    let found = look(directory)?;
    let standing = found.standing();
    let standing = standing.map_err(|plan::Elsewhere| elsewhere(directory))?;
    let Some(Record {
        interface, pool, ..
    }) = standing
    else {
        return Ok(None);
    };
    let problems = match pool {
        Some(pool) => check::problems(interface, &machine::facts(interface, *pool, &found)?),
        // Of an earlier version: what it may have left cannot be asked.
        None => Vec::new(),
    };
    Ok(Some(WayOut {
        interface: interface.to_string(),
        problems: problems.iter().map(ToString::to_string).collect(),
    }))
}

fn look(directory: &Directory) -> Result<plan::Found, UplinkError> {
    machine::look(directory, &table(directory)?)
}

fn elsewhere(directory: &Directory) -> UplinkError {
    UplinkError::Elsewhere(directory.uplink_file())
}

/// Turns the way out on, or moves it. What cannot be is refused before anything is changed.
fn on(directory: &Directory, pool: Ipv4Cidr, interface: &InterfaceName) -> Result<(), UplinkError> {
    let _alone = directory.lock_uplink()?;
    let table = table(directory)?;
    let found = machine::look(directory, &table)?;
    machine::check_rules(&plan::rules(&table, pool, interface, &[]))?;
    if !found.forwards() {
        machine::check_forwarding()?;
    }
    let steps = plan::on(&found, &table, pool, interface);
    let steps = steps.map_err(|plan::Elsewhere| elsewhere(directory))?;
    machine::carry_out(&steps, directory)
}

/// Takes back what was turned on; false if nothing was.
fn off(directory: &Directory) -> Result<bool, UplinkError> {
    if !directory.holds_region() {
        return Err(UplinkError::NotARegion(directory.path().into()));
    }
    let _alone = directory.lock_uplink()?;
    let steps = plan::off(&look(directory)?);
    let steps = steps.map_err(|plan::Elsewhere| elsewhere(directory))?;
    machine::carry_out(&steps, directory)?;
    Ok(!steps.is_empty())
}

fn table(directory: &Directory) -> Result<String, UplinkError> {
    Ok(plan::table(directory.run_directory()?.key()))
}

/// On as long as this is kept: `openeni dev --uplink`.
pub(crate) struct HeldUplink(Directory);

impl HeldUplink {
    pub(crate) fn begin(
        directory: &Directory,
        pool: Ipv4Cidr,
        given: &GivenName,
    ) -> Result<Self, UplinkError> {
        let interface = machine::interface(given)?;
        on(directory, pool, &interface)?;
        info!("what comes from {pool} leaves by {interface}, with this host's address");
        Ok(Self(directory.clone()))
    }
}

impl Drop for HeldUplink {
    fn drop(&mut self) {
        if let Err(error) = off(&self.0) {
            error!(
                "the uplink stays: {}; `openeni uplink off` tries again",
                eni_agent::chain(&error)
            );
        }
    }
}
