//! Instance types: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/instance_type.toml`.

use crate::ItemSet;
use crate::describe::Page;
use crate::operation::Action;
use crate::operations::instance_type::description::InstanceTypeDescription;
use alloc::string::String;
use alloc::vec::Vec;
use eni_query::FromQuery;
use serde::Serialize;

/// What `DescribeInstanceTypeOfferings` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeInstanceTypeOfferings {
    pub(crate) location_type: Option<String>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeInstanceTypeOfferings` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeInstanceTypeOfferingsResponse {
    pub(crate) instance_type_offering_set: ItemSet<Offering>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeInstanceTypeOfferings {
    const NAME: &'static str = "DescribeInstanceTypeOfferings";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeInstanceTypeOfferingsResponse;
}

/// What `DescribeInstanceTypes` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeInstanceTypes {
    #[query(name = "InstanceType")]
    pub(crate) instance_types: Vec<String>,
    pub(crate) include_unsupported_in_region: Option<bool>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeInstanceTypes` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeInstanceTypesResponse {
    pub(crate) instance_type_set: ItemSet<InstanceTypeDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeInstanceTypes {
    const NAME: &'static str = "DescribeInstanceTypes";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeInstanceTypesResponse;
}

/// `InstanceTypeOffering` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Offering {
    pub(crate) instance_type: &'static str,
    pub(crate) location_type: String,
    pub(crate) location: String,
}
