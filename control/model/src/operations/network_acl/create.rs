//! `CreateNetworkAcl` and `DeleteNetworkAcl`.

use alloc::format;
use alloc::vec::Vec;

use eni_types::{NetworkAclId, TypedId, quota};

use crate::api::network_acl::{CreateNetworkAcl, CreateNetworkAclResponse, DeleteNetworkAcl};
use crate::operations::create::{check_quota, create};
use crate::operations::lookup::has_dependencies;
use crate::resource::NetworkAcl;
use crate::tags::Tags;
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Makes a network ACL that denies everything and that nothing uses yet.
impl Operation for CreateNetworkAcl {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let make = |context: &mut Context<'_>| {
            let vpc_id = world.vpcs.known(self.vpc_id)?.vpc_id;
            let count = world.network_acls.count(&vpc_id);
            let code = ErrorCode::NetworkAclLimitExceeded;
            check_quota(count, quota::NETWORK_ACLS_PER_VPC, code, "network ACLs")?;
            let acl = NetworkAcl {
                network_acl_id: NetworkAclId::generate(context.ids),
                vpc_id,
                is_default: false,
                entries: Vec::new(),
                associations: Vec::new(),
                tags: Tags::for_created("network-acl", &self.tag_specifications)?,
            };
            Ok((acl, ChangeSet::none()))
        };
        let token = self.client_token.as_deref();
        let answer = |network_acl| CreateNetworkAclResponse {
            network_acl,
            client_token: self.client_token.clone(),
        };
        create::<Self, _>(&world.network_acls, token, world, context, make, answer)
    }
}

/// Deletes a network ACL that no subnet uses and that is not its VPC's default.
impl Operation for DeleteNetworkAcl {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let acl = world.network_acls.known(self.network_acl_id)?;
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
