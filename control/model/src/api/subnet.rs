//! Subnets: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/subnet.toml`.

use super::vpc::BlockPublicAccessStates;
use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::operations::attribute::AttributeBooleanValue;
use crate::operations::unsupported::refuse;
use crate::tags::{TagItem, TagSpecification};
use crate::{Ec2Error, ItemSet, ReturnTrue};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use eni_types::{Ipv4Cidr, Ipv6Cidr, SubnetCidrAssociationId, SubnetId, SubnetState, VpcId};
use serde::Serialize;

/// What `AssociateSubnetCidrBlock` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AssociateSubnetCidrBlock {
    pub(crate) subnet_id: SubnetId,
    pub(crate) ipv6_cidr_block: Option<Ipv6Cidr>,
    pub(crate) ipv6_ipam_pool_id: Option<String>,
    pub(crate) ipv6_netmask_length: Option<u8>,
}

impl AssociateSubnetCidrBlock {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse(
            "IPAM",
            self.ipv6_ipam_pool_id.is_some() || self.ipv6_netmask_length.is_some(),
        )?;
        Ok(())
    }
}

/// What `AssociateSubnetCidrBlock` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociateSubnetCidrBlockResponse {
    pub(crate) subnet_id: SubnetId,
    pub(crate) ipv6_cidr_block_association: SubnetIpv6CidrBlockAssociationDescription,
}

impl Action for AssociateSubnetCidrBlock {
    const NAME: &'static str = "AssociateSubnetCidrBlock";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = AssociateSubnetCidrBlockResponse;
}

/// What `CreateDefaultSubnet` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct CreateDefaultSubnet {
    pub(crate) availability_zone: Option<String>,
    pub(crate) availability_zone_id: Option<String>,
    pub(crate) ipv6_native: Option<bool>,
}

impl CreateDefaultSubnet {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse(
            "A default subnet of IPv6 only",
            self.ipv6_native == Some(true),
        )?;
        Ok(())
    }
}

impl Action for CreateDefaultSubnet {
    const NAME: &'static str = "CreateDefaultSubnet";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateSubnetResponse;
}

/// What `CreateSubnet` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateSubnet {
    pub(crate) vpc_id: VpcId,
    pub(crate) cidr_block: Option<Ipv4Cidr>,
    pub(crate) ipv6_cidr_block: Option<Ipv6Cidr>,
    pub(crate) ipv6_native: Option<bool>,
    pub(crate) availability_zone: Option<String>,
    pub(crate) availability_zone_id: Option<String>,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
    pub(crate) ipv4_ipam_pool_id: Option<String>,
    pub(crate) ipv4_netmask_length: Option<u8>,
    pub(crate) ipv6_ipam_pool_id: Option<String>,
    pub(crate) ipv6_netmask_length: Option<u8>,
    pub(crate) outpost_arn: Option<String>,
}

impl CreateSubnet {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse(
            "IPAM",
            self.ipv4_ipam_pool_id.is_some()
                || self.ipv4_netmask_length.is_some()
                || self.ipv6_ipam_pool_id.is_some()
                || self.ipv6_netmask_length.is_some(),
        )?;
        refuse("AWS Outposts", self.outpost_arn.is_some())?;
        Ok(())
    }
}

impl Action for CreateSubnet {
    const NAME: &'static str = "CreateSubnet";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateSubnetResponse;
}

/// What `DeleteSubnet` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteSubnet {
    pub(crate) subnet_id: SubnetId,
}

