//! `AssociateVpcCidrBlock` and `DisassociateVpcCidrBlock`.

use alloc::format;
use core::net::Ipv4Addr;

use eni_types::{
    IpCidr, Ipv4Cidr, Ipv6Cidr, TypedId, VpcCidrAssociationId, VpcId, VpcPeeringConnectionId, quota,
};

use super::contents::local_route;
use super::create::{check_block, no_block};
use super::ipv6;
use crate::api::vpc::{
    AssociateVpcCidrBlock, AssociateVpcCidrBlockResponse, DisassociateVpcCidrBlock,
    DisassociateVpcCidrBlockResponse, VpcCidrBlockAssociationDescription,
    VpcIpv6CidrBlockAssociationDescription,
};
use crate::operations::lookup;
use crate::resource::{AssociatedBlock, RouteOrigin, RouteTable, Vpc};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, Row, World};

/// States of an association, as EC2 spells them.
pub(super) const ASSOCIATED: &str = "associated";
/// In the answer that makes one.
pub(super) const ASSOCIATING: &str = "associating";
/// In the answer that ends one.
const DISASSOCIATING: &str = "disassociating";

/// Gives a VPC a further block. All its route tables get a local route to it.
impl Operation for AssociateVpcCidrBlock {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        let vpc = Vpc::clone(world.vpcs.known(self.vpc_id)?);
        let ipv6 = ipv6::is_asked_for(
            self.amazon_provided_ipv6_cidr_block,
            self.ipv6_cidr_block_network_border_group.as_deref(),
            context.region,
        )?;
        match (self.cidr_block, ipv6) {
            (Some(block), false) => associate_ipv4(vpc, block, world, context),
            (None, true) => associate_ipv6(vpc, world, context),
            (None, false) => Err(no_block()),
            (Some(_), true) => {
                let message = "The parameter cidrBlock cannot be used with the parameter amazonProvidedIpv6CidrBlock";
                Err(ErrorCode::InvalidParameterCombination.with(message))
            }
        }
    }
}

fn associate_ipv4(
    mut vpc: Vpc,
    block: Ipv4Cidr,
    world: &World,
    context: &mut Context<'_>,
) -> Planned<AssociateVpcCidrBlock> {
    check_further(block, &vpc, world)?;
    let associated = AssociatedBlock {
        association_id: VpcCidrAssociationId::generate(context.ids),
        cidr_block: block,
    };
    vpc.ipv4_cidr_block_associations.push(associated);
    let mut changes = with_local_routes(&vpc, IpCidr::V4(block), world);
    let response = AssociateVpcCidrBlockResponse {
        vpc_id: vpc.vpc_id,
        cidr_block_association: Some(VpcCidrBlockAssociationDescription::new(
            associated,
            ASSOCIATING,
        )),
        ipv6_cidr_block_association: None,
    };
    changes.put(vpc);
    changes.answered(response)
}

fn associate_ipv6(
    mut vpc: Vpc,
    world: &World,
    context: &mut Context<'_>,
) -> Planned<AssociateVpcCidrBlock> {
    let number = vpc.ipv6_cidr_block_associations.len();
    check_number(number, quota::IPV6_BLOCKS_PER_VPC, vpc.vpc_id)?;
    let associated = provide_ipv6(Some(vpc.vpc_id), world, context)?;
    vpc.ipv6_cidr_block_associations.push(associated);
    let mut changes = with_local_routes(&vpc, IpCidr::V6(associated.cidr_block), world);
    changes.append(ipv6::default_rules(vpc.vpc_id, world, context.ids));
    let response = AssociateVpcCidrBlockResponse {
        vpc_id: vpc.vpc_id,
        cidr_block_association: None,
        ipv6_cidr_block_association: Some(VpcIpv6CidrBlockAssociationDescription::new(
            associated,
            ASSOCIATING,
            context.region,
        )),
    };
    changes.put(vpc);
    changes.answered(response)
}

