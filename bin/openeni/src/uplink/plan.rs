//! What turning the way out on and off takes, from what was found: no I/O.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use eni_agent::UPLINK_NAME;

use eni_types::Ipv4Cidr;
use serde::{Deserialize, Serialize};

/// Whether the host forwards IPv4, below `/proc/sys/net/ipv4`.
pub(super) const FORWARDING: &str = "ip_forward";
/// What the kernel sets along with it: this to its opposite, and the next of every device to the same
/// (`inet_forward_change` in the kernel's `net/ipv4/devinet.c`).
pub(super) const REDIRECTS: &str = "conf/all/accept_redirects";
/// Not a device, but what a new one's settings are.
const DEFAULT_DEVICE: &str = "default";
const ON: &str = "1";
const OFF: &str = "0";
/// The longest name of a device, an alternative one (`ALTIFNAMSIZ` in the kernel's `if.h`, less the zero).
const MAX_GIVEN_NAME_BYTES: usize = 127;
/// The longest name by which rules know it (`IFNAMSIZ` there, less the zero).
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

/// The name, perhaps an alternative one, by which a user calls a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivenName(String);

impl GivenName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GivenName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for GivenName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        plain(name, MAX_GIVEN_NAME_BYTES).map(Self)
    }
}

impl FromStr for InterfaceName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        plain(name, MAX_NAME_BYTES).map(Self)
    }
}

fn plain(name: &str, max_bytes: usize) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+@".contains(&byte);
    match (1..=max_bytes).contains(&name.len()) && name.bytes().all(plain) {
        true => Ok(name.into()),
        false => Err(format!(
            "an interface's name is 1 to {max_bytes} letters, digits, and . _ - + @ here"
        )),
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
    /// The interface index of its device, which stays when the device is renamed; none of what is no device's, and in files
    /// of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<u32>,
}

impl Setting {
    pub(super) fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            device: None,
        }
    }

    /// Whether a device of this name forwards.
    pub(super) fn forwarding_of(
        device: &str,
        index: Option<u32>,
        value: impl Into<String>,
    ) -> Self {
        Self {
            device: index,
            ..Self::new(format!("conf/{device}/forwarding"), value)
        }
    }

    /// The device by its name in the setting's; none of what is no device's.
    fn device_name(&self) -> Option<&str> {
        let name = self.name.strip_prefix("conf/")?;
        let name = name.strip_suffix("/forwarding")?;
        (name != DEFAULT_DEVICE).then_some(name)
    }
}

/// Where a record's settings are settings: rules and settings are a network namespace's, and end with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The kernel's boot id.
    pub(super) boot: String,
    /// As `/proc/self/ns/net` names it: by its inode, which another gets when this one has ended.
    pub(super) network_namespace: String,
    /// Its own for as long as the machine runs (`SO_NETNS_COOKIE`); none in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cookie: Option<u64>,
}

impl Place {
    fn is(&self, other: &Self) -> bool {
        let same_namespace = match (self.cookie, other.cookie) {
            (Some(one), Some(another)) => one == another,
            _ => self.network_namespace == other.network_namespace,
        };
        self.boot == other.boot && same_namespace
    }
}

/// What is kept in the data directory while the way out is on, or may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(super) interface: InterfaceName,
    pub(super) place: Place,
    /// What to set, in this order, so that all is as before; nothing where the host forwarded already.
    pub(super) before: Vec<Setting>,
    /// Whose way out it is; none in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pool: Option<Ipv4Cidr>,
    /// The table's name, which is another one where the data directory has been moved since; none in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) table: Option<String>,
}

/// What the machine and the data directory say.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) place: Place,
    /// [`FORWARDING`], and what changes along with it.
    pub(super) settings: Vec<Setting>,
    /// The devices there are, by their interface indexes.
    pub(super) devices: BTreeMap<u32, String>,
    /// Those of [`Found::tables_of`] that there are.
    pub(super) tables: Vec<String>,
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
    /// Make the kernel forget the connections from this pool to elsewhere: the packet filter asks no rule about the
    /// translation of one that it knows.
    ForgetConnections(Ipv4Cidr),
    /// Remove the record.
    Forget,
}

/// The record is of another network namespace of this machine: what it speaks of cannot be seen from here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Elsewhere;

impl Found {
    /// The tables that may be the region's: the one of this name, and the one that a record tells.
    pub(super) fn tables_of(record: Option<&Record>, table: &str) -> Vec<String> {
        let recorded = record.and_then(|record| record.table.clone());
        let other = recorded.filter(|recorded| recorded != table);
        [table.to_owned()].into_iter().chain(other).collect()
    }