impl Action for DeleteSubnet {
    const NAME: &'static str = "DeleteSubnet";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DescribeSubnets` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeSubnets {
    #[query(name = "SubnetId")]
    pub(crate) subnet_ids: Vec<SubnetId>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeSubnets` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeSubnetsResponse {
    pub(crate) subnet_set: ItemSet<SubnetDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeSubnets {
    const NAME: &'static str = "DescribeSubnets";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeSubnetsResponse;
}

impl Filtered for SubnetDescription {
    const FILTERS: &'static [&'static str] = &[
        "availability-zone",
        "availability-zone-id",
        "availabilityZone",
        "availabilityZoneId",
        "available-ip-address-count",
        "cidr",
        "cidr-block",
        "cidrBlock",
        "customer-owned-ipv4-pool",
        "default-for-az",
        "defaultForAz",
        "enable-dns64",
        "enable-lni-at-device-index",
        "ipv6-cidr-block-association.association-id",
        "ipv6-cidr-block-association.ipv6-cidr-block",
        "ipv6-cidr-block-association.state",
        "ipv6-native",
        "map-customer-owned-ip-on-launch",
        "map-public-ip-on-launch",
        "outpost-arn",
        "owner-id",
        "private-dns-name-options-on-launch.enable-resource-name-dns-a-record",
        "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record",
        "private-dns-name-options-on-launch.hostname-type",
        "state",
        "subnet-arn",
        "subnet-id",
        "vpc-id",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "ipv6-cidr-block-association.association-id" => {
                for one in &self.ipv6_cidr_block_association_set.items {
                    give(one.association_id.to_string());
                }
            }
            "ipv6-cidr-block-association.ipv6-cidr-block" => {
                for one in &self.ipv6_cidr_block_association_set.items {
                    give(one.ipv6_cidr_block.to_string());
                }
            }
            "ipv6-cidr-block-association.state" => {
                for one in &self.ipv6_cidr_block_association_set.items {
                    give(one.ipv6_cidr_block_state.state.to_string());
                }
            }
            "availability-zone" | "availabilityZone" => give(self.availability_zone.to_string()),
            "availability-zone-id" | "availabilityZoneId" => {
                give(self.availability_zone_id.to_string())
            }
            "available-ip-address-count" => give(self.available_ip_address_count.to_string()),
            "default-for-az" | "defaultForAz" => give(self.default_for_az.to_string()),
            "enable-dns64" => give(self.enable_dns64.to_string()),
            "ipv6-native" => give(self.ipv6_native.to_string()),
            "map-customer-owned-ip-on-launch" => {
                give(self.map_customer_owned_ip_on_launch.to_string())
            }
            "map-public-ip-on-launch" => give(self.map_public_ip_on_launch.to_string()),
            "owner-id" => give(self.owner_id.to_string()),
            "private-dns-name-options-on-launch.enable-resource-name-dns-a-record" => give(
                self.private_dns_name_options_on_launch
                    .enable_resource_name_dns_a_record
                    .to_string(),
            ),
            "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record" => give(
                self.private_dns_name_options_on_launch
                    .enable_resource_name_dns_aaaa_record
                    .to_string(),
            ),
            "private-dns-name-options-on-launch.hostname-type" => give(
                self.private_dns_name_options_on_launch
                    .hostname_type
                    .to_string(),
            ),
            "state" => give(self.state.to_string()),
            "subnet-arn" => give(self.subnet_arn.to_string()),
            "subnet-id" => give(self.subnet_id.to_string()),
            "vpc-id" => give(self.vpc_id.to_string()),
            "cidr" | "cidr-block" | "cidrBlock" => {
                if let Some(one) = &self.cidr_block {
                    give(one.to_string());
                }
            }
            _ => {}
        }
    }
}

/// What `DisassociateSubnetCidrBlock` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DisassociateSubnetCidrBlock {
    pub(crate) association_id: SubnetCidrAssociationId,
}

/// What `DisassociateSubnetCidrBlock` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DisassociateSubnetCidrBlockResponse {
    pub(crate) subnet_id: SubnetId,
    pub(crate) ipv6_cidr_block_association: SubnetIpv6CidrBlockAssociationDescription,
}

impl Action for DisassociateSubnetCidrBlock {
    const NAME: &'static str = "DisassociateSubnetCidrBlock";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = DisassociateSubnetCidrBlockResponse;
}

/// What `ModifySubnetAttribute` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ModifySubnetAttribute {
    pub(crate) subnet_id: SubnetId,
    pub(crate) map_public_ip_on_launch: Option<AttributeBooleanValue>,
    pub(crate) assign_ipv6_address_on_creation: Option<AttributeBooleanValue>,
    pub(crate) enable_dns64: Option<AttributeBooleanValue>,
    pub(crate) private_dns_hostname_type_on_launch: Option<String>,
    pub(crate) enable_resource_name_dns_a_record_on_launch: Option<AttributeBooleanValue>,
    #[query(name = "EnableResourceNameDnsAAAARecordOnLaunch")]
    pub(crate) enable_resource_name_dns_aaaa_record_on_launch: Option<AttributeBooleanValue>,
    pub(crate) map_customer_owned_ip_on_launch: Option<AttributeBooleanValue>,
    pub(crate) customer_owned_ipv4_pool: Option<String>,
    pub(crate) enable_lni_at_device_index: Option<u8>,
    pub(crate) disable_lni_at_device_index: Option<AttributeBooleanValue>,
}

impl Action for ModifySubnetAttribute {
    const NAME: &'static str = "ModifySubnetAttribute";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ReturnTrue;
}

/// `CreateDefaultSubnetResult`, `CreateSubnetResult` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CreateSubnetResponse {
    pub(crate) subnet: SubnetDescription,
}

/// `PrivateDnsNameOptionsOnLaunch` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PrivateDnsNameOptionsOnLaunch {
    pub(crate) hostname_type: &'static str,
    pub(crate) enable_resource_name_dns_a_record: bool,
    #[serde(rename = "enableResourceNameDnsAAAARecord")]
    pub(crate) enable_resource_name_dns_aaaa_record: bool,
}

/// `SubnetCidrBlockState` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SubnetCidrBlockStateDescription {
    pub(crate) state: &'static str,
}

/// `Subnet` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SubnetDescription {
    pub(crate) subnet_id: SubnetId,
    pub(crate) subnet_arn: String,
    pub(crate) state: SubnetState,
    pub(crate) owner_id: String,
    pub(crate) vpc_id: VpcId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cidr_block: Option<String>,
    pub(crate) ipv6_cidr_block_association_set: ItemSet<SubnetIpv6CidrBlockAssociationDescription>,
    pub(crate) available_ip_address_count: u64,
    pub(crate) availability_zone: String,
    pub(crate) availability_zone_id: String,
    pub(crate) default_for_az: bool,
    pub(crate) map_public_ip_on_launch: bool,
    pub(crate) map_customer_owned_ip_on_launch: bool,
    pub(crate) assign_ipv6_address_on_creation: bool,
    pub(crate) ipv6_native: bool,
    pub(crate) enable_dns64: bool,
    pub(crate) private_dns_name_options_on_launch: PrivateDnsNameOptionsOnLaunch,
    pub(crate) block_public_access_states: BlockPublicAccessStates,
    pub(crate) tag_set: ItemSet<TagItem>,
}

/// `SubnetIpv6CidrBlockAssociation` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SubnetIpv6CidrBlockAssociationDescription {
    pub(crate) association_id: SubnetCidrAssociationId,
    pub(crate) ipv6_cidr_block: String,
    pub(crate) ipv6_cidr_block_state: SubnetCidrBlockStateDescription,
    pub(crate) ipv6_address_attribute: &'static str,
    pub(crate) ip_source: &'static str,
}
