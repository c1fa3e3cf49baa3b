//! `CreateDefaultSubnet`.

use alloc::format;

use super::create::{associate, check_quota, is_taken};
use crate::api::subnet::{CreateDefaultSubnet, CreateSubnetResponse};
use crate::operations::create::create;
use crate::operations::{vpc, zone};
use crate::{Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Makes a zone's default subnet anew after it was deleted, from the first free /20 of the default VPC.
impl Operation for CreateDefaultSubnet {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        if self.availability_zone.is_none() && self.availability_zone_id.is_none() {
            return Err(Ec2Error::missing_parameter("availabilityZone"));
        }
        let zone = zone::chosen(
            self.availability_zone.as_deref(),
            self.availability_zone_id.as_deref(),
            context.region,
        )?;
        let default_vpc = world.default_vpc().ok_or_else(|| {
            let message = "No default VPC exists for this account in this region.";
            ErrorCode::DefaultVpcDoesNotExist.with(message)
        })?;
        let vpc_id = default_vpc.vpc_id;
        let existing = world
            .subnets
            .by(&vpc_id)
            .find(|subnet| subnet.default_for_az && subnet.availability_zone == zone);
        if let Some(existing) = existing {
            let message = format!(
                "'{}' is already the default subnet in {zone}.",
                existing.subnet_id
            );
            return Err(ErrorCode::DefaultSubnetAlreadyExistsInAvailabilityZone.with(message));
        }
        check_quota(world, vpc_id)?;
        let block = vpc::default_blocks(default_vpc.cidr_block)
            .find(|block| !is_taken((*block).into(), vpc_id, world))
            .ok_or_else(|| {
                let message = "The default VPC has no free block of the size of a default subnet.";
                ErrorCode::InsufficientCidrBlocks.with(message)
            })?;
        let make = |context: &mut Context<'_>| {
            let subnet = vpc::default_subnet(vpc_id, block, zone, context.ids);
            let changes = associate(&subnet, world, context.ids);
            Ok((subnet, changes))
        };
        let answer = |subnet| CreateSubnetResponse { subnet };
        create::<Self, _>(&world.subnets, None, world, context, make, answer)
    }
}
