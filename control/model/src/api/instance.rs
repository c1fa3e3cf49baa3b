//! Instances: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/instance.toml`.

use super::iam_instance_profile_association::{IamInstanceProfile, IamInstanceProfileDescription};
use super::network_interface::{
    ConnectionTrackingSpecification, EnaSrdSpecification, GroupIdentifier, Ipv4PrefixParameter,
    Ipv6AddressParameter, Ipv6PrefixParameter, OperatorDescription, PrivateIpAddressSpecification,
};
use super::volume::InstanceBlockDeviceMappingDescription;
use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::operations::attribute::{AttributeBooleanValue, AttributeValue};
use crate::operations::unsupported::refuse;
use crate::tags::{TagItem, TagSpecification};
use crate::{Ec2Error, ItemSet, ReturnTrue};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use eni_query::{FromQuery, Unread};
use eni_types::{
    AttachmentId, AttachmentStatus, ImageId, InstanceId, InstanceState, Ipv4Cidr, Ipv6Cidr,
    MacAddress, NetworkInterfaceId, NetworkInterfaceStatus, NetworkInterfaceType, ReservationId,
    SecurityGroupId, SubnetId, VpcId,
};
use serde::Serialize;

/// What `DescribeInstanceAttribute` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeInstanceAttribute {
    pub(crate) instance_id: InstanceId,
    pub(crate) attribute: String,
}

/// What `DescribeInstanceAttribute` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeInstanceAttributeResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_id: Option<InstanceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_type: Option<AttributeValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kernel: Option<NoValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ramdisk: Option<NoValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_data: Option<OptionalValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disable_api_termination: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disable_api_stop: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_initiated_shutdown_behavior: Option<AttributeValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) root_device_name: Option<AttributeValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) block_device_mapping: Option<ItemSet<InstanceBlockDeviceMappingDescription>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) product_codes: Option<ItemSet<()>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_dest_check: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_set: Option<ItemSet<GroupIdentifier>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ebs_optimized: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ena_support: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sriov_net_support: Option<AttributeValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enclave_options: Option<EnclaveOptionsDescription>,
}

impl Action for DescribeInstanceAttribute {
    const NAME: &'static str = "DescribeInstanceAttribute";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeInstanceAttributeResponse;
}

/// What `DescribeInstanceCreditSpecifications` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeInstanceCreditSpecifications {
    #[query(name = "InstanceId")]
    pub(crate) instance_ids: Vec<InstanceId>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeInstanceCreditSpecifications` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeInstanceCreditSpecificationsResponse {
    pub(crate) instance_credit_specification_set: ItemSet<CreditSpecificationDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeInstanceCreditSpecifications {
    const NAME: &'static str = "DescribeInstanceCreditSpecifications";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeInstanceCreditSpecificationsResponse;
}

impl Filtered for CreditSpecificationDescription {
    const FILTERS: &'static [&'static str] = &["instance-id"];
}

/// What `DescribeInstanceImageMetadata` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeInstanceImageMetadata {
    #[query(name = "InstanceId")]
    pub(crate) instance_ids: Vec<InstanceId>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeInstanceImageMetadata` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeInstanceImageMetadataResponse {
    pub(crate) instance_image_metadata_set: ItemSet<InstanceImageMetadataDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeInstanceImageMetadata {
    const NAME: &'static str = "DescribeInstanceImageMetadata";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeInstanceImageMetadataResponse;
}

impl Filtered for InstanceImageMetadataDescription {
    const FILTERS: &'static [&'static str] = &[
        "availability-zone",
        "image-allowed",
        "instance-id",
        "instance-state-name",
        "instance-type",
        "launch-time",
        "owner-alias",
        "owner-id",
        "zone-id",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "availability-zone" => give(self.availability_zone.to_string()),
            "owner-alias" => give(self.image_metadata.image_owner_alias.to_string()),
            "instance-id" => give(self.instance_id.to_string()),
            "owner-id" => give(self.instance_owner_id.to_string()),
            "instance-state-name" => give(self.instance_state.name.to_string()),
            "instance-type" => give(self.instance_type.to_string()),
            "launch-time" => give(self.launch_time.to_string()),
            "zone-id" => give(self.zone_id.to_string()),
            _ => {}
        }
    }
}

