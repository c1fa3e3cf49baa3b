//! What was brought into a guest for an interface, beside its device: the record that says what is ours to take away.
//!
//! A guest's state belongs to whom made it. The record is written before anything is brought, so that whatever happens
//! meanwhile (the region is killed, the guest renames, moves or deletes the device) it can be withdrawn; and it tells the
//! addresses that are to be brought from those that were, so that nothing is brought a second time after the guest has
//! taken it away.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use eni_types::{AttachmentId, IpCidr};
use serde::{Deserialize, Serialize};

use crate::InstanceError;
use crate::error::file_error;

/// The records' file names are `eni-attach-….brought`.
const EXTENSION: &str = "brought";

/// And while they are written.
const UNFINISHED: &str = "new";

/// What was brought for one attachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Brought {
    /// The vport, by which the device is found.
    pub(crate) vport: u32,
    /// By which rules and tables are numbered.
    pub(crate) device_number: u16,
    /// The addresses that were wanted, of both families, in their order.
    pub(crate) addresses: Vec<BroughtAddress>,
    /// The blocks that were delegated to the interface, in their order.
    #[serde(default)]
    pub(crate) prefixes: Vec<BroughtPrefix>,
    /// What is of IPv4; none in a subnet of IPv6 only.
    #[serde(flatten)]
    pub(crate) ipv4: Option<BroughtFamily>,
    /// What is of IPv6; none before the interface has had an address.
    #[serde(default)]
    pub(crate) ipv6: Option<BroughtFamily>,
    /// Whether IPv6 was turned on for the device. It is once, as what a guest makes of it then is its own.
    #[serde(default)]
    pub(crate) ipv6_is_on: bool,
    /// How often the guest had set the device down ([`eni_netlink::Link::carrier_downs`] of the fabric end) when its
    /// routes were made; none if they could not be, because it was down.
    pub(crate) routed_at: Option<u32>,
}

/// What goes with the addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BroughtFamily {
    /// The subnet, whose length goes with every address.
    pub(crate) subnet: IpCidr,
    /// The subnet's router.
    pub(crate) router: IpAddr,
    /// The way back for the primary interface's own packets (`interface.rs`).
    pub(crate) way_back: Option<WayBack>,
    /// Which of its routes ([`crate::interface`] orders them) are brought again when the kernel has dropped them: those
    /// that the guest has not taken away.
    pub(crate) routes: [bool; 3],
}

/// One address, and who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BroughtAddress {
    pub(crate) address: IpAddr,
    /// Of the address on the device.
    pub(crate) on_device: Maker,
    /// Of its rule.
    pub(crate) rule: Maker,
}

/// One delegated block, and who made its rule: which of its addresses are used, and where, is the guest's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BroughtPrefix {
    pub(crate) block: IpCidr,
    pub(crate) rule: Maker,
}

/// The rules by which the primary interface's own packets do not leave by this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WayBack {
    /// The primary interface's subnet.
    pub(crate) from: IpCidr,
    pub(crate) rules: Maker,
}

/// Who made a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Maker {
    /// About to be brought: after a crash it may be there, and is ours.
    Begun,
    /// Brought.
    Platform,
    /// The guest had it already, or the kernel refused it for what the guest had made of its device.
    Guest,
}

impl Maker {
    /// Whether it goes with the interface.
    pub(crate) fn is_platform(self) -> bool {
        self != Self::Guest
    }

    /// Who made what was begun, if adding it found nothing in its place (`is_new`). What an earlier attempt may have left
    /// (`again`) is ours.
    pub(crate) fn found(is_new: bool, again: bool) -> Self {
        if is_new || again {
            Self::Platform
        } else {
            Self::Guest
        }
    }
}

impl Brought {
    /// The addresses and blocks that were brought, as far as that was finished.
    pub(crate) fn finished(&self) -> Vec<IpCidr> {
        let addresses = self.addresses.iter();
        let addresses = addresses.filter(|one| ![one.on_device, one.rule].contains(&Maker::Begun));
        let prefixes = self.prefixes.iter();
        let prefixes = prefixes.filter(|one| one.rule != Maker::Begun);
        addresses
            .map(|one| IpCidr::host(one.address))
            .chain(prefixes.map(|one| one.block))
            .collect()
    }
}

/// The file with the record of one attachment, beside the instance.
pub(crate) struct Record(PathBuf);

impl Record {
    pub(crate) fn of(directory: &Path, id: AttachmentId) -> Self {
        Self(directory.join(format!("{id}.{EXTENSION}")))
    }

    /// The attachments that `directory` has records of, finished or not.
    pub(crate) fn all(directory: &Path) -> Vec<AttachmentId> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let name = entry.file_name();
                let (id, extension) = name.to_str()?.rsplit_once('.')?;
                [EXTENSION, UNFINISHED]
                    .contains(&extension)
                    .then(|| id.parse().ok())?
            })
            .collect()
    }

    /// None if there is none. One that is not ours to read says nothing: it is as good as none.
    pub(crate) fn read(&self) -> Option<Brought> {
        serde_json::from_slice(&fs::read(&self.0).ok()?).ok()
    }

    pub(crate) fn write(&self, brought: &Brought) -> Result<(), InstanceError> {
        let text = serde_json::to_vec(brought).map_err(io::Error::other);
        let new = self.unfinished();
        text.and_then(|text| fs::write(&new, text))
            .and_then(|()| fs::rename(&new, &self.0))
            .map_err(file_error("write", &self.0))
    }

    pub(crate) fn remove(&self) -> Result<(), InstanceError> {
        for path in [self.unfinished(), self.0.clone()] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(file_error("remove", path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What a crash may leave of one that was being written.
    fn unfinished(&self) -> PathBuf {
        self.0.with_extension(UNFINISHED)
    }
}
