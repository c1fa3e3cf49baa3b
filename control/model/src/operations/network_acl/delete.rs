//! `DeleteNetworkAcl`.

use alloc::format;

use crate::api::network_acl::DeleteNetworkAcl;
use crate::operations::dependency::has_dependencies;
use crate::operations::lookup;
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Deletes a network ACL that no subnet uses and that is not its VPC's default.
impl Operation for DeleteNetworkAcl {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let acl = lookup::network_acl(world, self.network_acl_id)?;
        let id = acl.network_acl_id;
        if acl.is_default {
            let message = format!("cannot delete default network ACL {id}");
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        if !acl.associations.is_empty() {
            return Err(has_dependencies("networkAcl", id));
        }
        let mut changes = ChangeSet::none();
        changes.delete(id);
        Ok((changes, ReturnTrue::default()))
    }
}
