//! What shows instance profiles.

use alloc::string::ToString;

use super::known;
use crate::api::iam_instance_profile::{
    GetInstanceProfile, GetInstanceProfileResponse, InstanceProfileDescription,
    ListInstanceProfileTags, ListInstanceProfileTagsResponse, ListInstanceProfiles,
    ListInstanceProfilesResponse,
};
use crate::api::iam_role::{
    ListInstanceProfilesForRole, ListInstanceProfilesForRoleResponse, RoleDescription,
};
use crate::operations::iam::{role, tag, whole_seconds};
use crate::resource::InstanceProfile;
use crate::{ChangeSet, Context, Operation, Planned, RegionSettings, World};

impl InstanceProfileDescription {
    /// The profile as answers about it show it.
    pub(super) fn new(profile: &InstanceProfile, world: &World, region: &RegionSettings) -> Self {
        Self {
            tags: tag::shown(&profile.tags),
            ..Self::listed(profile, world, region)
        }
    }

    /// The profile as listings show it, without its tags (IAM API reference, `ListInstanceProfiles`).
    fn listed(profile: &InstanceProfile, world: &World, region: &RegionSettings) -> Self {
        let role = profile.role_name.clone();
        let role = role.and_then(|name| world.roles.get(name));
        Self {
            path: profile.path.clone(),
            instance_profile_name: profile.instance_profile_name.clone(),
            instance_profile_id: profile.instance_profile_id.to_string(),
            arn: profile.arn(region),
            create_date: whole_seconds(profile.create_date),
            roles: role
                .into_iter()
                .map(|role| RoleDescription::listed(role, region))
                .collect(),
            tags: None,
        }
    }
}

/// Describes an instance profile.
impl Operation for GetInstanceProfile {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let profile = known(world, &self.instance_profile_name)?;
        ChangeSet::none().answered(GetInstanceProfileResponse {
            instance_profile: InstanceProfileDescription::new(profile, world, context.region),
        })
    }
}

/// Lists the instance profiles below a path.
impl Operation for ListInstanceProfiles {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let prefix = self.path_prefix.as_deref().unwrap_or("/");
        let profiles = world.instance_profiles.iter().map(AsRef::as_ref);
        let profiles =
            profiles.filter(|profile: &&InstanceProfile| profile.path.as_str().starts_with(prefix));
        let show = |profile: &_| InstanceProfileDescription::listed(profile, world, context.region);
        let name =
            |profile: &&InstanceProfile| profile.instance_profile_name.to_string().to_lowercase();
        let paged = self.page.of(profiles, name, show)?;
        ChangeSet::none().answered(ListInstanceProfilesResponse {
            instance_profiles: paged.members,
            is_truncated: paged.is_truncated,
            marker: paged.marker,
        })
    }
}

/// Lists the instance profiles that have a role.
impl Operation for ListInstanceProfilesForRole {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let role = role::known(world, &self.role_name)?;
        let profiles = world.instance_profiles.by(&role.role_name);
        let show = |profile: &_| InstanceProfileDescription::listed(profile, world, context.region);
        let name =
            |profile: &&InstanceProfile| profile.instance_profile_name.to_string().to_lowercase();
        let paged = self.page.of(profiles.map(AsRef::as_ref), name, show)?;
        ChangeSet::none().answered(ListInstanceProfilesForRoleResponse {
            instance_profiles: paged.members,
            is_truncated: paged.is_truncated,
            marker: paged.marker,
        })
    }
}

/// Lists an instance profile's tags.
impl Operation for ListInstanceProfileTags {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let profile = known(world, &self.instance_profile_name)?;
        let paged = tag::listed(&profile.tags, &self.page)?;
        ChangeSet::none().answered(ListInstanceProfileTagsResponse {
            tags: paged.members,
            is_truncated: paged.is_truncated,
            marker: paged.marker,
        })
    }
}
