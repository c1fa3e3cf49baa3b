//! `DeleteSecurityGroup`.

use alloc::format;

use eni_types::VpcId;

use super::named::named;
use super::rule::peering;
use crate::api::security_group::{DeleteSecurityGroup, DeleteSecurityGroupResponse};
use crate::resource::{PeerSecurityGroup, SecurityGroup, SecurityGroupRule};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Deletes a security group that no interface and no VPC endpoint has and no rule of another group in its VPC names, with its
/// rules. Rules of peered VPCs that name it stay, are stale and match nothing.
impl Operation for DeleteSecurityGroup {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let group = named(self.group_id, self.group_name.as_deref(), world)?;
        check_deletable(group, world)?;
        let mut changes = ChangeSet::none();
        for rule in world.security_group_rules.by(&group.group_id) {
            changes.delete(rule.security_group_rule_id);
        }
        outlive(group, world, &mut changes);
        changes.delete(group.group_id);
        let response = DeleteSecurityGroupResponse {
            r#return: true,
            group_id: group.group_id,
        };
        Ok((changes, response))
    }
}

fn check_deletable(group: &SecurityGroup, world: &World) -> Result<(), Ec2Error> {
    let id = group.group_id;
    if group.is_default() {
        let message = format!(
            "the specified group: \"{id}\" name: \"{}\" cannot be deleted by a user",
            group.group_name
        );
        return Err(ErrorCode::CannotDelete.with(message));
    }
    let is_worn = world.network_interfaces.count(&id) > 0 || world.vpc_endpoints.count(&id) > 0;
    let is_named = world
        .security_group_rules
        .by(&PeerSecurityGroup(id))
        .any(|rule| rule.group_id != id && is_in(rule, group.vpc_id, world));
    if is_worn || is_named {
        let message = format!("resource {id} has a dependent object");
        return Err(ErrorCode::DependencyViolation.with(message));
    }
    Ok(())
}

/// Whether `rule` is of a group in the VPC.
fn is_in(rule: &SecurityGroupRule, vpc_id: VpcId, world: &World) -> bool {
    let group = world.security_groups.get(rule.group_id);
    group.is_some_and(|group| group.vpc_id == vpc_id)
}

/// Writes into rules of other VPCs that name `group`, which is deleted, where it was, as far as they do not say.
pub(crate) fn outlive(group: &SecurityGroup, world: &World, changes: &mut ChangeSet) {
    let rules = world
        .security_group_rules
        .by(&PeerSecurityGroup(group.group_id));
    for rule in rules.filter(|rule| rule.peering.is_none()) {
        let own = world.security_groups.get(rule.group_id);
        if let Some(peering) = own.and_then(|own| peering(rule.peer, own, world)) {
            changes.put(SecurityGroupRule {
                peering: Some(peering),
                ..SecurityGroupRule::clone(rule)
            });
        }
    }
}
