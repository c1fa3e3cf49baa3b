//! What turning the way out on and off takes, from what was found: no I/O.

use std::fmt;
use std::str::FromStr;

use eni_types::Ipv4Cidr;
use serde::{Deserialize, Serialize};

/// Whether the host forwards IPv4, below `/proc/sys/net/ipv4`.
pub(super) const FORWARDING: &str = "ip_forward";
/// What the kernel sets along with it: this to its opposite, and the next of every device to the same
/// (`inet_forward_change` in the kernel's `net/ipv4/devinet.c`).
pub(super) const REDIRECTS: &str = "conf/all/accept_redirects";
const ON: &str = "1";
const OFF: &str = "0";
/// The longest name of a device (`IFNAMSIZ` in the kernel's `if.h`, less the zero).
const MAX_NAME_BYTES: usize = 15;

/// The name of a device that a rule can be about: the kernel allows more characters, of which nftables takes some for a
/// pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct InterfaceName(String);

impl InterfaceName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for InterfaceName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+@".contains(&byte);
        match (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(plain) {
            true => Ok(Self(name.into())),
            false => Err(format!(
                "an interface's name is 1 to {MAX_NAME_BYTES} letters, digits, and . _ - + @ here"
            )),
        }
    }
}

impl TryFrom<String> for InterfaceName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<InterfaceName> for String {
    fn from(name: InterfaceName) -> Self {
        name.0
    }
}

/// One of the kernel's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Setting {
    /// Its file below `/proc/sys/net/ipv4`.
    pub(super) name: String,
    pub(super) value: String,
}

impl Setting {
    pub(super) fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }
}

/// Where a record's settings are settings: rules and settings are a network namespace's, and end with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The kernel's boot id.
    pub(super) boot: String,
    /// As `/proc/self/ns/net` names it.
    pub(super) network_namespace: String,
}

/// What is kept in the data directory while the way out is on, or may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(super) interface: InterfaceName,
    pub(super) place: Place,
    /// What to set, in this order, so that all is as before; nothing where the host forwarded already.
    pub(super) before: Vec<Setting>,
}

/// What the machine and the data directory say.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) place: Place,
    /// [`FORWARDING`], and what changes along with it.
    pub(super) settings: Vec<Setting>,
    /// Whether there is a table of the region's name.
    pub(super) has_table: bool,
    pub(super) record: Option<Record>,
}

/// One thing to do. A plan that was cut off after any of its steps is made again and goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Write the record.
    Remember(Record),
    /// Give nftables these commands, as one transaction.
    Rules(String),
    /// Set one setting. One whose device is gone has gone with it.
    Set(Setting),
    /// Remove the record.
    Forget,
}

/// The record is of another network namespace of this machine: what it speaks of cannot be seen from here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Elsewhere;

impl Found {
    /// The record, if what it speaks of may still be there: nothing of it outlives the kernel.
    fn standing(&self) -> Result<Option<&Record>, Elsewhere> {
        match &self.record {
            Some(record) if record.place == self.place => Ok(Some(record)),
            Some(record) if record.place.boot == self.place.boot => Err(Elsewhere),
            _ => Ok(None),
        }
    }

    /// Whether the host forwards IPv4.
    pub(super) fn forwards(&self) -> bool {
        let is_on = |setting: &Setting| setting.name == FORWARDING && setting.value != OFF;
        self.settings.iter().any(is_on)
    }

    /// The settings that turning forwarding on and off again would leave otherwise than they are, after forwarding itself.
    fn to_restore(&self) -> Vec<Setting> {
        let others = self.settings.iter().filter(|setting| {
            let left = if setting.name == REDIRECTS { ON } else { OFF };
            setting.name != FORWARDING && setting.value != left
        });
        [Setting::new(FORWARDING, OFF)]
            .into_iter()
            .chain(others.cloned())
            .collect()
    }
}

/// The table of the region with this key.
pub(super) fn table(key: &str) -> String {
    format!("openeni-{key}")
}

/// Deletes `table` whole, whoever has changed it and whether or not it is there.
fn removal(table: &str) -> String {
    format!("table ip {table}\ndelete table ip {table}\n")
}

/// The way out by `interface` for what comes from `pool`, in place of any that there was.
pub(super) fn rules(table: &str, pool: Ipv4Cidr, interface: &InterfaceName) -> String {
    let removal = removal(table);
    format!(
        "{removal}table ip {table} {{\n    \
             chain outward {{\n        \
                 type nat hook postrouting priority srcnat;\n        \
                 ip saddr {pool} oifname \"{interface}\" masquerade\n    \
             }}\n\
         }}\n"
    )
}

/// Turns the way out on, or moves it.
pub(super) fn on(
    found: &Found,
    table: &str,
    pool: Ipv4Cidr,
    interface: &InterfaceName,
) -> Result<Vec<Step>, Elsewhere> {
    let kept = found.standing()?.map(|record| record.before.clone());
    // What was before the first time counts: since then it is on by our doing.
    let before = match kept.unwrap_or_default() {
        none if none.is_empty() && !found.forwards() => found.to_restore(),
        kept => kept,
    };
    let record = Record {
        interface: interface.clone(),
        place: found.place.clone(),
        before,
    };
    let mut steps = Vec::new();
    if found.record.as_ref() != Some(&record) {
        steps.push(Step::Remember(record));
    }
    // Rules first: forwarded packets must not leave with the pool's addresses.
    steps.push(Step::Rules(rules(table, pool, interface)));
    if !found.forwards() {
        steps.push(Step::Set(Setting::new(FORWARDING, ON)));
    }
    Ok(steps)
}

/// Takes back what was turned on.
pub(super) fn off(found: &Found, table: &str) -> Result<Vec<Step>, Elsewhere> {
    let standing = found.standing()?;
    let mut steps: Vec<Step> = standing
        .map(|record| record.before.iter().cloned().map(Step::Set).collect())
        .unwrap_or_default();
    if found.has_table {
        steps.push(Step::Rules(removal(table)));
    }
    if found.record.is_some() {
        steps.push(Step::Forget);
    }
    Ok(steps)
}