/// What `DescribeInstanceStatus` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeInstanceStatus {
    #[query(name = "InstanceId")]
    pub(crate) instance_ids: Vec<InstanceId>,
    pub(crate) include_all_instances: Option<bool>,
    pub(crate) include_managed_resources: Option<bool>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeInstanceStatus` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeInstanceStatusResponse {
    pub(crate) instance_status_set: ItemSet<InstanceStatusDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeInstanceStatus {
    const NAME: &'static str = "DescribeInstanceStatus";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeInstanceStatusResponse;
}

impl Filtered for InstanceStatusDescription {
    const FILTERS: &'static [&'static str] = &[
        "application-status.status",
        "attached-ebs-status.status",
        "availability-zone",
        "availability-zone-id",
        "event.code",
        "event.description",
        "event.instance-event-id",
        "event.not-after",
        "event.not-before",
        "event.not-before-deadline",
        "instance-state-code",
        "instance-state-name",
        "instance-status.reachability",
        "instance-status.status",
        "operator.managed",
        "operator.principal",
        "system-status.reachability",
        "system-status.status",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "instance-status.reachability" => {
                for one in self
                    .instance_status
                    .details
                    .iter()
                    .flat_map(|set| &set.items)
                {
                    give(one.status.to_string());
                }
            }
            "system-status.reachability" => {
                for one in self.system_status.details.iter().flat_map(|set| &set.items) {
                    give(one.status.to_string());
                }
            }
            "operator.managed" => give("false".into()),
            "attached-ebs-status.status" => give(self.attached_ebs_status.status.to_string()),
            "availability-zone" => give(self.availability_zone.to_string()),
            "availability-zone-id" => give(self.availability_zone_id.to_string()),
            "instance-state-code" => give(self.instance_state.code.to_string()),
            "instance-state-name" => give(self.instance_state.name.to_string()),
            "instance-status.status" => give(self.instance_status.status.to_string()),
            "system-status.status" => give(self.system_status.status.to_string()),
            _ => {}
        }
    }
}

/// What `DescribeInstances` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeInstances {
    #[query(name = "InstanceId")]
    pub(crate) instance_ids: Vec<InstanceId>,
    pub(crate) include_managed_resources: Option<bool>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeInstances` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeInstancesResponse {
    pub(crate) reservation_set: ItemSet<ReservationDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeInstances {
    const NAME: &'static str = "DescribeInstances";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeInstancesResponse;
}

impl Filtered for InstanceDescription {
    const FILTERS: &'static [&'static str] = &[
        "affinity",
        "architecture",
        "availability-zone",
        "availability-zone-id",
        "block-device-mapping.attach-time",
        "block-device-mapping.delete-on-termination",
        "block-device-mapping.device-name",
        "block-device-mapping.status",
        "block-device-mapping.volume-id",
        "boot-mode",
        "capacity-reservation-id",
        "capacity-reservation-specification.capacity-reservation-preference",
        "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id",
        "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn",
        "client-token",
        "current-instance-boot-mode",
        "dns-name",
        "ebs-optimized",
        "ena-support",
        "enclave-options.enabled",
        "hibernation-options.configured",
        "host-id",
        "hypervisor",
        "iam-instance-profile.arn",
        "iam-instance-profile.id",
        "image-id",
        "instance-id",
        "instance-lifecycle",
        "instance-state-code",
        "instance-state-name",
        "instance-type",
        "instance.group-id",
        "instance.group-name",
        "ip-address",
        "ipv6-address",
        "kernel-id",
        "key-name",
        "launch-index",
        "launch-time",
        "maintenance-options.auto-recovery",
        "metadata-options.http-endpoint",
        "metadata-options.http-protocol-ipv4",
        "metadata-options.http-protocol-ipv6",
        "metadata-options.http-put-response-hop-limit",
        "metadata-options.http-tokens",
        "metadata-options.instance-metadata-tags",
        "metadata-options.state",
        "monitoring-state",
        "network-interface.addresses.association.allocation-id",
        "network-interface.addresses.association.association-id",
        "network-interface.addresses.association.carrier-ip",
        "network-interface.addresses.association.customer-owned-ip",
        "network-interface.addresses.association.ip-owner-id",
        "network-interface.addresses.association.public-dns-name",
        "network-interface.addresses.association.public-ip",
        "network-interface.addresses.primary",
        "network-interface.addresses.private-dns-name",
        "network-interface.addresses.private-ip-address",
        "network-interface.association.allocation-id",
        "network-interface.association.association-id",
        "network-interface.association.carrier-ip",
        "network-interface.association.customer-owned-ip",
        "network-interface.association.ip-owner-id",
        "network-interface.association.public-dns-name",
        "network-interface.association.public-ip",
        "network-interface.attachment.attach-time",
        "network-interface.attachment.attachment-id",
        "network-interface.attachment.delete-on-termination",
        "network-interface.attachment.device-index",
        "network-interface.attachment.instance-id",
        "network-interface.attachment.instance-owner-id",
        "network-interface.attachment.network-card-index",
        "network-interface.attachment.status",
        "network-interface.availability-zone",
        "network-interface.deny-all-igw-traffic",
        "network-interface.description",
        "network-interface.group-id",
        "network-interface.group-name",
        "network-interface.ipv4-prefixes.ipv4-prefix",
        "network-interface.ipv6-address",
        "network-interface.ipv6-addresses.ipv6-address",
        "network-interface.ipv6-addresses.is-primary-ipv6",
        "network-interface.ipv6-native",
        "network-interface.ipv6-prefixes.ipv6-prefix",
        "network-interface.mac-address",
        "network-interface.network-interface-id",
        "network-interface.operator.managed",
        "network-interface.operator.principal",
        "network-interface.outpost-arn",
        "network-interface.owner-id",
        "network-interface.private-dns-name",
        "network-interface.private-ip-address",
        "network-interface.public-dns-name",
        "network-interface.requester-id",
        "network-interface.requester-managed",
        "network-interface.source-dest-check",
        "network-interface.status",
        "network-interface.subnet-id",
        "network-interface.tag-key",
        "network-interface.tag-value",
        "network-interface.vpc-id",
        "network-performance-options.bandwidth-weighting",
        "operator.managed",
        "operator.principal",
        "outpost-arn",
        "owner-id",
        "placement-group-name",
        "placement-partition-number",
        "platform",
        "platform-details",
        "private-dns-name",
        "private-dns-name-options.enable-resource-name-dns-a-record",
        "private-dns-name-options.enable-resource-name-dns-aaaa-record",
        "private-dns-name-options.hostname-type",
        "private-ip-address",
        "product-code",
        "product-code.type",
        "ramdisk-id",
        "reason",
        "requester-id",
        "reservation-id",
        "root-device-name",
        "root-device-type",
        "source-dest-check",
        "spot-instance-request-id",
        "state-reason-code",
        "state-reason-message",
        "subnet-id",
        "tenancy",
        "tpm-support",
        "usage-operation",
        "usage-operation-update-time",
        "virtualization-type",
        "vpc-id",
    ];
}

