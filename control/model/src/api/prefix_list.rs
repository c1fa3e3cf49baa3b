//! Prefix lists: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/prefix_list.toml`.

use crate::ItemSet;
use crate::describe::{Filtered, Page};
use crate::operation::Action;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use serde::Serialize;

/// What `DescribeManagedPrefixLists` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeManagedPrefixLists {
    #[query(name = "PrefixListId")]
    pub(crate) prefix_list_ids: Vec<String>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeManagedPrefixLists` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeManagedPrefixListsResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
    pub(crate) prefix_list_set: ItemSet<ManagedPrefixList>,
}

impl Action for DescribeManagedPrefixLists {
    const NAME: &'static str = "DescribeManagedPrefixLists";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeManagedPrefixListsResponse;
}

impl Filtered for ManagedPrefixList {
    const FILTERS: &'static [&'static str] = &["owner-id", "prefix-list-id", "prefix-list-name"];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "owner-id" => give(self.owner_id.to_string()),
            "prefix-list-id" => give(self.prefix_list_id.to_string()),
            "prefix-list-name" => give(self.prefix_list_name.to_string()),
            _ => {}
        }
    }
}

/// What `DescribePrefixLists` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribePrefixLists {
    #[query(name = "PrefixListId")]
    pub(crate) prefix_list_ids: Vec<String>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribePrefixLists` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribePrefixListsResponse {
    pub(crate) prefix_list_set: ItemSet<PrefixListDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribePrefixLists {
    const NAME: &'static str = "DescribePrefixLists";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribePrefixListsResponse;
}

impl Filtered for PrefixListDescription {
    const FILTERS: &'static [&'static str] = &["owner-id", "prefix-list-id", "prefix-list-name"];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "owner-id" => give("AWS".into()),
            "prefix-list-id" => give(self.prefix_list_id.to_string()),
            "prefix-list-name" => give(self.prefix_list_name.to_string()),
            _ => {}
        }
    }
}

/// What `GetManagedPrefixListAssociations` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct GetManagedPrefixListAssociations {
    pub(crate) prefix_list_id: String,
    pub(crate) max_results: Option<u32>,
    pub(crate) next_token: Option<String>,
}

/// What `GetManagedPrefixListAssociations` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetManagedPrefixListAssociationsResponse {
    pub(crate) prefix_list_association_set: ItemSet<()>,
}

impl Action for GetManagedPrefixListAssociations {
    const NAME: &'static str = "GetManagedPrefixListAssociations";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = GetManagedPrefixListAssociationsResponse;
}

/// What `GetManagedPrefixListEntries` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct GetManagedPrefixListEntries {
    pub(crate) prefix_list_id: String,
    pub(crate) target_version: Option<i64>,
    pub(crate) max_results: Option<u32>,
    pub(crate) next_token: Option<String>,
}

/// What `GetManagedPrefixListEntries` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetManagedPrefixListEntriesResponse {
    pub(crate) entry_set: ItemSet<PrefixListEntryDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for GetManagedPrefixListEntries {
    const NAME: &'static str = "GetManagedPrefixListEntries";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = GetManagedPrefixListEntriesResponse;
}

/// `ManagedPrefixList` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ManagedPrefixList {
    pub(crate) prefix_list_id: &'static str,
    pub(crate) address_family: &'static str,
    pub(crate) state: &'static str,
    pub(crate) prefix_list_arn: String,
    pub(crate) prefix_list_name: String,
    pub(crate) owner_id: &'static str,
}

/// `PrefixList` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PrefixListDescription {
    pub(crate) prefix_list_id: &'static str,
    pub(crate) prefix_list_name: String,
    pub(crate) cidr_set: ItemSet<&'static str>,
}

/// `PrefixListEntry` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PrefixListEntryDescription {
    pub(crate) cidr: &'static str,
}
