//! `openeni uplink`: the way from the public pool out of the machine, and back to what was before.
//!
//! [`plan`] says what to do about what [`machine`] finds. Before anything is changed, what was there is written into the data
//! directory, so that it can be taken back after a crash as well.

mod machine;
mod plan;
#[cfg(test)]
mod plan_tests;

use std::io;
use std::path::PathBuf;

use eni_netlink::NetlinkError;
use eni_types::Ipv4Cidr;
use tracing::{error, info};

pub(crate) use self::plan::InterfaceName;
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
    NoSuchInterface(InterfaceName),
    /// The loopback device, or the region's own.
    #[error("{0} leads to no other machine: name the interface that does")]
    NotOutward(InterfaceName),
    /// The host has no way out itself, or several at once.
    #[error(
        "this host has no IPv4 default route by one interface: name the interface that leads out (`openeni uplink on INTERFACE`)"
    )]
    NoDefaultRoute,
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
    match &options.what {
        Uplink::On { interface } => {
            let pool = directory.endpoint()?.public_pool;
            machine::check_namespace(&directory)?;
            let interface = match interface {
                Some(interface) => interface.clone(),
                None => machine::default_interface()?,
            };
            on(&directory, pool, &interface)?;
            println!("what comes from {pool} leaves by {interface}, with this host's address");
        }
        Uplink::Off => match off(&directory)? {
            true => println!("the uplink is off, and all is as before"),
            false => println!("the uplink was not on"),
        },
    }
    Ok(())
}

/// Turns the way out on, or moves it. What cannot be is refused before anything is changed.
fn on(directory: &Directory, pool: Ipv4Cidr, interface: &InterfaceName) -> Result<(), UplinkError> {
    machine::check_interface(interface)?;
    let _alone = directory.lock_uplink()?;
    let table = table(directory)?;
    let found = machine::look(directory, &table)?;
    machine::check_rules(&plan::rules(&table, pool, interface))?;
    if !found.forwards() {
        machine::check_forwarding()?;
    }
    let steps = plan::on(&found, &table, pool, interface)
        .map_err(|plan::Elsewhere| UplinkError::Elsewhere(directory.uplink_file()))?;
    machine::carry_out(&steps, directory)
}

/// Takes back what was turned on; false if nothing was.
fn off(directory: &Directory) -> Result<bool, UplinkError> {
    if !directory.holds_region() {
        return Err(UplinkError::NotARegion(directory.path().into()));
    }
    let _alone = directory.lock_uplink()?;
    let table = table(directory)?;
    let found = machine::look(directory, &table)?;
    let steps = plan::off(&found, &table)
        .map_err(|plan::Elsewhere| UplinkError::Elsewhere(directory.uplink_file()))?;
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
        interface: &InterfaceName,
    ) -> Result<Self, UplinkError> {
        on(directory, pool, interface)?;
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
