//! VPC endpoints: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/vpc_endpoint.toml`.

use super::network_interface::GroupIdentifier;
use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::operations::unsupported::refuse;
use crate::tags::{TagItem, TagSpecification};
use crate::{Ec2Error, ItemSet, ReturnTrue};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::{FromQuery, Unread};
use eni_types::{NetworkInterfaceId, SecurityGroupId, SubnetId, VpcEndpointId, VpcId};
use serde::Serialize;

/// What `CreateVpcEndpoint` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateVpcEndpoint {
    pub(crate) vpc_endpoint_type: Option<String>,
    pub(crate) vpc_id: VpcId,
    pub(crate) service_name: Option<String>,
    #[query(name = "SubnetId")]
    pub(crate) subnet_ids: Vec<SubnetId>,
    #[query(name = "SecurityGroupId")]
    pub(crate) security_group_ids: Vec<SecurityGroupId>,
    pub(crate) ip_address_type: Option<String>,
    pub(crate) client_token: Option<String>,
    pub(crate) private_dns_enabled: Option<bool>,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
    pub(crate) service_region: Option<String>,
    pub(crate) policy_document: Option<Unread>,
    #[query(name = "RouteTableId")]
    pub(crate) route_table_ids: Vec<Unread>,
    pub(crate) dns_options: Option<Unread>,
    #[query(name = "SubnetConfiguration")]
    pub(crate) subnet_configurations: Vec<Unread>,
    pub(crate) service_network_arn: Option<Unread>,
    pub(crate) resource_configuration_arn: Option<Unread>,
}

impl CreateVpcEndpoint {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse("A VPC endpoint policy", self.policy_document.is_some())?;
        refuse(
            "A route to a VPC endpoint",
            !self.route_table_ids.is_empty(),
        )?;
        refuse(
            "A choice of a VPC endpoint's DNS records",
            self.dns_options.is_some(),
        )?;
        refuse(
            "A choice of a VPC endpoint's addresses",
            !self.subnet_configurations.is_empty(),
        )?;
        refuse(
            "A VPC endpoint of a service network",
            self.service_network_arn.is_some(),
        )?;
        refuse(
            "A VPC endpoint of a resource",
            self.resource_configuration_arn.is_some(),
        )?;
        Ok(())
    }
}

/// What `CreateVpcEndpoint` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateVpcEndpointResponse {
    pub(crate) vpc_endpoint: VpcEndpointDescription,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_token: Option<String>,
}

impl Action for CreateVpcEndpoint {
    const NAME: &'static str = "CreateVpcEndpoint";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateVpcEndpointResponse;
}

/// What `DeleteVpcEndpoints` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DeleteVpcEndpoints {
    #[query(name = "VpcEndpointId")]
    pub(crate) vpc_endpoint_ids: Vec<String>,
}

/// What `DeleteVpcEndpoints` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeleteVpcEndpointsResponse {
    pub(crate) unsuccessful: ItemSet<UnsuccessfulItemDescription>,
}

impl Action for DeleteVpcEndpoints {
    const NAME: &'static str = "DeleteVpcEndpoints";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = DeleteVpcEndpointsResponse;
}