/// What `GetConsoleOutput` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct GetConsoleOutput {
    pub(crate) instance_id: InstanceId,
    pub(crate) latest: Option<bool>,
}

/// What `GetConsoleOutput` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetConsoleOutputResponse {
    pub(crate) instance_id: InstanceId,
    pub(crate) timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<String>,
}

impl Action for GetConsoleOutput {
    const NAME: &'static str = "GetConsoleOutput";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = GetConsoleOutputResponse;
}

/// What `ModifyInstanceAttribute` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ModifyInstanceAttribute {
    pub(crate) instance_id: InstanceId,
    pub(crate) attribute: Option<String>,
    #[query(keep_empty)]
    pub(crate) value: Option<String>,
    pub(crate) source_dest_check: Option<AttributeBooleanValue>,
    #[query(name = "GroupId")]
    pub(crate) groups: Vec<SecurityGroupId>,
    pub(crate) instance_type: Option<AttributeValue>,
    pub(crate) user_data: Option<AttributeValue>,
    pub(crate) disable_api_termination: Option<AttributeBooleanValue>,
    pub(crate) disable_api_stop: Option<AttributeBooleanValue>,
    pub(crate) instance_initiated_shutdown_behavior: Option<AttributeValue>,
    pub(crate) ebs_optimized: Option<AttributeBooleanValue>,
    pub(crate) ena_support: Option<AttributeBooleanValue>,
    pub(crate) sriov_net_support: Option<AttributeValue>,
    #[query(name = "BlockDeviceMapping")]
    pub(crate) block_device_mappings: Vec<BlockDeviceChange>,
    pub(crate) kernel: Option<AttributeValue>,
    pub(crate) ramdisk: Option<AttributeValue>,
}

impl Action for ModifyInstanceAttribute {
    const NAME: &'static str = "ModifyInstanceAttribute";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `ModifyInstanceMetadataOptions` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ModifyInstanceMetadataOptions {
    pub(crate) instance_id: InstanceId,
    pub(crate) http_tokens: Option<String>,
    pub(crate) http_put_response_hop_limit: Option<u8>,
    pub(crate) http_endpoint: Option<String>,
    pub(crate) http_protocol_ipv6: Option<String>,
    pub(crate) instance_metadata_tags: Option<String>,
}

