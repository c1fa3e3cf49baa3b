//! What shows roles: `GetRole`, `ListRoles`, `ListRoleTags`.

use alloc::string::ToString;

use eni_query::percent_encoded;

use super::known;
use crate::api::iam_role::{
    GetRole, GetRoleResponse, ListRoleTags, ListRoleTagsResponse, ListRoles, ListRolesResponse,
    RoleDescription,
};
use crate::operations::iam::{tag, whole_seconds};
use crate::resource::Role;
use crate::{ChangeSet, Context, Operation, Planned, RegionSettings, World};

impl RoleDescription {
    /// The role as answers about it show it.
    pub(in crate::operations::iam) fn new(role: &Role, region: &RegionSettings) -> Self {
        Self {
            tags: tag::shown(&role.tags),
            ..Self::listed(role, region)
        }
    }

    /// The role as listings show it, without its tags (IAM API reference, `ListRoles`).
    pub(in crate::operations::iam) fn listed(role: &Role, region: &RegionSettings) -> Self {
        Self {
            path: role.path.clone(),
            role_name: role.role_name.clone(),
            role_id: role.role_id.to_string(),
            arn: role.arn(region),
            create_date: whole_seconds(role.create_date),
            assume_role_policy_document: percent_encoded(&role.assume_role_policy_document),
            description: role.description.clone(),
            max_session_duration: role.max_session_duration,
            tags: None,
        }
    }
}

/// Describes a role.
impl Operation for GetRole {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let role = known(world, &self.role_name)?;
        ChangeSet::none().answered(GetRoleResponse {
            role: RoleDescription::new(role, context.region),
        })
    }
}

/// Lists the roles below a path.
impl Operation for ListRoles {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let prefix = self.path_prefix.as_deref().unwrap_or("/");
        let roles = world.roles.iter();
        let roles = roles.filter(|role| role.path.as_str().starts_with(prefix));
        let show = |role: &_| RoleDescription::listed(role, context.region);
        let paged = self.page.of(
            roles.map(AsRef::as_ref),
            |role: &&Role| role.role_name.to_string().to_lowercase(),
            show,
        )?;
        ChangeSet::none().answered(ListRolesResponse {
            roles: paged.members,
            is_truncated: paged.is_truncated,
            marker: paged.marker,
        })
    }
}

/// Lists a role's tags.
impl Operation for ListRoleTags {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let paged = tag::listed(&known(world, &self.role_name)?.tags, &self.page)?;
        ChangeSet::none().answered(ListRoleTagsResponse {
            tags: paged.members,
            is_truncated: paged.is_truncated,
            marker: paged.marker,
        })
    }
}
