//! What launches set of the metadata service unless they say otherwise.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::Row;
use crate::index::indexes;

/// An account's defaults of [`super::MetadataOptions`] in the region. What is not set is as EC2 has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataDefaults {
    /// The account.
    pub account_id: AccountId,
    /// `optional` or `required`.
    pub http_tokens: Option<String>,
    /// 1 to 64.
    pub http_put_response_hop_limit: Option<u8>,
    /// `enabled` or `disabled`.
    pub http_endpoint: Option<String>,
    /// `enabled` or `disabled`.
    pub instance_metadata_tags: Option<String>,
    /// Whether instances must require tokens: `enabled` or `disabled`.
    pub http_tokens_enforced: Option<String>,
}

/// An account: twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub String);

impl fmt::Display for AccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl MetadataDefaults {
    /// Those of an account that has set nothing.
    #[must_use]
    pub fn unset(account_id: &str) -> Self {
        Self {
            account_id: AccountId(account_id.into()),
            http_tokens: None,
            http_put_response_hop_limit: None,
            http_endpoint: None,
            instance_metadata_tags: None,
            http_tokens_enforced: None,
        }
    }

    /// Whether no instance may do without tokens.
    #[must_use]
    pub fn enforces_tokens(&self) -> bool {
        self.http_tokens_enforced.as_deref() == Some("enabled")
    }
}

impl Row for MetadataDefaults {
    type Id = AccountId;
    fn id(&self) -> AccountId {
        self.account_id.clone()
    }
}

indexes! { MetadataDefaults, MetadataDefaultsIndexes: }
