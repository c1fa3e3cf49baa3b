//! `CreateRole` and `DeleteRole`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;

use eni_types::iam::RoleId;
use eni_types::quota;

use super::known;
use super::update::{check_description, check_session_duration, check_trust_policy};
use crate::api::iam_role::{CreateRole, CreateRoleResponse, DeleteRole, RoleDescription};
use crate::operations::iam::error::{check_quota, conflict, exists};
use crate::operations::iam::{random_bits, tag};
use crate::resource::Role;
use crate::tags::Tags;
use crate::{ChangeSet, Context, Operation, Planned, Row, World};

/// How long sessions last at most where a role says nothing, in seconds (IAM API reference, `CreateRole`).
const SESSION_SECONDS: u32 = 3_600;

/// Makes a role.
impl Operation for CreateRole {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        check_trust_policy(&self.assume_role_policy_document)?;
        check_description(self.description.as_deref())?;
        check_session_duration(self.max_session_duration)?;
        if world.roles.get(self.role_name.clone()).is_some() {
            return Err(exists(format!("Role with name {}", self.role_name)));
        }
        check_quota(world.roles.len(), quota::ROLES, "RolesPerAccount")?;
        let mut tags = Tags::default();
        tag::add(&mut tags, &self.tags)?;
        let role = Role {
            role_name: self.role_name,
            role_id: RoleId::from_random(random_bits(context)),
            path: self.path.unwrap_or_default(),
            create_date: context.now,
            assume_role_policy_document: self.assume_role_policy_document,
            description: self.description,
            max_session_duration: self.max_session_duration.unwrap_or(SESSION_SECONDS),
            policies: BTreeMap::new(),
            attached_policies: BTreeSet::new(),
            tags,
        };
        let response = CreateRoleResponse {
            role: RoleDescription::new(&role, context.region),
        };
        ChangeSet::putting(role).answered(response)
    }
}

/// Deletes a role that nothing is left of.
impl Operation for DeleteRole {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let role = known(world, &self.role_name)?;
        if world.instance_profiles.count(&role.role_name) > 0 {
            return Err(conflict("remove roles from instance profile"));
        }
        if !role.attached_policies.is_empty() {
            return Err(conflict("detach all policies"));
        }
        if !role.policies.is_empty() {
            return Err(conflict("delete policies"));
        }
        let mut changes = ChangeSet::none();
        changes.delete(role.id());
        changes.answered(())
    }
}
