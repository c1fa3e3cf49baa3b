//! Regions and zones: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/region.toml`.

use crate::ItemSet;
use crate::describe::{Filter, Filtered};
use crate::operation::Action;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use serde::Serialize;

/// What `DescribeAccountAttributes` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeAccountAttributes {
    #[query(name = "AttributeName")]
    pub(crate) attribute_names: Vec<String>,
}

/// What `DescribeAccountAttributes` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeAccountAttributesResponse {
    pub(crate) account_attribute_set: ItemSet<AccountAttribute>,
}

impl Action for DescribeAccountAttributes {
    const NAME: &'static str = "DescribeAccountAttributes";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeAccountAttributesResponse;
}

/// What `DescribeAvailabilityZones` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeAvailabilityZones {
    #[query(name = "ZoneName")]
    pub(crate) zone_names: Vec<String>,
    #[query(name = "ZoneId")]
    pub(crate) zone_ids: Vec<String>,
    #[query(name = "Filter")]
    pub(crate) filters: Vec<Filter>,
    pub(crate) all_availability_zones: Option<bool>,
}

/// What `DescribeAvailabilityZones` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeAvailabilityZonesResponse {
    pub(crate) availability_zone_info: ItemSet<ZoneDescription>,
}

impl Action for DescribeAvailabilityZones {
    const NAME: &'static str = "DescribeAvailabilityZones";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeAvailabilityZonesResponse;
}

impl Filtered for ZoneDescription {
    const FILTERS: &'static [&'static str] = &[
        "group-long-name",
        "group-name",
        "message",
        "opt-in-status",
        "parent-zone-id",
        "parent-zone-name",
        "region-name",
        "state",
        "zone-id",
        "zone-name",
        "zone-type",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "message" => {
                for one in &self.message_set.items {
                    give(one.to_string());
                }
            }
            "group-long-name" => give(self.group_long_name.to_string()),
            "group-name" => give(self.group_name.to_string()),
            "opt-in-status" => give(self.opt_in_status.to_string()),
            "region-name" => give(self.region_name.to_string()),
            "zone-id" => give(self.zone_id.to_string()),
            "zone-name" => give(self.zone_name.to_string()),
            "state" => give(self.zone_state.to_string()),
            "zone-type" => give(self.zone_type.to_string()),
            _ => {}
        }
    }
}

/// What `DescribeRegions` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeRegions {
    #[query(name = "RegionName")]
    pub(crate) region_names: Vec<String>,
    #[query(name = "Filter")]
    pub(crate) filters: Vec<Filter>,
    pub(crate) all_regions: Option<bool>,
}

/// What `DescribeRegions` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeRegionsResponse {
    pub(crate) region_info: ItemSet<RegionDescription>,
}

impl Action for DescribeRegions {
    const NAME: &'static str = "DescribeRegions";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeRegionsResponse;
}

impl Filtered for RegionDescription {
    const FILTERS: &'static [&'static str] = &["endpoint", "opt-in-status", "region-name"];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "opt-in-status" => give(self.opt_in_status.to_string()),
            "endpoint" => give(self.region_endpoint.to_string()),
            "region-name" => give(self.region_name.to_string()),
            _ => {}
        }
    }
}

/// `AccountAttribute` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountAttribute {
    pub(crate) attribute_name: &'static str,
    pub(crate) attribute_value_set: ItemSet<AccountAttributeValue>,
}

/// `AccountAttributeValue` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountAttributeValue {
    pub(crate) attribute_value: String,
}

/// `Region` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegionDescription {
    pub(crate) region_name: String,
    pub(crate) region_endpoint: String,
    pub(crate) opt_in_status: &'static str,
}

/// `AvailabilityZone` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ZoneDescription {
    pub(crate) zone_name: String,
    pub(crate) zone_id: String,
    pub(crate) zone_state: &'static str,
    pub(crate) zone_type: &'static str,
    pub(crate) region_name: String,
    pub(crate) group_name: String,
    pub(crate) group_long_name: String,
    pub(crate) network_border_group: String,
    pub(crate) opt_in_status: &'static str,
    pub(crate) message_set: ItemSet<String>,
}
