//! `DeleteNetworkAcl`.

use alloc::format;

use eni_query::FromQuery;
use eni_types::NetworkAclId;

use crate::operations::dependency::has_dependencies;
use crate::operations::lookup;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, ReturnTrue, World};

/// Deletes a network ACL that no subnet uses and that is not its VPC's default.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteNetworkAcl {
    /// The network ACL.
    pub network_acl_id: NetworkAclId,
}

impl Operation for DeleteNetworkAcl {
    const NAME: &'static str = "DeleteNetworkAcl";
    type Response = ReturnTrue;

    fn plan(
        self,
        world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let acl = lookup::network_acl(world, self.network_acl_id)?;
        let id = acl.network_acl_id;
        if acl.is_default {
            let message = format!("cannot delete default network ACL {id}");
            return Err(Ec2Error::new(ErrorCode::InvalidParameterValue, message));
        }
        if !acl.associations.is_empty() {
            return Err(has_dependencies("networkAcl", id));
        }
        let mut changes = ChangeSet::none();
        changes.delete(id);
        Ok((changes, ReturnTrue::default()))
    }
}
