//! What shows managed policies.

use alloc::format;
use alloc::string::ToString;

use eni_query::percent_encoded;

use super::PolicyArn;
use crate::api::iam_policy::{
    GetPolicy, GetPolicyResponse, GetPolicyVersion, GetPolicyVersionResponse, ListPolicies,
    ListPoliciesResponse, ListPolicyTags, ListPolicyTagsResponse, ListPolicyVersions,
    ListPolicyVersionsResponse, PolicyDescription, PolicyVersionDescription,
};
use crate::operations::iam::error::invalid;
use crate::operations::iam::{tag, whole_seconds};
use crate::resource::{Policy, PolicyVersion};
use crate::{ChangeSet, Context, Operation, Planned, RegionSettings, World};

impl PolicyDescription {
    /// The policy as answers about it show it.
    pub(super) fn new(policy: &Policy, world: &World, region: &RegionSettings) -> Self {
        Self {
            description: policy.description.clone(),
            tags: tag::shown(&policy.tags),
            ..Self::listed(policy, world, region)
        }
    }

    /// The policy as listings show it, without description and tags (IAM API reference, `ListPolicies`).
    fn listed(policy: &Policy, world: &World, region: &RegionSettings) -> Self {
        let arn = policy.arn(region);
        let attached = u32::try_from(world.roles.count(&arn)).unwrap_or(u32::MAX);
        Self {
            policy_name: policy.policy_name.clone(),
            policy_id: policy.policy_id.to_string(),
            arn: arn.0,
            path: policy.path.clone(),
            default_version_id: format!("v{}", policy.default_version),
            attachment_count: attached,
            permissions_boundary_usage_count: 0,
            is_attachable: true,
            description: None,
            create_date: whole_seconds(policy.create_date),
            update_date: whole_seconds(policy.update_date),
            tags: None,
        }
    }
}

impl PolicyVersionDescription {
    /// The version with its document.
    pub(super) fn new(version: &PolicyVersion, policy: &Policy) -> Self {
        Self {
            document: Some(percent_encoded(&version.document)),
            version_id: format!("v{}", version.number),
            is_default_version: version.number == policy.default_version,
            create_date: whole_seconds(version.create_date),
        }
    }
}

/// Describes a policy.
impl Operation for GetPolicy {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let policy = PolicyArn::parse(&self.policy_arn)?.known(world, context.region)?;
        ChangeSet::none().answered(GetPolicyResponse {
            policy: PolicyDescription::new(policy, world, context.region),
        })
    }
}

/// Shows a version.
impl Operation for GetPolicyVersion {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let policy = PolicyArn::parse(&self.policy_arn)?.known(world, context.region)?;
        let version = policy.version(&self.policy_arn, &self.version_id)?;
        ChangeSet::none().answered(GetPolicyVersionResponse {
            policy_version: PolicyVersionDescription::new(version, policy),
        })
    }
}

/// Lists the account's policies; those of AWS are not here.
impl Operation for ListPolicies {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let prefix = self.path_prefix.as_deref().unwrap_or("/");
        let scope = self.scope.as_deref().unwrap_or("All");
        if !["All", "AWS", "Local"].contains(&scope) {
            let constraint = "satisfy enum value set: [All, AWS, Local]";
            return Err(invalid("scope", scope, constraint));
        }
        let usage = self.policy_usage_filter.as_deref();
        let usage = usage.unwrap_or("PermissionsPolicy");
        if !["PermissionsPolicy", "PermissionsBoundary"].contains(&usage) {
            let constraint = "satisfy enum value set: [PermissionsPolicy, PermissionsBoundary]";
            return Err(invalid("policyUsageFilter", usage, constraint));
        }
        // No role has a boundary.
        let only_attached = self.only_attached == Some(true) || self.policy_usage_filter.is_some();
        let is_attached = |policy: &Policy| {
            usage == "PermissionsPolicy" && world.roles.count(&policy.arn(context.region)) > 0
        };
        let policies = world.policies.iter().map(AsRef::as_ref);
        let policies = policies.filter(|policy: &&Policy| {
            scope != "AWS"
                && policy.path.as_str().starts_with(prefix)
                && (!only_attached || is_attached(policy))
        });
        let show = |policy: &_| PolicyDescription::listed(policy, world, context.region);
        let paged = self.page.of(
            policies,
            |policy| policy.policy_name.to_string().to_lowercase(),
            show,
        )?;
        ChangeSet::none().answered(ListPoliciesResponse {
            policies: paged.members,
            is_truncated: paged.is_truncated,
            marker: paged.marker,
        })
    }
}

/// Lists a policy's versions, without their documents, the youngest first.
impl Operation for ListPolicyVersions {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let policy = PolicyArn::parse(&self.policy_arn)?.known(world, context.region)?;
        let show = |version: &_| PolicyVersionDescription {
            document: None,
            ..PolicyVersionDescription::new(version, policy)
        };
        // By what is left to the greatest number, so that the order is that of the text.
        let key = |version: &&PolicyVersion| format!("{:010}", u32::MAX - version.number);
        let paged = self.page.of(policy.versions.iter().rev(), key, show)?;
        ChangeSet::none().answered(ListPolicyVersionsResponse {
            versions: paged.members,
            is_truncated: paged.is_truncated,
            marker: paged.marker,
        })
    }
}

/// Lists a policy's tags.
impl Operation for ListPolicyTags {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let policy = PolicyArn::parse(&self.policy_arn)?.known(world, context.region)?;
        let paged = tag::listed(&policy.tags, &self.page)?;
        ChangeSet::none().answered(ListPolicyTagsResponse {
            tags: paged.members,
            is_truncated: paged.is_truncated,
            marker: paged.marker,
        })
    }
}