/// A free IPv6 block, for a new VPC or an existing one.
pub(super) fn provide_ipv6(
    vpc_id: Option<VpcId>,
    world: &World,
    context: &mut Context<'_>,
) -> Result<AssociatedBlock<VpcCidrAssociationId, Ipv6Cidr>, Ec2Error> {
    Ok(AssociatedBlock {
        association_id: VpcCidrAssociationId::generate(context.ids),
        cidr_block: ipv6::take_block(vpc_id, world, context)?,
    })
}

/// The VPC's route tables with a local route to `block`, before all routes that were made by calls.
fn with_local_routes(vpc: &Vpc, block: IpCidr, world: &World) -> ChangeSet {
    let mut changes = ChangeSet::none();
    for table in world.route_tables.by(&vpc.vpc_id) {
        let mut table = RouteTable::clone(table);
        let routes = table.routes.iter();
        let place = routes
            .take_while(|route| route.origin == RouteOrigin::CreateRouteTable)
            .count();
        table.routes.insert(place, local_route(block));
        changes.put(table);
    }
    changes
}

fn check_number(number: usize, most: usize, vpc_id: VpcId) -> Result<(), Ec2Error> {
    if number >= most {
        let message =
            format!("This network '{vpc_id}' has met its maximum number of allowed CIDRs: {most}");
        return Err(ErrorCode::CidrLimitExceeded.with(message));
    }
    Ok(())
}

/// Refuses a further block that EC2 does not take ("VPC CIDR blocks", IPv4 CIDR block association restrictions).
fn check_further(block: Ipv4Cidr, vpc: &Vpc, world: &World) -> Result<(), Ec2Error> {
    check_block(block)?;
    let tables = world.route_tables.by(&vpc.vpc_id);
    let mut routes = tables.flat_map(|table| &table.routes);
    let message = if vpc.ipv4_blocks().any(|own| own.overlaps(block)) {
        format!("The CIDR '{block}' conflicts with another CIDR block of the VPC.")
    } else if is_restricted(block, vpc.cidr_block) {
        format!(
            "The CIDR '{block}' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, or use a publicly-routable CIDR. For additional restrictions, see https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"
        )
    } else if let Some(route) = routes.find(|route| IpCidr::V4(block).covers(route.destination)) {
        format!(
            "The CIDR '{block}' is equal to or larger than the destination {} of a route of the VPC.",
            route.destination
        )
    } else if let Some((peer, id)) = conflicting_peer(block, vpc.vpc_id, world) {
        format!("The CIDR '{block}' conflicts with a CIDR of {peer}, which is peered by {id}.")
    } else {
        let number = vpc.ipv4_blocks().count();
        return check_number(number, quota::IPV4_BLOCKS_PER_VPC, vpc.vpc_id);
    };
    Err(ErrorCode::InvalidVpcRange.with(message))
}

/// A peered VPC of whose blocks this one would have a part.
fn conflicting_peer(
    block: Ipv4Cidr,
    vpc_id: VpcId,
    world: &World,
) -> Option<(VpcId, VpcPeeringConnectionId)> {
    let connections = world.vpc_peering_connections.by(&vpc_id);
    let peers =
        connections.filter_map(|connection| Some((connection.peer_of(vpc_id)?, connection.id())));
    let mut conflicting = peers.filter(|(peer, _)| {
        let vpc = world.vpcs.get(*peer);
        vpc.is_some_and(|vpc| vpc.ipv4_blocks().any(|other| other.overlaps(block)))
    });
    conflicting.next()
}

