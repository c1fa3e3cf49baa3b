//! Which subnet a launch goes to.

use alloc::format;

use eni_types::SubnetId;

use crate::api::instance::Placement;
use crate::operations::zone;
use crate::resource::Subnet;
use crate::{Context, Ec2Error, ErrorCode, World};

/// The subnet named, or the default subnet of the zone named, or of the first zone that has one.
///
/// # Errors
/// `InvalidSubnetID.NotFound`; `VPCIdNotSpecified` without a default VPC; `MissingInput` without a default subnet;
/// `InvalidParameterValue` for a zone that does not exist or is not the subnet's.
pub(super) fn choose<'a>(
    subnet_id: Option<SubnetId>,
    placement: Option<&Placement>,
    world: &'a World,
    context: &Context<'_>,
) -> Result<&'a Subnet, Ec2Error> {
    if let Some(id) = subnet_id {
        let subnet = world.subnets.known(id)?;
        check_zone(subnet, placement, context)?;
        return Ok(subnet);
    }
    let vpc = world.default_vpc().ok_or_else(|| {
        let message = "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.";
        ErrorCode::VpcIdNotSpecified.with(message)
    })?;
    let wanted = zone_of(placement, context)?;
    world
        .subnets
        .by(&vpc.vpc_id)
        .filter(|subnet| subnet.default_for_az)
        .filter(|subnet| wanted.is_none_or(|zone| subnet.availability_zone == zone))
        .min_by(|one, other| one.availability_zone.cmp(&other.availability_zone))
        .map(AsRef::as_ref)
        .ok_or_else(|| {
            let message = match wanted {
                Some(zone) => format!("No default subnet for availability zone: '{zone}'."),
                None => format!(
                    "No subnets found for the default VPC '{}'. Please specify a subnet.",
                    vpc.vpc_id
                ),
            };
            ErrorCode::MissingInput.with(message)
        })
}

/// Refuses a subnet outside the zone that the launch names.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn check_zone(
    subnet: &Subnet,
    placement: Option<&Placement>,
    context: &Context<'_>,
) -> Result<(), Ec2Error> {
    match zone_of(placement, context)? {
        Some(zone) if zone != subnet.availability_zone => {
            let message = format!(
                "Value ({zone}) for parameter availabilityZone is invalid. Subnet '{}' is in the availability zone {}",
                subnet.subnet_id, subnet.availability_zone
            );
            Err(ErrorCode::InvalidParameterValue.with(message))
        }
        Some(_) | None => Ok(()),
    }
}

fn zone_of<'c>(
    placement: Option<&Placement>,
    context: &Context<'c>,
) -> Result<Option<&'c str>, Ec2Error> {
    let name = placement.and_then(|placement| placement.availability_zone.as_deref());
    let id = placement.and_then(|placement| placement.availability_zone_id.as_deref());
    zone::of_launch(name, id, context.region)
}
