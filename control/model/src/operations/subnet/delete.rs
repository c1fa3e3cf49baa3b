//! `DeleteSubnet`.

use crate::api::subnet::DeleteSubnet;
use crate::operations::lookup::has_dependencies;
use crate::resource::{NetworkAcl, RouteTable};
use crate::{ChangeSet, Context, Operation, Planned, ReturnTrue, World};

/// Deletes a subnet without interfaces, and its associations with a route table and a network ACL.
impl Operation for DeleteSubnet {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let id = world.subnets.known(self.subnet_id)?.subnet_id;
        let key = id;
        if world.network_interfaces.count(&key) > 0 {
            return Err(has_dependencies("subnet", id));
        }
        let mut changes = ChangeSet::none();
        for table in world.route_tables.by(&key) {
            let mut table = RouteTable::clone(table);
            table
                .associations
                .retain(|association| association.subnet_id != Some(id));
            changes.put(table);
        }
        for acl in world.network_acls.by(&key) {
            let mut acl = NetworkAcl::clone(acl);
            acl.associations
                .retain(|association| association.subnet_id != id);
            changes.put(acl);
        }
        changes.delete(id);
        Ok((changes, ReturnTrue::default()))
    }
}
