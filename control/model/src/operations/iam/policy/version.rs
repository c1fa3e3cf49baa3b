//! The versions of managed policies.

use alloc::format;

use eni_types::quota;

use super::PolicyArn;
use crate::api::iam_policy::{
    CreatePolicyVersion, CreatePolicyVersionResponse, DeletePolicyVersion,
    PolicyVersionDescription, SetDefaultPolicyVersion,
};
use crate::operations::iam::document::{self, Kind};
use crate::operations::iam::error::{no_policy_version, over_quota};
use crate::resource::{Policy, PolicyVersion};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

impl Policy {
    /// The version named `v1`.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub(super) fn version(&self, arn: &str, id: &str) -> Result<&PolicyVersion, Ec2Error> {
        let number = id.strip_prefix('v').and_then(|digits| digits.parse().ok());
        let mut versions = self.versions.iter();
        versions
            .find(|version| Some(version.number) == number)
            .ok_or_else(|| no_policy_version(arn, id))
    }
}

/// Checks the document of a managed policy: its form and its size.
///
/// # Errors
/// `MalformedPolicyDocument`, `LimitExceeded`.
pub(super) fn check_document(text: &str) -> Result<(), Ec2Error> {
    document::check(text, Kind::Identity)?;
    if document::size(text) > quota::POLICY_CHARACTERS {
        return Err(over_quota("PolicySize", quota::POLICY_CHARACTERS));
    }
    Ok(())
}

/// Adds a version, and has it be the default if asked to.
impl Operation for CreatePolicyVersion {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        check_document(&self.policy_document)?;
        let policy = PolicyArn::parse(&self.policy_arn)?.known(world, context.region)?;
        let mut policy = Policy::clone(policy);
        if policy.versions.len() >= quota::VERSIONS_PER_POLICY {
            let message = format!(
                "A managed policy can have up to {} versions. Before you create a new version, you must delete an existing \
                 version.",
                quota::VERSIONS_PER_POLICY
            );
            return Err(ErrorCode::LimitExceeded.with(message));
        }
        policy.last_version += 1;
        policy.update_date = context.now;
        let version = PolicyVersion {
            number: policy.last_version,
            document: self.policy_document,
            create_date: context.now,
        };
        if self.set_as_default == Some(true) {
            policy.default_version = version.number;
        }
        let response = CreatePolicyVersionResponse {
            policy_version: PolicyVersionDescription {
                document: None,
                ..PolicyVersionDescription::new(&version, &policy)
            },
        };
        policy.versions.push(version);
        ChangeSet::putting(policy).answered(response)
    }
}

/// Deletes a version that is not the default.
impl Operation for DeletePolicyVersion {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let policy = PolicyArn::parse(&self.policy_arn)?.known(world, context.region)?;
        let number = policy.version(&self.policy_arn, &self.version_id)?.number;
        if number == policy.default_version {
            let message = "Cannot delete the default version of a policy.";
            return Err(ErrorCode::DeleteConflict.with(message));
        }
        let mut policy = Policy::clone(policy);
        policy.versions.retain(|version| version.number != number);
        ChangeSet::putting(policy).answered(())
    }
}

/// Chooses the version in force.
impl Operation for SetDefaultPolicyVersion {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let policy = PolicyArn::parse(&self.policy_arn)?.known(world, context.region)?;
        let default_version = policy.version(&self.policy_arn, &self.version_id)?.number;
        ChangeSet::putting(Policy {
            default_version,
            update_date: context.now,
            ..Policy::clone(policy)
        })
        .answered(())
    }
}
