//! `instanceTypeSet`: what EC2 says of a type, as far as it touches processors, memory and networking.

use alloc::vec;

use serde::Serialize;

use crate::ItemSet;
use crate::instance_types::{DefaultConnectionTracking, InstanceType, NetworkCard};

/// One type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InstanceTypeDescription {
    instance_type: &'static str,
    current_generation: bool,
    free_tier_eligible: bool,
    supported_usage_classes: ItemSet<&'static str>,
    supported_root_device_types: ItemSet<&'static str>,
    supported_virtualization_types: ItemSet<&'static str>,
    bare_metal: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hypervisor: Option<&'static str>,
    processor_info: ProcessorInfo,
    v_cpu_info: VCpuInfo,
    memory_info: MemoryInfo,
    network_info: NetworkInfo,
    burstable_performance_supported: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProcessorInfo {
    supported_architectures: ItemSet<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    sustained_clock_speed_in_ghz: &'static str,
    manufacturer: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct VCpuInfo {
    default_v_cpus: u32,
    default_cores: u32,
    default_threads_per_core: u32,
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
        Self {
            instance_type: row.name,
            current_generation: row.current_generation,
            free_tier_eligible: row.free_tier_eligible,
            supported_usage_classes: vec!["on-demand"].into(),
            supported_root_device_types: vec!["ebs"].into(),
            supported_virtualization_types: vec!["hvm"].into(),
            bare_metal: row.bare_metal,
            hypervisor: row.hypervisor,
            processor_info: ProcessorInfo {
                supported_architectures: row.architectures.clone().into(),
                sustained_clock_speed_in_ghz: row.clock_ghz,
                manufacturer: row.manufacturer,
            },
            v_cpu_info: VCpuInfo {
                default_v_cpus: row.vcpus,
                default_cores: row.cores,
                default_threads_per_core: row.threads_per_core,
            },
            memory_info: MemoryInfo {
                size_in_mib: row.memory_mib,
            },
            network_info: row.into(),
            burstable_performance_supported: row.burstable_performance,
        }
    }
}
