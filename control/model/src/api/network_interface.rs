//! Network interfaces: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/network_interface.toml`.

use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::operations::attribute::{AttributeBooleanValue, AttributeValue};
use crate::tags::{TagItem, TagSpecification};
use crate::{ItemSet, ReturnTrue};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use eni_query::FromQuery;
use eni_types::{
    AllocationId, AssociationId, AttachmentId, AttachmentStatus, InstanceId, Ipv4Cidr, Ipv6Cidr,
    MacAddress, NetworkInterfaceId, NetworkInterfaceStatus, NetworkInterfaceType, SecurityGroupId,
    SubnetId, VpcId,
};
use serde::Serialize;

/// What `AssignIpv6Addresses` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AssignIpv6Addresses {
    pub(crate) network_interface_id: NetworkInterfaceId,
    pub(crate) ipv6_addresses: Vec<Ipv6Addr>,
    pub(crate) ipv6_address_count: Option<u32>,
    #[query(name = "Ipv6Prefix")]
    pub(crate) ipv6_prefixes: Vec<Ipv6Cidr>,
    pub(crate) ipv6_prefix_count: Option<u32>,
}

/// What `AssignIpv6Addresses` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignIpv6AddressesResponse {
    pub(crate) network_interface_id: NetworkInterfaceId,
    pub(crate) assigned_ipv6_addresses: ItemSet<Ipv6Addr>,
    pub(crate) assigned_ipv6_prefix_set: ItemSet<Ipv6Cidr>,
}

impl Action for AssignIpv6Addresses {
    const NAME: &'static str = "AssignIpv6Addresses";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = AssignIpv6AddressesResponse;
}

/// What `AssignPrivateIpAddresses` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AssignPrivateIpAddresses {
    pub(crate) network_interface_id: NetworkInterfaceId,
    #[query(name = "PrivateIpAddress")]
    pub(crate) private_ip_addresses: Vec<Ipv4Addr>,
    pub(crate) secondary_private_ip_address_count: Option<u32>,
    pub(crate) allow_reassignment: Option<bool>,
    #[query(name = "Ipv4Prefix")]
    pub(crate) ipv4_prefixes: Vec<Ipv4Cidr>,
    pub(crate) ipv4_prefix_count: Option<u32>,
}

/// What `AssignPrivateIpAddresses` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignPrivateIpAddressesResponse {
    pub(crate) network_interface_id: NetworkInterfaceId,
    pub(crate) assigned_private_ip_addresses_set: ItemSet<AssignedPrivateIpAddress>,
    pub(crate) assigned_ipv4_prefix_set: ItemSet<Ipv4PrefixDescription>,
    pub(crate) r#return: bool,
}

impl Action for AssignPrivateIpAddresses {
    const NAME: &'static str = "AssignPrivateIpAddresses";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = AssignPrivateIpAddressesResponse;
}

/// What `AttachNetworkInterface` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AttachNetworkInterface {
    pub(crate) network_interface_id: NetworkInterfaceId,
    pub(crate) instance_id: InstanceId,
    pub(crate) device_index: u8,
    pub(crate) network_card_index: Option<u8>,
    pub(crate) ena_srd_specification: Option<EnaSrdSpecification>,
    pub(crate) ena_queue_count: Option<u32>,
}

/// What `AttachNetworkInterface` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachNetworkInterfaceResponse {
    pub(crate) attachment_id: AttachmentId,
    pub(crate) network_card_index: u8,
}

impl Action for AttachNetworkInterface {
    const NAME: &'static str = "AttachNetworkInterface";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = AttachNetworkInterfaceResponse;
}

