//! Key pairs: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/key_pair.toml`.

use crate::ItemSet;
use crate::describe::{Filter, Filtered};
use crate::operation::Action;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use serde::Serialize;

/// What `DescribeKeyPairs` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeKeyPairs {
    #[query(name = "KeyName")]
    pub(crate) key_names: Vec<String>,
    #[query(name = "KeyPairId")]
    pub(crate) key_pair_ids: Vec<String>,
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
            "key-name" => give(self.key_name.to_string()),
            "key-pair-id" => give(self.key_pair_id.to_string()),
            _ => {}
        }
    }
}

/// `KeyPairInfo` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyPairDescription {
    pub(crate) key_pair_id: String,
    pub(crate) key_name: String,
}
