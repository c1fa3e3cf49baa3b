//! `AssignIpv6Addresses` and `UnassignIpv6Addresses`.

use alloc::format;

use eni_types::{IpCidr, quota};

use super::assign::check_type;
use super::efa;
use super::ipv6_addresses::{Ipv6Request, TakenIpv6, check_number, check_only_one};
use super::prefixes::PrefixRequest;
use crate::api::network_interface::{
    AssignIpv6Addresses, AssignIpv6AddressesResponse, UnassignIpv6Addresses,
    UnassignIpv6AddressesResponse,
};
use crate::operations::claims::Claims;
use crate::operations::lookup;
use crate::resource::NetworkInterface;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Gives a network interface IPv6 addresses, or delegates blocks to it: all that are asked for, or none.
impl Operation for AssignIpv6Addresses {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let request = self.request()?;
        let mut eni =
            NetworkInterface::clone(lookup::own_interface(world, self.network_interface_id)?);
        efa::check_carries_ip(&eni)?;
        let subnet = world.subnets.known(eni.subnet_id)?;
        check_type(&eni, request.has_blocks(), world)?;
        let taken = request.take(subnet, &mut Claims::default(), world, context)?;
        eni.ipv6_addresses.extend(&taken.addresses);
        eni.ipv6_prefixes.extend(&taken.prefixes);
        check_number(eni.ipv6_slots(), limit_of(&eni, world))?;
        let TakenIpv6 {
            addresses,
            prefixes,
        } = taken;
        let response = AssignIpv6AddressesResponse {
            network_interface_id: self.network_interface_id,
            assigned_ipv6_addresses: addresses.into(),
            assigned_ipv6_prefix_set: prefixes.into(),
        };
        ChangeSet::putting(eni).answered(response)
    }
}

impl AssignIpv6Addresses {
    fn request(&self) -> Result<Ipv6Request, Ec2Error> {
        check_only_one(&[
            ("ipv6Addresses", !self.ipv6_addresses.is_empty()),
            ("ipv6AddressCount", self.ipv6_address_count.is_some()),
            ("ipv6Prefixes", !self.ipv6_prefixes.is_empty()),
            ("ipv6PrefixCount", self.ipv6_prefix_count.is_some()),
        ])?;
        let request = Ipv6Request {
            named: self.ipv6_addresses.clone(),
            // Whatever the subnet says of new interfaces.
            count: Some(self.ipv6_address_count.unwrap_or(0) as usize),
            prefixes: PrefixRequest {
                named: self.ipv6_prefixes.iter().copied().map(IpCidr::V6).collect(),
                count: self.ipv6_prefix_count.unwrap_or(0) as usize,
            },
            has_primary: false,
        };
        let number = request.named.len() + request.count.unwrap_or(0) + request.prefixes.number();
        if number == 0 {
            return Err(Ec2Error::missing_parameter("ipv6Addresses"));
        }
        // Before the search for free ones, which takes as long as there are.
        check_number(number, quota::IPV6_ADDRESSES_PER_NETWORK_INTERFACE)?;
        Ok(request)
    }
}

/// IPv6 addresses and delegated blocks that one interface may have: as many as its instance's type says, or any type.
fn limit_of(eni: &NetworkInterface, world: &World) -> usize {
    eni.attachment
        .as_ref()
        .and_then(|attachment| world.instances.get(attachment.instance_id))
        .map_or(quota::IPV6_ADDRESSES_PER_NETWORK_INTERFACE, |instance| {
            instance.instance_type.ipv6_addresses_per_interface
        })
}

/// Takes IPv6 addresses and delegated blocks away from a network interface.
impl Operation for UnassignIpv6Addresses {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        if self.ipv6_addresses.is_empty() && self.ipv6_prefixes.is_empty() {
            return Err(Ec2Error::missing_parameter("ipv6Addresses"));
        }
        let id = self.network_interface_id;
        let mut eni = NetworkInterface::clone(lookup::own_interface(world, id)?);
        let subnet = world.subnets.known(eni.subnet_id)?;
        let has_all = self
            .ipv6_addresses
            .iter()
            .all(|one| eni.ipv6_addresses.contains(one))
            && self
                .ipv6_prefixes
                .iter()
                .all(|one| eni.ipv6_prefixes.contains(one));
        let primary = eni.primary_ipv6_address();
        let primary = primary.filter(|primary| self.ipv6_addresses.contains(primary));
        eni.ipv6_addresses
            .retain(|one| !self.ipv6_addresses.contains(one));
        eni.ipv6_prefixes
            .retain(|one| !self.ipv6_prefixes.contains(one));
        let message = if !has_all {
            format!("Some of the specified addresses are not assigned to interface {id}")
        } else if let Some(primary) = primary {
            format!("The primary IPv6 address {primary} cannot be unassigned.")
        } else if subnet.is_ipv6_native() && eni.ipv6_addresses.is_empty() {
            format!("The interface {id} is in an IPv6-only subnet and must have an IPv6 address.")
        } else {
            let response = UnassignIpv6AddressesResponse {
                network_interface_id: id,
                unassigned_ipv6_addresses: self.ipv6_addresses.into(),
                unassigned_ipv6_prefix_set: self.ipv6_prefixes.into(),
            };
            return ChangeSet::putting(eni).answered(response);
        };
        Err(ErrorCode::InvalidParameterValue.with(message))
    }
}