/// What `CreateNetworkInterface` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateNetworkInterface {
    pub(crate) subnet_id: SubnetId,
    pub(crate) description: Option<String>,
    pub(crate) private_ip_address: Option<Ipv4Addr>,
    pub(crate) private_ip_addresses: Vec<PrivateIpAddressSpecification>,
    pub(crate) secondary_private_ip_address_count: Option<u32>,
    #[query(name = "Ipv4Prefix")]
    pub(crate) ipv4_prefixes: Vec<Ipv4PrefixParameter>,
    pub(crate) ipv4_prefix_count: Option<u32>,
    pub(crate) ipv6_addresses: Vec<Ipv6AddressParameter>,
    pub(crate) ipv6_address_count: Option<u32>,
    #[query(name = "Ipv6Prefix")]
    pub(crate) ipv6_prefixes: Vec<Ipv6PrefixParameter>,
    pub(crate) ipv6_prefix_count: Option<u32>,
    pub(crate) enable_primary_ipv6: Option<bool>,
    #[query(name = "SecurityGroupId")]
    pub(crate) group_ids: Vec<SecurityGroupId>,
    pub(crate) interface_type: Option<String>,
    pub(crate) connection_tracking_specification: Option<ConnectionTrackingSpecification>,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
    pub(crate) client_token: Option<String>,
}

/// What `CreateNetworkInterface` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateNetworkInterfaceResponse {
    pub(crate) network_interface: NetworkInterfaceDescription,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_token: Option<String>,
}

impl Action for CreateNetworkInterface {
    const NAME: &'static str = "CreateNetworkInterface";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateNetworkInterfaceResponse;
}

/// What `DeleteNetworkInterface` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteNetworkInterface {
    pub(crate) network_interface_id: NetworkInterfaceId,
}

impl Action for DeleteNetworkInterface {
    const NAME: &'static str = "DeleteNetworkInterface";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DescribeNetworkInterfaceAttribute` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeNetworkInterfaceAttribute {
    pub(crate) network_interface_id: NetworkInterfaceId,
    pub(crate) attribute: Option<String>,
}

/// What `DescribeNetworkInterfaceAttribute` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeNetworkInterfaceAttributeResponse {
    pub(crate) network_interface_id: NetworkInterfaceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attachment: Option<NetworkInterfaceAttachmentDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<AttributeValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_set: Option<ItemSet<GroupIdentifier>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_dest_check: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) associate_public_ip_address: Option<bool>,
}

impl Action for DescribeNetworkInterfaceAttribute {
    const NAME: &'static str = "DescribeNetworkInterfaceAttribute";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeNetworkInterfaceAttributeResponse;
}

