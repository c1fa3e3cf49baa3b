//! VPCs: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/vpc.toml`.

use crate::describe::{Filter, Filtered, Page};
use crate::operation::Action;
use crate::operations::attribute::AttributeBooleanValue;
use crate::operations::unsupported::refuse;
use crate::tags::{TagItem, TagSpecification};
use crate::{Ec2Error, ItemSet, ReturnTrue};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::{FromQuery, Unread};
use eni_types::{Ipv4Cidr, Ipv6Cidr, VpcCidrAssociationId, VpcId, VpcState};
use serde::Serialize;

/// What `AssociateVpcCidrBlock` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AssociateVpcCidrBlock {
    pub(crate) vpc_id: VpcId,
    pub(crate) cidr_block: Option<Ipv4Cidr>,
    pub(crate) amazon_provided_ipv6_cidr_block: Option<bool>,
    pub(crate) ipv6_cidr_block_network_border_group: Option<String>,
    pub(crate) ipv6_cidr_block: Option<Ipv6Cidr>,
    pub(crate) ipv6_pool: Option<String>,
    pub(crate) ipv4_ipam_pool_id: Option<String>,
    pub(crate) ipv4_netmask_length: Option<u8>,
    pub(crate) ipv6_ipam_pool_id: Option<String>,
    pub(crate) ipv6_netmask_length: Option<u8>,
}

impl AssociateVpcCidrBlock {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse(
            "Bringing your own IPv6 addresses",
            self.ipv6_cidr_block.is_some() || self.ipv6_pool.is_some(),
        )?;
        refuse(
            "IPAM",
            self.ipv4_ipam_pool_id.is_some()
                || self.ipv4_netmask_length.is_some()
                || self.ipv6_ipam_pool_id.is_some()
                || self.ipv6_netmask_length.is_some(),
        )?;
        Ok(())
    }
}

/// What `AssociateVpcCidrBlock` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociateVpcCidrBlockResponse {
    pub(crate) vpc_id: VpcId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cidr_block_association: Option<VpcCidrBlockAssociationDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv6_cidr_block_association: Option<VpcIpv6CidrBlockAssociationDescription>,
}

impl Action for AssociateVpcCidrBlock {
    const NAME: &'static str = "AssociateVpcCidrBlock";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = AssociateVpcCidrBlockResponse;
}

/// What `CreateDefaultVpc` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct CreateDefaultVpc {}

/// What `CreateDefaultVpc` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CreateDefaultVpcResponse {
    pub(crate) vpc: VpcDescription,
}

impl Action for CreateDefaultVpc {
    const NAME: &'static str = "CreateDefaultVpc";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateDefaultVpcResponse;
}

/// What `CreateVpc` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct CreateVpc {
    pub(crate) cidr_block: Option<Ipv4Cidr>,
    pub(crate) instance_tenancy: Option<String>,
    pub(crate) amazon_provided_ipv6_cidr_block: Option<bool>,
    pub(crate) ipv6_cidr_block_network_border_group: Option<String>,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
    pub(crate) ipv6_cidr_block: Option<Ipv6Cidr>,
    pub(crate) ipv6_pool: Option<String>,
    pub(crate) ipv4_ipam_pool_id: Option<String>,
    pub(crate) ipv4_netmask_length: Option<u8>,
    pub(crate) ipv6_ipam_pool_id: Option<String>,
    pub(crate) ipv6_netmask_length: Option<u8>,
    pub(crate) vpc_encryption_control: Option<Unread>,
}

impl CreateVpc {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse(
            "Bringing your own IPv6 addresses",
            self.ipv6_cidr_block.is_some() || self.ipv6_pool.is_some(),
        )?;
        refuse(
            "IPAM",
            self.ipv4_ipam_pool_id.is_some()
                || self.ipv4_netmask_length.is_some()
                || self.ipv6_ipam_pool_id.is_some()
                || self.ipv6_netmask_length.is_some(),
        )?;
        refuse(
            "VPC encryption control",
            self.vpc_encryption_control.is_some(),
        )?;
        Ok(())
    }
}

/// What `CreateVpc` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CreateVpcResponse {
    pub(crate) vpc: VpcDescription,
}

impl Action for CreateVpc {
    const NAME: &'static str = "CreateVpc";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateVpcResponse;
}

