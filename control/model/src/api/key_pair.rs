//! Key pairs: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/key_pair.toml`.

use crate::ItemSet;
use crate::describe::{Filter, Filtered};
use crate::operation::Action;
use crate::tags::{TagItem, TagSpecification};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use eni_types::KeyPairId;
use serde::Serialize;

/// What `CreateKeyPair` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateKeyPair {
    pub(crate) key_name: String,
    pub(crate) key_type: Option<String>,
    pub(crate) key_format: Option<String>,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
}

/// What `CreateKeyPair` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateKeyPairResponse {
    pub(crate) key_fingerprint: String,
    pub(crate) key_material: String,
    pub(crate) key_name: String,
    pub(crate) key_pair_id: KeyPairId,
    pub(crate) tag_set: ItemSet<TagItem>,
}

impl Action for CreateKeyPair {
    const NAME: &'static str = "CreateKeyPair";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateKeyPairResponse;
}

/// What `DeleteKeyPair` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DeleteKeyPair {
    pub(crate) key_name: Option<String>,
    pub(crate) key_pair_id: Option<String>,
}

/// What `DeleteKeyPair` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteKeyPairResponse {
    pub(crate) r#return: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_pair_id: Option<String>,
}

impl Action for DeleteKeyPair {
    const NAME: &'static str = "DeleteKeyPair";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = DeleteKeyPairResponse;
}

/// What `DescribeKeyPairs` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeKeyPairs {
    #[query(name = "KeyName")]
    pub(crate) key_names: Vec<String>,
    #[query(name = "KeyPairId")]
    pub(crate) key_pair_ids: Vec<KeyPairId>,
    pub(crate) include_public_key: Option<bool>,
    #[query(name = "Filter")]
    pub(crate) filters: Vec<Filter>,
}

/// What `DescribeKeyPairs` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeKeyPairsResponse {
    pub(crate) key_set: ItemSet<KeyPairDescription>,
}

impl Action for DescribeKeyPairs {
    const NAME: &'static str = "DescribeKeyPairs";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeKeyPairsResponse;
}

impl Filtered for KeyPairDescription {
    const FILTERS: &'static [&'static str] = &["fingerprint", "key-name", "key-pair-id"];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "fingerprint" => give(self.key_fingerprint.to_string()),
            "key-name" => give(self.key_name.to_string()),
            "key-pair-id" => give(self.key_pair_id.to_string()),
            _ => {}
        }
    }
}

/// What `ImportKeyPair` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ImportKeyPair {
    pub(crate) key_name: String,
    pub(crate) public_key_material: String,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
}

/// What `ImportKeyPair` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportKeyPairResponse {
    pub(crate) key_fingerprint: String,
    pub(crate) key_name: String,
    pub(crate) key_pair_id: KeyPairId,
    pub(crate) tag_set: ItemSet<TagItem>,
}

impl Action for ImportKeyPair {
    const NAME: &'static str = "ImportKeyPair";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ImportKeyPairResponse;
}

/// `KeyPairInfo` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyPairDescription {
    pub(crate) key_pair_id: KeyPairId,
    pub(crate) key_fingerprint: String,
    pub(crate) key_name: String,
    pub(crate) key_type: String,
    pub(crate) tag_set: ItemSet<TagItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_key: Option<String>,
    pub(crate) create_time: String,
}
