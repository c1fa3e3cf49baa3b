//! DHCP options: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/dhcp_options.toml`.

use crate::ItemSet;
use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::operations::attribute::AttributeValue;
use crate::tags::TagItem;
use alloc::string::String;
use alloc::vec::Vec;
use eni_query::FromQuery;
use serde::Serialize;

/// What `DescribeDhcpOptions` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeDhcpOptions {
    #[query(name = "DhcpOptionsId")]
    pub(crate) dhcp_options_ids: Vec<String>,
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
    pub(crate) dhcp_options_id: &'static str,
    pub(crate) owner_id: String,
    pub(crate) dhcp_configuration_set: ItemSet<DhcpConfigurationDescription>,
    pub(crate) tag_set: ItemSet<TagItem>,
}
