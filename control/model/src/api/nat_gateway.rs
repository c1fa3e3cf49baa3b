//! NAT gateways: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/nat_gateway.toml`.

use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::operations::unsupported::refuse;
use crate::tags::{TagItem, TagSpecification};
use crate::{Ec2Error, ItemSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use eni_query::{FromQuery, Unread};
use eni_types::{AllocationId, AssociationId, NatGatewayId, NetworkInterfaceId, SubnetId, VpcId};
use serde::Serialize;

/// What `AssignPrivateNatGatewayAddress` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AssignPrivateNatGatewayAddress {
    pub(crate) nat_gateway_id: NatGatewayId,
    #[query(name = "PrivateIpAddress")]
    pub(crate) private_ip_addresses: Vec<Ipv4Addr>,
    pub(crate) private_ip_address_count: Option<u32>,
}

/// What `AssignPrivateNatGatewayAddress` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignPrivateNatGatewayAddressResponse {
    pub(crate) nat_gateway_id: NatGatewayId,
    pub(crate) nat_gateway_address_set: ItemSet<NatGatewayAddressDescription>,
}

impl Action for AssignPrivateNatGatewayAddress {
    const NAME: &'static str = "AssignPrivateNatGatewayAddress";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = AssignPrivateNatGatewayAddressResponse;
}

/// What `AssociateNatGatewayAddress` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AssociateNatGatewayAddress {
    pub(crate) nat_gateway_id: NatGatewayId,
    #[query(name = "AllocationId")]
    pub(crate) allocation_ids: Vec<AllocationId>,
    #[query(name = "PrivateIpAddress")]
    pub(crate) private_ip_addresses: Vec<Ipv4Addr>,
    pub(crate) availability_zone: Option<Unread>,
    pub(crate) availability_zone_id: Option<Unread>,
}

impl AssociateNatGatewayAddress {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse(
            "A regional NAT gateway",
            self.availability_zone.is_some() || self.availability_zone_id.is_some(),
        )?;
        Ok(())
    }
}

/// What `AssociateNatGatewayAddress` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociateNatGatewayAddressResponse {
    pub(crate) nat_gateway_id: NatGatewayId,
    pub(crate) nat_gateway_address_set: ItemSet<NatGatewayAddressDescription>,
}

impl Action for AssociateNatGatewayAddress {
    const NAME: &'static str = "AssociateNatGatewayAddress";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = AssociateNatGatewayAddressResponse;
}

/// What `CreateNatGateway` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct CreateNatGateway {
    pub(crate) subnet_id: Option<SubnetId>,
    pub(crate) allocation_id: Option<AllocationId>,
    pub(crate) connectivity_type: Option<String>,
    pub(crate) availability_mode: Option<String>,
    pub(crate) private_ip_address: Option<Ipv4Addr>,
    #[query(name = "SecondaryAllocationId")]
    pub(crate) secondary_allocation_ids: Vec<AllocationId>,
    #[query(name = "SecondaryPrivateIpAddress")]
    pub(crate) secondary_private_ip_addresses: Vec<Ipv4Addr>,
    pub(crate) secondary_private_ip_address_count: Option<u32>,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
    pub(crate) client_token: Option<String>,
    pub(crate) vpc_id: Option<Unread>,
    #[query(name = "AvailabilityZoneAddress")]
    pub(crate) availability_zone_addresses: Vec<Unread>,
}

impl CreateNatGateway {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse(
            "A regional NAT gateway",
            self.vpc_id.is_some() || !self.availability_zone_addresses.is_empty(),
        )?;
        Ok(())
    }
}

/// What `CreateNatGateway` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateNatGatewayResponse {
    pub(crate) nat_gateway: NatGatewayDescription,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_token: Option<String>,
}

impl Action for CreateNatGateway {
    const NAME: &'static str = "CreateNatGateway";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateNatGatewayResponse;
}

/// What `DeleteNatGateway` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteNatGateway {
    pub(crate) nat_gateway_id: NatGatewayId,
}

/// What `DeleteNatGateway` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteNatGatewayResponse {
    pub(crate) nat_gateway_id: NatGatewayId,
}

impl Action for DeleteNatGateway {
    const NAME: &'static str = "DeleteNatGateway";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = DeleteNatGatewayResponse;
}

/// What `DescribeNatGateways` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeNatGateways {
    #[query(name = "NatGatewayId")]
    pub(crate) nat_gateway_ids: Vec<NatGatewayId>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeNatGateways` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeNatGatewaysResponse {
    pub(crate) nat_gateway_set: ItemSet<NatGatewayDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeNatGateways {
    const NAME: &'static str = "DescribeNatGateways";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeNatGatewaysResponse;
}

impl Filtered for NatGatewayDescription {
    const FILTERS: &'static [&'static str] = &["nat-gateway-id", "state", "subnet-id", "vpc-id"];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "nat-gateway-id" => give(self.nat_gateway_id.to_string()),
            "state" => give(self.state.to_string()),
            "subnet-id" => give(self.subnet_id.to_string()),
            "vpc-id" => give(self.vpc_id.to_string()),
            _ => {}
        }
    }
}

/// What `DisassociateNatGatewayAddress` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DisassociateNatGatewayAddress {
    pub(crate) nat_gateway_id: NatGatewayId,
    #[query(name = "AssociationId")]
    pub(crate) association_ids: Vec<AssociationId>,
    pub(crate) max_drain_duration_seconds: Option<u32>,
}

/// What `DisassociateNatGatewayAddress` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DisassociateNatGatewayAddressResponse {
    pub(crate) nat_gateway_id: NatGatewayId,
    pub(crate) nat_gateway_address_set: ItemSet<NatGatewayAddressDescription>,
}

impl Action for DisassociateNatGatewayAddress {
    const NAME: &'static str = "DisassociateNatGatewayAddress";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = DisassociateNatGatewayAddressResponse;
}

/// What `UnassignPrivateNatGatewayAddress` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct UnassignPrivateNatGatewayAddress {
    pub(crate) nat_gateway_id: NatGatewayId,
    #[query(name = "PrivateIpAddress")]
    pub(crate) private_ip_addresses: Vec<Ipv4Addr>,
    pub(crate) max_drain_duration_seconds: Option<u32>,
}

/// What `UnassignPrivateNatGatewayAddress` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnassignPrivateNatGatewayAddressResponse {
    pub(crate) nat_gateway_id: NatGatewayId,
    pub(crate) nat_gateway_address_set: ItemSet<NatGatewayAddressDescription>,
}

impl Action for UnassignPrivateNatGatewayAddress {
    const NAME: &'static str = "UnassignPrivateNatGatewayAddress";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = UnassignPrivateNatGatewayAddressResponse;
}

/// `NatGatewayAddress` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NatGatewayAddressDescription {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allocation_id: Option<AllocationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_interface_id: Option<NetworkInterfaceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_ip: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_ip: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) association_id: Option<AssociationId>,
    pub(crate) is_primary: bool,
    pub(crate) status: &'static str,
}

/// `NatGateway` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NatGatewayDescription {
    pub(crate) create_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delete_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure_message: Option<String>,
    pub(crate) nat_gateway_address_set: ItemSet<NatGatewayAddressDescription>,
    pub(crate) nat_gateway_id: NatGatewayId,
    pub(crate) state: &'static str,
    pub(crate) subnet_id: SubnetId,
    pub(crate) vpc_id: VpcId,
    pub(crate) tag_set: ItemSet<TagItem>,
    pub(crate) connectivity_type: &'static str,
    pub(crate) availability_mode: &'static str,
}
