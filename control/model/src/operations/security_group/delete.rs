//! `DeleteSecurityGroup`.

use alloc::format;

use super::named::named;
use crate::api::security_group::{DeleteSecurityGroup, DeleteSecurityGroupResponse};
use crate::resource::{PeerSecurityGroup, SecurityGroup};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Deletes a security group that no interface has and no other group's rule names, with its rules.
impl Operation for DeleteSecurityGroup {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let group = named(self.group_id, self.group_name.as_deref(), world)?;
        check_deletable(group, world)?;
        let mut changes = ChangeSet::none();
        for rule in world.security_group_rules.by(&group.group_id) {
            changes.delete(rule.security_group_rule_id);
        }
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
    let is_worn = world.network_interfaces.count(&id) > 0;
    let is_named = world
        .security_group_rules
        .by(&PeerSecurityGroup(id))
        .any(|rule| rule.group_id != id);
    if is_worn || is_named {
        let message = format!("resource {id} has a dependent object");
        return Err(ErrorCode::DependencyViolation.with(message));
    }
    Ok(())
}
