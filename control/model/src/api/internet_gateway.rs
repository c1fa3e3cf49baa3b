//! Internet gateways: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/internet_gateway.toml`.

use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::tags::{TagItem, TagSpecification};
use crate::{ItemSet, ReturnTrue};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use eni_types::{InternetGatewayId, VpcId};
use serde::Serialize;

/// What `AttachInternetGateway` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AttachInternetGateway {
    pub(crate) internet_gateway_id: InternetGatewayId,
    pub(crate) vpc_id: VpcId,
}

impl Action for AttachInternetGateway {
    const NAME: &'static str = "AttachInternetGateway";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `CreateInternetGateway` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct CreateInternetGateway {
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
}

/// What `CreateInternetGateway` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateInternetGatewayResponse {
    pub(crate) internet_gateway: InternetGatewayDescription,
}

impl Action for CreateInternetGateway {
    const NAME: &'static str = "CreateInternetGateway";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateInternetGatewayResponse;
}

/// What `DeleteInternetGateway` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteInternetGateway {
    pub(crate) internet_gateway_id: InternetGatewayId,
}

impl Action for DeleteInternetGateway {
    const NAME: &'static str = "DeleteInternetGateway";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DescribeInternetGateways` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeInternetGateways {
    #[query(name = "InternetGatewayId")]
    pub(crate) internet_gateway_ids: Vec<InternetGatewayId>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeInternetGateways` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeInternetGatewaysResponse {
    pub(crate) internet_gateway_set: ItemSet<InternetGatewayDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeInternetGateways {
    const NAME: &'static str = "DescribeInternetGateways";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeInternetGatewaysResponse;
}

impl Filtered for InternetGatewayDescription {
    const FILTERS: &'static [&'static str] = &[
        "attachment.state",
        "attachment.vpc-id",
        "internet-gateway-id",
        "owner-id",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "attachment.state" => {
                for one in &self.attachment_set.items {
                    give(one.state.to_string());
                }
            }
            "attachment.vpc-id" => {
                for one in &self.attachment_set.items {
                    give(one.vpc_id.to_string());
                }
            }
            "internet-gateway-id" => give(self.internet_gateway_id.to_string()),
            "owner-id" => give(self.owner_id.to_string()),
            _ => {}
        }
    }
}

/// What `DetachInternetGateway` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DetachInternetGateway {
    pub(crate) internet_gateway_id: InternetGatewayId,
    pub(crate) vpc_id: VpcId,
}

impl Action for DetachInternetGateway {
    const NAME: &'static str = "DetachInternetGateway";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// `InternetGatewayAttachment` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InternetGatewayAttachment {
    pub(crate) vpc_id: VpcId,
    pub(crate) state: &'static str,
}

/// `InternetGateway` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InternetGatewayDescription {
    pub(crate) internet_gateway_id: InternetGatewayId,
    pub(crate) owner_id: String,
    pub(crate) attachment_set: ItemSet<InternetGatewayAttachment>,
    pub(crate) tag_set: ItemSet<TagItem>,
}
