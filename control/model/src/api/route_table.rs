//! Route tables: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/route_table.toml`.

use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::operations::unsupported::refuse;
use crate::resource::{RouteOrigin, RouteState};
use crate::tags::{TagItem, TagSpecification};
use crate::{Ec2Error, ItemSet, ReturnTrue};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use eni_types::{
    EgressOnlyInternetGatewayId, InstanceId, InternetGatewayId, Ipv4Cidr, Ipv6Cidr, NatGatewayId,
    NetworkInterfaceId, RouteTableAssociationId, RouteTableId, SubnetId, VpcEndpointId, VpcId,
    VpcPeeringConnectionId,
};
use serde::Serialize;

/// What `AssociateRouteTable` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AssociateRouteTable {
    pub(crate) route_table_id: RouteTableId,
    pub(crate) subnet_id: Option<SubnetId>,
    pub(crate) gateway_id: Option<String>,
    pub(crate) public_ipv4_pool: Option<String>,
}

/// What `AssociateRouteTable` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociateRouteTableResponse {
    pub(crate) association_id: RouteTableAssociationId,
    pub(crate) association_state: RouteTableAssociationState,
}

impl Action for AssociateRouteTable {
    const NAME: &'static str = "AssociateRouteTable";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = AssociateRouteTableResponse;
}

/// What `CreateRoute` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateRoute {
    pub(crate) route_table_id: RouteTableId,
    #[query(flatten)]
    pub(crate) destination: RouteDestinationParameters,
    #[query(flatten)]
    pub(crate) target: RouteTargetParameters,
}

impl Action for CreateRoute {
    const NAME: &'static str = "CreateRoute";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `CreateRouteTable` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateRouteTable {
    pub(crate) vpc_id: VpcId,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
    pub(crate) client_token: Option<String>,
}

/// What `CreateRouteTable` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateRouteTableResponse {
    pub(crate) route_table: RouteTableDescription,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_token: Option<String>,
}

impl Action for CreateRouteTable {
    const NAME: &'static str = "CreateRouteTable";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateRouteTableResponse;
}

/// What `DeleteRoute` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteRoute {
    pub(crate) route_table_id: RouteTableId,
    #[query(flatten)]
    pub(crate) destination: RouteDestinationParameters,
}

impl Action for DeleteRoute {
    const NAME: &'static str = "DeleteRoute";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DeleteRouteTable` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteRouteTable {
    pub(crate) route_table_id: RouteTableId,
}

