//! `ModifyVpcPeeringConnectionOptions`.

use alloc::format;

use crate::api::vpc_peering_connection::{
    ModifyVpcPeeringConnectionOptions, ModifyVpcPeeringConnectionOptionsResponse,
    PeeringOptionsAnswer, PeeringOptionsRequest,
};
use crate::resource::{PeeringOptions, VpcPeeringConnection};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Changes what the VPCs of a connection allow each other.
impl Operation for ModifyVpcPeeringConnectionOptions {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let id = self.vpc_peering_connection_id;
        let connection = world.vpc_peering_connections.known(id)?;
        let given = [
            &self.accepter_peering_connection_options,
            &self.requester_peering_connection_options,
        ];
        for given in given.into_iter().flatten() {
            given.refuse_unsupported()?;
        }
        if given.iter().all(|given| given.is_none()) {
            return Err(Ec2Error::missing_parameter(
                "requesterPeeringConnectionOptions",
            ));
        }
        if !connection.is_active() {
            let message = format!(
                "Peering {id} is not active. Peering options can be added only to active peerings."
            );
            return Err(ErrorCode::OperationNotPermitted.with(message));
        }
        let mut changed = VpcPeeringConnection::clone(connection);
        let [accepter, requester] = given;
        let response = ModifyVpcPeeringConnectionOptionsResponse {
            accepter_peering_connection_options: change(&mut changed.accepter_options, accepter),
            requester_peering_connection_options: change(&mut changed.requester_options, requester),
        };
        Ok((ChangeSet::putting(changed), response))
    }
}

/// What is given takes the place of what was, and is answered.
fn change(
    options: &mut PeeringOptions,
    given: &Option<PeeringOptionsRequest>,
) -> Option<PeeringOptionsAnswer> {
    let given = given.as_ref()?;
    if let Some(allows) = given.allow_dns_resolution_from_remote_vpc {
        options.allow_dns_resolution_from_remote_vpc = allows;
    }
    Some(PeeringOptionsAnswer {
        allow_dns_resolution_from_remote_vpc: options.allow_dns_resolution_from_remote_vpc,
        allow_egress_from_local_classic_link_to_remote_vpc: false,
        allow_egress_from_local_vpc_to_remote_classic_link: false,
    })
}
