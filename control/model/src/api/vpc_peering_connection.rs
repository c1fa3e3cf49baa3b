//! VPC peering connections: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/vpc_peering_connection.toml`.

use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::operations::unsupported::refuse;
use crate::tags::{TagItem, TagSpecification};
use crate::{Ec2Error, ItemSet, ReturnTrue};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::{FromQuery, Unread};
use eni_types::{VpcId, VpcPeeringConnectionId};
use serde::Serialize;

/// What `AcceptVpcPeeringConnection` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AcceptVpcPeeringConnection {
    pub(crate) vpc_peering_connection_id: VpcPeeringConnectionId,
}

/// What `AcceptVpcPeeringConnection` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptVpcPeeringConnectionResponse {
    pub(crate) vpc_peering_connection: VpcPeeringConnectionDescription,
}

impl Action for AcceptVpcPeeringConnection {
    const NAME: &'static str = "AcceptVpcPeeringConnection";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = AcceptVpcPeeringConnectionResponse;
}

/// What `CreateVpcPeeringConnection` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateVpcPeeringConnection {
    pub(crate) vpc_id: VpcId,
    pub(crate) peer_vpc_id: Option<VpcId>,
    pub(crate) peer_owner_id: Option<String>,
    pub(crate) peer_region: Option<String>,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
    pub(crate) requester_peering_connection_options: Option<Unread>,
}

impl CreateVpcPeeringConnection {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse(
            "Multipath resilience",
            self.requester_peering_connection_options.is_some(),
        )?;
        Ok(())
    }
}

/// What `CreateVpcPeeringConnection` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateVpcPeeringConnectionResponse {
    pub(crate) vpc_peering_connection: VpcPeeringConnectionDescription,
}

impl Action for CreateVpcPeeringConnection {
    const NAME: &'static str = "CreateVpcPeeringConnection";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateVpcPeeringConnectionResponse;
}

/// What `DeleteVpcPeeringConnection` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteVpcPeeringConnection {
    pub(crate) vpc_peering_connection_id: VpcPeeringConnectionId,
}

