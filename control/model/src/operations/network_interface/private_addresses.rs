//! Which private addresses a call asks for, and which it gets.

use alloc::format;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::ops::RangeInclusive;

use eni_types::{Ipv4Cidr, NetworkInterfaceType, quota};

use super::efa;
use crate::api::network_interface::PrivateIpAddressSpecification;
use crate::operations::claims::Claims;
use crate::resource::{PrivateAddress, Subnet};
use crate::{Context, Ec2Error, ErrorCode, World};

/// The private addresses that a new interface is to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PrivateAddressRequest {
    /// The primary one; any free one where none is named.
    pub(crate) primary: Option<Ipv4Addr>,
    /// Secondary ones by name.
    pub(crate) secondary: Vec<Ipv4Addr>,
    /// Number of further secondary ones, whichever are free.
    pub(crate) secondary_count: usize,
}

impl PrivateAddressRequest {
    /// Reads the three parameters that ask for addresses.
    ///
    /// Of a list that calls none primary the first one is, as EC2's reference does not say: whoever lists addresses expects
    /// to get these, not one more that EC2 has chosen.
    ///
    /// # Errors
    /// `InvalidParameterCombination` for more than one primary address, or secondary ones both by name and number;
    /// `InvalidParameterValue` for an address named twice; `PrivateIpAddressLimitExceeded`.
    pub(crate) fn new(
        private_ip_address: Option<Ipv4Addr>,
        private_ip_addresses: &[PrivateIpAddressSpecification],
        secondary_private_ip_address_count: Option<u32>,
    ) -> Result<Self, Ec2Error> {
        let mut request = Self {
            primary: private_ip_address,
            secondary_count: secondary_private_ip_address_count.unwrap_or(0) as usize,
            ..Self::default()
        };
        for specification in private_ip_addresses {
            let address = specification.private_ip_address;
            if specification.primary != Some(true) {
                request.secondary.push(address);
            } else if request
                .primary
                .replace(address)
                .is_some_and(|other| other != address)
            {
                let message = "Only one primary private IP address can be specified.";
                return Err(ErrorCode::InvalidParameterCombination.with(message));
            }
        }
        request
            .secondary
            .retain(|address| Some(*address) != private_ip_address);
        if request.primary.is_none() && !request.secondary.is_empty() {
            request.primary = Some(request.secondary.remove(0));
        }
        if !request.secondary.is_empty() && secondary_private_ip_address_count.is_some() {
            let message =
                "You may not specify both privateIpAddresses and secondaryPrivateIpAddressCount.";
            return Err(ErrorCode::InvalidParameterCombination.with(message));
        }
        check_number(
            request.count(),
            quota::PRIVATE_ADDRESSES_PER_NETWORK_INTERFACE,
        )?;
        Ok(request)
    }

    /// As [`PrivateAddressRequest::new`], for an interface of this type; `None` for one that carries no IP.
    ///
    /// # Errors
    /// `InvalidParameterCombination` for addresses where there can be none.
    pub(crate) fn of(
        interface_type: NetworkInterfaceType,
        private_ip_address: Option<Ipv4Addr>,
        private_ip_addresses: &[PrivateIpAddressSpecification],
        secondary_private_ip_address_count: Option<u32>,
    ) -> Result<Option<Self>, Ec2Error> {
        let is_asked_for = private_ip_address.is_some()
            || !private_ip_addresses.is_empty()
            || secondary_private_ip_address_count.unwrap_or(0) > 0;
        efa::check_address_parameters(interface_type, is_asked_for)?;
        if !interface_type.carries_ip() {
            return Ok(None);
        }
        Self::new(
            private_ip_address,
            private_ip_addresses,
            secondary_private_ip_address_count,
        )
        .map(Some)
    }

    /// How many addresses are asked for, the primary one among them.
    pub(crate) fn count(&self) -> usize {
        1 + self.secondary.len() + self.secondary_count
    }

