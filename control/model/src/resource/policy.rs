//! Managed policies of IAM that the account has made.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use eni_types::Timestamp;
use eni_types::iam::{EntityPath, PolicyId, PolicyName};
use serde::{Deserialize, Serialize};

use super::role::AttachedPolicyArn;
use crate::index::indexes;
use crate::tags::Tags;
use crate::{RegionSettings, Row};

/// A managed policy. It is kept, not evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub policy_name: PolicyName,
    /// Its unique id.
    pub policy_id: PolicyId,
    /// Its path.
    pub path: EntityPath,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made.
    pub create_date: Timestamp,
    /// When a version was last made, or chosen as the default.
    pub update_date: Timestamp,
    /// Its versions, the oldest first.
    pub versions: Vec<PolicyVersion>,
    /// The number of the version in force.
    pub default_version: u32,
    /// The number that was given last.
    pub last_version: u32,
    /// Its tags.
    pub tags: Tags,
}

/// A version of a managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// `1` of `v1`. No number is given twice.
    pub number: u32,
    /// The document, as JSON.
    pub document: String,
    /// When it was made.
    pub create_date: Timestamp,
}

impl Policy {
    /// Its Amazon resource name.
    #[must_use]
    pub fn arn(&self, region: &RegionSettings) -> AttachedPolicyArn {
        let (path, name) = (self.path.as_str(), &self.policy_name);
        AttachedPolicyArn(format!(
            "arn:aws:iam::{}:policy{path}{name}",
            region.account_id
        ))
    }
}

impl Row for Policy {
    type Id = PolicyName;
    fn id(&self) -> PolicyName {
        self.policy_name.clone()
    }
}

indexes! { Policy, PolicyIndexes: }
