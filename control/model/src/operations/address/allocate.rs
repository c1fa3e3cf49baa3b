//! `AllocateAddress`.

use alloc::format;
use core::net::Ipv4Addr;

use eni_types::{AllocationId, TypedId, quota};

use super::named::no_public_ip;
use super::{AMAZON_POOL, DOMAIN, pool};
use crate::api::address::{AllocateAddress, AllocateAddressResponse};
use crate::operations::claims::Claims;
use crate::operations::create;
use crate::resource::{Address, PublicAddress};
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Allocates an Elastic IP address from the region's pool.
impl Operation for AllocateAddress {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.check(context)?;
        let own = world
            .addresses
            .iter()
            .filter(|address| !address.lent)
            .count();
        let code = ErrorCode::AddressLimitExceeded;
        create::check_quota(own, quota::ADDRESSES_PER_REGION, code, "addresses")?;
        let address = Address {
            allocation_id: AllocationId::generate(context.ids),
            public_ip: choose(self.address, world, context)?,
            association: None,
            lent: false,
            tags: Tags::for_created("elastic-ip", &self.tag_specifications)?,
        };
        let response = AllocateAddressResponse {
            public_ip: address.public_ip,
            allocation_id: address.allocation_id,
            domain: DOMAIN,
            public_ipv4_pool: AMAZON_POOL,
            network_border_group: context.region.region.clone(),
        };
        Ok((ChangeSet::putting(address), response))
    }
}

impl AllocateAddress {
    fn check(&self, context: &Context<'_>) -> Result<(), Ec2Error> {
        self.refuse_unsupported()?;
        for (name, given, known) in [
            ("domain", &self.domain, DOMAIN),
            ("publicIpv4Pool", &self.public_ipv4_pool, AMAZON_POOL),
            (
                "networkBorderGroup",
                &self.network_border_group,
                &context.region.region,
            ),
        ] {
            if let Some(given) = given.as_deref().filter(|given| *given != known) {
                let message = format!(
                    "Value ({given}) for parameter {name} is invalid. Only '{known}' is available."
                );
                return Err(ErrorCode::InvalidParameterValue.with(message));
            }
        }
        Ok(())
    }
}

fn choose(
    wanted: Option<Ipv4Addr>,
    world: &World,
    context: &mut Context<'_>,
) -> Result<Ipv4Addr, Ec2Error> {
    let Some(wanted) = wanted else {
        return pool::take(&mut Claims::default(), world, context);
    };
    let is_in_pool = pool::allocatable(context.region.public_pool)
        .is_some_and(|addresses| addresses.contains(&wanted));
    let is_free = world.addresses.count(&PublicAddress(wanted)) == 0;
    if is_in_pool && is_free {
        Ok(wanted)
    } else {
        Err(no_public_ip(wanted))
    }
}
