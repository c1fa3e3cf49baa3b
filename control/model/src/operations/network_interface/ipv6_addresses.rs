//! Which IPv6 addresses a call asks for, and which it gets.

use alloc::format;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};
use core::ops::RangeInclusive;

use eni_types::{IpCidr, Ipv6Cidr, NetworkInterfaceType, VpcId, quota};

use super::efa;
use super::prefixes::{PrefixRequest, delegated};
use crate::api::network_interface::{Ipv6AddressParameter, Ipv6PrefixParameter};
use crate::operations::claims::Claims;
use crate::resource::{Ipv6Address, Subnet};
use crate::{Context, Ec2Error, ErrorCode, World};

/// The parameters that ask for IPv6 addresses, of which a call gives one at most, and the one that makes the first of them the
/// primary one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ipv6Parameters<'a> {
    pub(crate) addresses: &'a [Ipv6AddressParameter],
    pub(crate) address_count: Option<u32>,
    pub(crate) prefixes: &'a [Ipv6PrefixParameter],
    pub(crate) prefix_count: Option<u32>,
    pub(crate) enable_primary: Option<bool>,
}

impl Ipv6Parameters<'_> {
    /// Whether any of them is given.
    pub(crate) fn is_any_given(&self) -> bool {
        !self.addresses.is_empty()
            || self.address_count.is_some()
            || !self.prefixes.is_empty()
            || self.prefix_count.is_some()
            || self.enable_primary == Some(true)
    }

    /// Whether addresses or blocks are named.
    pub(crate) fn names_any(&self) -> bool {
        !self.addresses.is_empty() || !self.prefixes.is_empty()
    }
}

/// The IPv6 addresses and delegated blocks that an interface is to get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ipv6Request {
    /// By name; the primary one first.
    pub(crate) named: Vec<Ipv6Addr>,
    /// How many others, whichever are free; what the subnet says where none is given.
    pub(crate) count: Option<usize>,
    /// Delegated blocks.
    pub(crate) prefixes: PrefixRequest,
    /// Whether the first address becomes the primary one.
    pub(crate) has_primary: bool,
}

/// What an interface gets of IPv6.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TakenIpv6 {
    pub(crate) addresses: Vec<Ipv6Addr>,
    pub(crate) prefixes: Vec<Ipv6Cidr>,
}

impl Ipv6Request {
    /// Reads the parameters of a call that makes an interface of this type.
    ///
    /// # Errors
    /// `InvalidParameterCombination` for more than one of them, and for any of an interface that carries no IP;
    /// `InvalidParameterValue`, `PrivateIpAddressLimitExceeded`.
    pub(crate) fn of(
        interface_type: NetworkInterfaceType,
        parameters: Ipv6Parameters<'_>,
    ) -> Result<Self, Ec2Error> {
        efa::check_address_parameters(interface_type, parameters.is_any_given())?;
        check_only_one(&[
            ("ipv6Addresses", !parameters.addresses.is_empty()),
            ("ipv6AddressCount", parameters.address_count.is_some()),
            ("ipv6Prefixes", !parameters.prefixes.is_empty()),
            ("ipv6PrefixCount", parameters.prefix_count.is_some()),
        ])?;
        let is_primary = |one: &&Ipv6AddressParameter| one.is_primary_ipv6 == Some(true);
        let flagged = parameters.addresses.iter().filter(is_primary);
        if flagged.clone().count() > 1 {
            let message = "Only one primary IPv6 address can be specified.";
            return Err(ErrorCode::InvalidParameterCombination.with(message));
        }
        let others = parameters.addresses.iter().filter(|one| !is_primary(one));
        let request = Self {
            named: flagged
                .clone()
                .chain(others)
                .map(|one| one.ipv6_address)
                .collect(),
            count: parameters.address_count.map(|count| count as usize),
            prefixes: PrefixRequest {
                named: parameters
                    .prefixes
                    .iter()
                    .map(|one| IpCidr::V6(one.ipv6_prefix))
                    .collect(),
                count: parameters.prefix_count.unwrap_or(0) as usize,
            },
            has_primary: parameters.enable_primary == Some(true) || flagged.count() > 0,
        };
        let most = quota::IPV6_ADDRESSES_PER_NETWORK_INTERFACE;
        check_number(
            request.named.len() + request.count.unwrap_or(0) + request.prefixes.number(),
            most,
        )?;
        Ok(request)
    }

    /// Whether blocks are asked for.
    pub(crate) fn has_blocks(&self) -> bool {
        self.prefixes.number() > 0
    }

    /// How many addresses and blocks an interface gets in `subnet`: what instance types limit.
    pub(crate) fn number(&self, subnet: &Subnet) -> usize {
        self.named.len() + self.count_in(subnet) + self.prefixes.number()
    }

    /// An interface in a subnet of IPv6 only has an address, one in a subnet that says so gets one.
    fn count_in(&self, subnet: &Subnet) -> usize {
        let asks = !self.named.is_empty() || self.prefixes.number() > 0;
        let needs = usize::from(subnet.is_ipv6_native() && self.named.is_empty());
        let default = usize::from(subnet.assign_ipv6_address_on_creation && !asks);
        self.count.unwrap_or(default).max(needs)
    }

