//! Which private addresses a call asks for, and which it gets.

use alloc::format;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use core::ops::RangeInclusive;

use eni_types::{IpCidr, Ipv4Cidr, NetworkInterfaceType, quota};

use super::efa;
use super::ipv6_addresses::check_only_one;
use super::prefixes::{PrefixRequest, delegated};
use crate::api::network_interface::{Ipv4PrefixParameter, PrivateIpAddressSpecification};
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
    /// Delegated blocks.
    pub(crate) prefixes: PrefixRequest,
}

/// The parameters that ask for IPv4 addresses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PrivateAddressParameters<'a> {
    pub(crate) private_ip_address: Option<Ipv4Addr>,
    pub(crate) private_ip_addresses: &'a [PrivateIpAddressSpecification],
    pub(crate) secondary_count: Option<u32>,
    pub(crate) prefixes: &'a [Ipv4PrefixParameter],
    pub(crate) prefix_count: Option<u32>,
}

impl PrivateAddressParameters<'_> {
    /// Whether they ask for anything.
    pub(crate) fn is_any_given(&self) -> bool {
        self.private_ip_address.is_some()
            || !self.private_ip_addresses.is_empty()
            || self.secondary_count.unwrap_or(0) > 0
            || !self.prefixes.is_empty()
            || self.prefix_count.unwrap_or(0) > 0
    }

    /// Whether they name addresses or blocks.
    pub(crate) fn names_any(&self) -> bool {
        self.private_ip_address.is_some()
            || !self.private_ip_addresses.is_empty()
            || !self.prefixes.is_empty()
    }
}

/// What an interface gets of IPv4, the primary address first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TakenIpv4 {
    pub(crate) addresses: Vec<Ipv4Addr>,
    pub(crate) prefixes: Vec<Ipv4Cidr>,
}

impl PrivateAddressRequest {
    /// Reads the parameters that ask for addresses.
    ///
    /// Of a list that calls none primary the first one is, as EC2's reference does not say: whoever lists addresses expects
    /// to get these, not one more that EC2 has chosen.
    ///
    /// # Errors
    /// `InvalidParameterCombination` for more than one primary address, or for secondary ones and delegated blocks in more
    /// than one way;
    /// `InvalidParameterValue` for an address named twice; `PrivateIpAddressLimitExceeded`.
    pub(crate) fn new(parameters: PrivateAddressParameters<'_>) -> Result<Self, Ec2Error> {
        let named = parameters.prefixes.iter();
        let mut request = Self {
            primary: parameters.private_ip_address,
            secondary_count: parameters.secondary_count.unwrap_or(0) as usize,
            secondary: Vec::new(),
            prefixes: PrefixRequest {
                named: named.map(|one| IpCidr::V4(one.ipv4_prefix)).collect(),
                count: parameters.prefix_count.unwrap_or(0) as usize,
            },
        };
        for specification in parameters.private_ip_addresses {
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
            .retain(|address| Some(*address) != parameters.private_ip_address);
        if request.primary.is_none() && !request.secondary.is_empty() {
            request.primary = Some(request.secondary.remove(0));
        }
        if !request.secondary.is_empty() && parameters.secondary_count.is_some() {
            let message =
                "You may not specify both privateIpAddresses and secondaryPrivateIpAddressCount.";
            return Err(ErrorCode::InvalidParameterCombination.with(message));
        }
        check_only_one(&[
            ("privateIpAddresses", !request.secondary.is_empty()),
            (
                "secondaryPrivateIpAddressCount",
                parameters.secondary_count.is_some(),
            ),
            ("ipv4Prefixes", !parameters.prefixes.is_empty()),
            ("ipv4PrefixCount", parameters.prefix_count.is_some()),
        ])?;
        check_number(
            request.count(),
            quota::PRIVATE_ADDRESSES_PER_NETWORK_INTERFACE,
        )?;
        Ok(request)
    }

    /// As [`PrivateAddressRequest::new`], for an interface of this type; `None` for one that carries no IP, or only IPv6.
    ///
    /// # Errors
    /// `InvalidParameterCombination` for addresses where there can be none.
    pub(crate) fn of(
        interface_type: NetworkInterfaceType,
        subnet: &Subnet,
        parameters: PrivateAddressParameters<'_>,
    ) -> Result<Option<Self>, Ec2Error> {
        let is_asked_for = parameters.is_any_given();
        efa::check_address_parameters(interface_type, is_asked_for)?;
        if is_asked_for && subnet.is_ipv6_native() {
            let message = format!(
                "The subnet '{}' is an IPv6-only subnet: private IPv4 addresses cannot be specified.",
                subnet.subnet_id
            );
            return Err(ErrorCode::InvalidParameterCombination.with(message));
        }
        if !interface_type.carries_ip() || subnet.is_ipv6_native() {
            return Ok(None);
        }
        Self::new(parameters).map(Some)
    }

    /// Whether blocks are asked for.
    pub(crate) fn has_blocks(&self) -> bool {
        self.prefixes.number() > 0
    }

    /// How many addresses and blocks are asked for, the primary address among them.
    pub(crate) fn count(&self) -> usize {
        1 + self.secondary.len() + self.secondary_count + self.prefixes.number()
    }

    /// Takes the addresses and blocks in `subnet`.
    ///
    /// # Errors
    /// `InvalidParameterValue`, `InvalidIPAddress.InUse`, `InsufficientFreeAddressesInSubnet`; as [`PrefixRequest::take`].
    pub(crate) fn take(
        &self,
        subnet: &Subnet,
        claims: &mut Claims,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<TakenIpv4, Ec2Error> {
        // Named ones first, so that none of them is chosen for the others.
        for address in self.primary.iter().chain(&self.secondary) {
            take_named(*address, subnet, claims, world)?;
        }
        let block = subnet.cidr_block.map(IpCidr::V4);
        let prefixes = &self.prefixes;
        let prefixes = prefixes.take(subnet.vpc_id, block, claims, world, context)?;
        let mut free = |number| take_free(number, subnet, claims, world, context);
        let mut addresses = match self.primary {
            Some(address) => Vec::from([address]),
            None => free(1)?,
        };
        addresses.extend(&self.secondary);
        addresses.extend(free(self.secondary_count)?);
        Ok(TakenIpv4 {
            addresses,
            prefixes: prefixes.into_iter().filter_map(IpCidr::ipv4).collect(),
        })
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
            let passed_over = |claims: &Claims, address| {
                let prefix = delegated(vpc_id, IpAddr::V4(address), claims, world)?;
                prefix.ipv4().map(Ipv4Cidr::last)
            };
            let table = &world.network_interfaces;
            claims.take_free(addresses, table, key, passed_over, context.rng)
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
pub(crate) fn take_named(
    address: Ipv4Addr,
    subnet: &Subnet,
    claims: &mut Claims,
    world: &World,
) -> Result<(), Ec2Error> {
    check_in_subnet(address, subnet)?;
    let vpc_id = subnet.vpc_id;
    if world.owner_of_private_address(vpc_id, address).is_some()
        || delegated(vpc_id, IpAddr::V4(address), claims, world).is_some()
    {
        let message = "The specified address is already in use.";
        return Err(ErrorCode::InvalidIpAddressInUse.with(message));
    }
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
