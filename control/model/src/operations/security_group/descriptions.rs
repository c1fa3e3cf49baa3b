//! `UpdateSecurityGroupRuleDescriptionsIngress` and `UpdateSecurityGroupRuleDescriptionsEgress`.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use eni_types::SecurityGroupId;

use super::named::named;
use super::permission::Naming;
use super::revoke::no_such_rule;
use super::rule::{Direction, RuleMatch, check_description, rule_of, rules_of};
use crate::api::security_group::{
    IpPermission, PermissionParameters, SecurityGroupRuleDescriptionUpdate,
    UpdateSecurityGroupRuleDescriptionsEgress, UpdateSecurityGroupRuleDescriptionsIngress,
};
use crate::resource::SecurityGroupRule;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

macro_rules! update_descriptions {
    ($(#[$doc:meta])* $operation:ident, $direction:expr) => {
        $(#[$doc])*
        impl Operation for $operation {
            fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
                let update = DescriptionUpdate {
                    group_id: self.group_id,
                    group_name: self.group_name,
                    ip_permissions: self.ip_permissions,
                    by_id: self.security_group_rule_descriptions,
                    direction: $direction,
                };
                Ok((update.plan(world, context)?, ReturnTrue::default()))
            }
        }
    };
}

update_descriptions! {
    /// Changes the descriptions of rules for what enters.
    UpdateSecurityGroupRuleDescriptionsIngress, Direction::Ingress
}
update_descriptions! {
    /// Changes the descriptions of rules for what leaves.
    UpdateSecurityGroupRuleDescriptionsEgress, Direction::Egress
}

struct DescriptionUpdate {
    group_id: Option<SecurityGroupId>,
    group_name: Option<String>,
    ip_permissions: Vec<IpPermission>,
    by_id: Vec<SecurityGroupRuleDescriptionUpdate>,
    direction: Direction,
}

impl DescriptionUpdate {
    fn plan(self, world: &World, context: &Context<'_>) -> Result<ChangeSet, Ec2Error> {
        let group = named(self.group_id, self.group_name.as_deref(), world)?;
        if self.ip_permissions.is_empty() == self.by_id.is_empty() {
            let message =
                "Either 'ipPermissions' or 'securityGroupRuleDescriptions' should be provided.";
            return Err(ErrorCode::InvalidParameterCombination.with(message));
        }
        let mut changes = ChangeSet::none();
        let mut describe = |rule: &SecurityGroupRule, description| {
            changes.put(SecurityGroupRule {
                description,
                ..rule.clone()
            });
        };
        for update in self.by_id {
            check_description(update.description.as_deref())?;
            let id = update.security_group_rule_id;
            describe(
                rule_of(id, group, Some(self.direction), world)?,
                update.description,
            );
        }
        let there: BTreeMap<_, _> = rules_of(group.group_id, self.direction, world)
            .map(|rule| (RuleMatch::of(rule), rule))
            .collect();
        let named = PermissionParameters {
            ip_permissions: self.ip_permissions,
            ..PermissionParameters::default()
        };
        for asked in named.resolve(group, Naming::OfExisting, world, context)? {
            let rule = there.get(&asked.matched).ok_or_else(no_such_rule)?;
            describe(rule, asked.description);
        }
        Ok(changes)
    }
}
