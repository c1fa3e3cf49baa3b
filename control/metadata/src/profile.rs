//! `meta-data/iam`: the instance's profile, and credentials of its role.
//!
//! Nothing is remembered of what was given: credentials follow from the association, the role and the hour, so that whoever
//! asks again within the hour, or of another process, is given the same.

use alloc::format;
use alloc::string::{String, ToString};

use eni_model::operations::iam::document::Trust;
use eni_model::operations::iam::whole_seconds;
use eni_model::resource::{IamInstanceProfileAssociation, InstanceProfile, Role};
use eni_sessions::Session;
use eni_types::Timestamp;

use crate::document::object;
use crate::instance::Asked;
use crate::tree::Entry::{Folder, Text};
use crate::tree::{Entries, Node, look, look_among};

/// How long credentials hold: six hours, as EC2's.
const LIFE: i64 = 6 * 3_600_000;
/// After which new ones are given: an hour, as EC2 does. It promises new ones five minutes before the old ones expire (EC2
/// User Guide, "Retrieve security credentials from instance metadata"); here the old ones then hold for five hours more.
const ROTATION: i64 = 3_600_000;
/// Who assumes the roles of instances.
const EC2: &str = "ec2.amazonaws.com";

/// The profile of the instance that asks.
struct Profile<'a> {
    asked: &'a Asked<'a>,
    association: &'a IamInstanceProfileAssociation,
}

/// What is at a path of `iam`; nothing of an instance without a profile.
pub(crate) fn iam(asked: &Asked<'_>, path: &[&str]) -> Option<Node> {
    let associations = &asked.scope.world.iam_instance_profile_associations;
    let association = associations.one(&asked.instance.instance_id)?;
    look(Profile::IAM, &Profile { asked, association }, path)
}

impl<'a> Profile<'a> {
    /// EC2 User Guide, "Instance metadata categories".
    const IAM: &'a Entries<Self> = &[
        ("info", Text(|profile| Some(profile.info()))),
        ("security-credentials", Folder(Self::security_credentials)),
    ];

    /// The profile, unless it has been deleted.
    fn profile(&self) -> Option<&InstanceProfile> {
        let profiles = &self.asked.scope.world.instance_profiles;
        let id = self.association.instance_profile_id;
        profiles.one(&id).map(AsRef::as_ref)
    }

    fn role(&self) -> Option<&Role> {
        let name = self.profile()?.role_name.clone()?;
        self.asked.scope.world.roles.get(name).map(AsRef::as_ref)
    }

    /// When what is given now began to be given.
    fn last_updated(&self) -> Timestamp {
        let since = self.association.timestamp.0;
        let past = self.asked.scope.now.0.saturating_sub(since).max(0);
        Timestamp(since.saturating_add(past - past % ROTATION))
    }

    /// IAM User Guide, "Troubleshoot IAM and Amazon EC2".
    fn info(&self) -> String {
        let updated = whole_seconds(self.last_updated());
        let arn = &self.association.instance_profile_arn;
        if self.profile().is_none() {
            let message = format!("The instance profile {arn} does not exist.");
            return object(&[
                ("Code", "InstanceProfileNotFound".into()),
                ("Message", message.into()),
                ("LastUpdated", updated.into()),
            ]);
        }
        let id = self.association.instance_profile_id.to_string();
        object(&[
            ("Code", "Success".into()),
            ("LastUpdated", updated.into()),
            ("InstanceProfileArn", arn.as_str().into()),
            ("InstanceProfileId", id.into()),
        ])
    }

    fn security_credentials(&self, path: &[&str]) -> Option<Node> {
        let role = self.role()?;
        let name = role.role_name.as_str();
        look_among([(name, self.credentials(role))].into_iter(), path)
    }

    fn credentials(&self, role: &Role) -> String {
        let scope = self.asked.scope;
        let updated = self.last_updated();
        if !Trust::Service(EC2).is_given_by(&role.assume_role_policy_document) {
            let message = format!(
                "EC2 cannot assume the role {}. Please see documentation at \
                 https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html#troubleshoot_iam-ec2_errors-info-doc.",
                role.role_name
            );
            return object(&[
                ("Code", "AssumeRoleUnauthorizedAccess".into()),
                ("Message", message.into()),
                ("LastUpdated", whole_seconds(updated).into()),
            ]);
        }
        let made = scope.keys.sessions.credentials(&Session {
            role_id: role.role_id,
            name: self.asked.instance.instance_id.to_string(),
            expiration: Timestamp(updated.0.saturating_add(LIFE)),
        });
        object(&[
            ("Code", "Success".into()),
            ("LastUpdated", whole_seconds(updated).into()),
            ("Type", "AWS-HMAC".into()),
            ("AccessKeyId", made.access_key_id.into()),
            ("SecretAccessKey", made.secret_access_key.into()),
            ("Token", made.session_token.into()),
            ("Expiration", whole_seconds(made.expiration).into()),
        ])
    }
}
