//! The pool of public addresses.

use core::net::Ipv4Addr;
use core::ops::RangeInclusive;

use eni_types::{AllocationId, AssociationId, Ipv4Cidr, TypedId};

use crate::operations::claims::Claims;
use crate::operations::network_interface::attribute::is_primary_of_running;
use crate::resource::{Address, AddressAssociation, NetworkInterface, PublicAddress};
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, World};

/// Addresses at the pool's start that are never allocated: the network's own and the host's end.
const RESERVED_FIRST_ADDRESSES: u64 = 2;
/// Addresses at the pool's end that are never allocated: the broadcast address.
const RESERVED_LAST_ADDRESSES: u64 = 1;

/// The addresses of the pool that may be allocated; `None` for a pool too small to have any.
pub(crate) fn allocatable(pool: Ipv4Cidr) -> Option<RangeInclusive<Ipv4Addr>> {
    let last = pool.size().checked_sub(1 + RESERVED_LAST_ADDRESSES)?;
    (RESERVED_FIRST_ADDRESSES <= last)
        .then(|| Some(pool.nth(RESERVED_FIRST_ADDRESSES)?..=pool.nth(last)?))
        .flatten()
}

/// Takes a free public address.
///
/// # Errors
/// `InsufficientAddressCapacity` where the pool is used up.
pub(crate) fn take(
    claims: &mut Claims,
    world: &World,
    context: &mut Context<'_>,
) -> Result<Ipv4Addr, Ec2Error> {
    allocatable(context.region.public_pool)
        .and_then(|addresses| {
            let table = &world.addresses;
            claims.take_free(addresses, table, PublicAddress, |_, _| None, context.rng)
        })
        .ok_or_else(|| {
            let message = "Not enough available public addresses to satisfy your request.";
            ErrorCode::InsufficientAddressCapacity.with(message)
        })
}

/// Lends a public address to the primary private address of `eni`, as EC2 does for the primary interface of an instance
/// at launch and start. `None` for an interface without private addresses.
///
/// # Errors
/// As [`take`].
pub(crate) fn lend(
    eni: &NetworkInterface,
    claims: &mut Claims,
    world: &World,
    context: &mut Context<'_>,
) -> Result<Option<Address>, Ec2Error> {
    let Some(private_ip_address) = eni.primary_private_ip_address() else {
        return Ok(None);
    };
    Ok(Some(Address {
        allocation_id: AllocationId::generate(context.ids),
        public_ip: take(claims, world, context)?,
        association: Some(AddressAssociation {
            association_id: AssociationId::generate(context.ids),
            network_interface_id: eni.network_interface_id,
            private_ip_address,
        }),
        lent: true,
        tags: Tags::default(),
    }))
}

/// Lends a public address to an interface that loses the Elastic IP address of `ended`, where EC2 does: at the primary
/// address of the only interface of a running instance that was launched to have one (EC2 User Guide, "Public IPv4
/// addresses"). Where the pool is used up, it goes without.
pub(crate) fn lend_again(
    ended: &AddressAssociation,
    world: &World,
    context: &mut Context<'_>,
    changes: &mut ChangeSet,
) {
    let Some(eni) = world.network_interfaces.get(ended.network_interface_id) else {
        return;
    };
    let is_only = eni
        .attachment
        .as_ref()
        .is_some_and(|attachment| world.network_interfaces_of(attachment.instance_id).count() == 1);
    let is_due = eni.map_public_ip_on_launch
        && eni.primary_private_ip_address() == Some(ended.private_ip_address)
        && is_only
        && is_primary_of_running(eni, world);
    if is_due && let Ok(Some(address)) = lend(eni, &mut Claims::default(), world, context) {
        changes.put(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pools_network_host_and_broadcast_addresses_are_never_allocated() {
        for (pool, want) in [
            ("203.0.113.0/24", Some(("203.0.113.2", "203.0.113.254"))),
            ("203.0.113.8/30", Some(("203.0.113.10", "203.0.113.10"))),
            ("203.0.113.8/31", None),
            ("203.0.113.8/32", None),
        ] {
            let want = want.map(|(first, last)| first.parse().unwrap()..=last.parse().unwrap());
            assert_eq!(allocatable(pool.parse().unwrap()), want, "{pool}");
        }
    }
}
