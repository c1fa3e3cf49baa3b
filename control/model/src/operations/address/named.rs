//! Elastic IP addresses as calls name them.

use alloc::format;
use alloc::sync::Arc;
use core::net::Ipv4Addr;

use eni_types::AllocationId;

use crate::resource::{Address, PublicAddress};
use crate::{Ec2Error, ErrorCode, World};

/// The Elastic IP address that a call names by its allocation or by itself.
///
/// # Errors
/// `InvalidAllocationID.NotFound` and `InvalidAddress.NotFound`, for lent addresses too; `MissingParameter` without
/// either, `InvalidParameterCombination` with both.
pub(crate) fn named(
    allocation_id: Option<AllocationId>,
    public_ip: Option<Ipv4Addr>,
    world: &World,
) -> Result<&Arc<Address>, Ec2Error> {
    match (allocation_id, public_ip) {
        (Some(id), None) => world.addresses.known(id),
        (None, Some(address)) => by_public_ip(address, world),
        (None, None) => {
            let message = "Either public IP or allocation ID must be specified.";
            Err(ErrorCode::MissingParameter.with(message))
        }
        (Some(_), Some(_)) => {
            let message =
                "You may specify public IP or allocation ID, but not both in the same call.";
            Err(ErrorCode::InvalidParameterCombination.with(message))
        }
    }
}

pub(crate) fn by_public_ip(address: Ipv4Addr, world: &World) -> Result<&Arc<Address>, Ec2Error> {
    world
        .addresses
        .one(&PublicAddress(address))
        .filter(|row| !row.lent)
        .ok_or_else(|| no_public_ip(address))
}

/// The error for an address that is no Elastic IP address of the region.
pub(crate) fn no_public_ip(address: Ipv4Addr) -> Ec2Error {
    let message = format!("Address '{address}' not found.");
    ErrorCode::InvalidAddressNotFound.with(message)
}
