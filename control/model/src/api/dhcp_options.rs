//! DHCP options: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/dhcp_options.toml`.

use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::operations::attribute::AttributeValue;
use crate::tags::{TagItem, TagSpecification};
use crate::{ItemSet, ReturnTrue};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use eni_types::{DhcpOptionsId, VpcId};
use serde::Serialize;

/// What `AssociateDhcpOptions` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AssociateDhcpOptions {
    pub(crate) dhcp_options_id: String,
    pub(crate) vpc_id: VpcId,
}

impl Action for AssociateDhcpOptions {
    const NAME: &'static str = "AssociateDhcpOptions";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `CreateDhcpOptions` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct CreateDhcpOptions {
    #[query(name = "DhcpConfiguration")]
    pub(crate) dhcp_configurations: Vec<DhcpConfiguration>,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
}

/// What `CreateDhcpOptions` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateDhcpOptionsResponse {
    pub(crate) dhcp_options: DhcpOptionsDescription,
}

impl Action for CreateDhcpOptions {
    const NAME: &'static str = "CreateDhcpOptions";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateDhcpOptionsResponse;
}

/// What `DeleteDhcpOptions` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteDhcpOptions {
    pub(crate) dhcp_options_id: DhcpOptionsId,
}

impl Action for DeleteDhcpOptions {
    const NAME: &'static str = "DeleteDhcpOptions";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DescribeDhcpOptions` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeDhcpOptions {
    #[query(name = "DhcpOptionsId")]
    pub(crate) dhcp_options_ids: Vec<DhcpOptionsId>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeDhcpOptions` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeDhcpOptionsResponse {
    pub(crate) dhcp_options_set: ItemSet<DhcpOptionsDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeDhcpOptions {
    const NAME: &'static str = "DescribeDhcpOptions";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeDhcpOptionsResponse;
}

impl Filtered for DhcpOptionsDescription {
    const FILTERS: &'static [&'static str] = &["dhcp-options-id", "key", "owner-id", "value"];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "value" => {
                for one in &self.dhcp_configuration_set.items {
                    for one in &one.value_set.items {
                        give(one.to_string());
                    }
                }
            }
            "key" => {
                for one in &self.dhcp_configuration_set.items {
                    give(one.key.to_string());
                }
            }
            "dhcp-options-id" => give(self.dhcp_options_id.to_string()),
            "owner-id" => give(self.owner_id.to_string()),
            _ => {}
        }
    }
}

/// `NewDhcpConfiguration` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub(crate) struct DhcpConfiguration {
    pub(crate) key: String,
    #[query(name = "Value")]
    pub(crate) values: Vec<String>,
}

/// `DhcpConfiguration` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DhcpConfigurationDescription {
    pub(crate) key: &'static str,
    pub(crate) value_set: ItemSet<AttributeValue>,
}

/// `DhcpOptions` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DhcpOptionsDescription {
    pub(crate) dhcp_options_id: DhcpOptionsId,
    pub(crate) owner_id: String,
    pub(crate) dhcp_configuration_set: ItemSet<DhcpConfigurationDescription>,
    pub(crate) tag_set: ItemSet<TagItem>,
}
