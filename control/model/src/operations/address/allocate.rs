//! `AllocateAddress`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use eni_query::FromQuery;
use eni_types::{AllocationId, TypedId, quota};
use serde::Serialize;

use super::named::no_public_ip;
use super::{AMAZON_POOL, DOMAIN, pool};
use crate::operations::claims::Claims;
use crate::operations::unsupported;
use crate::resource::Address;
use crate::tags::{TagSpecification, Tags};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, IndexKey, Operation, World};

/// Allocates an Elastic IP address from the region's pool.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AllocateAddress {
    /// `vpc`, the only one there is.
    pub domain: Option<String>,
    /// The address wanted, such as one that was released before.
    pub address: Option<Ipv4Addr>,
    /// `amazon`; there are no other pools.
    pub public_ipv4_pool: Option<String>,
    /// The region's name; there are no other border groups.
    pub network_border_group: Option<String>,
    /// Asks for an Outpost's address.
    pub customer_owned_ipv4_pool: Option<String>,
    /// Asks for an address from an IPAM pool.
    pub ipam_pool_id: Option<String>,
    /// Tags for the address.
    #[query(name = "TagSpecification")]
    pub tag_specifications: Vec<TagSpecification>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AllocateAddressResponse {
    public_ip: Ipv4Addr,
    allocation_id: AllocationId,
    domain: &'static str,
    public_ipv4_pool: &'static str,
    network_border_group: String,
}

impl Operation for AllocateAddress {
    const NAME: &'static str = "AllocateAddress";
    type Response = AllocateAddressResponse;

    fn plan(
        self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        self.check(context)?;
        let own = world
            .addresses
            .iter()
            .filter(|address| !address.lent)
            .count();
        if own >= quota::ADDRESSES_PER_REGION {
            let message = "The maximum number of addresses has been reached.";
            return Err(Ec2Error::new(ErrorCode::AddressLimitExceeded, message));
        }
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
        let mut changes = ChangeSet::none();
        changes.put(address);
        Ok((changes, response))
    }
}

impl AllocateAddress {
    fn check(&self, context: &Context<'_>) -> Result<(), Ec2Error> {
        unsupported::refuse("An Outpost", self.customer_owned_ipv4_pool.is_some())?;
        unsupported::refuse("An IPAM pool", self.ipam_pool_id.is_some())?;
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
                return Err(Ec2Error::new(ErrorCode::InvalidParameterValue, message));
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
    let is_free = world.addresses.count(&IndexKey::PublicAddress(wanted)) == 0;
    if is_in_pool && is_free {
        Ok(wanted)
    } else {
        Err(no_public_ip(wanted))
    }
}