/// What `DeleteVpc` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteVpc {
    pub(crate) vpc_id: VpcId,
}

impl Action for DeleteVpc {
    const NAME: &'static str = "DeleteVpc";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DescribeVpcAttribute` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeVpcAttribute {
    pub(crate) vpc_id: VpcId,
    pub(crate) attribute: String,
}

/// What `DescribeVpcAttribute` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVpcAttributeResponse {
    pub(crate) vpc_id: VpcId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enable_dns_support: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enable_dns_hostnames: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enable_network_address_usage_metrics: Option<AttributeBooleanValue>,
}

impl Action for DescribeVpcAttribute {
    const NAME: &'static str = "DescribeVpcAttribute";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeVpcAttributeResponse;
}

/// What `DescribeVpcClassicLink` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeVpcClassicLink {
    #[query(name = "VpcId")]
    pub(crate) vpc_ids: Vec<String>,
    #[query(name = "Filter")]
    pub(crate) filters: Vec<Filter>,
}

impl Action for DescribeVpcClassicLink {
    const NAME: &'static str = "DescribeVpcClassicLink";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DescribeVpcClassicLinkDnsSupport` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeVpcClassicLinkDnsSupport {
    pub(crate) vpc_ids: Vec<String>,
    pub(crate) max_results: Option<u32>,
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeVpcClassicLinkDnsSupport {
    const NAME: &'static str = "DescribeVpcClassicLinkDnsSupport";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = ReturnTrue;
}

/// What `DescribeVpcs` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeVpcs {
    #[query(name = "VpcId")]
    pub(crate) vpc_ids: Vec<VpcId>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeVpcs` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVpcsResponse {
    pub(crate) vpc_set: ItemSet<VpcDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeVpcs {
    const NAME: &'static str = "DescribeVpcs";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeVpcsResponse;
}

impl Filtered for VpcDescription {
    const FILTERS: &'static [&'static str] = &[
        "cidr",
        "cidr-block",
        "cidr-block-association.association-id",
        "cidr-block-association.cidr-block",
        "cidr-block-association.state",
        "cidrBlock",
        "dhcp-options-id",
        "dhcpOptionsId",
        "ipv6-cidr-block-association.association-id",
        "ipv6-cidr-block-association.ipv6-cidr-block",
        "ipv6-cidr-block-association.ipv6-pool",
        "ipv6-cidr-block-association.state",
        "is-default",
        "isDefault",
        "owner-id",
        "state",
        "vpc-id",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "cidr-block-association.association-id" => {
                for one in &self.cidr_block_association_set.items {
                    give(one.association_id.to_string());
                }
            }
            "cidr-block-association.cidr-block" => {
                for one in &self.cidr_block_association_set.items {
                    give(one.cidr_block.to_string());
                }
            }
            "cidr-block-association.state" => {
                for one in &self.cidr_block_association_set.items {
                    give(one.cidr_block_state.state.to_string());
                }
            }
            "ipv6-cidr-block-association.association-id" => {
                for one in self
                    .ipv6_cidr_block_association_set
                    .iter()
                    .flat_map(|set| &set.items)
                {
                    give(one.association_id.to_string());
                }
            }
            "ipv6-cidr-block-association.ipv6-cidr-block" => {
                for one in self
                    .ipv6_cidr_block_association_set
                    .iter()
                    .flat_map(|set| &set.items)
                {
                    give(one.ipv6_cidr_block.to_string());
                }
            }
            "ipv6-cidr-block-association.state" => {
                for one in self
                    .ipv6_cidr_block_association_set
                    .iter()
                    .flat_map(|set| &set.items)
                {
                    give(one.ipv6_cidr_block_state.state.to_string());
                }
            }
            "ipv6-cidr-block-association.ipv6-pool" => {
                for one in self
                    .ipv6_cidr_block_association_set
                    .iter()
                    .flat_map(|set| &set.items)
                {
                    give(one.ipv6_pool.to_string());
                }
            }
            "cidr" | "cidr-block" | "cidrBlock" => give(self.cidr_block.to_string()),
            "dhcp-options-id" | "dhcpOptionsId" => give(self.dhcp_options_id.to_string()),
            "is-default" | "isDefault" => give(self.is_default.to_string()),
            "owner-id" => give(self.owner_id.to_string()),
            "state" => give(self.state.to_string()),
            "vpc-id" => give(self.vpc_id.to_string()),
            _ => {}
        }
    }
}

/// What `DisableVpcClassicLink` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DisableVpcClassicLink {
    pub(crate) vpc_id: String,
}

impl Action for DisableVpcClassicLink {
    const NAME: &'static str = "DisableVpcClassicLink";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DisableVpcClassicLinkDnsSupport` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DisableVpcClassicLinkDnsSupport {
    pub(crate) vpc_id: Option<String>,
}

impl Action for DisableVpcClassicLinkDnsSupport {
    const NAME: &'static str = "DisableVpcClassicLinkDnsSupport";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = ReturnTrue;
}

/// What `DisassociateVpcCidrBlock` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DisassociateVpcCidrBlock {
    pub(crate) association_id: VpcCidrAssociationId,
}

