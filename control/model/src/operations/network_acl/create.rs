//! `CreateNetworkAcl`.

use alloc::vec::Vec;

use eni_types::{NetworkAclId, ResourceId, TypedId, quota};

use crate::api::network_acl::{CreateNetworkAcl, CreateNetworkAclResponse, NetworkAclDescription};
use crate::operations::lookup;
use crate::resource::NetworkAcl;
use crate::tags::Tags;
use crate::{
    Action, ChangeSet, ClientToken, Context, ErrorCode, IndexKey, Operation, Planned, Replay, World,
};

/// Makes a network ACL that denies everything and that nothing uses yet.
impl Operation for CreateNetworkAcl {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let token = self.client_token.as_deref();
        let replay = ClientToken::replay(Self::NAME, token, world, context)?;
        if let Replay::Yes(ResourceId::NetworkAclId(id)) = replay {
            let acl = lookup::network_acl(world, id)?;
            let response = CreateNetworkAclResponse {
                network_acl: NetworkAclDescription::new(acl, context.region),
                client_token: self.client_token,
            };
            return Ok((ChangeSet::none(), response));
        }
        let vpc_id = lookup::vpc(world, self.vpc_id)?.vpc_id;
        if world.network_acls.count(&IndexKey::Vpc(vpc_id)) >= quota::NETWORK_ACLS_PER_VPC {
            let message = "The maximum number of network ACLs has been reached.";
            return Err(ErrorCode::NetworkAclLimitExceeded.with(message));
        }
        let acl = NetworkAcl {
            network_acl_id: NetworkAclId::generate(context.ids),
            vpc_id,
            is_default: false,
            entries: Vec::new(),
            associations: Vec::new(),
            tags: Tags::for_created("network-acl", &self.tag_specifications)?,
        };
        let response = CreateNetworkAclResponse {
            network_acl: NetworkAclDescription::new(&acl, context.region),
            client_token: self.client_token.clone(),
        };
        let mut changes = ChangeSet::none();
        if let Some(token) = &self.client_token {
            let made = acl.network_acl_id;
            changes.put(ClientToken::record(Self::NAME, token, made, context));
        }
        changes.put(acl);
        Ok((changes, response))
    }
}
