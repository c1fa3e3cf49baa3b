//! EC2's instance types and the limits that each sets on network interfaces.
//!
//! The table (`instance-types.tsv`, one line per type, sorted by name) is EC2's own `DescribeInstanceTypes`. It is read
//! once, when a type is first asked for; rows refer to its entries. `scripts/instance-types.py` makes it.

mod details;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::RangeInclusive;

use once_cell::race::OnceBox;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use details::{Part, texts_of};

/// The table, with its heading.
const TABLE: &str = include_str!("../../instance-types.tsv");
/// The table as it was read.
static TYPES: OnceBox<Vec<InstanceType>> = OnceBox::new();

/// One instance type. Numbers that are only described stay text, as EC2 wrote them.
#[derive(Debug)]
pub struct InstanceType {
    /// `t3.micro`.
    pub name: &'static str,
    /// Whether EC2 still counts it among its current types.
    pub current_generation: bool,
    /// `nitro` or `xen`; none on bare metal.
    pub hypervisor: Option<&'static str>,
    /// Whether it is a whole machine.
    pub bare_metal: bool,
    /// Whether its CPU earns credits.
    pub burstable_performance: bool,
    /// Whether EC2's free tier covers it.
    pub free_tier_eligible: bool,
    /// `x86_64`, `arm64`, …
    pub architectures: Vec<&'static str>,
    /// Virtual processors.
    pub vcpus: u32,
    /// Cores.
    pub cores: u32,
    /// Threads of a core.
    pub threads_per_core: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// `Up to 5 Gigabit`.
    pub network_performance: &'static str,
    /// Interfaces of one instance, over all cards.
    pub maximum_network_interfaces: usize,
    /// Private IPv4 addresses of one interface, the primary one among them.
    pub ipv4_addresses_per_interface: usize,
    /// IPv4 addresses of one interface in a secondary network; none where the type has no such networks.
    pub ipv4_addresses_per_secondary_interface: Option<u32>,
    /// IPv6 addresses of one interface.
    pub ipv6_addresses_per_interface: usize,
    /// Whether interfaces may have IPv6 addresses.
    pub ipv6_supported: bool,
    /// `unsupported`, `supported` or `required`.
    pub ena_support: &'static str,
    /// Whether ENA Express is there.
    pub ena_srd_supported: bool,
    /// Elastic Fabric Adapters of one instance; 0 where there are none.
    pub maximum_efa_interfaces: usize,
    /// `unsupported` or `supported`.
    pub flexible_ena_queues: &'static str,
    /// Whether traffic between such instances is encrypted.
    pub encryption_in_transit_supported: bool,
    /// Default idle timeouts of tracked connections, in seconds.
    pub connection_tracking: DefaultConnectionTracking,
    /// The card that interfaces are attached to unless the call says otherwise.
    pub default_network_card_index: u8,
    /// Its network cards, by index.
    pub network_cards: Vec<NetworkCard>,
}

/// No two types have the same name.
impl PartialEq for InstanceType {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for InstanceType {}

/// Idle timeouts in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultConnectionTracking {
    /// Of an established TCP connection: 432,000, or 350 on types of Nitro v6.
    pub tcp_established_timeout: u32,
    /// Of a UDP flow with packets in both directions.
    pub udp_stream_timeout: u32,
    /// Of a UDP flow with packets in one direction.
    pub udp_timeout: u32,
}

/// One network card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkCard {
    /// Its place.
    pub index: u8,
    /// Interfaces that it carries.
    pub maximum_network_interfaces: usize,
    /// Gigabits a second that it always has.
    pub baseline_gbps: &'static str,
    /// Gigabits a second in a burst.
    pub peak_gbps: &'static str,
    /// ENA queues of an interface unless set.
    pub default_ena_queues: &'static str,
    /// Most ENA queues of an interface; empty where they cannot be set.
    pub maximum_ena_queues: &'static str,
    /// `Up to 5 Gigabit`.
    pub network_performance: &'static str,
    /// Whether an Elastic Fabric Adapter fits.
    pub efa: bool,
    /// The types of interface that fit, with bars between them.
    pub interface_types: &'static str,
    /// Most ENA queues of all interfaces together; empty where they cannot be set.
    pub maximum_ena_queues_of_card: &'static str,
    /// Interfaces beyond the others, for ENA queues; empty where there are none.
    pub additional_flexible_network_interfaces: &'static str,
}