/// The private ranges of RFC 1918: blocks of one VPC come from one of them at most.
const PRIVATE: [(Ipv4Addr, u8); 3] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    PRIVATE_172_16,
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];
const PRIVATE_172_16: (Ipv4Addr, u8) = (Ipv4Addr::new(172, 16, 0, 0), 12);
/// No further block of a VPC in 172.16.0.0/12.
const DEFAULT_VPC: (Ipv4Addr, u8) = (Ipv4Addr::new(172, 31, 0, 0), 16);
/// No further block of any VPC.
const KEPT_FOR_SERVICES: (Ipv4Addr, u8) = (Ipv4Addr::new(198, 19, 0, 0), 16);

fn is_restricted(block: Ipv4Cidr, primary: Ipv4Cidr) -> bool {
    let meets = |block: Ipv4Cidr, (address, length)| {
        Ipv4Cidr::new(address, length).is_some_and(|range| range.overlaps(block))
    };
    let is_foreign = PRIVATE
        .into_iter()
        .any(|range| meets(block, range) && !meets(primary, range));
    is_foreign
        || meets(block, KEPT_FOR_SERVICES)
        || (meets(primary, PRIVATE_172_16) && meets(block, DEFAULT_VPC))
}

/// Takes a block, not the primary one, from a VPC where no subnet has any of it. The local routes to it go as well.
impl Operation for DisassociateVpcCidrBlock {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let id = self.association_id;
        let vpc = world.vpcs.one(&id).ok_or_else(|| lookup::not_found(id))?;
        if vpc.cidr_association_id == id {
            let message = format!(
                "The vpc CIDR block with association ID {id} may not be disassociated. It is the primary IPv4 CIDR block of the VPC"
            );
            return Err(ErrorCode::OperationNotPermitted.with(message));
        }
        let mut vpc = Vpc::clone(vpc);
        let ipv4 = take(&mut vpc.ipv4_cidr_block_associations, id);
        let ipv6 = take(&mut vpc.ipv6_cidr_block_associations, id);
        let mut changes = ChangeSet::none();
        let blocks = [
            ipv4.map(|one| IpCidr::V4(one.cidr_block)),
            ipv6.map(|one| IpCidr::V6(one.cidr_block)),
        ];
        for block in blocks.into_iter().flatten() {
            check_unused(block, &vpc, world)?;
            changes.append(without_local_routes(&vpc, block, world));
        }
        let response = DisassociateVpcCidrBlockResponse {
            vpc_id: vpc.vpc_id,
            cidr_block_association: ipv4
                .map(|one| VpcCidrBlockAssociationDescription::new(one, DISASSOCIATING)),
            ipv6_cidr_block_association: ipv6.map(|one| {
                VpcIpv6CidrBlockAssociationDescription::new(one, DISASSOCIATING, context.region)
            }),
        };
        changes.put(vpc);
        changes.answered(response)
    }
}

/// Takes the block with this association out of `blocks`.
fn take<B: Copy>(
    blocks: &mut alloc::vec::Vec<AssociatedBlock<VpcCidrAssociationId, B>>,
    id: VpcCidrAssociationId,
) -> Option<AssociatedBlock<VpcCidrAssociationId, B>> {
    let place = blocks.iter().position(|one| one.association_id == id)?;
    Some(blocks.remove(place))
}

fn without_local_routes(vpc: &Vpc, block: IpCidr, world: &World) -> ChangeSet {
    let mut changes = ChangeSet::none();
    for table in world.route_tables.by(&vpc.vpc_id) {
        let mut table = RouteTable::clone(table);
        table.routes.retain(|route| route.destination != block);
        changes.put(table);
    }
    changes
}

fn check_unused(block: IpCidr, vpc: &Vpc, world: &World) -> Result<(), Ec2Error> {
    let mut subnets = world.subnets.by(&vpc.vpc_id);
    if subnets.any(|subnet| subnet.blocks().any(|part| block.covers(part))) {
        let message = format!(
            "The vpc {} currently has a subnet within CIDR block {block}",
            vpc.vpc_id
        );
        return Err(ErrorCode::InvalidCidrBlockInUse.with(message));
    }
    Ok(())
}
