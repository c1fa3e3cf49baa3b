//! `AcceptVpcPeeringConnection`, `RejectVpcPeeringConnection` and `DeleteVpcPeeringConnection`.

use alloc::format;

use eni_types::{VpcId, quota};

use super::describe::{overlap, provisioning};
use crate::api::vpc_peering_connection::{
    AcceptVpcPeeringConnection, AcceptVpcPeeringConnectionResponse, DeleteVpcPeeringConnection,
    RejectVpcPeeringConnection,
};
use crate::describe::{Described, Scope};
use crate::operations::create::check_quota;
use crate::resource::VpcPeeringConnectionStatus::{
    Active, Deleted, Failed, PendingAcceptance, Rejected,
};
use crate::resource::{VpcPeeringConnection, VpcPeeringConnectionStatus};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Lets packets pass between the VPCs of a request, where their routes lead there. Blocks that have come to overlap
/// meanwhile make it fail.
impl Operation for AcceptVpcPeeringConnection {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let id = self.vpc_peering_connection_id;
        let connection = world.vpc_peering_connections.known(id)?;
        check(connection, &[PendingAcceptance], "provisioning")?;
        let ends = [connection.requester_vpc_id, connection.accepter_vpc_id];
        for vpc_id in ends {
            check_active(vpc_id, world)?;
        }
        let [requester, accepter] = ends.map(|vpc_id| world.vpcs.known(vpc_id));
        let status = if overlap(requester?, accepter?) {
            Failed
        } else {
            Active
        };
        let connection = connection.become_at(status, context.now);
        let mut described = connection.describe(Scope::new(world, context));
        if status == Active {
            provisioning(&mut described);
        }
        let response = AcceptVpcPeeringConnectionResponse {
            vpc_peering_connection: described,
        };
        Ok((ChangeSet::putting(connection), response))
    }
}

/// Says no to a request.
impl Operation for RejectVpcPeeringConnection {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let id = self.vpc_peering_connection_id;
        let connection = world.vpc_peering_connections.known(id)?;
        check(connection, &[PendingAcceptance], "rejected")?;
        let connection = connection.become_at(Rejected, context.now);
        Ok((ChangeSet::putting(connection), ReturnTrue::default()))
    }
}

/// Ends a connection, or takes a request back. Routes to it stay, as blackholes.
impl Operation for DeleteVpcPeeringConnection {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let id = self.vpc_peering_connection_id;
        let connection = world.vpc_peering_connections.known(id)?;
        check(connection, &[PendingAcceptance, Active], "deleting")?;
        let connection = connection.become_at(Deleted, context.now);
        Ok((ChangeSet::putting(connection), ReturnTrue::default()))
    }
}

/// Refuses what a connection's status does not let it become.
fn check(
    connection: &VpcPeeringConnection,
    from: &[VpcPeeringConnectionStatus],
    to: &str,
) -> Result<(), Ec2Error> {
    if from.contains(&connection.status) {
        return Ok(());
    }
    let message = format!(
        "Invalid state transition for {}, attempted to transition from {} to {to}",
        connection.vpc_peering_connection_id,
        connection.status.as_str()
    );
    Err(ErrorCode::InvalidStateTransition.with(message))
}

fn check_active(vpc_id: VpcId, world: &World) -> Result<(), Ec2Error> {
    let live = world.vpc_peering_connections.by(&vpc_id);
    let active = live
        .filter(|connection| connection.status == Active)
        .count();
    let most = quota::ACTIVE_VPC_PEERING_CONNECTIONS_PER_VPC;
    let code = ErrorCode::ActiveVpcPeeringConnectionPerVpcLimitExceeded;
    check_quota(active, most, code, "active VPC peering connections")
}