/// What `ModifyInstanceMetadataOptions` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModifyInstanceMetadataOptionsResponse {
    pub(crate) instance_id: InstanceId,
    pub(crate) instance_metadata_options: MetadataOptionsDescription,
}

impl Action for ModifyInstanceMetadataOptions {
    const NAME: &'static str = "ModifyInstanceMetadataOptions";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ModifyInstanceMetadataOptionsResponse;
}

/// What `ModifyPrivateDnsNameOptions` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ModifyPrivateDnsNameOptions {
    pub(crate) instance_id: InstanceId,
    pub(crate) private_dns_hostname_type: Option<String>,
    pub(crate) enable_resource_name_dns_a_record: Option<bool>,
    #[query(name = "EnableResourceNameDnsAAAARecord")]
    pub(crate) enable_resource_name_dns_aaaa_record: Option<bool>,
}

impl Action for ModifyPrivateDnsNameOptions {
    const NAME: &'static str = "ModifyPrivateDnsNameOptions";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `RebootInstances` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct RebootInstances {
    #[query(name = "InstanceId")]
    pub(crate) instance_ids: Vec<InstanceId>,
}

impl Action for RebootInstances {
    const NAME: &'static str = "RebootInstances";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `ResetInstanceAttribute` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ResetInstanceAttribute {
    pub(crate) instance_id: InstanceId,
    pub(crate) attribute: String,
}

impl Action for ResetInstanceAttribute {
    const NAME: &'static str = "ResetInstanceAttribute";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `RunInstances` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct RunInstances {
    pub(crate) image_id: ImageId,
    pub(crate) instance_type: Option<String>,
    pub(crate) min_count: u32,
    pub(crate) max_count: u32,
    pub(crate) subnet_id: Option<SubnetId>,
    #[query(name = "SecurityGroupId")]
    pub(crate) security_group_ids: Vec<SecurityGroupId>,
    #[query(name = "SecurityGroup")]
    pub(crate) security_groups: Vec<String>,
    pub(crate) private_ip_address: Option<Ipv4Addr>,
    #[query(name = "NetworkInterface")]
    pub(crate) network_interfaces: Vec<LaunchNetworkInterface>,
    pub(crate) user_data: Option<String>,
    pub(crate) key_name: Option<String>,
    pub(crate) placement: Option<Placement>,
    pub(crate) client_token: Option<String>,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
    pub(crate) disable_api_termination: Option<bool>,
    pub(crate) disable_api_stop: Option<bool>,
    pub(crate) instance_initiated_shutdown_behavior: Option<String>,
    pub(crate) ebs_optimized: Option<bool>,
    pub(crate) monitoring: Option<Monitoring>,
    pub(crate) metadata_options: Option<MetadataOptionsParameter>,
    pub(crate) credit_specification: Option<CreditSpecification>,
    #[query(name = "BlockDeviceMapping")]
    pub(crate) block_device_mappings: Vec<BlockDeviceMapping>,
    pub(crate) iam_instance_profile: Option<IamInstanceProfile>,
    pub(crate) cpu_options: Option<CpuOptions>,
    pub(crate) capacity_reservation_specification: Option<CapacityReservationSpecification>,
    pub(crate) maintenance_options: Option<MaintenanceOptions>,
    pub(crate) private_dns_name_options: Option<PrivateDnsNameOptions>,
    pub(crate) enclave_options: Option<EnclaveOptions>,
    pub(crate) hibernation_options: Option<HibernationOptions>,
    pub(crate) launch_template: Option<LaunchTemplate>,
    pub(crate) instance_market_options: Option<InstanceMarketOptions>,
    pub(crate) ipv6_address_count: Option<u32>,
    #[query(name = "Ipv6Address")]
    pub(crate) ipv6_addresses: Vec<Ipv6AddressParameter>,
    pub(crate) enable_primary_ipv6: Option<bool>,
    #[query(name = "SecondaryInterface")]
    pub(crate) secondary_interfaces: Vec<Unread>,
}

