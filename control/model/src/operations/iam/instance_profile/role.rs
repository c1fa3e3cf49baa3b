//! `AddRoleToInstanceProfile` and `RemoveRoleFromInstanceProfile`.

use eni_types::quota;

use super::known;
use crate::api::iam_role::{AddRoleToInstanceProfile, RemoveRoleFromInstanceProfile};
use crate::operations::iam::error::{no_role, over_quota};
use crate::operations::iam::role;
use crate::resource::InstanceProfile;
use crate::{ChangeSet, Context, Operation, Planned, World};

/// Gives an instance profile its only role.
impl Operation for AddRoleToInstanceProfile {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let profile = known(world, &self.instance_profile_name)?;
        let role = role::known(world, &self.role_name)?;
        if profile.role_name.is_some() {
            let most = quota::ROLES_PER_INSTANCE_PROFILE;
            return Err(over_quota("InstanceSessionsPerInstanceProfile", most));
        }
        ChangeSet::putting(InstanceProfile {
            role_name: Some(role.role_name.clone()),
            ..InstanceProfile::clone(profile)
        })
        .answered(())
    }
}

/// Takes its role from an instance profile.
impl Operation for RemoveRoleFromInstanceProfile {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let profile = known(world, &self.instance_profile_name)?;
        let role = role::known(world, &self.role_name)?;
        if profile.role_name.as_ref() != Some(&role.role_name) {
            return Err(no_role(&self.role_name));
        }
        ChangeSet::putting(InstanceProfile {
            role_name: None,
            ..InstanceProfile::clone(profile)
        })
        .answered(())
    }
}