/// As the types' table names the hypervisor before Nitro.
const XEN: &str = "xen";

impl InstanceType {
    /// The type named `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        let types = Self::table();
        let place = types.binary_search_by(|row| row.name.cmp(name)).ok()?;
        types.get(place)
    }

    /// What is only described of it, by the names in EC2's XML.
    #[must_use]
    pub fn details(&self) -> Vec<(&'static str, Part)> {
        line_of(details::PLACES, self.name).map_or_else(Vec::new, details::members)
    }

    /// All types, by name.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        Self::table().iter()
    }

    fn table() -> &'static [Self] {
        TYPES.get_or_init(|| Box::new(TABLE.lines().skip(1).filter_map(Self::read).collect()))
    }

    /// The card at `index`.
    #[must_use]
    pub fn network_card(&self, index: u8) -> Option<&NetworkCard> {
        self.network_cards.iter().find(|card| card.index == index)
    }

    /// Whether it is built on the Nitro System: all are whose hypervisor is not the one before.
    #[must_use]
    pub fn is_nitro(&self) -> bool {
        self.hypervisor != Some(XEN)
    }

    /// Whether an image for `architecture` runs on it.
    #[must_use]
    pub fn runs(&self, architecture: &str) -> bool {
        self.architectures.contains(&architecture)
    }

    /// Reads one line; `None` where it is none, which the test below excludes for this table.
    fn read(line: &'static str) -> Option<Self> {
        let mut fields = line.split('\t');
        let mut next = || fields.next();
        Some(Self {
            name: next()?,
            current_generation: flag(next()?),
            hypervisor: Some(next()?).filter(|text| !text.is_empty()),
            bare_metal: flag(next()?),
            burstable_performance: flag(next()?),
            free_tier_eligible: flag(next()?),
            architectures: next()?.split('|').collect(),
            vcpus: next()?.parse().ok()?,
            cores: next()?.parse().ok()?,
            threads_per_core: next()?.parse().ok()?,
            memory_mib: next()?.parse().ok()?,
            network_performance: next()?,
            maximum_network_interfaces: next()?.parse().ok()?,
            ipv4_addresses_per_interface: next()?.parse().ok()?,
            ipv4_addresses_per_secondary_interface: next()?.parse().ok(),
            ipv6_addresses_per_interface: next()?.parse().ok()?,
            ipv6_supported: flag(next()?),
            ena_support: next()?,
            ena_srd_supported: flag(next()?),
            maximum_efa_interfaces: next()?.parse().ok()?,
            flexible_ena_queues: next()?,
            encryption_in_transit_supported: flag(next()?),
            connection_tracking: DefaultConnectionTracking {
                tcp_established_timeout: next()?.parse().ok()?,
                udp_stream_timeout: next()?.parse().ok()?,
                udp_timeout: next()?.parse().ok()?,
            },
            default_network_card_index: next()?.parse().ok()?,
            network_cards: read_cards(next()?)?,
        })
    }
}

/// Its name, as rows are stored.
impl Serialize for InstanceType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

/// By its name. EC2 has never taken a type from its list: a stored name that is not there is no name of a type.
impl<'de> Deserialize<'de> for &'static InstanceType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        InstanceType::find(&name)
            .ok_or_else(|| serde::de::Error::custom(format_args!("no instance type {name:?}")))
    }
}

