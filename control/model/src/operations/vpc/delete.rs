//! `DeleteVpc`.

use crate::api::vpc::DeleteVpc;
use crate::operations::lookup::has_dependencies;
use crate::operations::security_group::outlive;
use crate::{ChangeSet, Context, Operation, Planned, ReturnTrue, World};

/// Deletes a VPC with its main route table, default network ACL and default security group. Everything else in it must
/// be gone.
impl Operation for DeleteVpc {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let id = world.vpcs.known(self.vpc_id)?.vpc_id;
        let key = id;
        // Of the last three kinds, one row each is the VPC's own.
        let is_needed = world.subnets.count(&key) > 0
            || world.internet_gateways.count(&key) > 0
            || world.egress_only_internet_gateways.count(&key) > 0
            || world.network_interfaces.count(&key) > 0
            || world.vpc_endpoints.count(&key) > 0
            || world.vpc_peering_connections.count(&key) > 0
            || world.route_tables.count(&key) > 1
            || world.network_acls.count(&key) > 1
            || world.security_groups.count(&key) > 1;
        if is_needed {
            return Err(has_dependencies("vpc", id));
        }
        let mut changes = ChangeSet::none();
        for table in world.route_tables.by(&key) {
            changes.delete(table.route_table_id);
        }
        for acl in world.network_acls.by(&key) {
            changes.delete(acl.network_acl_id);
        }
        for group in world.security_groups.by(&key) {
            for rule in world.security_group_rules.by(&group.group_id) {
                changes.delete(rule.security_group_rule_id);
            }
            outlive(group, world, &mut changes);
            changes.delete(group.group_id);
        }
        changes.delete(id);
        Ok((changes, ReturnTrue::default()))
    }
}
