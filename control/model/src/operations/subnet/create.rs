//! `CreateSubnet`.

use alloc::format;

use eni_types::{IdSequence, Ipv4Cidr, NetworkAclAssociationId, SubnetId, TypedId, VpcId, quota};

use crate::api::subnet::{CreateSubnet, CreateSubnetResponse};
use crate::operations::create::{self, create};
use crate::operations::{vpc, zone};
use crate::resource::{NetworkAcl, NetworkAclAssociation, Subnet, Vpc};
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Makes a subnet, which uses its VPC's main route table and default network ACL.
impl Operation for CreateSubnet {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        let vpc = world.vpcs.known(self.vpc_id)?;
        let cidr_block = self.cidr_block.ok_or_else(vpc::no_block)?;
        let availability_zone = zone::chosen(
            self.availability_zone.as_deref(),
            self.availability_zone_id.as_deref(),
            context.region,
        )?;
        check_block(cidr_block, vpc, world)?;
        check_quota(world, vpc.vpc_id)?;
        let make = |context: &mut Context<'_>| {
            let subnet = Subnet {
                subnet_id: SubnetId::generate(context.ids),
                vpc_id: vpc.vpc_id,
                cidr_block,
                availability_zone: availability_zone.into(),
                map_public_ip_on_launch: false,
                default_for_az: false,
                tags: Tags::for_created("subnet", &self.tag_specifications)?,
            };
            let changes = associate(&subnet, world, context.ids);
            Ok((subnet, changes))
        };
        let answer = |subnet| CreateSubnetResponse { subnet };
        create::<Self, _>(&world.subnets, None, world, context, make, answer)
    }
}

/// Every subnet is associated with a network ACL, a new one with its VPC's default.
pub(super) fn associate(subnet: &Subnet, world: &World, ids: &mut IdSequence) -> ChangeSet {
    let Some(acl) = world.default_network_acl(subnet.vpc_id) else {
        return ChangeSet::none();
    };
    let mut acl = NetworkAcl::clone(acl);
    acl.associations.push(NetworkAclAssociation {
        association_id: NetworkAclAssociationId::generate(ids),
        subnet_id: subnet.subnet_id,
    });
    ChangeSet::putting(acl)
}

fn check_block(block: Ipv4Cidr, vpc: &Vpc, world: &World) -> Result<(), Ec2Error> {
    if !quota::VPC_PREFIX_LENGTHS.contains(&block.prefix_length()) || !vpc.cidr_block.covers(block)
    {
        let message = format!("The CIDR '{block}' is invalid.");
        return Err(ErrorCode::InvalidSubnetRange.with(message));
    }
    if is_taken(block, vpc.vpc_id, world) {
        let message = format!("The CIDR '{block}' conflicts with another subnet");
        return Err(ErrorCode::InvalidSubnetConflict.with(message));
    }
    Ok(())
}

/// Whether a subnet of the VPC has an address of `block`.
pub(super) fn is_taken(block: Ipv4Cidr, vpc_id: VpcId, world: &World) -> bool {
    world
        .subnets
        .by(&vpc_id)
        .any(|subnet| subnet.cidr_block.overlaps(block))
}

/// Refuses one subnet more than a VPC may have.
pub(super) fn check_quota(world: &World, vpc_id: VpcId) -> Result<(), Ec2Error> {
    let count = world.subnets.count(&vpc_id);
    let code = ErrorCode::SubnetLimitExceeded;
    create::check_quota(count, quota::SUBNETS_PER_VPC, code, "subnets")
}
