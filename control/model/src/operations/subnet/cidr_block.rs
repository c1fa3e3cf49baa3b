//! `AssociateSubnetCidrBlock` and `DisassociateSubnetCidrBlock`.

use alloc::format;
use core::net::Ipv6Addr;

use eni_types::{IpCidr, Ipv6Cidr, SubnetCidrAssociationId, SubnetId, TypedId, quota};

use super::create::check_ipv6_block;
use crate::api::subnet::{
    AssociateSubnetCidrBlock, AssociateSubnetCidrBlockResponse, DisassociateSubnetCidrBlock,
    DisassociateSubnetCidrBlockResponse, SubnetIpv6CidrBlockAssociationDescription,
};
use crate::operations::lookup;
use crate::resource::{AssociatedBlock, DelegatedPrefix, Ipv6Address, Subnet};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// States of an association, as EC2 spells them.
pub(super) const ASSOCIATED: &str = "associated";
/// In the answer that makes one.
const ASSOCIATING: &str = "associating";
/// In the answer that ends one.
const DISASSOCIATING: &str = "disassociating";

/// Gives a subnet its IPv6 block.
impl Operation for AssociateSubnetCidrBlock {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        let mut subnet = Subnet::clone(world.subnets.known(self.subnet_id)?);
        let block = self
            .ipv6_cidr_block
            .ok_or_else(|| Ec2Error::missing_parameter("ipv6CidrBlock"))?;
        if subnet.ipv6_cidr_block_association.is_some() {
            return Err(has_one(subnet.subnet_id));
        }
        check_ipv6_block(block, world.vpcs.known(subnet.vpc_id)?, world)?;
        let associated = AssociatedBlock {
            association_id: SubnetCidrAssociationId::generate(context.ids),
            cidr_block: block,
        };
        subnet.ipv6_cidr_block_association = Some(associated);
        let response = AssociateSubnetCidrBlockResponse {
            subnet_id: subnet.subnet_id,
            ipv6_cidr_block_association: SubnetIpv6CidrBlockAssociationDescription::new(
                associated,
                ASSOCIATING,
            ),
        };
        ChangeSet::putting(subnet).answered(response)
    }
}

fn has_one(id: SubnetId) -> Ec2Error {
    let message = format!(
        "This network '{id}' has met its maximum number of allowed CIDRs: {}",
        quota::IPV6_BLOCKS_PER_SUBNET
    );
    ErrorCode::CidrLimitExceeded.with(message)
}

/// Takes its IPv6 block from a subnet where no interface has an address of it.
impl Operation for DisassociateSubnetCidrBlock {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let id = self.association_id;
        let found = world.subnets.one(&id);
        let mut subnet = Subnet::clone(found.ok_or_else(|| lookup::not_found(id))?);
        let associated = subnet
            .ipv6_cidr_block_association
            .take()
            .ok_or_else(|| lookup::not_found(id))?;
        if subnet.is_ipv6_native() {
            let message = format!(
                "The IPv6 CIDR block of the IPv6-only subnet {} may not be disassociated.",
                subnet.subnet_id
            );
            return Err(ErrorCode::OperationNotPermitted.with(message));
        }
        if is_in_use(&subnet, associated.cidr_block, world) {
            let message = format!(
                "The subnet {} currently has IPv6 addresses within CIDR block {} assigned",
                subnet.subnet_id, associated.cidr_block
            );
            return Err(ErrorCode::InvalidCidrBlockInUse.with(message));
        }
        subnet.assign_ipv6_address_on_creation = false;
        let response = DisassociateSubnetCidrBlockResponse {
            subnet_id: subnet.subnet_id,
            ipv6_cidr_block_association: SubnetIpv6CidrBlockAssociationDescription::new(
                associated,
                DISASSOCIATING,
            ),
        };
        ChangeSet::putting(subnet).answered(response)
    }
}

/// Whether an interface has an address or a delegated block of `block`.
fn is_in_use(subnet: &Subnet, block: Ipv6Cidr, world: &World) -> bool {
    let vpc_id = subnet.vpc_id;
    let interfaces = &world.network_interfaces;
    let address = |address| Ipv6Address { vpc_id, address };
    let addresses = address(block.network())..=address(block.last());
    // Blocks are sorted by their first address.
    let prefix = |address: Ipv6Addr| {
        let prefix = Ipv6Cidr::new(address, quota::DELEGATED_IPV6_PREFIX_LENGTH)?;
        let prefix = IpCidr::V6(prefix);
        Some(DelegatedPrefix { vpc_id, prefix })
    };
    let prefixes = prefix(block.network()).zip(prefix(block.last()));
    let is_delegated = prefixes
        .is_some_and(|(first, last)| interfaces.keys_between(&(first..=last)).next().is_some());
    is_delegated || interfaces.keys_between(&addresses).next().is_some()
}