    /// The record, if what it speaks of may still be there: nothing of it outlives the kernel.
    pub(super) fn standing(&self) -> Result<Option<&Record>, Elsewhere> {
        match &self.record {
            Some(record) if record.place.is(&self.place) => Ok(Some(record)),
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

    /// What is to be set again when the way out by `interface` is turned off.
    fn before(&self, interface: &InterfaceName) -> Result<Vec<Setting>, Elsewhere> {
        // What was before the first time counts: since then it is on by our doing.
        let kept = self.standing()?.map(|record| record.before.clone());
        let mut before = kept.unwrap_or_default();
        if !self.forwards() && !is_by_us(&before) {
            let opened = std::mem::take(&mut before);
            before = self.to_restore();
            merge(&mut before, opened);
        }
        if self.forwards() {
            merge(&mut before, self.closed(interface));
        }
        Ok(before)
    }

    /// Of a host that forwards: the two devices between which it must, as far as they are kept from it.
    fn closed(&self, interface: &InterfaceName) -> Vec<Setting> {
        let ends = [interface.as_str(), UPLINK_NAME];
        let closed = self.settings.iter().filter(|setting| {
            let is_end = setting
                .device_name()
                .is_some_and(|name| ends.contains(&name));
            is_end && setting.value == OFF
        });
        closed.cloned().collect()
    }

    /// A setting as it is called now; none if its device is gone.
    fn renamed(&self, setting: &Setting) -> Option<Setting> {
        let Some(index) = setting.device else {
            return Some(setting.clone());
        };
        let name = self.devices.get(&index)?;
        Some(Setting::forwarding_of(
            name,
            Some(index),
            setting.value.clone(),
        ))
    }
}

/// Adds what is not there yet: the first value counts.
fn merge(settings: &mut Vec<Setting>, more: Vec<Setting>) {
    for setting in more {
        let same = |kept: &Setting| match (kept.device, setting.device) {
            (Some(one), Some(another)) => one == another,
            _ => kept.name == setting.name,
        };
        if !settings.iter().any(same) {
            settings.push(setting);
        }
    }
}

/// Whether it is by our doing that the host forwards at all.
fn is_by_us(before: &[Setting]) -> bool {
    before.iter().any(|setting| setting.name == FORWARDING)
}

/// The table of the region with this key.
pub(super) fn table(key: &str) -> String {
    format!("openeni-{key}")
}

/// Deletes tables whole, whoever has changed them and whether or not they are there.
fn removal(tables: &[String]) -> String {
    let one = |table: &String| format!("table ip {table}\ndelete table ip {table}\n");
    tables.iter().map(one).collect()
}

/// The way out by `interface` for what comes from `pool`, in place of any that there was. What is forwarded by our doing,
/// of which `before` tells, is forwarded between the region and `interface` alone.
pub(super) fn rules(
    table: &str,
    pool: Ipv4Cidr,
    interface: &InterfaceName,
    before: &[Setting],
) -> String {
    let of_value = |value: &'static str| {
        let of_value = before.iter().filter(move |setting| setting.value == value);
        of_value.filter_map(Setting::device_name)
    };
    let mut forward = vec![
        // What is not taken for part of a connection is not translated.
        format!("iifname \"{UPLINK_NAME}\" ct state invalid drop"),
        format!(
            "iifname \"{UPLINK_NAME}\" oifname != {} ct state new reject with icmp admin-prohibited",
            names([UPLINK_NAME, interface.as_str()])
        ),
    ];
    if is_by_us(before) {
        // Devices that forwarded on their own go on to.
        let free = of_value(ON).chain([UPLINK_NAME]);
        forward.push(format!("iifname {} accept", names(free)));
        forward.push(format!(
            "iifname \"{interface}\" oifname \"{UPLINK_NAME}\" accept"
        ));
        forward.push("drop".to_owned());
    } else {
        let opened: Vec<&str> = of_value(OFF).filter(|name| *name != UPLINK_NAME).collect();
        if !opened.is_empty() {
            let opened = names(opened);
            forward.push(format!(
                "iifname {opened} oifname != \"{UPLINK_NAME}\" drop"
            ));
        }
    }
    let forward = forward.join("\n        ");
    format!(
        "table ip {table} {{\n    \
             chain outward {{\n        \
                 type nat hook postrouting priority srcnat;\n        \
                 ip saddr {pool} oifname \"{interface}\" masquerade\n    \
             }}\n    \
             chain forward {{\n        \
                 type filter hook forward priority filter;\n        \
                 {forward}\n    \
             }}\n\
         }}\n"
    )
}

/// A set of names, as nftables writes it.
fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names
        .into_iter()
        .map(|name| format!("\"{name}\""))
        .collect();
    names.sort();
    names.dedup();
    format!("{{ {} }}", names.join(", "))
}

/// Turns the way out on, or moves it.
pub(super) fn on(
    found: &Found,
    table: &str,
    pool: Ipv4Cidr,
    interface: &InterfaceName,
) -> Result<Vec<Step>, Elsewhere> {
    let before = found.before(interface)?;
    let now: Vec<Setting> = before.iter().filter_map(|set| found.renamed(set)).collect();
    let removal = removal(&Found::tables_of(found.record.as_ref(), table));
    let rules = rules(table, pool, interface, &now);
    let record = Record {
        interface: interface.clone(),
        place: found.place.clone(),
        before,
        pool: Some(pool),
        table: Some(table.to_owned()),
    };
    // Rules first: forwarded packets must not leave with the pool's addresses.
    let mut steps = vec![Step::Rules(removal + &rules)];
    if found.record.as_ref() != Some(&record) {
        // A table of another name is known by the record alone, until it is gone.
        let has_other = found.tables.iter().any(|other| other != table);
        steps.insert(usize::from(has_other), Step::Remember(record));
    }
    if found.forwards() {
        let open = found.closed(interface).into_iter();
        steps.extend(open.map(|closed| {
            Step::Set(Setting {
                value: ON.to_owned(),
                ..closed
            })
        }));
    } else {
        steps.push(Step::Set(Setting::new(FORWARDING, ON)));
    }
    steps.push(Step::ForgetConnections(pool));
    Ok(steps)
}

/// Takes back what was turned on.
pub(super) fn off(found: &Found) -> Result<Vec<Step>, Elsewhere> {
    let standing = found.standing()?;
    let before = standing
        .map(|record| &record.before[..])
        .unwrap_or_default();
    let restored = before.iter().filter_map(|set| found.renamed(set));
    let mut steps: Vec<Step> = restored.map(Step::Set).collect();
    if !found.tables.is_empty() {
        steps.push(Step::Rules(removal(&found.tables)));
    }
    let pool = standing.and_then(|record| record.pool);
    steps.extend(pool.map(Step::ForgetConnections));
    if found.record.is_some() {
        steps.push(Step::Forget);
    }
    Ok(steps)
}
