//! The parameters of `RunInstances`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use eni_query::FromQuery;
use eni_types::{ImageId, NetworkInterfaceId, SecurityGroupId, SubnetId};

use super::settings::check_choice;
use crate::Ec2Error;
use crate::instance_types::InstanceType;
use crate::operations::network_interface::{
    ConnectionTrackingSpecification, EnaSrdSpecification, PrivateIpAddressSpecification,
};
use crate::operations::unsupported::refuse;
use crate::tags::TagSpecification;

/// Launches instances.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct RunInstances {
    /// The image. EC2 could take it from a launch template; here it must be named.
    pub image_id: ImageId,
    /// The type; `m1.small`, as in EC2, where none is named.
    pub instance_type: Option<String>,
    /// Fewest instances to launch; with fewer nothing is launched.
    pub min_count: u32,
    /// Most instances to launch.
    pub max_count: u32,
    /// The subnet; a default subnet where none is named.
    pub subnet_id: Option<SubnetId>,
    /// Security groups of the only interface.
    #[query(name = "SecurityGroupId")]
    pub security_group_ids: Vec<SecurityGroupId>,
    /// Security groups of the default VPC, by name.
    #[query(name = "SecurityGroup")]
    pub security_groups: Vec<String>,
    /// The primary private address of the only interface.
    pub private_ip_address: Option<Ipv4Addr>,
    /// The interfaces; one in the subnet where none is described.
    #[query(name = "NetworkInterface")]
    pub network_interfaces: Vec<LaunchNetworkInterface>,
    /// The boot script in base64.
    pub user_data: Option<String>,
    /// A key pair's name: described, without effect, as nothing here logs in with keys.
    pub key_name: Option<String>,
    /// Where to launch.
    pub placement: Option<Placement>,
    /// Makes the call idempotent.
    pub client_token: Option<String>,
    /// Tags for the instances, their interfaces and (without effect, as there are none) their volumes.
    #[query(name = "TagSpecification")]
    pub tag_specifications: Vec<TagSpecification>,
    /// Attribute `disableApiTermination`.
    pub disable_api_termination: Option<bool>,
    /// Attribute `disableApiStop`.
    pub disable_api_stop: Option<bool>,
    /// Attribute `instanceInitiatedShutdownBehavior`: `stop` (unless given) or `terminate`.
    pub instance_initiated_shutdown_behavior: Option<String>,
    /// Described, without effect: there are no disks.
    pub ebs_optimized: Option<bool>,
    /// May only say that detailed monitoring is off: there are no metrics.
    pub monitoring: Option<Monitoring>,
    /// Described, without effect until metadata is served.
    pub metadata_options: Option<MetadataOptionsParameter>,
    /// Described, without effect: processors are not rationed.
    pub credit_specification: Option<CreditSpecification>,
    /// Described, without effect: instances share the host's file system.
    #[query(name = "BlockDeviceMapping")]
    pub block_device_mappings: Vec<BlockDeviceMapping>,
    /// Asks for credentials, which no identity service here gives.
    pub iam_instance_profile: Option<IamInstanceProfile>,
    /// May only be as the type has it.
    pub cpu_options: Option<CpuOptions>,
    /// May only be `open`, as it is described: there are no reservations to take from.
    pub capacity_reservation_specification: Option<CapacityReservationSpecification>,
    /// May only be `default`, as it is described.
    pub maintenance_options: Option<MaintenanceOptions>,
    /// May only ask for names made from addresses.
    pub private_dns_name_options: Option<PrivateDnsNameOptions>,
    /// May only say that enclaves are off.
    pub enclave_options: Option<EnclaveOptions>,
    /// May only say that hibernation is off.
    pub hibernation_options: Option<HibernationOptions>,
    /// Asks for a launch template.
    pub launch_template: Option<LaunchTemplate>,
    /// Asks for another market than on demand.
    pub instance_market_options: Option<InstanceMarketOptions>,
    /// Asks for IPv6 addresses.
    pub ipv6_address_count: Option<u32>,
    /// Asks for IPv6 addresses.
    #[query(name = "Ipv6Address")]
    pub ipv6_addresses: Vec<Ipv6Address>,
    /// Asks for a primary IPv6 address.
    pub enable_primary_ipv6: Option<bool>,
}

