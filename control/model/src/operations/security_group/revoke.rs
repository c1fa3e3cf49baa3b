//! `RevokeSecurityGroupIngress` and `RevokeSecurityGroupEgress`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::vec::Vec;

use eni_types::SecurityGroupRuleId;

use super::description::{permissions, split};
use super::named::named;
use super::permission::Naming;
use super::rule::{Direction, NamedRule, RuleMatch, rule_of, rules_of};
use crate::api::security_group::{
    PermissionParameters, RevokeSecurityGroupEgress, RevokeSecurityGroupIngress,
    RevokeSecurityGroupResponse, RevokedSecurityGroupRule,
};
use crate::describe::Scope;
use crate::resource::{SecurityGroup, SecurityGroupRule};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Removes rules for what enters. Flows that are tracked go on; untracked ones end.
impl Operation for RevokeSecurityGroupIngress {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let group = named(self.group_id, self.group_name.as_deref(), world)?;
        let asked = Revocation {
            group,
            direction: Direction::Ingress,
            permissions: self.permissions,
            ids: self.security_group_rule_ids,
        };
        asked.plan(world, context)
    }
}

/// Removes rules for what leaves. Flows that are tracked go on; untracked ones end.
impl Operation for RevokeSecurityGroupEgress {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let asked = Revocation {
            group: world.security_groups.known(self.group_id)?,
            direction: Direction::Egress,
            permissions: self.permissions,
            ids: self.security_group_rule_ids,
        };
        asked.plan(world, context)
    }
}

struct Revocation<'a> {
    group: &'a SecurityGroup,
    direction: Direction,
    permissions: PermissionParameters,
    ids: Vec<SecurityGroupRuleId>,
}

impl Revocation<'_> {
    fn plan(
        self,
        world: &World,
        context: &Context<'_>,
    ) -> Result<(ChangeSet, RevokeSecurityGroupResponse), Ec2Error> {
        let vpc_id = self.group.vpc_id;
        let (rules, unknown) = match (self.ids.is_empty(), self.permissions.is_empty()) {
            (false, true) => (self.by_id(world)?, Vec::new()),
            (true, false) => self.by_permission(world, context)?,
            (is_empty, _) => {
                let (code, message) = if is_empty {
                    (
                        ErrorCode::MissingParameter,
                        "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.",
                    )
                } else {
                    (
                        ErrorCode::InvalidParameterCombination,
                        "The parameters 'ipPermissions' and 'securityGroupRuleIds' may not be used in combination.",
                    )
                };
                return Err(Ec2Error::new(code, message));
            }
        };
        let mut changes = ChangeSet::none();
        for rule in &rules {
            changes.delete(rule.security_group_rule_id);
        }
        let unknown = unknown
            .into_iter()
            .map(|rule| (rule.matched, rule.description));
        let response = RevokeSecurityGroupResponse {
            r#return: true,
            unknown_ip_permission_set: permissions(unknown, vpc_id, Scope::new(world, context)),
            revoked_security_group_rule_set: rules
                .into_iter()
                .map(RevokedSecurityGroupRule::new)
                .collect(),
        };
        Ok((changes, response))
    }

    fn by_id(self, world: &World) -> Result<Vec<&SecurityGroupRule>, Ec2Error> {
        let distinct: BTreeSet<_> = self.ids.into_iter().collect();
        distinct
            .into_iter()
            .map(|id| rule_of(id, self.group, Some(self.direction), world))
            .collect()
    }

    /// In a default VPC, what has no rule is answered; in others it is an error (EC2 API reference).
    fn by_permission<'w>(
        self,
        world: &'w World,
        context: &Context<'_>,
    ) -> Result<(Vec<&'w SecurityGroupRule>, Vec<NamedRule>), Ec2Error> {
        let there: BTreeMap<_, _> = rules_of(self.group.group_id, self.direction, world)
            .map(|rule| (RuleMatch::of(rule), rule))
            .collect();
        let is_lenient = world
            .vpcs
            .get(self.group.vpc_id)
            .is_some_and(|vpc| vpc.is_default);
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for asked in self
            .permissions
            .resolve(self.group, Naming::OfExisting, world, context)?
        {
            match there.get(&asked.matched) {
                Some(rule) => known.push(*rule),
                None if is_lenient => unknown.push(asked),
                None => return Err(no_such_rule()),
            }
        }
        Ok((known, unknown))
    }
}

/// The error for a rule that a group does not have.
pub(crate) fn no_such_rule() -> Ec2Error {
    let message = "The specified rule does not exist in this security group.";
    ErrorCode::InvalidPermissionNotFound.with(message)
}

impl RevokedSecurityGroupRule {
    fn new(rule: &SecurityGroupRule) -> Self {
        let (cidr_ipv4, cidr_ipv6, referenced_group_id) = split(rule.peer);
        Self {
            security_group_rule_id: rule.security_group_rule_id,
            group_id: rule.group_id,
            is_egress: rule.is_egress,
            ip_protocol: rule.ip_protocol.to_string(),
            from_port: rule.from_port,
            to_port: rule.to_port,
            cidr_ipv4,
            cidr_ipv6,
            referenced_group_id,
            description: rule.description.clone(),
        }
    }
}
