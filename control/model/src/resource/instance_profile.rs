//! Instance profiles of IAM, and which instances have which.

use alloc::format;
use alloc::string::String;

use eni_types::iam::{EntityPath, InstanceProfileId, InstanceProfileName, RoleName};
use eni_types::{IamInstanceProfileAssociationId, InstanceId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::index::indexes;
use crate::tags::Tags;
use crate::{RegionSettings, Row};

/// An instance profile: what gives a role to instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceProfile {
    /// Its name.
    pub instance_profile_name: InstanceProfileName,
    /// Its unique id, which the profile that is made after it under the same name does not have.
    pub instance_profile_id: InstanceProfileId,
    /// Its path.
    pub path: EntityPath,
    /// When it was made.
    pub create_date: Timestamp,
    /// Its role, if it has one.
    pub role_name: Option<RoleName>,
    /// Its tags.
    pub tags: Tags,
}

impl InstanceProfile {
    /// Its Amazon resource name.
    #[must_use]
    pub fn arn(&self, region: &RegionSettings) -> String {
        let (path, name) = (self.path.as_str(), &self.instance_profile_name);
        format!(
            "arn:aws:iam::{}:instance-profile{path}{name}",
            region.account_id
        )
    }
}

impl Row for InstanceProfile {
    type Id = InstanceProfileName;
    fn id(&self) -> InstanceProfileName {
        self.instance_profile_name.clone()
    }
}

indexes! {
    InstanceProfile, InstanceProfileIndexes:
    instance_profile_id: InstanceProfileId = |profile| [profile.instance_profile_id];
    role: RoleName = |profile| profile.role_name.clone();
}

/// The association of an instance profile with an instance. It outlives the profile: EC2 goes on naming it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IamInstanceProfileAssociation {
    /// Its id.
    pub association_id: IamInstanceProfileAssociationId,
    /// The instance, which has no other.
    pub instance_id: InstanceId,
    /// The profile's unique id.
    pub instance_profile_id: InstanceProfileId,
    /// The profile's Amazon resource name.
    pub instance_profile_arn: String,
    /// Since when.
    pub timestamp: Timestamp,
}

impl Row for IamInstanceProfileAssociation {
    type Id = IamInstanceProfileAssociationId;
    fn id(&self) -> IamInstanceProfileAssociationId {
        self.association_id
    }
}

indexes! {
    IamInstanceProfileAssociation, IamInstanceProfileAssociationIndexes:
    instance: InstanceId = |association| [association.instance_id];
}