impl RunInstances {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse("A secondary network", !self.secondary_interfaces.is_empty())?;
        self.network_interfaces
            .iter()
            .try_for_each(LaunchNetworkInterface::refuse_unsupported)?;
        self.placement
            .iter()
            .try_for_each(Placement::refuse_unsupported)?;
        self.monitoring
            .iter()
            .try_for_each(Monitoring::refuse_unsupported)?;
        self.enclave_options
            .iter()
            .try_for_each(EnclaveOptions::refuse_unsupported)?;
        self.hibernation_options
            .iter()
            .try_for_each(HibernationOptions::refuse_unsupported)?;
        self.launch_template
            .iter()
            .try_for_each(LaunchTemplate::refuse_unsupported)?;
        self.instance_market_options
            .iter()
            .try_for_each(InstanceMarketOptions::refuse_unsupported)?;
        Ok(())
    }
}

impl Action for RunInstances {
    const NAME: &'static str = "RunInstances";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReservationDescription;
}

/// What `StartInstances` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct StartInstances {
    #[query(name = "InstanceId")]
    pub(crate) instance_ids: Vec<InstanceId>,
    pub(crate) additional_info: Option<String>,
}

impl Action for StartInstances {
    const NAME: &'static str = "StartInstances";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = InstanceStateChangesResponse;
}

/// What `StopInstances` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct StopInstances {
    #[query(name = "InstanceId")]
    pub(crate) instance_ids: Vec<InstanceId>,
    pub(crate) force: Option<bool>,
    pub(crate) skip_os_shutdown: Option<bool>,
    pub(crate) hibernate: Option<bool>,
}

impl StopInstances {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse("Hibernation", self.hibernate == Some(true))?;
        Ok(())
    }
}

impl Action for StopInstances {
    const NAME: &'static str = "StopInstances";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = InstanceStateChangesResponse;
}

/// What `TerminateInstances` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct TerminateInstances {
    #[query(name = "InstanceId")]
    pub(crate) instance_ids: Vec<InstanceId>,
    pub(crate) force: Option<bool>,
    pub(crate) skip_os_shutdown: Option<bool>,
}

impl Action for TerminateInstances {
    const NAME: &'static str = "TerminateInstances";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = InstanceStateChangesResponse;
}

/// `InstanceBlockDeviceMappingSpecification` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct BlockDeviceChange {
    pub(crate) device_name: Option<String>,
    pub(crate) no_device: Option<String>,
    pub(crate) virtual_name: Option<String>,
    pub(crate) ebs: Option<VolumeChange>,
}

/// `BlockDeviceMapping` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct BlockDeviceMapping {
    pub(crate) device_name: Option<String>,
    #[query(keep_empty)]
    pub(crate) no_device: Option<String>,
    pub(crate) virtual_name: Option<String>,
    pub(crate) ebs: Option<EbsBlockDevice>,
}

/// `CapacityReservationSpecification` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct CapacityReservationSpecification {
    pub(crate) capacity_reservation_preference: Option<String>,
}

/// `CapacityReservationSpecificationResponse` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CapacityReservationSpecificationDescription {
    pub(crate) capacity_reservation_preference: &'static str,
}

/// `CpuOptionsRequest` of EC2's model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct CpuOptions {
    pub(crate) core_count: Option<u32>,
    pub(crate) threads_per_core: Option<u32>,
}

/// `CpuOptions` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CpuOptionsDescription {
    pub(crate) core_count: u32,
    pub(crate) threads_per_core: u32,
}

/// `CreditSpecificationRequest` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct CreditSpecification {
    pub(crate) cpu_credits: Option<String>,
}

/// `InstanceCreditSpecification` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreditSpecificationDescription {
    pub(crate) instance_id: InstanceId,
    pub(crate) cpu_credits: String,
}

/// `EbsBlockDevice` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct EbsBlockDevice {
    pub(crate) delete_on_termination: Option<bool>,
    pub(crate) encrypted: Option<bool>,
    pub(crate) iops: Option<u32>,
    pub(crate) kms_key_id: Option<String>,
    pub(crate) snapshot_id: Option<String>,
    pub(crate) throughput: Option<u32>,
    pub(crate) volume_size: Option<u32>,
    pub(crate) volume_type: Option<String>,
}

/// `EnclaveOptionsRequest` of EC2's model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct EnclaveOptions {
    pub(crate) enabled: Option<bool>,
}

impl EnclaveOptions {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse("Nitro Enclaves", self.enabled == Some(true))?;
        Ok(())
    }
}

/// `EnclaveOptions` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct EnclaveOptionsDescription {
    pub(crate) enabled: bool,
}

