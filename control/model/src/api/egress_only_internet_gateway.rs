//! Egress-only internet gateways: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/egress_only_internet_gateway.toml`.

use super::internet_gateway::InternetGatewayAttachment;
use crate::ItemSet;
use crate::describe::Page;
use crate::operation::Action;
use crate::tags::{TagItem, TagSpecification};
use alloc::string::String;
use alloc::vec::Vec;
use eni_query::FromQuery;
use eni_types::{EgressOnlyInternetGatewayId, VpcId};
use serde::Serialize;

/// What `CreateEgressOnlyInternetGateway` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateEgressOnlyInternetGateway {
    pub(crate) vpc_id: VpcId,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
    pub(crate) client_token: Option<String>,
}

/// What `CreateEgressOnlyInternetGateway` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateEgressOnlyInternetGatewayResponse {
    pub(crate) egress_only_internet_gateway: EgressOnlyInternetGatewayDescription,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_token: Option<String>,
}

impl Action for CreateEgressOnlyInternetGateway {
    const NAME: &'static str = "CreateEgressOnlyInternetGateway";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateEgressOnlyInternetGatewayResponse;
}

/// What `DeleteEgressOnlyInternetGateway` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteEgressOnlyInternetGateway {
    pub(crate) egress_only_internet_gateway_id: EgressOnlyInternetGatewayId,
}

/// What `DeleteEgressOnlyInternetGateway` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteEgressOnlyInternetGatewayResponse {
    pub(crate) return_code: bool,
}

impl Action for DeleteEgressOnlyInternetGateway {
    const NAME: &'static str = "DeleteEgressOnlyInternetGateway";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = DeleteEgressOnlyInternetGatewayResponse;
}

/// What `DescribeEgressOnlyInternetGateways` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeEgressOnlyInternetGateways {
    #[query(name = "EgressOnlyInternetGatewayId")]
    pub(crate) egress_only_internet_gateway_ids: Vec<EgressOnlyInternetGatewayId>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeEgressOnlyInternetGateways` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeEgressOnlyInternetGatewaysResponse {
    pub(crate) egress_only_internet_gateway_set: ItemSet<EgressOnlyInternetGatewayDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeEgressOnlyInternetGateways {
    const NAME: &'static str = "DescribeEgressOnlyInternetGateways";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeEgressOnlyInternetGatewaysResponse;
}

/// `EgressOnlyInternetGateway` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EgressOnlyInternetGatewayDescription {
    pub(crate) egress_only_internet_gateway_id: EgressOnlyInternetGatewayId,
    pub(crate) attachment_set: ItemSet<InternetGatewayAttachment>,
    pub(crate) tag_set: ItemSet<TagItem>,
}