/// What `DisassociateVpcCidrBlock` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DisassociateVpcCidrBlockResponse {
    pub(crate) vpc_id: VpcId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cidr_block_association: Option<VpcCidrBlockAssociationDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv6_cidr_block_association: Option<VpcIpv6CidrBlockAssociationDescription>,
}

impl Action for DisassociateVpcCidrBlock {
    const NAME: &'static str = "DisassociateVpcCidrBlock";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = DisassociateVpcCidrBlockResponse;
}

/// What `EnableVpcClassicLink` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct EnableVpcClassicLink {
    pub(crate) vpc_id: String,
}

impl Action for EnableVpcClassicLink {
    const NAME: &'static str = "EnableVpcClassicLink";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `EnableVpcClassicLinkDnsSupport` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct EnableVpcClassicLinkDnsSupport {
    pub(crate) vpc_id: Option<String>,
}

impl Action for EnableVpcClassicLinkDnsSupport {
    const NAME: &'static str = "EnableVpcClassicLinkDnsSupport";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = ReturnTrue;
}

/// What `ModifyVpcAttribute` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ModifyVpcAttribute {
    pub(crate) vpc_id: VpcId,
    pub(crate) enable_dns_support: Option<AttributeBooleanValue>,
    pub(crate) enable_dns_hostnames: Option<AttributeBooleanValue>,
    pub(crate) enable_network_address_usage_metrics: Option<AttributeBooleanValue>,
}

impl Action for ModifyVpcAttribute {
    const NAME: &'static str = "ModifyVpcAttribute";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ReturnTrue;
}

/// `BlockPublicAccessStates` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockPublicAccessStates {
    pub(crate) internet_gateway_block_mode: &'static str,
}

/// `VpcCidrBlockAssociation` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VpcCidrBlockAssociationDescription {
    pub(crate) association_id: VpcCidrAssociationId,
    pub(crate) cidr_block: String,
    pub(crate) cidr_block_state: VpcCidrBlockStateDescription,
}

/// `VpcCidrBlockState` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct VpcCidrBlockStateDescription {
    pub(crate) state: &'static str,
}

/// `Vpc` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VpcDescription {
    pub(crate) vpc_id: VpcId,
    pub(crate) owner_id: String,
    pub(crate) state: VpcState,
    pub(crate) cidr_block: String,
    pub(crate) cidr_block_association_set: ItemSet<VpcCidrBlockAssociationDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv6_cidr_block_association_set:
        Option<ItemSet<VpcIpv6CidrBlockAssociationDescription>>,
    pub(crate) dhcp_options_id: String,
    pub(crate) tag_set: ItemSet<TagItem>,
    pub(crate) instance_tenancy: String,
    pub(crate) is_default: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) block_public_access_states: Option<BlockPublicAccessStates>,
}

/// `VpcIpv6CidrBlockAssociation` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VpcIpv6CidrBlockAssociationDescription {
    pub(crate) association_id: VpcCidrAssociationId,
    pub(crate) ipv6_cidr_block: String,
    pub(crate) ipv6_cidr_block_state: VpcCidrBlockStateDescription,
    pub(crate) network_border_group: String,
    pub(crate) ipv6_pool: String,
    pub(crate) ipv6_address_attribute: &'static str,
    pub(crate) ip_source: &'static str,
}