/// `HibernationOptionsRequest` of EC2's model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct HibernationOptions {
    pub(crate) configured: Option<bool>,
}

impl HibernationOptions {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse("Hibernation", self.configured == Some(true))?;
        Ok(())
    }
}

/// `HibernationOptions` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct HibernationOptionsDescription {
    pub(crate) configured: bool,
}

/// `ImageMetadata` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageMetadataDescription {
    pub(crate) image_id: ImageId,
    pub(crate) name: &'static str,
    pub(crate) image_owner_id: &'static str,
    pub(crate) image_state: &'static str,
    pub(crate) image_owner_alias: &'static str,
    pub(crate) creation_date: &'static str,
    pub(crate) is_public: bool,
}

/// `Instance` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceDescription {
    pub(crate) instance_id: InstanceId,
    pub(crate) image_id: ImageId,
    pub(crate) instance_state: InstanceStateDescription,
    pub(crate) private_dns_name: String,
    pub(crate) dns_name: String,
    pub(crate) reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_name: Option<String>,
    pub(crate) ami_launch_index: u32,
    pub(crate) product_codes: ItemSet<()>,
    pub(crate) instance_type: &'static str,
    pub(crate) launch_time: String,
    pub(crate) placement: PlacementDescription,
    pub(crate) monitoring: MonitoringDescription,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subnet_id: Option<SubnetId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vpc_id: Option<VpcId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_ip_address: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv6_address: Option<Ipv6Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ip_address: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_dest_check: Option<bool>,
    pub(crate) group_set: ItemSet<GroupIdentifier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state_reason: Option<StateReason>,
    pub(crate) architecture: &'static str,
    pub(crate) root_device_type: &'static str,
    pub(crate) root_device_name: &'static str,
    pub(crate) block_device_mapping: ItemSet<InstanceBlockDeviceMappingDescription>,
    pub(crate) virtualization_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag_set: Option<ItemSet<TagItem>>,
    pub(crate) hypervisor: &'static str,
    pub(crate) network_interface_set: ItemSet<InterfaceDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iam_instance_profile: Option<IamInstanceProfileDescription>,
    pub(crate) ebs_optimized: bool,
    pub(crate) ena_support: bool,
    pub(crate) cpu_options: CpuOptionsDescription,
    pub(crate) capacity_reservation_specification: CapacityReservationSpecificationDescription,
    pub(crate) hibernation_options: HibernationOptionsDescription,
    pub(crate) metadata_options: MetadataOptionsDescription,
    pub(crate) enclave_options: EnclaveOptionsDescription,
    pub(crate) boot_mode: &'static str,
    pub(crate) platform_details: &'static str,
    pub(crate) usage_operation: &'static str,
    pub(crate) usage_operation_update_time: String,
    pub(crate) private_dns_name_options: PrivateDnsNameOptionsDescription,
    pub(crate) maintenance_options: MaintenanceOptionsDescription,
    pub(crate) current_instance_boot_mode: &'static str,
    pub(crate) operator: OperatorDescription,
}

/// `InstanceImageMetadata` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceImageMetadataDescription {
    pub(crate) instance_id: InstanceId,
    pub(crate) instance_type: &'static str,
    pub(crate) launch_time: String,
    pub(crate) availability_zone: String,
    pub(crate) zone_id: String,
    pub(crate) instance_state: InstanceStateDescription,
    pub(crate) instance_owner_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag_set: Option<ItemSet<TagItem>>,
    pub(crate) image_metadata: ImageMetadataDescription,
}

/// `InstanceMarketOptionsRequest` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct InstanceMarketOptions {
    pub(crate) market_type: Option<String>,
}

impl InstanceMarketOptions {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse("The spot market", self.market_type.is_some())?;
        Ok(())
    }
}

/// `InstanceStateChange` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceStateChange {
    pub(crate) instance_id: InstanceId,
    pub(crate) current_state: InstanceStateDescription,
    pub(crate) previous_state: InstanceStateDescription,
}

/// `StartInstancesResult`, `StopInstancesResult`, `TerminateInstancesResult` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceStateChangesResponse {
    pub(crate) instances_set: ItemSet<InstanceStateChange>,
}

/// `InstanceState` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct InstanceStateDescription {
    pub(crate) code: u16,
    pub(crate) name: InstanceState,
}

