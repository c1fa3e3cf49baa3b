//! `CreateVpcPeeringConnection`.

use alloc::format;
use alloc::vec::Vec;

use eni_types::{TypedId, VpcId, VpcPeeringConnectionId, quota};

use super::describe::{initiating, overlap};
use crate::api::vpc_peering_connection::{
    CreateVpcPeeringConnection, CreateVpcPeeringConnectionResponse,
};
use crate::operations::create::{check_quota, create};
use crate::resource::{VpcPeeringConnection, VpcPeeringConnectionStatus};
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Asks the owner of another VPC for a connection. What cannot be is answered like what can, and has failed: VPCs whose
/// blocks overlap, another account's or region's VPC (VPC Peering Guide, "VPC peering connection lifecycle").
impl Operation for CreateVpcPeeringConnection {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        let region = context.region;
        let peer = self
            .peer_vpc_id
            .ok_or_else(|| Ec2Error::missing_parameter("peerVpcId"))?;
        check_owner(self.peer_owner_id.as_deref())?;
        check_region(self.peer_region.as_deref())?;
        let accepter_owner_id = self.peer_owner_id.unwrap_or(region.account_id.clone());
        let accepter_region = self.peer_region.unwrap_or(region.region.clone());
        let make = |context: &mut Context<'_>| {
            let requester = world.vpcs.known(self.vpc_id)?;
            if peer == requester.vpc_id {
                let message = "The requester and the accepter VPC of a VPC peering connection must not be the same VPC.";
                return Err(ErrorCode::InvalidParameterValue.with(message));
            }
            let is_here =
                accepter_owner_id == region.account_id && accepter_region == region.region;
            let is_possible = is_here && !overlap(requester, &**world.vpcs.known(peer)?);
            if is_possible {
                check_pair(requester.vpc_id, peer, world)?;
            }
            let connection = VpcPeeringConnection {
                vpc_peering_connection_id: VpcPeeringConnectionId::generate(context.ids),
                requester_vpc_id: requester.vpc_id,
                accepter_vpc_id: peer,
                accepter_owner_id,
                accepter_region,
                status: if is_possible {
                    VpcPeeringConnectionStatus::PendingAcceptance
                } else {
                    VpcPeeringConnectionStatus::Failed
                },
                since: context.now,
                requester_options: Default::default(),
                accepter_options: Default::default(),
                tags: Tags::for_created("vpc-peering-connection", &self.tag_specifications)?,
            };
            Ok((connection, ChangeSet::none()))
        };
        let account_id = region.account_id.clone();
        let answer = |mut vpc_peering_connection| {
            initiating(&mut vpc_peering_connection, &account_id);
            CreateVpcPeeringConnectionResponse {
                vpc_peering_connection,
            }
        };
        let table = &world.vpc_peering_connections;
        create::<Self, _>(table, None, world, context, make, answer)
    }
}

/// Two VPCs have one connection at most, and each so many.
fn check_pair(requester: VpcId, accepter: VpcId, world: &World) -> Result<(), Ec2Error> {
    let mut live = world.vpc_peering_connections.by(&requester);
    if live.any(|other| [other.requester_vpc_id, other.accepter_vpc_id].contains(&accepter)) {
        let message =
            format!("A VPC peering connection between {requester} and {accepter} already exists.");
        return Err(ErrorCode::VpcPeeringConnectionAlreadyExists.with(message));
    }
    let waiting = world.vpc_peering_connections.by(&requester);
    let waiting =
        waiting.filter(|other| other.status == VpcPeeringConnectionStatus::PendingAcceptance);
    check_quota(
        waiting.count(),
        quota::OUTSTANDING_VPC_PEERING_CONNECTIONS,
        ErrorCode::OutstandingVpcPeeringConnectionLimitExceeded,
        "outstanding VPC peering connection requests",
    )
}

/// Refuses what cannot be an account's id.
fn check_owner(id: Option<&str>) -> Result<(), Ec2Error> {
    let is_id = |id: &str| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    malformed("peerOwnerId", id.filter(|id| !is_id(id)))
}

/// Refuses what cannot be a region's name: words and a number with hyphens between them, such as `eu-west-1`.
fn check_region(name: Option<&str>) -> Result<(), Ec2Error> {
    let is_name = |name: &str| {
        let mut parts = name.rsplit('-');
        let number = parts.next().unwrap_or_default();
        let words: Vec<&str> = parts.collect();
        let is_word =
            |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number && (2..=3).contains(&words.len()) && words.iter().all(is_word)
    };
    malformed("peerRegion", name.filter(|name| !is_name(name)))
}

fn malformed(parameter: &str, value: Option<&str>) -> Result<(), Ec2Error> {
    value.map_or(Ok(()), |value| {
        let message = format!("Value ({value}) for parameter {parameter} is invalid.");
        Err(ErrorCode::InvalidParameterValue.with(message))
    })
}
