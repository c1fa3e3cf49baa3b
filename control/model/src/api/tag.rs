//! Tags: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/tag.toml`.

use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::tags::TagParameter;
use crate::{ItemSet, ReturnTrue};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use serde::Serialize;

/// What `CreateTags` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct CreateTags {
    #[query(name = "ResourceId")]
    pub(crate) resource_ids: Vec<String>,
    #[query(name = "Tag")]
    pub(crate) tags: Vec<TagParameter>,
}

impl Action for CreateTags {
    const NAME: &'static str = "CreateTags";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DeleteTags` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DeleteTags {
    #[query(name = "ResourceId")]
    pub(crate) resource_ids: Vec<String>,
    #[query(name = "Tag")]
    pub(crate) tags: Vec<TagParameter>,
}

impl Action for DeleteTags {
    const NAME: &'static str = "DeleteTags";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DescribeTags` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeTags {
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeTags` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeTagsResponse {
    pub(crate) tag_set: ItemSet<TagDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeTags {
    const NAME: &'static str = "DescribeTags";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeTagsResponse;
}

impl Filtered for TagDescription {
    const FILTERS: &'static [&'static str] = &["key", "resource-id", "resource-type", "value"];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "key" => give(self.key.to_string()),
            "resource-id" => give(self.resource_id.to_string()),
            "resource-type" => give(self.resource_type.to_string()),
            "value" => give(self.value.to_string()),
            _ => {}
        }
    }
}

/// `TagDescription` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TagDescription {
    pub(crate) resource_id: String,
    pub(crate) resource_type: &'static str,
    pub(crate) key: String,
    pub(crate) value: String,
}