/// `InstanceStatus` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceStatusDescription {
    pub(crate) instance_id: InstanceId,
    pub(crate) availability_zone: String,
    pub(crate) availability_zone_id: String,
    pub(crate) instance_state: InstanceStateDescription,
    pub(crate) system_status: InstanceStatusSummary,
    pub(crate) instance_status: InstanceStatusSummary,
    pub(crate) attached_ebs_status: InstanceStatusSummary,
    pub(crate) events_set: ItemSet<()>,
}

/// `EbsStatusDetails`, `InstanceStatusDetails` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceStatusDetails {
    pub(crate) name: &'static str,
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) impaired_since: Option<String>,
}

/// `EbsStatusSummary`, `InstanceStatusSummary` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct InstanceStatusSummary {
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) details: Option<ItemSet<InstanceStatusDetails>>,
}

/// `InstancePrivateIpAddress` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InterfaceAddress {
    pub(crate) private_ip_address: Ipv4Addr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_dns_name: Option<String>,
    pub(crate) primary: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) association: Option<InterfaceAssociation>,
}

/// `InstanceNetworkInterfaceAssociation` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InterfaceAssociation {
    pub(crate) public_ip: Ipv4Addr,
    pub(crate) public_dns_name: String,
    pub(crate) ip_owner_id: String,
}

/// `InstanceNetworkInterfaceAttachment` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InterfaceAttachment {
    pub(crate) attachment_id: AttachmentId,
    pub(crate) device_index: u8,
    pub(crate) network_card_index: u8,
    pub(crate) status: AttachmentStatus,
    pub(crate) attach_time: String,
    pub(crate) delete_on_termination: bool,
}

/// `InstanceNetworkInterface` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InterfaceDescription {
    pub(crate) network_interface_id: NetworkInterfaceId,
    pub(crate) subnet_id: SubnetId,
    pub(crate) vpc_id: VpcId,
    pub(crate) description: String,
    pub(crate) owner_id: String,
    pub(crate) status: NetworkInterfaceStatus,
    pub(crate) mac_address: MacAddress,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_ip_address: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_dns_name: Option<String>,
    pub(crate) source_dest_check: bool,
    pub(crate) group_set: ItemSet<GroupIdentifier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attachment: Option<InterfaceAttachment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) association: Option<InterfaceAssociation>,
    pub(crate) private_ip_addresses_set: ItemSet<InterfaceAddress>,
    pub(crate) ipv6_addresses_set: ItemSet<InterfaceIpv6Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv4_prefix_set: Option<ItemSet<InterfaceIpv4Prefix>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv6_prefix_set: Option<ItemSet<InterfaceIpv6Prefix>>,
    pub(crate) interface_type: NetworkInterfaceType,
    pub(crate) operator: OperatorDescription,
}

/// `InstanceIpv4Prefix` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InterfaceIpv4Prefix {
    pub(crate) ipv4_prefix: Ipv4Cidr,
}

/// `InstanceIpv6Address` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InterfaceIpv6Address {
    pub(crate) ipv6_address: Ipv6Addr,
    pub(crate) is_primary_ipv6: bool,
}

/// `InstanceIpv6Prefix` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InterfaceIpv6Prefix {
    pub(crate) ipv6_prefix: Ipv6Cidr,
}

/// `InstanceNetworkInterfaceSpecification` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct LaunchNetworkInterface {
    pub(crate) device_index: Option<u8>,
    pub(crate) network_card_index: Option<u8>,
    pub(crate) network_interface_id: Option<NetworkInterfaceId>,
    pub(crate) subnet_id: Option<SubnetId>,
    pub(crate) description: Option<String>,
    pub(crate) private_ip_address: Option<Ipv4Addr>,
    pub(crate) private_ip_addresses: Vec<PrivateIpAddressSpecification>,
    pub(crate) secondary_private_ip_address_count: Option<u32>,
    #[query(name = "SecurityGroupId")]
    pub(crate) group_ids: Vec<SecurityGroupId>,
    pub(crate) delete_on_termination: Option<bool>,
    pub(crate) associate_public_ip_address: Option<bool>,
    pub(crate) interface_type: Option<String>,
    pub(crate) ena_srd_specification: Option<EnaSrdSpecification>,
    pub(crate) connection_tracking_specification: Option<ConnectionTrackingSpecification>,
    #[query(name = "Ipv4Prefix")]
    pub(crate) ipv4_prefixes: Vec<Ipv4PrefixParameter>,
    pub(crate) ipv4_prefix_count: Option<u32>,
    pub(crate) ipv6_addresses: Vec<Ipv6AddressParameter>,
    pub(crate) ipv6_address_count: Option<u32>,
    #[query(name = "Ipv6Prefix")]
    pub(crate) ipv6_prefixes: Vec<Ipv6PrefixParameter>,
    pub(crate) ipv6_prefix_count: Option<u32>,
    pub(crate) primary_ipv6: Option<bool>,
    pub(crate) associate_carrier_ip_address: Option<bool>,
}

