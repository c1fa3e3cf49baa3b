//! `instanceTypeSet`: what EC2 says of a type.

use alloc::vec::Vec;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::ItemSet;
use crate::instance_types::{DefaultConnectionTracking, InstanceType, NetworkCard, Part};

/// One type: what the model decides by, and what is only described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstanceTypeDescription {
    instance_type: &'static str,
    current_generation: bool,
    free_tier_eligible: bool,
    bare_metal: bool,
    hypervisor: Option<&'static str>,
    memory_info: MemoryInfo,
    network_info: NetworkInfo,
    burstable_performance_supported: bool,
    details: Vec<(&'static str, Part)>,
}

impl Serialize for InstanceTypeDescription {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("InstanceType", 8 + self.details.len())?;
        members.serialize_field("instanceType", self.instance_type)?;
        members.serialize_field("currentGeneration", &self.current_generation)?;
        members.serialize_field("freeTierEligible", &self.free_tier_eligible)?;
        members.serialize_field("bareMetal", &self.bare_metal)?;
        if let Some(hypervisor) = self.hypervisor {
            members.serialize_field("hypervisor", hypervisor)?;
        }
        members.serialize_field("memoryInfo", &self.memory_info)?;
        members.serialize_field("networkInfo", &self.network_info)?;
        let burstable = &self.burstable_performance_supported;
        members.serialize_field("burstablePerformanceSupported", burstable)?;
        for (name, part) in &self.details {
            members.serialize_field(name, part)?;
        }
        members.end()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct MemoryInfo {
    #[serde(rename = "sizeInMiB")]
    size_in_mib: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct NetworkInfo {
    network_performance: &'static str,
    maximum_network_interfaces: usize,
    maximum_network_cards: usize,
    default_network_card_index: u8,
    network_cards: ItemSet<CardDescription>,
    ipv4_addresses_per_interface: usize,
    ipv6_addresses_per_interface: usize,
    ipv6_supported: bool,
    ena_support: &'static str,
    efa_supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    efa_info: Option<EfaInfo>,
    encryption_in_transit_supported: bool,
    ena_srd_supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    bandwidth_weightings: Option<Part>,
    flexible_ena_queues_support: &'static str,
    connection_tracking_configuration: ConnectionTrackingDescription,
    secondary_network_supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv4_addresses_per_secondary_interface: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct CardDescription {
    network_card_index: u8,
    network_performance: &'static str,
    maximum_network_interfaces: usize,
    #[serde(skip_serializing_if = "str::is_empty")]
    baseline_bandwidth_in_gbps: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    peak_bandwidth_in_gbps: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    default_ena_queue_count_per_interface: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    maximum_ena_queue_count_per_interface: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    maximum_ena_queue_count: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    additional_flexible_network_interfaces: &'static str,
    interface_type_set: ItemSet<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct EfaInfo {
    maximum_efa_interfaces: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionTrackingDescription {
    default_tcp_established_timeout: u32,
    default_udp_timeout: u32,
    default_udp_stream_timeout: u32,
}

impl From<&NetworkCard> for CardDescription {
    fn from(card: &NetworkCard) -> Self {
        Self {
            network_card_index: card.index,
            network_performance: card.network_performance,
            maximum_network_interfaces: card.maximum_network_interfaces,
            baseline_bandwidth_in_gbps: card.baseline_gbps,
            peak_bandwidth_in_gbps: card.peak_gbps,
            default_ena_queue_count_per_interface: card.default_ena_queues,
            maximum_ena_queue_count_per_interface: card.maximum_ena_queues,
            maximum_ena_queue_count: card.maximum_ena_queues_of_card,
            additional_flexible_network_interfaces: card.additional_flexible_network_interfaces,
            interface_type_set: card.interface_types.split('|').collect(),
        }
    }
}

impl From<DefaultConnectionTracking> for ConnectionTrackingDescription {
    fn from(default: DefaultConnectionTracking) -> Self {
        Self {
            default_tcp_established_timeout: default.tcp_established_timeout,
            default_udp_timeout: default.udp_timeout,
            default_udp_stream_timeout: default.udp_stream_timeout,
        }
    }
}

impl From<&InstanceType> for NetworkInfo {
    fn from(row: &InstanceType) -> Self {
        Self {
            network_performance: row.network_performance,
            maximum_network_interfaces: row.maximum_network_interfaces,
            maximum_network_cards: row.network_cards.len(),
            default_network_card_index: row.default_network_card_index,
            network_cards: row.network_cards.iter().map(Into::into).collect(),
            ipv4_addresses_per_interface: row.ipv4_addresses_per_interface,
            ipv6_addresses_per_interface: row.ipv6_addresses_per_interface,
            ipv6_supported: row.ipv6_supported,
            ena_support: row.ena_support,
            efa_supported: row.maximum_efa_interfaces > 0,
            efa_info: (row.maximum_efa_interfaces > 0).then_some(EfaInfo {
                maximum_efa_interfaces: row.maximum_efa_interfaces,
            }),
            encryption_in_transit_supported: row.encryption_in_transit_supported,
            ena_srd_supported: row.ena_srd_supported,
            bandwidth_weightings: None,
            flexible_ena_queues_support: row.flexible_ena_queues,
            connection_tracking_configuration: row.connection_tracking.into(),
            secondary_network_supported: row
                .ipv4_addresses_per_secondary_interface
                .is_some_and(|addresses| addresses > 0),
            ipv4_addresses_per_secondary_interface: row.ipv4_addresses_per_secondary_interface,
        }
    }
}

impl From<&InstanceType> for InstanceTypeDescription {
    fn from(row: &InstanceType) -> Self {
        let mut details = row.details();
        let mut network_info = NetworkInfo::from(row);
        // The one member of it that nothing is decided by.
        if let Some(at) = details.iter().position(|(name, _)| *name == "networkInfo")
            && let (_, Part::Structure(members)) = details.swap_remove(at)
        {
            let weightings = members
                .into_iter()
                .find(|(name, _)| *name == "bandwidthWeightings");
            network_info.bandwidth_weightings = weightings.map(|(_, part)| part);
        }
        Self {
            instance_type: row.name,
            current_generation: row.current_generation,
            free_tier_eligible: row.free_tier_eligible,
            bare_metal: row.bare_metal,
            hypervisor: row.hypervisor,
            memory_info: MemoryInfo {
                size_in_mib: row.memory_mib,
            },
            network_info,
            burstable_performance_supported: row.burstable_performance,
            details,
        }
    }
}