impl Action for DeleteRouteTable {
    const NAME: &'static str = "DeleteRouteTable";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DescribeRouteTables` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeRouteTables {
    #[query(name = "RouteTableId")]
    pub(crate) route_table_ids: Vec<RouteTableId>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeRouteTables` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeRouteTablesResponse {
    pub(crate) route_table_set: ItemSet<RouteTableDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeRouteTables {
    const NAME: &'static str = "DescribeRouteTables";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeRouteTablesResponse;
}

impl Filtered for RouteTableDescription {
    const FILTERS: &'static [&'static str] = &[
        "association.gateway-id",
        "association.main",
        "association.route-table-association-id",
        "association.route-table-id",
        "association.subnet-id",
        "owner-id",
        "route-table-id",
        "route.destination-cidr-block",
        "route.destination-ipv6-cidr-block",
        "route.destination-prefix-list-id",
        "route.egress-only-internet-gateway-id",
        "route.gateway-id",
        "route.instance-id",
        "route.nat-gateway-id",
        "route.origin",
        "route.state",
        "route.transit-gateway-id",
        "route.vpc-peering-connection-id",
        "vpc-id",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "association.main" => {
                for one in &self.association_set.items {
                    give(one.main.to_string());
                }
            }
            "association.route-table-association-id" => {
                for one in &self.association_set.items {
                    give(one.route_table_association_id.to_string());
                }
            }
            "association.route-table-id" => {
                for one in &self.association_set.items {
                    give(one.route_table_id.to_string());
                }
            }
            "association.subnet-id" => {
                for one in &self.association_set.items {
                    if let Some(one) = &one.subnet_id {
                        give(one.to_string());
                    }
                }
            }
            "route.origin" => {
                for one in &self.route_set.items {
                    give(one.origin.to_string());
                }
            }
            "route.state" => {
                for one in &self.route_set.items {
                    give(one.state.to_string());
                }
            }
            "route.gateway-id" => {
                for one in &self.route_set.items {
                    if let Some(one) = &one.gateway_id {
                        give(one.to_string());
                    }
                }
            }
            "route.instance-id" => {
                for one in &self.route_set.items {
                    if let Some(one) = &one.instance_id {
                        give(one.to_string());
                    }
                }
            }
            "route.nat-gateway-id" => {
                for one in &self.route_set.items {
                    if let Some(one) = &one.nat_gateway_id {
                        give(one.to_string());
                    }
                }
            }
            "route.vpc-peering-connection-id" => {
                for one in &self.route_set.items {
                    if let Some(one) = &one.vpc_peering_connection_id {
                        give(one.to_string());
                    }
                }
            }
            "owner-id" => give(self.owner_id.to_string()),
            "route-table-id" => give(self.route_table_id.to_string()),
            "vpc-id" => give(self.vpc_id.to_string()),
            _ => {}
        }
    }
}

/// What `DisassociateRouteTable` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DisassociateRouteTable {
    pub(crate) association_id: RouteTableAssociationId,
}

impl Action for DisassociateRouteTable {
    const NAME: &'static str = "DisassociateRouteTable";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `ReplaceRoute` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ReplaceRoute {
    pub(crate) route_table_id: RouteTableId,
    #[query(flatten)]
    pub(crate) destination: RouteDestinationParameters,
    #[query(flatten)]
    pub(crate) target: RouteTargetParameters,
    pub(crate) local_target: Option<bool>,
}

impl Action for ReplaceRoute {
    const NAME: &'static str = "ReplaceRoute";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `ReplaceRouteTableAssociation` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ReplaceRouteTableAssociation {
    pub(crate) association_id: RouteTableAssociationId,
    pub(crate) route_table_id: RouteTableId,
}

/// What `ReplaceRouteTableAssociation` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplaceRouteTableAssociationResponse {
    pub(crate) new_association_id: RouteTableAssociationId,
    pub(crate) association_state: RouteTableAssociationState,
}

impl Action for ReplaceRouteTableAssociation {
    const NAME: &'static str = "ReplaceRouteTableAssociation";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReplaceRouteTableAssociationResponse;
}

/// `Route` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RouteDescription {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) destination_cidr_block: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) destination_ipv6_cidr_block: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) egress_only_internet_gateway_id: Option<EgressOnlyInternetGatewayId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gateway_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_id: Option<InstanceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_owner_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nat_gateway_id: Option<NatGatewayId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_interface_id: Option<NetworkInterfaceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vpc_peering_connection_id: Option<VpcPeeringConnectionId>,
    pub(crate) state: RouteState,
    pub(crate) origin: RouteOrigin,
}

/// `CreateRouteRequest`, `DeleteRouteRequest`, `ReplaceRouteRequest` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct RouteDestinationParameters {
    pub(crate) destination_cidr_block: Option<Ipv4Cidr>,
    pub(crate) destination_ipv6_cidr_block: Option<Ipv6Cidr>,
    pub(crate) destination_prefix_list_id: Option<String>,
}

impl RouteDestinationParameters {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse("Prefix list", self.destination_prefix_list_id.is_some())?;
        Ok(())
    }
}

/// `RouteTableAssociation` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RouteTableAssociationDescription {
    pub(crate) route_table_association_id: RouteTableAssociationId,
    pub(crate) route_table_id: RouteTableId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subnet_id: Option<SubnetId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gateway_id: Option<InternetGatewayId>,
    pub(crate) main: bool,
    pub(crate) association_state: RouteTableAssociationState,
}

/// `RouteTableAssociationState` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RouteTableAssociationState {
    pub(crate) state: &'static str,
}

/// `RouteTable` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RouteTableDescription {
    pub(crate) route_table_id: RouteTableId,
    pub(crate) vpc_id: VpcId,
    pub(crate) owner_id: String,
    pub(crate) route_set: ItemSet<RouteDescription>,
    pub(crate) association_set: ItemSet<RouteTableAssociationDescription>,
    pub(crate) propagating_vgw_set: ItemSet<String>,
    pub(crate) tag_set: ItemSet<TagItem>,
}

/// `CreateRouteRequest`, `ReplaceRouteRequest` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct RouteTargetParameters {
    pub(crate) egress_only_internet_gateway_id: Option<EgressOnlyInternetGatewayId>,
    pub(crate) gateway_id: Option<String>,
    pub(crate) instance_id: Option<InstanceId>,
    pub(crate) nat_gateway_id: Option<NatGatewayId>,
    pub(crate) network_interface_id: Option<NetworkInterfaceId>,
    pub(crate) vpc_peering_connection_id: Option<VpcPeeringConnectionId>,
    pub(crate) transit_gateway_id: Option<String>,
    pub(crate) vpc_endpoint_id: Option<VpcEndpointId>,
    pub(crate) local_gateway_id: Option<String>,
    pub(crate) carrier_gateway_id: Option<String>,
    pub(crate) core_network_arn: Option<String>,
    pub(crate) odb_network_arn: Option<String>,
}

impl RouteTargetParameters {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse("Transit gateway", self.transit_gateway_id.is_some())?;
        refuse("VPC endpoint", self.vpc_endpoint_id.is_some())?;
        refuse("Local gateway", self.local_gateway_id.is_some())?;
        refuse("Carrier gateway", self.carrier_gateway_id.is_some())?;
        refuse("AWS Cloud WAN", self.core_network_arn.is_some())?;
        refuse("Oracle Database@AWS", self.odb_network_arn.is_some())?;
        Ok(())
    }
}
