//! The policies of roles, inline and attached.

use alloc::format;
use alloc::string::ToString;

use eni_query::percent_encoded;
use eni_types::quota;

use super::known;
use crate::api::iam_role::{
    AttachRolePolicy, AttachedPolicyDescription, DeleteRolePolicy, DetachRolePolicy, GetRolePolicy,
    GetRolePolicyResponse, ListAttachedRolePolicies, ListAttachedRolePoliciesResponse,
    ListRolePolicies, ListRolePoliciesResponse, PutRolePolicy,
};
use crate::operations::iam::document::{self, Kind};
use crate::operations::iam::error::{check_quota, no_policy, no_role_policy};
use crate::operations::iam::policy::PolicyArn;
use crate::resource::{AttachedPolicyArn, Role};
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, World};

/// Adds or replaces an inline policy.
impl Operation for PutRolePolicy {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        document::check(&self.policy_document, Kind::Identity)?;
        let mut role = Role::clone(known(world, &self.role_name)?);
        role.policies.insert(self.policy_name, self.policy_document);
        let size: usize = role
            .policies
            .values()
            .map(|text| document::size(text))
            .sum();
        if size > quota::INLINE_POLICY_CHARACTERS {
            let message = format!(
                "Maximum policy size of {} bytes exceeded for role {}",
                quota::INLINE_POLICY_CHARACTERS,
                role.role_name
            );
            return Err(ErrorCode::LimitExceeded.with(message));
        }
        ChangeSet::putting(role).answered(())
    }
}

/// Shows an inline policy.
impl Operation for GetRolePolicy {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let role = known(world, &self.role_name)?;
        let found = role.policies.get_key_value(&self.policy_name);
        let (name, document) = found.ok_or_else(|| no_role_policy(&self.policy_name))?;
        ChangeSet::none().answered(GetRolePolicyResponse {
            role_name: role.role_name.clone(),
            policy_name: name.clone(),
            policy_document: percent_encoded(document),
        })
    }
}

/// Deletes an inline policy.
impl Operation for DeleteRolePolicy {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut role = Role::clone(known(world, &self.role_name)?);
        let removed = role.policies.remove(&self.policy_name);
        removed.ok_or_else(|| no_role_policy(&self.policy_name))?;
        ChangeSet::putting(role).answered(())
    }
}

/// Lists the names of the inline policies.
impl Operation for ListRolePolicies {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let names = known(world, &self.role_name)?.policies.keys();
        let paged = self
            .page
            .of(names, |name| name.to_string().to_lowercase(), Clone::clone)?;
        ChangeSet::none().answered(ListRolePoliciesResponse {
            policy_names: paged.members,
            is_truncated: paged.is_truncated,
            marker: paged.marker,
        })
    }
}

/// Attaches a managed policy: one of the account's, or any that has the ARN of one of AWS's.
impl Operation for AttachRolePolicy {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let arn = PolicyArn::parse(&self.policy_arn)?;
        let mut role = Role::clone(known(world, &self.role_name)?);
        if !arn.is_of_aws() {
            arn.known(world, context.region)?;
        }
        let arn = AttachedPolicyArn(self.policy_arn);
        if role.attached_policies.contains(&arn) {
            return ChangeSet::none().answered(());
        }
        let count = role.attached_policies.len();
        check_quota(count, quota::POLICIES_PER_ROLE, "PoliciesPerRole")?;
        role.attached_policies.insert(arn);
        ChangeSet::putting(role).answered(())
    }
}

/// Detaches a managed policy.
impl Operation for DetachRolePolicy {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        PolicyArn::parse(&self.policy_arn)?;
        let mut role = Role::clone(known(world, &self.role_name)?);
        let arn = AttachedPolicyArn(self.policy_arn);
        if !role.attached_policies.remove(&arn) {
            return Err(no_policy(&arn.0));
        }
        ChangeSet::putting(role).answered(())
    }
}

/// Lists the managed policies that are attached.
impl Operation for ListAttachedRolePolicies {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let prefix = self.path_prefix.as_deref().unwrap_or("/");
        let role = known(world, &self.role_name)?;
        let attached = role.attached_policies.iter().filter_map(|arn| {
            let read = PolicyArn::parse(&arn.0).ok()?;
            read.path.starts_with(prefix).then_some((arn, read))
        });
        let show = |(arn, read): (&AttachedPolicyArn, PolicyArn<'_>)| AttachedPolicyDescription {
            policy_name: read.name.to_string(),
            policy_arn: arn.0.clone(),
        };
        let paged = self.page.of(attached, |(arn, _)| arn.0.clone(), show)?;
        ChangeSet::none().answered(ListAttachedRolePoliciesResponse {
            attached_policies: paged.members,
            is_truncated: paged.is_truncated,
            marker: paged.marker,
        })
    }
}
