//! `CreateSubnet`.

use alloc::format;

use eni_types::{IdSequence, Ipv4Cidr, NetworkAclAssociationId, SubnetId, TypedId, VpcId, quota};

use crate::api::subnet::{CreateSubnet, CreateSubnetResponse, SubnetDescription};
use crate::describe::Scope;
use crate::operations::{lookup, unsupported, vpc, zone};
use crate::resource::{NetworkAcl, NetworkAclAssociation, Subnet, Vpc};
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, IndexKey, Operation, Planned, World};

/// Makes a subnet, which uses its VPC's main route table and default network ACL.
impl Operation for CreateSubnet {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_what_is_absent()?;
        let vpc = lookup::vpc(world, self.vpc_id)?;
        let cidr_block = self.cidr_block.ok_or_else(vpc::no_block)?;
        let availability_zone = zone::chosen(
            self.availability_zone.as_deref(),
            self.availability_zone_id.as_deref(),
            context.region,
        )?;
        check_block(cidr_block, vpc, world)?;
        check_quota(world, vpc.vpc_id)?;
        let subnet = Subnet {
            subnet_id: SubnetId::generate(context.ids),
            vpc_id: vpc.vpc_id,
            cidr_block,
            availability_zone: availability_zone.into(),
            map_public_ip_on_launch: false,
            default_for_az: false,
            tags: Tags::for_created("subnet", &self.tag_specifications)?,
        };
        let response = CreateSubnetResponse {
            subnet: SubnetDescription::new(&subnet, Scope::new(world, context)),
        };
        Ok((add(subnet, world, context.ids), response))
    }
}

impl CreateSubnet {
    fn refuse_what_is_absent(&self) -> Result<(), Ec2Error> {
        let ipv6 = self.ipv6_cidr_block.is_some()
            || self.ipv6_native == Some(true)
            || self.ipv6_ipam_pool_id.is_some()
            || self.ipv6_netmask_length.is_some();
        unsupported::refuse("IPv6", ipv6)?;
        let ipam = self.ipv4_ipam_pool_id.is_some() || self.ipv4_netmask_length.is_some();
        unsupported::refuse("IPAM", ipam)?;
        unsupported::refuse("AWS Outposts", self.outpost_arn.is_some())
    }
}

/// The changes that bring a new subnet into its VPC: every subnet is associated with a network ACL, first the default.
pub(super) fn add(subnet: Subnet, world: &World, ids: &mut IdSequence) -> ChangeSet {
    let mut changes = ChangeSet::none();
    if let Some(acl) = world.default_network_acl(subnet.vpc_id) {
        let mut acl = NetworkAcl::clone(acl);
        acl.associations.push(NetworkAclAssociation {
            association_id: NetworkAclAssociationId::generate(ids),
            subnet_id: subnet.subnet_id,
        });
        changes.put(acl);
    }
    changes.put(subnet);
    changes
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
        .by(&IndexKey::Vpc(vpc_id))
        .any(|subnet| subnet.cidr_block.overlaps(block))
}

/// Refuses one subnet more than a VPC may have.
pub(super) fn check_quota(world: &World, vpc_id: VpcId) -> Result<(), Ec2Error> {
    if world.subnets.count(&IndexKey::Vpc(vpc_id)) >= quota::SUBNETS_PER_VPC {
        let message = "The maximum number of subnets has been reached.";
        return Err(ErrorCode::SubnetLimitExceeded.with(message));
    }
    Ok(())
}