    /// Takes the addresses in `subnet`, the primary one first.
    ///
    /// # Errors
    /// `InvalidParameterValue`, `InvalidIPAddress.InUse`, `InsufficientFreeAddressesInSubnet`.
    pub(crate) fn take(
        &self,
        subnet: &Subnet,
        claims: &mut Claims,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<Vec<Ipv4Addr>, Ec2Error> {
        // Named ones first, so that none of them is chosen for the others.
        for address in self.primary.iter().chain(&self.secondary) {
            take_named(*address, subnet, claims, world)?;
        }
        let mut free = |number| take_free(number, subnet, claims, world, context);
        let mut addresses = match self.primary {
            Some(address) => Vec::from([address]),
            None => free(1)?,
        };
        addresses.extend(&self.secondary);
        addresses.extend(free(self.secondary_count)?);
        Ok(addresses)
    }
}

/// Takes `number` free addresses of `subnet`.
///
/// # Errors
/// `InsufficientFreeAddressesInSubnet`.
pub(crate) fn take_free(
    number: usize,
    subnet: &Subnet,
    claims: &mut Claims,
    world: &World,
    context: &mut Context<'_>,
) -> Result<Vec<Ipv4Addr>, Ec2Error> {
    let vpc_id = subnet.vpc_id;
    let key = |address| PrivateAddress { vpc_id, address };
    let free = (0..number)
        .map(|_| {
            let addresses = assignable(subnet.cidr_block?)?;
            claims.take_free(addresses, &world.network_interfaces, key, context.rng)
        })
        .collect::<Option<_>>();
    free.ok_or_else(|| {
        let message =
            "The specified subnet does not have enough free addresses to satisfy the request.";
        ErrorCode::InsufficientFreeAddressesInSubnet.with(message)
    })
}

/// Takes the address `address` of `subnet`.
///
/// # Errors
/// As [`check_in_subnet`]; `InvalidIPAddress.InUse`; `InvalidParameterValue` for an address named twice.
fn take_named(
    address: Ipv4Addr,
    subnet: &Subnet,
    claims: &mut Claims,
    world: &World,
) -> Result<(), Ec2Error> {
    check_in_subnet(address, subnet)?;
    if world
        .owner_of_private_address(subnet.vpc_id, address)
        .is_some()
    {
        let message = "The specified address is already in use.";
        return Err(ErrorCode::InvalidIpAddressInUse.with(message));
    }
    let vpc_id = subnet.vpc_id;
    if !claims.take(PrivateAddress { vpc_id, address }) {
        return Err(named_twice(address));
    }
    Ok(())
}

/// Refuses an address that no interface in `subnet` can have.
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn check_in_subnet(address: Ipv4Addr, subnet: &Subnet) -> Result<(), Ec2Error> {
    let block = subnet.cidr_block.filter(|block| block.contains(address));
    let message = if block.is_none() {
        format!("Address {address} does not fall within the subnet's address range")
    } else if !block
        .and_then(assignable)
        .is_some_and(|range| range.contains(&address))
    {
        format!("Address {address} is in subnet's reserved address range")
    } else {
        return Ok(());
    };
    Err(ErrorCode::InvalidParameterValue.with(message))
}

/// The error for an address that a call names more than once.
pub(crate) fn named_twice(address: Ipv4Addr) -> Ec2Error {
    let message = format!("The address {address} is specified more than once.");
    ErrorCode::InvalidParameterValue.with(message)
}

/// Refuses more private addresses on one interface than `limit`.
///
/// # Errors
/// `PrivateIpAddressLimitExceeded`.
pub(crate) fn check_number(number: usize, limit: usize) -> Result<(), Ec2Error> {
    if number > limit {
        let message = "Number of private addresses will exceed limit.";
        return Err(ErrorCode::PrivateIpAddressLimitExceeded.with(message));
    }
    Ok(())
}

/// The addresses of a subnet that interfaces may have (VPC User Guide, "Subnet sizing").
fn assignable(block: Ipv4Cidr) -> Option<RangeInclusive<Ipv4Addr>> {
    let last = block
        .size()
        .checked_sub(1 + quota::RESERVED_LAST_ADDRESSES)?;
    Some(block.nth(quota::RESERVED_FIRST_ADDRESSES)?..=block.nth(last)?)
}