/// What `DescribeNetworkInterfaces` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeNetworkInterfaces {
    #[query(name = "NetworkInterfaceId")]
    pub(crate) network_interface_ids: Vec<NetworkInterfaceId>,
    pub(crate) include_managed_resources: Option<bool>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeNetworkInterfaces` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeNetworkInterfacesResponse {
    pub(crate) network_interface_set: ItemSet<NetworkInterfaceDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeNetworkInterfaces {
    const NAME: &'static str = "DescribeNetworkInterfaces";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeNetworkInterfacesResponse;
}

impl Filtered for NetworkInterfaceDescription {
    const FILTERS: &'static [&'static str] = &[
        "addresses.association.owner-id",
        "addresses.association.public-ip",
        "addresses.primary",
        "addresses.private-ip-address",
        "association.allocation-id",
        "association.association-id",
        "association.ip-owner-id",
        "association.public-dns-name",
        "association.public-ip",
        "attachment.attach-time",
        "attachment.attachment-id",
        "attachment.delete-on-termination",
        "attachment.device-index",
        "attachment.instance-id",
        "attachment.instance-owner-id",
        "attachment.status",
        "availability-zone",
        "availability-zone-id",
        "description",
        "group-id",
        "group-name",
        "interface-type",
        "ipv6-addresses.ipv6-address",
        "mac-address",
        "network-interface-id",
        "operator.managed",
        "operator.principal",
        "owner-id",
        "private-dns-name",
        "private-ip-address",
        "requester-id",
        "requester-managed",
        "source-dest-check",
        "status",
        "subnet-id",
        "vpc-id",
    ];
}

/// What `DetachNetworkInterface` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DetachNetworkInterface {
    pub(crate) attachment_id: AttachmentId,
    pub(crate) force: Option<bool>,
}

impl Action for DetachNetworkInterface {
    const NAME: &'static str = "DetachNetworkInterface";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `ModifyNetworkInterfaceAttribute` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ModifyNetworkInterfaceAttribute {
    pub(crate) network_interface_id: NetworkInterfaceId,
    pub(crate) description: Option<AttributeValue>,
    #[query(name = "SecurityGroupId")]
    pub(crate) group_ids: Vec<SecurityGroupId>,
    pub(crate) source_dest_check: Option<AttributeBooleanValue>,
    pub(crate) attachment: Option<AttachmentChanges>,
    pub(crate) connection_tracking_specification: Option<ConnectionTrackingSpecification>,
    pub(crate) associate_public_ip_address: Option<bool>,
    pub(crate) ena_srd_specification: Option<EnaSrdSpecification>,
    pub(crate) enable_primary_ipv6: Option<bool>,
    #[query(name = "AssociatedSubnetId")]
    pub(crate) associated_subnet_ids: Vec<SubnetId>,
}

impl Action for ModifyNetworkInterfaceAttribute {
    const NAME: &'static str = "ModifyNetworkInterfaceAttribute";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `ResetNetworkInterfaceAttribute` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ResetNetworkInterfaceAttribute {
    pub(crate) network_interface_id: NetworkInterfaceId,
    #[query(keep_empty)]
    pub(crate) source_dest_check: Option<String>,
}

impl Action for ResetNetworkInterfaceAttribute {
    const NAME: &'static str = "ResetNetworkInterfaceAttribute";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `UnassignIpv6Addresses` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct UnassignIpv6Addresses {
    pub(crate) network_interface_id: NetworkInterfaceId,
    pub(crate) ipv6_addresses: Vec<Ipv6Addr>,
    #[query(name = "Ipv6Prefix")]
    pub(crate) ipv6_prefixes: Vec<Ipv6Cidr>,
}

/// What `UnassignIpv6Addresses` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnassignIpv6AddressesResponse {
    pub(crate) network_interface_id: NetworkInterfaceId,
    pub(crate) unassigned_ipv6_addresses: ItemSet<Ipv6Addr>,
    pub(crate) unassigned_ipv6_prefix_set: ItemSet<Ipv6Cidr>,
}

impl Action for UnassignIpv6Addresses {
    const NAME: &'static str = "UnassignIpv6Addresses";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = UnassignIpv6AddressesResponse;
}

/// What `UnassignPrivateIpAddresses` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct UnassignPrivateIpAddresses {
    pub(crate) network_interface_id: NetworkInterfaceId,
    #[query(name = "PrivateIpAddress")]
    pub(crate) private_ip_addresses: Vec<Ipv4Addr>,
    #[query(name = "Ipv4Prefix")]
    pub(crate) ipv4_prefixes: Vec<Ipv4Cidr>,
}

impl Action for UnassignPrivateIpAddresses {
    const NAME: &'static str = "UnassignPrivateIpAddresses";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ReturnTrue;
}

/// `AssignedPrivateIpAddress` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssignedPrivateIpAddress {
    pub(crate) private_ip_address: Ipv4Addr,
}

/// `NetworkInterfaceAttachmentChanges` of EC2's model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct AttachmentChanges {
    pub(crate) attachment_id: Option<AttachmentId>,
    pub(crate) delete_on_termination: Option<bool>,
    pub(crate) ena_queue_count: Option<u32>,
    pub(crate) default_ena_queue_count: Option<bool>,
}

/// `ConnectionTrackingConfiguration` of EC2's model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionTrackingConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tcp_established_timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) udp_stream_timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) udp_timeout: Option<u32>,
}

/// `ConnectionTrackingSpecificationRequest` of EC2's model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct ConnectionTrackingSpecification {
    pub(crate) tcp_established_timeout: Option<u32>,
    pub(crate) udp_stream_timeout: Option<u32>,
    pub(crate) udp_timeout: Option<u32>,
}

/// `EnaSrdSpecification`, `EnaSrdSpecificationRequest` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct EnaSrdSpecification {
    pub(crate) ena_srd_enabled: Option<bool>,
    pub(crate) ena_srd_udp_specification: Option<EnaSrdUdpSpecification>,
}

/// `EnaSrdUdpSpecification`, `EnaSrdUdpSpecificationRequest` of EC2's model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct EnaSrdUdpSpecification {
    pub(crate) ena_srd_udp_enabled: Option<bool>,
}

/// `GroupIdentifier`, `SecurityGroupIdentifier` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupIdentifier {
    pub(crate) group_id: SecurityGroupId,
    pub(crate) group_name: String,
}

/// `Ipv4PrefixSpecification` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ipv4PrefixDescription {
    pub(crate) ipv4_prefix: Ipv4Cidr,
}

/// `Ipv4PrefixSpecificationRequest` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQuery)]
pub(crate) struct Ipv4PrefixParameter {
    pub(crate) ipv4_prefix: Ipv4Cidr,
}

/// `NetworkInterfaceIpv6Address` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ipv6AddressDescription {
    pub(crate) ipv6_address: Ipv6Addr,
    pub(crate) is_primary_ipv6: bool,
}

/// `InstanceIpv6Address` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQuery)]
pub(crate) struct Ipv6AddressParameter {
    pub(crate) ipv6_address: Ipv6Addr,
    pub(crate) is_primary_ipv6: Option<bool>,
}

/// `Ipv6PrefixSpecification` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ipv6PrefixDescription {
    pub(crate) ipv6_prefix: Ipv6Cidr,
}

/// `Ipv6PrefixSpecificationRequest` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQuery)]
pub(crate) struct Ipv6PrefixParameter {
    pub(crate) ipv6_prefix: Ipv6Cidr,
}

/// `NetworkInterfaceAssociation` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkInterfaceAssociationDescription {
    pub(crate) public_ip: Ipv4Addr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_dns_name: Option<String>,
    pub(crate) ip_owner_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allocation_id: Option<AllocationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) association_id: Option<AssociationId>,
}

/// `NetworkInterfaceAttachment` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkInterfaceAttachmentDescription {
    pub(crate) attachment_id: AttachmentId,
    pub(crate) instance_id: InstanceId,
    pub(crate) instance_owner_id: String,
    pub(crate) device_index: u8,
    pub(crate) network_card_index: u8,
    pub(crate) status: AttachmentStatus,
    pub(crate) attach_time: String,
    pub(crate) delete_on_termination: bool,
}

/// `NetworkInterface` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkInterfaceDescription {
    pub(crate) network_interface_id: NetworkInterfaceId,
    pub(crate) subnet_id: SubnetId,
    pub(crate) vpc_id: VpcId,
    pub(crate) availability_zone: String,
    pub(crate) availability_zone_id: String,
    pub(crate) description: String,
    pub(crate) owner_id: String,
    pub(crate) requester_id: String,
    pub(crate) requester_managed: bool,
    pub(crate) status: NetworkInterfaceStatus,
    pub(crate) mac_address: MacAddress,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_ip_address: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_dns_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_dns_name: Option<String>,
    pub(crate) source_dest_check: bool,
    pub(crate) group_set: ItemSet<GroupIdentifier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attachment: Option<NetworkInterfaceAttachmentDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) association: Option<NetworkInterfaceAssociationDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection_tracking_configuration: Option<ConnectionTrackingConfiguration>,
    pub(crate) tag_set: ItemSet<TagItem>,
    pub(crate) private_ip_addresses_set: ItemSet<PrivateIpAddressDescription>,
    pub(crate) ipv6_addresses_set: ItemSet<Ipv6AddressDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv6_address: Option<Ipv6Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv4_prefix_set: Option<ItemSet<Ipv4PrefixDescription>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv6_prefix_set: Option<ItemSet<Ipv6PrefixDescription>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv6_native: Option<bool>,
    pub(crate) interface_type: NetworkInterfaceType,
    pub(crate) deny_all_igw_traffic: bool,
    pub(crate) operator: OperatorDescription,
}

/// `OperatorResponse` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct OperatorDescription {
    pub(crate) managed: bool,
}

/// `NetworkInterfacePrivateIpAddress` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PrivateIpAddressDescription {
    pub(crate) private_ip_address: Ipv4Addr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_dns_name: Option<String>,
    pub(crate) primary: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) association: Option<NetworkInterfaceAssociationDescription>,
}

/// `PrivateIpAddressSpecification` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQuery)]
pub(crate) struct PrivateIpAddressSpecification {
    pub(crate) private_ip_address: Ipv4Addr,
    pub(crate) primary: Option<bool>,
}
