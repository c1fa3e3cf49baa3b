//! `CreatePolicy`, `DeletePolicy`, `TagPolicy` and `UntagPolicy`.

use alloc::format;
use alloc::vec::Vec;

use eni_types::iam::PolicyId;
use eni_types::quota;

use super::PolicyArn;
use super::version::check_document;
use crate::api::iam_policy::{
    CreatePolicy, CreatePolicyResponse, DeletePolicy, PolicyDescription, TagPolicy, UntagPolicy,
};
use crate::operations::iam::error::{check_quota, invalid};
use crate::operations::iam::{random_bits, tag};
use crate::resource::{Policy, PolicyVersion};
use crate::tags::Tags;
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, Row, World};

/// Makes a managed policy with its first version.
impl Operation for CreatePolicy {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        check_document(&self.policy_document)?;
        let description = self.description.as_deref().unwrap_or_default();
        if description.chars().count() > quota::IAM_DESCRIPTION_CHARACTERS {
            let constraint = "have length less than or equal to 1000";
            return Err(invalid("description", description, constraint));
        }
        let name = self.policy_name;
        if world.policies.get(name.clone()).is_some() {
            let message =
                format!("A policy called {name} already exists. Duplicate names are not allowed.");
            return Err(ErrorCode::EntityAlreadyExists.with(message));
        }
        check_quota(world.policies.len(), quota::POLICIES, "PoliciesPerAccount")?;
        let mut tags = Tags::default();
        tag::add(&mut tags, &self.tags)?;
        let first = PolicyVersion {
            number: 1,
            document: self.policy_document,
            create_date: context.now,
        };
        let policy = Policy {
            policy_name: name,
            policy_id: PolicyId::from_random(random_bits(context)),
            path: self.path.unwrap_or_default(),
            description: self.description,
            create_date: context.now,
            update_date: context.now,
            default_version: first.number,
            last_version: first.number,
            versions: Vec::from([first]),
            tags,
        };
        let response = CreatePolicyResponse {
            policy: PolicyDescription::new(&policy, world, context.region),
        };
        ChangeSet::putting(policy).answered(response)
    }
}

/// Deletes a managed policy that no role has, and whose other versions are gone.
impl Operation for DeletePolicy {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let policy = PolicyArn::parse(&self.policy_arn)?.known(world, context.region)?;
        let message = if world.roles.count(&policy.arn(context.region)) > 0 {
            "Cannot delete a policy attached to entities."
        } else if policy.versions.len() > 1 {
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The \
             default version is deleted with the policy."
        } else {
            let mut changes = ChangeSet::none();
            changes.delete(policy.id());
            return changes.answered(());
        };
        Err(ErrorCode::DeleteConflict.with(message))
    }
}

/// Adds or replaces tags.
impl Operation for TagPolicy {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let policy = PolicyArn::parse(&self.policy_arn)?.known(world, context.region)?;
        let mut policy = Policy::clone(policy);
        tag::add(&mut policy.tags, &self.tags)?;
        ChangeSet::putting(policy).answered(())
    }
}

/// Removes tags.
impl Operation for UntagPolicy {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let policy = PolicyArn::parse(&self.policy_arn)?.known(world, context.region)?;
        let mut policy = Policy::clone(policy);
        tag::remove(&mut policy.tags, &self.tag_keys.items);
        ChangeSet::putting(policy).answered(())
    }
}
