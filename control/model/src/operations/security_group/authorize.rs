//! `AuthorizeSecurityGroupIngress` and `AuthorizeSecurityGroupEgress`.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use eni_types::{SecurityGroupRuleId, TypedId, quota};

use super::membership::{NewRules, check_rules, too_many_rules};
use super::named::named;
use super::permission::Naming;
use super::rule::{Direction, RuleMatch, rules_of};
use crate::api::security_group::{
    AuthorizeSecurityGroupEgress, AuthorizeSecurityGroupIngress, AuthorizeSecurityGroupResponse,
    PermissionParameters, SecurityGroupRuleDescription,
};
use crate::describe::Scope;
use crate::resource::{SecurityGroup, SecurityGroupRule};
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, Operation, Planned, World};

/// Adds rules for what enters: all that are named, or none.
impl Operation for AuthorizeSecurityGroupIngress {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let group = named(self.group_id, self.group_name.as_deref(), world)?;
        let tags = Tags::for_created("security-group-rule", &self.tag_specifications)?;
        authorize(
            group,
            Direction::Ingress,
            self.permissions,
            &tags,
            world,
            context,
        )
    }
}

/// Adds rules for what leaves: all that are named, or none.
impl Operation for AuthorizeSecurityGroupEgress {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let group = world.security_groups.known(self.group_id)?;
        let tags = Tags::for_created("security-group-rule", &self.tag_specifications)?;
        authorize(
            group,
            Direction::Egress,
            self.permissions,
            &tags,
            world,
            context,
        )
    }
}

fn authorize(
    group: &SecurityGroup,
    direction: Direction,
    permissions: PermissionParameters,
    tags: &Tags,
    world: &World,
    context: &mut Context<'_>,
) -> Result<(ChangeSet, AuthorizeSecurityGroupResponse), Ec2Error> {
    let asked = permissions.resolve(group, Naming::ForNew, world, context)?;
    if asked.is_empty() {
        return Err(Ec2Error::missing_parameter("ipPermissions"));
    }
    let there: BTreeSet<_> = rules_of(group.group_id, direction, world)
        .map(RuleMatch::of)
        .collect();
    if let Some(rule) = asked.iter().find(|rule| there.contains(&rule.matched)) {
        return Err(rule.matched.duplicate());
    }
    check_limits(group, direction, there.len(), asked.len(), world)?;
    let rules: Vec<_> = asked
        .into_iter()
        .map(|rule| SecurityGroupRule {
            description: rule.description,
            tags: tags.clone(),
            ..rule.matched.into_rule(
                SecurityGroupRuleId::generate(context.ids),
                group,
                direction,
                world,
            )
        })
        .collect();
    let scope = Scope::new(world, context);
    let response = AuthorizeSecurityGroupResponse {
        r#return: true,
        security_group_rule_set: rules
            .iter()
            .map(|rule| SecurityGroupRuleDescription::new(rule, scope))
            .collect(),
    };
    let mut changes = ChangeSet::none();
    for rule in rules {
        changes.put(rule);
    }
    Ok((changes, response))
}

/// Refuses more rules than the group may have, or than an interface with this and other groups may.
fn check_limits(
    group: &SecurityGroup,
    direction: Direction,
    there: usize,
    number: usize,
    world: &World,
) -> Result<(), Ec2Error> {
    if there + number > quota::RULES_PER_SECURITY_GROUP {
        return Err(too_many_rules());
    }
    let more = NewRules {
        is_egress: direction.is_egress(),
        number,
    };
    let mut checked = BTreeSet::new();
    for eni in world.network_interfaces.by(&group.group_id) {
        if eni.group_ids.len() > 1 && checked.insert(&eni.group_ids) {
            check_rules(&eni.group_ids, Some(more), world)?;
        }
    }
    Ok(())
}