/// The line of a sorted table whose first field is `name`.
fn line_of(table: &'static str, name: &str) -> Option<&'static str> {
    let (mut low, mut high) = (0, table.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = table[low..middle]
            .rfind('\n')
            .map_or(low, |newline| low + newline + 1);
        let end = table[middle..high]
            .find('\n')
            .map_or(high, |newline| middle + newline);
        let line = &table[start..end];
        let found = line.split_once('\t').map_or(line, |(name, _)| name);
        match found.cmp(name) {
            Ordering::Equal => return Some(line),
            Ordering::Less => low = end + 1,
            Ordering::Greater => high = start,
        }
    }
    None
}

fn flag(text: &str) -> bool {
    text == "1"
}

/// Reads `0:2,0.064,5.0,2,,Up to 5 Gigabit,interface,,;…`, where `0-31:` stands for 32 equal cards.
fn read_cards(text: &'static str) -> Option<Vec<NetworkCard>> {
    let mut cards = Vec::new();
    for group in text.split(';') {
        let (indexes, card) = group.split_once(':')?;
        let mut fields = card.split(',');
        let mut next = || fields.next();
        let mut card = NetworkCard {
            index: 0,
            maximum_network_interfaces: next()?.parse().ok()?,
            baseline_gbps: next()?,
            peak_gbps: next()?,
            default_ena_queues: next()?,
            maximum_ena_queues: next()?,
            network_performance: next()?,
            efa: false,
            interface_types: next()?,
            maximum_ena_queues_of_card: next()?,
            additional_flexible_network_interfaces: next()?,
        };
        card.efa = card.interface_types.split('|').any(|kind| kind == "efa");
        cards.extend(read_indexes(indexes)?.map(|index| NetworkCard { index, ..card }));
    }
    Some(cards)
}

fn read_indexes(text: &str) -> Option<RangeInclusive<u8>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read_and_found_by_its_name() {
        let types: Vec<_> = InstanceType::all().collect();
        assert_eq!(types.len(), TABLE.lines().count() - 1);
        for instance_type in types {
            assert_eq!(
                InstanceType::find(instance_type.name),
                Some(instance_type),
                "{}",
                instance_type.name
            );
            let on_cards: usize = instance_type
                .network_cards
                .iter()
                .map(|card| card.maximum_network_interfaces)
                .sum();
            assert!(
                on_cards >= instance_type.maximum_network_interfaces,
                "{}",
                instance_type.name
            );
        }
    }

    /// What stands in both tables must be the same, and what every description has must be there.
    #[test]
    fn the_details_of_every_type_are_read() {
        let text = |members: &[(&'static str, Part)], path: &str| {
            let mut texts = Vec::new();
            texts_of(members, path, &mut |text| texts.push(text));
            texts
        };
        for instance_type in InstanceType::all() {
            let name = instance_type.name;
            let details = instance_type.details();
            for (path, number) in [
                ("vcpu-info.default-vcpus", instance_type.vcpus),
                ("vcpu-info.default-cores", instance_type.cores),
                (
                    "vcpu-info.default-threads-per-core",
                    instance_type.threads_per_core,
                ),
            ] {
                assert_eq!(
                    text(&details, path),
                    [alloc::format!("{number}")],
                    "{name} {path}"
                );
            }
            let architectures = text(&details, "processor-info.supported-architecture");
            assert_eq!(architectures, instance_type.architectures, "{name}");
            for path in [
                "ebs-info.maximum-ebs-attachments",
                "placement-group-info.supported-strategies",
                "supported-boot-mode",
                "supported-usage-class",
            ] {
                assert!(!text(&details, path).is_empty(), "{name} {path}");
            }
        }
        let lines = details::PLACES.lines();
        assert_eq!(lines.clone().count(), InstanceType::all().count());
        for line in lines {
            let places = line.split_once('\t').unwrap().1.split(',').count();
            assert!(details::members(line).len() >= places, "{line}");
        }
    }

    #[test]
    fn a_name_that_is_no_type_finds_nothing() {
        for name in [
            "",
            "t3",
            "t3.",
            "t3.micro ",
            "instance_type",
            "zzz.large",
            "\t",
            "a",
        ] {
            assert_eq!(InstanceType::find(name), None, "{name:?}");
        }
    }

    #[test]
    fn limits_are_those_that_ec2_documents() {
        for (name, interfaces, addresses, cards, efa, established) in [
            ("t2.micro", 2, 2, 1, 0, 432_000),
            ("t3.medium", 3, 6, 1, 0, 432_000),
            ("m5.24xlarge", 15, 50, 1, 0, 432_000),
            ("p5.48xlarge", 64, 50, 32, 32, 432_000),
            ("p6-b200.48xlarge", 32, 50, 8, 8, 350),
        ] {
            let found = InstanceType::find(name).unwrap();
            let got = (
                found.maximum_network_interfaces,
                found.ipv4_addresses_per_interface,
                found.network_cards.len(),
                found.maximum_efa_interfaces,
                found.connection_tracking.tcp_established_timeout,
            );
            assert_eq!(
                got,
                (interfaces, addresses, cards, efa, established),
                "{name}"
            );
        }
    }
}