impl LaunchNetworkInterface {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse(
            "A carrier address",
            self.associate_carrier_ip_address == Some(true),
        )?;
        Ok(())
    }
}

/// `LaunchTemplateSpecification` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct LaunchTemplate {
    pub(crate) launch_template_id: Option<String>,
    pub(crate) launch_template_name: Option<String>,
    pub(crate) version: Option<String>,
}

impl LaunchTemplate {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse(
            "Launching from a template",
            self.launch_template_id.is_some()
                || self.launch_template_name.is_some()
                || self.version.is_some(),
        )?;
        Ok(())
    }
}

/// `InstanceMaintenanceOptionsRequest` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct MaintenanceOptions {
    pub(crate) auto_recovery: Option<String>,
}

/// `InstanceMaintenanceOptions` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MaintenanceOptionsDescription {
    pub(crate) auto_recovery: &'static str,
    pub(crate) reboot_migration: &'static str,
}

/// `InstanceMetadataOptionsResponse` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetadataOptionsDescription {
    pub(crate) state: &'static str,
    pub(crate) http_tokens: String,
    pub(crate) http_put_response_hop_limit: u8,
    pub(crate) http_endpoint: String,
    pub(crate) http_protocol_ipv6: String,
    pub(crate) instance_metadata_tags: String,
}

/// `InstanceMetadataOptionsRequest` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct MetadataOptionsParameter {
    pub(crate) http_tokens: Option<String>,
    pub(crate) http_put_response_hop_limit: Option<u8>,
    pub(crate) http_endpoint: Option<String>,
    pub(crate) http_protocol_ipv6: Option<String>,
    pub(crate) instance_metadata_tags: Option<String>,
}

/// `RunInstancesMonitoringEnabled` of EC2's model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct Monitoring {
    pub(crate) enabled: Option<bool>,
}

impl Monitoring {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse("Detailed monitoring", self.enabled == Some(true))?;
        Ok(())
    }
}

/// `Monitoring` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MonitoringDescription {
    pub(crate) state: &'static str,
}

/// `AttributeValue` of EC2's model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct NoValue {}

/// `AttributeValue` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct OptionalValue {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
}

/// `Placement` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct Placement {
    pub(crate) availability_zone: Option<String>,
    pub(crate) availability_zone_id: Option<String>,
    pub(crate) tenancy: Option<String>,
    pub(crate) host_id: Option<String>,
    pub(crate) group_name: Option<String>,
}

impl Placement {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse("Dedicated tenancy", self.host_id.is_some())?;
        refuse("A placement group", self.group_name.is_some())?;
        Ok(())
    }
}

/// `Placement` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlacementDescription {
    pub(crate) availability_zone: String,
    pub(crate) availability_zone_id: String,
    pub(crate) group_name: &'static str,
    pub(crate) tenancy: &'static str,
}

/// `PrivateDnsNameOptionsRequest` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct PrivateDnsNameOptions {
    pub(crate) hostname_type: Option<String>,
    pub(crate) enable_resource_name_dns_a_record: Option<bool>,
    #[query(name = "EnableResourceNameDnsAAAARecord")]
    pub(crate) enable_resource_name_dns_aaaa_record: Option<bool>,
}

/// `PrivateDnsNameOptionsResponse` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PrivateDnsNameOptionsDescription {
    pub(crate) hostname_type: &'static str,
    pub(crate) enable_resource_name_dns_a_record: bool,
    #[serde(rename = "enableResourceNameDnsAAAARecord")]
    pub(crate) enable_resource_name_dns_aaaa_record: bool,
}

/// `Reservation` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservationDescription {
    pub(crate) reservation_id: ReservationId,
    pub(crate) owner_id: String,
    pub(crate) group_set: ItemSet<()>,
    pub(crate) instances_set: ItemSet<InstanceDescription>,
}

/// `StateReason` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct StateReason {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// `EbsInstanceBlockDeviceSpecification` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct VolumeChange {
    pub(crate) delete_on_termination: Option<bool>,
    pub(crate) volume_id: Option<String>,
}
