//! `CreateInstanceProfile`, `DeleteInstanceProfile`, `TagInstanceProfile` and `UntagInstanceProfile`.

use alloc::format;

use eni_types::iam::InstanceProfileId;
use eni_types::quota;

use super::known;
use crate::api::iam_instance_profile::{
    CreateInstanceProfile, CreateInstanceProfileResponse, DeleteInstanceProfile,
    InstanceProfileDescription, TagInstanceProfile, UntagInstanceProfile,
};
use crate::operations::iam::error::{check_quota, conflict, exists};
use crate::operations::iam::{random_bits, tag};
use crate::resource::InstanceProfile;
use crate::tags::Tags;
use crate::{ChangeSet, Context, Operation, Planned, Row, World};

/// Makes an instance profile without a role.
impl Operation for CreateInstanceProfile {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let name = self.instance_profile_name;
        if world.instance_profiles.get(name.clone()).is_some() {
            return Err(exists(format!("Instance Profile {name}")));
        }
        let count = world.instance_profiles.len();
        check_quota(
            count,
            quota::INSTANCE_PROFILES,
            "InstanceProfilesPerAccount",
        )?;
        let mut tags = Tags::default();
        tag::add(&mut tags, &self.tags)?;
        let profile = InstanceProfile {
            instance_profile_name: name,
            instance_profile_id: InstanceProfileId::from_random(random_bits(context)),
            path: self.path.unwrap_or_default(),
            create_date: context.now,
            role_name: None,
            tags,
        };
        let response = CreateInstanceProfileResponse {
            instance_profile: InstanceProfileDescription::new(&profile, world, context.region),
        };
        ChangeSet::putting(profile).answered(response)
    }
}

/// Deletes an instance profile that has no role. Instances that have it keep naming it, and are given nothing more.
impl Operation for DeleteInstanceProfile {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let profile = known(world, &self.instance_profile_name)?;
        if profile.role_name.is_some() {
            return Err(conflict("remove roles from instance profile"));
        }
        let mut changes = ChangeSet::none();
        changes.delete(profile.id());
        changes.answered(())
    }
}

/// Adds or replaces tags.
impl Operation for TagInstanceProfile {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut profile = InstanceProfile::clone(known(world, &self.instance_profile_name)?);
        tag::add(&mut profile.tags, &self.tags)?;
        ChangeSet::putting(profile).answered(())
    }
}

/// Removes tags.
impl Operation for UntagInstanceProfile {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut profile = InstanceProfile::clone(known(world, &self.instance_profile_name)?);
        tag::remove(&mut profile.tags, &self.tag_keys.items);
        ChangeSet::putting(profile).answered(())
    }
}
