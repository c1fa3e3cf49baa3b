//! Roles of IAM.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;

use eni_types::Timestamp;
use eni_types::iam::{EntityPath, PolicyName, RoleId, RoleName};
use serde::{Deserialize, Serialize};

use crate::index::indexes;
use crate::tags::Tags;
use crate::{RegionSettings, Row};

/// A role. Its policies are kept, not evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub role_name: RoleName,
    /// Its unique id, which the role that is made after it under the same name does not have.
    pub role_id: RoleId,
    /// Its path.
    pub path: EntityPath,
    /// When it was made.
    pub create_date: Timestamp,
    /// Who may assume it, as JSON.
    pub assume_role_policy_document: String,
    /// What it is for.
    pub description: Option<String>,
    /// How long sessions may last that ask for long ones, in seconds.
    pub max_session_duration: u32,
    /// The documents of its inline policies, as JSON.
    pub policies: BTreeMap<PolicyName, String>,
    /// The ARNs of the managed policies that are attached.
    pub attached_policies: BTreeSet<AttachedPolicyArn>,
    /// Its tags.
    pub tags: Tags,
}

/// The ARN of a managed policy that is attached to roles.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttachedPolicyArn(pub String);

impl Role {
    /// Its Amazon resource name.
    #[must_use]
    pub fn arn(&self, region: &RegionSettings) -> String {
        let (path, name) = (self.path.as_str(), &self.role_name);
        format!("arn:aws:iam::{}:role{path}{name}", region.account_id)
    }
}

impl Row for Role {
    type Id = RoleName;
    fn id(&self) -> RoleName {
        self.role_name.clone()
    }
}

indexes! {
    Role, RoleIndexes:
    role_id: RoleId = |role| [role.role_id];
    attached_policy: AttachedPolicyArn = |role| role.attached_policies.iter().cloned();
}
