//! What changes a role itself: `UpdateRole`, `UpdateRoleDescription`, `UpdateAssumeRolePolicy`, `TagRole`, `UntagRole`.

use eni_types::quota;

use super::known;
use crate::api::iam_role::{
    RoleDescription, TagRole, UntagRole, UpdateAssumeRolePolicy, UpdateRole, UpdateRoleDescription,
    UpdateRoleDescriptionResponse, UpdateRoleResponse,
};
use crate::operations::iam::document::{self, Kind};
use crate::operations::iam::error::{invalid, over_quota};
use crate::operations::iam::tag;
use crate::resource::Role;
use crate::{ChangeSet, Context, Ec2Error, Operation, Planned, World};

/// Changes description and length of sessions, as far as they are given.
impl Operation for UpdateRole {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        check_description(self.description.as_deref())?;
        check_session_duration(self.max_session_duration)?;
        let mut role = Role::clone(known(world, &self.role_name)?);
        if let Some(description) = self.description {
            role.description = Some(description).filter(|text| !text.is_empty());
        }
        if let Some(seconds) = self.max_session_duration {
            role.max_session_duration = seconds;
        }
        ChangeSet::putting(role).answered(UpdateRoleResponse {})
    }
}

/// Changes the description.
impl Operation for UpdateRoleDescription {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        check_description(Some(&self.description))?;
        let mut role = Role::clone(known(world, &self.role_name)?);
        role.description = Some(self.description).filter(|text| !text.is_empty());
        let response = UpdateRoleDescriptionResponse {
            role: RoleDescription::new(&role, context.region),
        };
        ChangeSet::putting(role).answered(response)
    }
}

/// Replaces the trust policy.
impl Operation for UpdateAssumeRolePolicy {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        check_trust_policy(&self.policy_document)?;
        let role = Role {
            assume_role_policy_document: self.policy_document,
            ..Role::clone(known(world, &self.role_name)?)
        };
        ChangeSet::putting(role).answered(())
    }
}

/// Adds or replaces tags.
impl Operation for TagRole {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut role = Role::clone(known(world, &self.role_name)?);
        tag::add(&mut role.tags, &self.tags)?;
        ChangeSet::putting(role).answered(())
    }
}

/// Removes tags.
impl Operation for UntagRole {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut role = Role::clone(known(world, &self.role_name)?);
        tag::remove(&mut role.tags, &self.tag_keys.items);
        ChangeSet::putting(role).answered(())
    }
}

/// Checks a trust policy: its form and its size.
///
/// # Errors
/// `MalformedPolicyDocument`, `LimitExceeded`.
pub(super) fn check_trust_policy(document: &str) -> Result<(), Ec2Error> {
    document::check(document, Kind::Trust)?;
    if document::size(document) > quota::TRUST_POLICY_CHARACTERS {
        return Err(over_quota("ACLSizePerRole", quota::TRUST_POLICY_CHARACTERS));
    }
    Ok(())
}

pub(in crate::operations::iam) fn check_description(
    description: Option<&str>,
) -> Result<(), Ec2Error> {
    let description = description.unwrap_or_default();
    if description.chars().count() > quota::IAM_DESCRIPTION_CHARACTERS {
        let constraint = "have length less than or equal to 1000";
        return Err(invalid("description", description, constraint));
    }
    Ok(())
}

pub(super) fn check_session_duration(seconds: Option<u32>) -> Result<(), Ec2Error> {
    let Some(seconds) = seconds else {
        return Ok(());
    };
    let constraint = if seconds < *quota::SESSION_DURATIONS.start() {
        "have value greater than or equal to 3600"
    } else if seconds > *quota::SESSION_DURATIONS.end() {
        "have value less than or equal to 43200"
    } else {
        return Ok(());
    };
    Err(invalid("maxSessionDuration", seconds, constraint))
}