/// What `DescribeVpcEndpoints` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeVpcEndpoints {
    #[query(name = "VpcEndpointId")]
    pub(crate) vpc_endpoint_ids: Vec<VpcEndpointId>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeVpcEndpoints` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVpcEndpointsResponse {
    pub(crate) vpc_endpoint_set: ItemSet<VpcEndpointDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeVpcEndpoints {
    const NAME: &'static str = "DescribeVpcEndpoints";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeVpcEndpointsResponse;
}

impl Filtered for VpcEndpointDescription {
    const FILTERS: &'static [&'static str] = &[
        "ip-address-type",
        "service-name",
        "service-region",
        "vpc-endpoint-id",
        "vpc-endpoint-state",
        "vpc-endpoint-type",
        "vpc-id",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "ip-address-type" => give(self.ip_address_type.to_string()),
            "service-name" => give(self.service_name.to_string()),
            "service-region" => give(self.service_region.to_string()),
            "vpc-endpoint-state" => give(self.state.to_string()),
            "vpc-endpoint-id" => give(self.vpc_endpoint_id.to_string()),
            "vpc-endpoint-type" => give(self.vpc_endpoint_type.to_string()),
            "vpc-id" => give(self.vpc_id.to_string()),
            _ => {}
        }
    }
}

/// What `ModifyVpcEndpoint` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ModifyVpcEndpoint {
    pub(crate) vpc_endpoint_id: VpcEndpointId,
    pub(crate) reset_policy: Option<bool>,
    #[query(name = "AddSubnetId")]
    pub(crate) add_subnet_ids: Vec<SubnetId>,
    #[query(name = "RemoveSubnetId")]
    pub(crate) remove_subnet_ids: Vec<SubnetId>,
    #[query(name = "AddSecurityGroupId")]
    pub(crate) add_security_group_ids: Vec<SecurityGroupId>,
    #[query(name = "RemoveSecurityGroupId")]
    pub(crate) remove_security_group_ids: Vec<SecurityGroupId>,
    pub(crate) ip_address_type: Option<String>,
    pub(crate) private_dns_enabled: Option<bool>,
    pub(crate) policy_document: Option<Unread>,
    #[query(name = "AddRouteTableId")]
    pub(crate) add_route_table_ids: Vec<Unread>,
    #[query(name = "RemoveRouteTableId")]
    pub(crate) remove_route_table_ids: Vec<Unread>,
    pub(crate) dns_options: Option<Unread>,
    #[query(name = "SubnetConfiguration")]
    pub(crate) subnet_configurations: Vec<Unread>,
}

impl ModifyVpcEndpoint {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse("A VPC endpoint policy", self.policy_document.is_some())?;
        refuse(
            "A route to a VPC endpoint",
            !self.add_route_table_ids.is_empty() || !self.remove_route_table_ids.is_empty(),
        )?;
        refuse(
            "A choice of a VPC endpoint's DNS records",
            self.dns_options.is_some(),
        )?;
        refuse(
            "A choice of a VPC endpoint's addresses",
            !self.subnet_configurations.is_empty(),
        )?;
        Ok(())
    }
}

impl Action for ModifyVpcEndpoint {
    const NAME: &'static str = "ModifyVpcEndpoint";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// `DnsEntry` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DnsEntryDescription {
    pub(crate) dns_name: String,
    pub(crate) hosted_zone_id: &'static str,
}

/// `DnsOptions` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DnsOptionsDescription {
    pub(crate) dns_record_ip_type: &'static str,
}

/// `UnsuccessfulItem` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnsuccessfulItemDescription {
    pub(crate) error: UnsuccessfulItemErrorDescription,
    pub(crate) resource_id: String,
}

/// `UnsuccessfulItemError` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct UnsuccessfulItemErrorDescription {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// `VpcEndpoint` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VpcEndpointDescription {
    pub(crate) vpc_endpoint_id: VpcEndpointId,
    pub(crate) vpc_endpoint_type: &'static str,
    pub(crate) vpc_id: VpcId,
    pub(crate) service_name: String,
    pub(crate) state: &'static str,
    pub(crate) policy_document: &'static str,
    pub(crate) route_table_id_set: ItemSet<String>,
    pub(crate) subnet_id_set: ItemSet<SubnetId>,
    pub(crate) group_set: ItemSet<GroupIdentifier>,
    pub(crate) ip_address_type: &'static str,
    pub(crate) dns_options: DnsOptionsDescription,
    pub(crate) private_dns_enabled: bool,
    pub(crate) requester_managed: bool,
    pub(crate) network_interface_id_set: ItemSet<NetworkInterfaceId>,
    pub(crate) dns_entry_set: ItemSet<DnsEntryDescription>,
    pub(crate) creation_timestamp: String,
    pub(crate) tag_set: ItemSet<TagItem>,
    pub(crate) owner_id: String,
    pub(crate) service_region: String,
}
