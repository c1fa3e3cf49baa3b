//! `CreateSubnet`.

use alloc::format;

use eni_types::{
    IdSequence, IpCidr, Ipv4Cidr, Ipv6Cidr, NetworkAclAssociationId, SubnetCidrAssociationId,
    SubnetId, TypedId, VpcId, quota,
};

use crate::api::subnet::{CreateSubnet, CreateSubnetResponse};
use crate::operations::create::{self, create};
use crate::operations::{vpc, zone};
use crate::resource::{AssociatedBlock, NetworkAcl, NetworkAclAssociation, Subnet, Vpc};
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Makes a subnet, which uses its VPC's main route table and default network ACL.
impl Operation for CreateSubnet {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        let vpc = world.vpcs.known(self.vpc_id)?;
        self.check_families()?;
        let availability_zone = zone::chosen(
            self.availability_zone.as_deref(),
            self.availability_zone_id.as_deref(),
            context.region,
        )?;
        if let Some(block) = self.cidr_block {
            check_block(block, vpc, world)?;
        }
        if let Some(block) = self.ipv6_cidr_block {
            check_ipv6_block(block, vpc, world)?;
        }
        check_quota(world, vpc.vpc_id)?;
        let make = |context: &mut Context<'_>| {
            let subnet = Subnet {
                subnet_id: SubnetId::generate(context.ids),
                vpc_id: vpc.vpc_id,
                cidr_block: self.cidr_block,
                ipv6_cidr_block_association: self.ipv6_cidr_block.map(|cidr_block| {
                    AssociatedBlock {
                        association_id: SubnetCidrAssociationId::generate(context.ids),
                        cidr_block,
                    }
                }),
                // In a subnet of IPv6 only, interfaces have no other.
                assign_ipv6_address_on_creation: self.cidr_block.is_none(),
                availability_zone: availability_zone.into(),
                map_public_ip_on_launch: false,
                private_dns_names: Default::default(),
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

impl CreateSubnet {
    /// A subnet has an IPv4 block, unless it is of IPv6 only.
    fn check_families(&self) -> Result<(), Ec2Error> {
        match (self.ipv6_native == Some(true), self.cidr_block) {
            (false, Some(_)) => Ok(()),
            (false, None) => Err(vpc::no_block()),
            (true, Some(_)) => {
                let message =
                    "The parameter cidrBlock cannot be used with the parameter ipv6Native";
                Err(ErrorCode::InvalidParameterCombination.with(message))
            }
            (true, None) if self.ipv6_cidr_block.is_none() => {
                Err(Ec2Error::missing_parameter("ipv6CidrBlock"))
            }
            (true, None) => Ok(()),
        }
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
    let has_length = quota::VPC_PREFIX_LENGTHS.contains(&block.prefix_length());
    check_part(IpCidr::V4(block), has_length, vpc, world)
}

/// Refuses an IPv6 block that no further subnet of the VPC can have.
///
/// # Errors
/// `InvalidSubnet.Range`, `InvalidSubnet.Conflict`.
pub(super) fn check_ipv6_block(block: Ipv6Cidr, vpc: &Vpc, world: &World) -> Result<(), Ec2Error> {
    let length = block.prefix_length();
    let has_length = quota::SUBNET_IPV6_PREFIX_LENGTHS.contains(&length)
        && length.is_multiple_of(quota::SUBNET_IPV6_PREFIX_STEP);
    check_part(IpCidr::V6(block), has_length, vpc, world)
}

fn check_part(block: IpCidr, has_length: bool, vpc: &Vpc, world: &World) -> Result<(), Ec2Error> {
    if !has_length || !vpc.blocks().any(|whole| whole.covers(block)) {
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
pub(super) fn is_taken(block: IpCidr, vpc_id: VpcId, world: &World) -> bool {
    let subnets = world.subnets.by(&vpc_id);
    let mut blocks = subnets.flat_map(|subnet| subnet.blocks());
    blocks.any(|other| other.covers(block) || block.covers(other))
}

/// Refuses one subnet more than a VPC may have.
pub(super) fn check_quota(world: &World, vpc_id: VpcId) -> Result<(), Ec2Error> {
    let count = world.subnets.count(&vpc_id);
    let code = ErrorCode::SubnetLimitExceeded;
    create::check_quota(count, quota::SUBNETS_PER_VPC, code, "subnets")
}