    /// Takes addresses and blocks in `subnet`.
    ///
    /// # Errors
    /// `InvalidParameterValue` for what is not the subnet's, or without an IPv6 block; `InvalidIPAddress.InUse`,
    /// `InsufficientFreeAddressesInSubnet`, `InsufficientCidrBlocks`.
    pub(crate) fn take(
        &self,
        subnet: &Subnet,
        claims: &mut Claims,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<TakenIpv6, Ec2Error> {
        let vpc_id = subnet.vpc_id;
        let block = subnet.ipv6_cidr_block();
        if self.number(subnet) == 0 {
            return Ok(TakenIpv6::default());
        }
        let block = block.ok_or_else(|| no_block(subnet))?;
        let mut addresses = self.named.clone();
        for address in &self.named {
            take_named(*address, vpc_id, block, claims, world)?;
        }
        let prefixes = &self.prefixes;
        let prefixes = prefixes.take(vpc_id, Some(block.into()), claims, world, context)?;
        for _ in 0..self.count_in(subnet) {
            addresses.push(take_free(vpc_id, block, claims, world, context)?);
        }
        Ok(TakenIpv6 {
            addresses,
            prefixes: prefixes.into_iter().filter_map(IpCidr::ipv6).collect(),
        })
    }
}

/// Refuses a call that gives more than one of these parameters.
///
/// # Errors
/// `InvalidParameterCombination`.
pub(crate) fn check_only_one(given: &[(&str, bool)]) -> Result<(), Ec2Error> {
    let mut names = given
        .iter()
        .filter_map(|(name, is_given)| is_given.then_some(*name));
    if let (Some(first), Some(second)) = (names.next(), names.next()) {
        let message = format!("The parameter {first} cannot be used with the parameter {second}");
        return Err(ErrorCode::InvalidParameterCombination.with(message));
    }
    Ok(())
}

/// Refuses more IPv6 addresses and delegated blocks on one interface than `limit`.
///
/// # Errors
/// `PrivateIpAddressLimitExceeded`.
pub(crate) fn check_number(number: usize, limit: usize) -> Result<(), Ec2Error> {
    if number > limit {
        let message = "Number of IPv6 addresses will exceed limit.";
        return Err(ErrorCode::PrivateIpAddressLimitExceeded.with(message));
    }
    Ok(())
}

/// The error for IPv6 in a subnet of IPv4 only.
fn no_block(subnet: &Subnet) -> Ec2Error {
    let message = format!(
        "The subnet '{}' does not have an IPv6 CIDR block associated with it.",
        subnet.subnet_id
    );
    ErrorCode::InvalidParameterValue.with(message)
}

/// Takes the address `address` of a subnet's `block`.
fn take_named(
    address: Ipv6Addr,
    vpc_id: VpcId,
    block: Ipv6Cidr,
    claims: &mut Claims,
    world: &World,
) -> Result<(), Ec2Error> {
    let is_assignable = assignable(block).contains(&address.to_bits());
    let message = if !block.contains(address) {
        format!("Address {address} does not fall within the subnet's address range")
    } else if !is_assignable {
        format!("Address {address} is in subnet's reserved address range")
    } else if !is_free(vpc_id, address, claims, world) {
        let message = "The specified address is already in use.";
        return Err(ErrorCode::InvalidIpAddressInUse.with(message));
    } else {
        claims.take(Ipv6Address { vpc_id, address });
        return Ok(());
    };
    Err(ErrorCode::InvalidParameterValue.with(message))
}

fn is_free(vpc_id: VpcId, address: Ipv6Addr, claims: &Claims, world: &World) -> bool {
    let key = Ipv6Address { vpc_id, address };
    !claims.has(key)
        && world.network_interfaces.count(&key) == 0
        && delegated(vpc_id, IpAddr::V6(address), claims, world).is_none()
}

/// Takes a free address of a subnet's `block`: a random one, as EC2's choice is. Where that is taken or in a delegated block,
/// the next free one after it.
///
/// # Errors
/// `InsufficientFreeAddressesInSubnet`.
fn take_free(
    vpc_id: VpcId,
    block: Ipv6Cidr,
    claims: &mut Claims,
    world: &World,
    context: &mut Context<'_>,
) -> Result<Ipv6Addr, Ec2Error> {
    let all = assignable(block);
    let (first, last) = (*all.start(), *all.end());
    let random = u128::from(context.rng.next_u64()) << 64 | u128::from(context.rng.next_u64());
    let start = first + random % (last - first + 1);
    let free = first_free(start..=last, vpc_id, claims, world)
        .or_else(|| first_free(first..=start, vpc_id, claims, world));
    let address = free.ok_or_else(|| {
        let message =
            "The specified subnet does not have enough free addresses to satisfy the request.";
        ErrorCode::InsufficientFreeAddressesInSubnet.with(message)
    })?;
    claims.take(Ipv6Address { vpc_id, address });
    Ok(address)
}

fn first_free(
    addresses: RangeInclusive<u128>,
    vpc_id: VpcId,
    claims: &Claims,
    world: &World,
) -> Option<Ipv6Addr> {
    let mut candidate = *addresses.start();
    while addresses.contains(&candidate) {
        let address = Ipv6Addr::from_bits(candidate);
        let within = delegated(vpc_id, IpAddr::V6(address), claims, world);
        let passed = match within.and_then(IpCidr::ipv6) {
            Some(prefix) => prefix.last().to_bits(),
            None if is_free(vpc_id, address, claims, world) => return Some(address),
            None => candidate,
        };
        candidate = passed.checked_add(1)?;
    }
    None
}

/// The addresses of a subnet's block that interfaces may have (VPC User Guide, "Subnet sizing": the first four and the last
/// are kept).
fn assignable(block: Ipv6Cidr) -> RangeInclusive<u128> {
    let first = block.network().to_bits() + u128::from(quota::RESERVED_FIRST_ADDRESSES);
    let last = block.last().to_bits() - u128::from(quota::RESERVED_LAST_ADDRESSES);
    first..=last
}