impl Action for DeleteVpcPeeringConnection {
    const NAME: &'static str = "DeleteVpcPeeringConnection";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DescribeVpcPeeringConnections` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeVpcPeeringConnections {
    #[query(name = "VpcPeeringConnectionId")]
    pub(crate) vpc_peering_connection_ids: Vec<VpcPeeringConnectionId>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeVpcPeeringConnections` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVpcPeeringConnectionsResponse {
    pub(crate) vpc_peering_connection_set: ItemSet<VpcPeeringConnectionDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeVpcPeeringConnections {
    const NAME: &'static str = "DescribeVpcPeeringConnections";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeVpcPeeringConnectionsResponse;
}

impl Filtered for VpcPeeringConnectionDescription {
    const FILTERS: &'static [&'static str] = &[
        "accepter-vpc-info.cidr-block",
        "accepter-vpc-info.owner-id",
        "accepter-vpc-info.vpc-id",
        "expiration-time",
        "requester-vpc-info.cidr-block",
        "requester-vpc-info.owner-id",
        "requester-vpc-info.vpc-id",
        "status-code",
        "status-message",
        "vpc-peering-connection-id",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "accepter-vpc-info.owner-id" => give(self.accepter_vpc_info.owner_id.to_string()),
            "accepter-vpc-info.vpc-id" => give(self.accepter_vpc_info.vpc_id.to_string()),
            "requester-vpc-info.owner-id" => give(self.requester_vpc_info.owner_id.to_string()),
            "requester-vpc-info.vpc-id" => give(self.requester_vpc_info.vpc_id.to_string()),
            "status-code" => give(self.status.code.to_string()),
            "status-message" => give(self.status.message.to_string()),
            "vpc-peering-connection-id" => give(self.vpc_peering_connection_id.to_string()),
            "accepter-vpc-info.cidr-block" => {
                if let Some(one) = &self.accepter_vpc_info.cidr_block {
                    give(one.to_string());
                }
            }
            "expiration-time" => {
                if let Some(one) = &self.expiration_time {
                    give(one.to_string());
                }
            }
            "requester-vpc-info.cidr-block" => {
                if let Some(one) = &self.requester_vpc_info.cidr_block {
                    give(one.to_string());
                }
            }
            _ => {}
        }
    }
}

/// What `ModifyVpcPeeringConnectionOptions` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ModifyVpcPeeringConnectionOptions {
    pub(crate) vpc_peering_connection_id: VpcPeeringConnectionId,
    pub(crate) accepter_peering_connection_options: Option<PeeringOptionsRequest>,
    pub(crate) requester_peering_connection_options: Option<PeeringOptionsRequest>,
}

/// What `ModifyVpcPeeringConnectionOptions` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModifyVpcPeeringConnectionOptionsResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accepter_peering_connection_options: Option<PeeringOptionsAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) requester_peering_connection_options: Option<PeeringOptionsAnswer>,
}

impl Action for ModifyVpcPeeringConnectionOptions {
    const NAME: &'static str = "ModifyVpcPeeringConnectionOptions";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ModifyVpcPeeringConnectionOptionsResponse;
}

/// What `RejectVpcPeeringConnection` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct RejectVpcPeeringConnection {
    pub(crate) vpc_peering_connection_id: VpcPeeringConnectionId,
}

impl Action for RejectVpcPeeringConnection {
    const NAME: &'static str = "RejectVpcPeeringConnection";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// `CidrBlock` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PeeredIpv4BlockDescription {
    pub(crate) cidr_block: String,
}

/// `Ipv6CidrBlock` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PeeredIpv6BlockDescription {
    pub(crate) ipv6_cidr_block: String,
}

/// `VpcPeeringConnectionVpcInfo` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PeeredVpcDescription {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cidr_block: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cidr_block_set: Option<ItemSet<PeeredIpv4BlockDescription>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv6_cidr_block_set: Option<ItemSet<PeeredIpv6BlockDescription>>,
    pub(crate) owner_id: String,
    pub(crate) vpc_id: VpcId,
    pub(crate) region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peering_options: Option<PeeringOptionsDescription>,
}

/// `PeeringConnectionOptions` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PeeringOptionsAnswer {
    pub(crate) allow_dns_resolution_from_remote_vpc: bool,
    pub(crate) allow_egress_from_local_classic_link_to_remote_vpc: bool,
    pub(crate) allow_egress_from_local_vpc_to_remote_classic_link: bool,
}

/// `VpcPeeringConnectionOptionsDescription` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PeeringOptionsDescription {
    pub(crate) allow_dns_resolution_from_remote_vpc: bool,
    pub(crate) allow_egress_from_local_classic_link_to_remote_vpc: bool,
    pub(crate) allow_egress_from_local_vpc_to_remote_classic_link: bool,
}

/// `PeeringConnectionOptionsRequest` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct PeeringOptionsRequest {
    pub(crate) allow_dns_resolution_from_remote_vpc: Option<bool>,
    pub(crate) allow_egress_from_local_classic_link_to_remote_vpc: Option<bool>,
    pub(crate) allow_egress_from_local_vpc_to_remote_classic_link: Option<bool>,
    pub(crate) allow_multipath_resilience: Option<bool>,
    pub(crate) multipath_resilience_mode: Option<String>,
}

impl PeeringOptionsRequest {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse(
            "ClassicLink",
            self.allow_egress_from_local_classic_link_to_remote_vpc == Some(true)
                || self.allow_egress_from_local_vpc_to_remote_classic_link == Some(true),
        )?;
        refuse(
            "Multipath resilience",
            self.allow_multipath_resilience == Some(true)
                || self.multipath_resilience_mode.is_some(),
        )?;
        Ok(())
    }
}

/// `VpcPeeringConnection` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VpcPeeringConnectionDescription {
    pub(crate) accepter_vpc_info: PeeredVpcDescription,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expiration_time: Option<String>,
    pub(crate) requester_vpc_info: PeeredVpcDescription,
    pub(crate) status: VpcPeeringConnectionStatusDescription,
    pub(crate) tag_set: ItemSet<TagItem>,
    pub(crate) vpc_peering_connection_id: VpcPeeringConnectionId,
}

/// `VpcPeeringConnectionStateReason` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct VpcPeeringConnectionStatusDescription {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}