/// `NetworkInterface.N`.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct LaunchNetworkInterface {
    /// N of `ethN`.
    pub device_index: Option<u8>,
    /// The card; the type's default card where none is named.
    pub network_card_index: Option<u8>,
    /// An existing interface instead of a new one.
    pub network_interface_id: Option<NetworkInterfaceId>,
    /// The subnet of a new interface.
    pub subnet_id: Option<SubnetId>,
    /// The description of a new interface.
    pub description: Option<String>,
    /// The primary private address of a new interface.
    pub private_ip_address: Option<Ipv4Addr>,
    /// Private addresses of a new interface.
    pub private_ip_addresses: Vec<PrivateIpAddressSpecification>,
    /// Number of secondary addresses to choose for a new interface.
    pub secondary_private_ip_address_count: Option<u32>,
    /// Security groups of a new interface.
    #[query(name = "SecurityGroupId")]
    pub group_ids: Vec<SecurityGroupId>,
    /// Whether it goes with the instance: true for a new interface, false for an existing one, unless given.
    pub delete_on_termination: Option<bool>,
    /// Whether the only interface gets a public address.
    pub associate_public_ip_address: Option<bool>,
    /// `interface` (where absent), `efa` or `efa-only`, for a new interface; the type that an existing one has.
    pub interface_type: Option<String>,
    /// Asks for ENA Express.
    pub ena_srd_specification: Option<EnaSrdSpecification>,
    /// Idle timeouts of tracked connections.
    pub connection_tracking_specification: Option<ConnectionTrackingSpecification>,
    /// Asks for an address of a mobile network.
    pub associate_carrier_ip_address: Option<bool>,
    /// Asks for IPv6 addresses.
    pub ipv6_address_count: Option<u32>,
    /// Asks for IPv6 addresses.
    pub ipv6_addresses: Vec<Ipv6Address>,
    /// Asks for a primary IPv6 address.
    pub primary_ipv6: Option<bool>,
    /// Asks for IPv6 prefixes.
    pub ipv6_prefix_count: Option<u32>,
    /// Asks for IPv4 prefixes.
    pub ipv4_prefix_count: Option<u32>,
}

/// `Placement`.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct Placement {
    /// The zone.
    pub availability_zone: Option<String>,
    /// The zone by its id.
    pub availability_zone_id: Option<String>,
    /// `default`: other tenancies have no hosts here.
    pub tenancy: Option<String>,
    /// Asks for a placement group.
    pub group_name: Option<String>,
    /// Asks for a host.
    pub host_id: Option<String>,
}

/// `Monitoring`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQuery)]
pub struct Monitoring {
    /// Whether detailed monitoring is on.
    pub enabled: Option<bool>,
}

/// `MetadataOptions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct MetadataOptionsParameter {
    /// `optional` or `required`.
    pub http_tokens: Option<String>,
    /// 1 to 64.
    pub http_put_response_hop_limit: Option<u8>,
    /// `enabled` or `disabled`.
    pub http_endpoint: Option<String>,
    /// `enabled` or `disabled`.
    pub http_protocol_ipv6: Option<String>,
    /// `enabled` or `disabled`.
    pub instance_metadata_tags: Option<String>,
}

/// `CreditSpecification`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreditSpecification {
    /// `standard` or `unlimited`.
    pub cpu_credits: Option<String>,
}

/// `BlockDeviceMapping.N`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct BlockDeviceMapping {
    /// The device.
    pub device_name: Option<String>,
    /// Leaves a device out, whatever its value.
    #[query(keep_empty)]
    pub no_device: Option<String>,
    /// An ephemeral disk.
    pub virtual_name: Option<String>,
    /// A volume.
    pub ebs: Option<EbsBlockDevice>,
}

/// `BlockDeviceMapping.N.Ebs`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct EbsBlockDevice {
    /// Whether the volume goes with the instance.
    pub delete_on_termination: Option<bool>,
    /// Whether it is encrypted.
    pub encrypted: Option<bool>,
    /// Operations a second.
    pub iops: Option<u32>,
    /// The key it is encrypted with.
    pub kms_key_id: Option<String>,
    /// What it is made of.
    pub snapshot_id: Option<String>,
    /// MiB a second.
    pub throughput: Option<u32>,
    /// GiB.
    pub volume_size: Option<u32>,
    /// Its type.
    pub volume_type: Option<String>,
}

/// `IamInstanceProfile`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct IamInstanceProfile {
    /// By ARN.
    pub arn: Option<String>,
    /// By name.
    pub name: Option<String>,
}

/// `CpuOptions`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CpuOptions {
    /// Cores.
    pub core_count: Option<u32>,
    /// Threads of a core.
    pub threads_per_core: Option<u32>,
}

/// `CapacityReservationSpecification`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CapacityReservationSpecification {
    /// `open`, `none` or `capacity-reservations-only`.
    pub capacity_reservation_preference: Option<String>,
}

/// `MaintenanceOptions`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct MaintenanceOptions {
    /// `default` or `disabled`.
    pub auto_recovery: Option<String>,
}

/// `PrivateDnsNameOptions`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct PrivateDnsNameOptions {
    /// `ip-name` or `resource-name`.
    pub hostname_type: Option<String>,
    /// Whether the instance's id is a name too.
    pub enable_resource_name_dns_a_record: Option<bool>,
    /// The same for IPv6.
    #[query(name = "EnableResourceNameDnsAAAARecord")]
    pub enable_resource_name_dns_aaaa_record: Option<bool>,
}

/// `EnclaveOptions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQuery)]
pub struct EnclaveOptions {
    /// Whether enclaves are on.
    pub enabled: Option<bool>,
}

/// `HibernationOptions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQuery)]
pub struct HibernationOptions {
    /// Whether hibernation is on.
    pub configured: Option<bool>,
}

/// `LaunchTemplate`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct LaunchTemplate {
    /// By id.
    pub launch_template_id: Option<String>,
    /// By name.
    pub launch_template_name: Option<String>,
    /// Which version.
    pub version: Option<String>,
}

