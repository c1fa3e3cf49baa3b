//! `ReplaceNetworkAclAssociation`.

use alloc::format;

use eni_types::{NetworkAclAssociationId, TypedId};

use crate::api::network_acl::{ReplaceNetworkAclAssociation, ReplaceNetworkAclAssociationResponse};
use crate::operations::lookup;
use crate::resource::{NetworkAcl, NetworkAclAssociation};
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, World};

/// Makes a subnet use another network ACL.
impl Operation for ReplaceNetworkAclAssociation {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let id = self.association_id;
        let old = world
            .network_acls
            .one(&id)
            .ok_or_else(|| lookup::not_found(id))?;
        let new = world.network_acls.known(self.network_acl_id)?;
        let mut old = NetworkAcl::clone(old);
        let place = old
            .associations
            .iter()
            .position(|association| association.association_id == id)
            .ok_or_else(|| lookup::not_found(id))?;
        let subnet_id = old.associations.remove(place).subnet_id;
        if old.vpc_id != new.vpc_id {
            let message = format!(
                "network ACL {} and subnet {subnet_id} belong to different networks",
                new.network_acl_id
            );
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        let new_association_id = NetworkAclAssociationId::generate(context.ids);
        let mut new = if new.network_acl_id == old.network_acl_id {
            old.clone()
        } else {
            NetworkAcl::clone(new)
        };
        new.associations.push(NetworkAclAssociation {
            association_id: new_association_id,
            subnet_id,
        });
        // If both are one network ACL, the later write wins.
        let mut changes = ChangeSet::none();
        changes.put(old);
        changes.put(new);
        Ok((
            changes,
            ReplaceNetworkAclAssociationResponse { new_association_id },
        ))
    }
}