/// `InstanceMarketOptions`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct InstanceMarketOptions {
    /// `spot`, …
    pub market_type: Option<String>,
}

/// An IPv6 address.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct Ipv6Address {
    /// The address.
    pub ipv6_address: Option<String>,
    /// Whether it is to be the primary one.
    pub is_primary_ipv6: Option<bool>,
}

impl RunInstances {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(super) fn refuse_what_is_absent(&self) -> Result<(), Ec2Error> {
        let ipv6 = self.ipv6_address_count.unwrap_or(0) > 0
            || !self.ipv6_addresses.is_empty()
            || self.enable_primary_ipv6 == Some(true);
        refuse("IPv6", ipv6)?;
        let template = self.launch_template.as_ref().is_some_and(|given| {
            given.launch_template_id.is_some()
                || given.launch_template_name.is_some()
                || given.version.is_some()
        });
        refuse("Launching from a template", template)?;
        let market = self.instance_market_options.as_ref();
        refuse(
            "The spot market",
            market.is_some_and(|given| given.market_type.is_some()),
        )?;
        let enclaves = self.enclave_options.and_then(|options| options.enabled);
        refuse("Nitro Enclaves", enclaves == Some(true))?;
        let hibernation = self
            .hibernation_options
            .and_then(|options| options.configured);
        refuse("Hibernation", hibernation == Some(true))?;
        if let Some(placement) = &self.placement {
            let tenancy = placement.tenancy.as_deref();
            refuse(
                "Dedicated tenancy",
                tenancy.is_some_and(|tenancy| tenancy != "default") || placement.host_id.is_some(),
            )?;
            let group = placement.group_name.as_deref();
            refuse(
                "A placement group",
                group.is_some_and(|name| !name.is_empty()),
            )?;
        }
        self.refuse_what_would_have_no_effect()?;
        self.network_interfaces
            .iter()
            .try_for_each(LaunchNetworkInterface::refuse_what_is_absent)
    }

    /// Refuses settings that nothing here would heed, but for their defaults.
    fn refuse_what_would_have_no_effect(&self) -> Result<(), Ec2Error> {
        let profile = self.iam_instance_profile.as_ref();
        refuse(
            "An instance profile",
            profile.is_some_and(|profile| profile.arn.is_some() || profile.name.is_some()),
        )?;
        let monitoring = self.monitoring.and_then(|given| given.enabled);
        refuse("Detailed monitoring", monitoring == Some(true))?;
        let reservations = self.capacity_reservation_specification.as_ref();
        refuse_other_than(
            "CapacityReservationPreference",
            reservations.and_then(|given| given.capacity_reservation_preference.as_deref()),
            &["open", "none", "capacity-reservations-only"],
        )?;
        let maintenance = self.maintenance_options.as_ref();
        refuse_other_than(
            "AutoRecovery",
            maintenance.and_then(|given| given.auto_recovery.as_deref()),
            &["default", "disabled"],
        )?;
        let Some(names) = &self.private_dns_name_options else {
            return Ok(());
        };
        refuse_other_than(
            "HostnameType",
            names.hostname_type.as_deref(),
            &["ip-name", "resource-name"],
        )?;
        let resource_names = names.enable_resource_name_dns_a_record == Some(true)
            || names.enable_resource_name_dns_aaaa_record == Some(true);
        refuse("Resource-based naming", resource_names)
    }

    /// Refuses another number of processors than `instance_type` has.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(super) fn refuse_other_processors(
        &self,
        instance_type: &InstanceType,
    ) -> Result<(), Ec2Error> {
        let Some(given) = &self.cpu_options else {
            return Ok(());
        };
        let differs = |given: Option<u32>, own| given.is_some_and(|given| given != own);
        refuse(
            "Another number of processors than the instance type has",
            differs(given.core_count, instance_type.cores)
                || differs(given.threads_per_core, instance_type.threads_per_core),
        )
    }
}

/// Refuses a value that EC2 does not have, and one but the first of those that it has.
fn refuse_other_than(
    parameter: &str,
    given: Option<&str>,
    choices: &[&str],
) -> Result<(), Ec2Error> {
    let Some(value) = given else { return Ok(()) };
    check_choice(parameter, value, choices)?;
    let is_another = choices.first() != Some(&value);
    refuse(&format!("{parameter} '{value}'"), is_another)
}

impl LaunchNetworkInterface {
    fn refuse_what_is_absent(&self) -> Result<(), Ec2Error> {
        let ipv6 = self.ipv6_address_count.unwrap_or(0) > 0
            || !self.ipv6_addresses.is_empty()
            || self.primary_ipv6 == Some(true)
            || self.ipv6_prefix_count.unwrap_or(0) > 0;
        refuse("IPv6", ipv6)?;
        refuse("IPv4 prefixes", self.ipv4_prefix_count.unwrap_or(0) > 0)?;
        refuse(
            "A carrier address",
            self.associate_carrier_ip_address == Some(true),
        )?;
        let express = self.ena_srd_specification.as_ref();
        express.map_or(Ok(()), EnaSrdSpecification::refuse)
    }
}
