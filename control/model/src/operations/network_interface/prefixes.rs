//! Blocks that are delegated to interfaces (EC2 User Guide, "Prefix delegation"): /28 of IPv4 and /80 of IPv6.

use alloc::format;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use eni_types::{IpCidr, Ipv4Cidr, Ipv6Cidr, VpcId, quota};

use crate::operations::claims::Claims;
use crate::resource::{DelegatedPrefix, Ipv6Address, PrivateAddress};
use crate::{Context, Ec2Error, ErrorCode, World};

/// Blocks of one family that a call asks for: named ones, or so many, whichever are free.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PrefixRequest {
    /// By name.
    pub(crate) named: Vec<IpCidr>,
    /// How many others.
    pub(crate) count: usize,
}

impl PrefixRequest {
    /// How many blocks are asked for.
    pub(crate) fn number(&self) -> usize {
        self.named.len() + self.count
    }

    /// Takes the blocks in `block`, which a subnet has.
    ///
    /// # Errors
    /// `InvalidParameterValue` for what is no block to be delegated, `InvalidCidrBlock.InUse`, `InsufficientCidrBlocks`.
    pub(crate) fn take(
        &self,
        vpc_id: VpcId,
        block: Option<IpCidr>,
        claims: &mut Claims,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<Vec<IpCidr>, Ec2Error> {
        if self.number() == 0 {
            return Ok(Vec::new());
        }
        let block = block.ok_or_else(insufficient)?;
        // Named ones first, so that none of them is chosen for the others.
        for prefix in &self.named {
            check_named(*prefix, block)?;
            let key = DelegatedPrefix {
                vpc_id,
                prefix: *prefix,
            };
            if !is_free(key, claims, world) || !claims.take(key) {
                let message = format!("The specified prefix {prefix} is already in use.");
                return Err(ErrorCode::InvalidCidrBlockInUse.with(message));
            }
        }
        let mut taken = self.named.clone();
        for _ in 0..self.count {
            let free = take_free(vpc_id, block, claims, world, context);
            taken.push(free.ok_or_else(insufficient)?);
        }
        Ok(taken)
    }
}

fn insufficient() -> Ec2Error {
    let message =
        "The specified subnet does not have enough free cidr blocks to satisfy the request";
    ErrorCode::InsufficientCidrBlocks.with(message)
}

/// The block of its family's size that holds `address`.
fn around(address: IpAddr) -> Option<IpCidr> {
    match address {
        IpAddr::V4(address) => {
            Ipv4Cidr::new(address, quota::DELEGATED_IPV4_PREFIX_LENGTH).map(IpCidr::V4)
        }
        IpAddr::V6(address) => {
            Ipv6Cidr::new(address, quota::DELEGATED_IPV6_PREFIX_LENGTH).map(IpCidr::V6)
        }
    }
}

/// The delegated block that `address` is in.
pub(crate) fn delegated(
    vpc_id: VpcId,
    address: IpAddr,
    claims: &Claims,
    world: &World,
) -> Option<IpCidr> {
    let prefix = around(address)?;
    let key = DelegatedPrefix { vpc_id, prefix };
    let is_taken = claims.has(key) || world.network_interfaces.count(&key) > 0;
    is_taken.then_some(prefix)
}

/// Refuses what is no block to be delegated of a subnet's `block`. The first and the last have addresses that EC2 keeps.
fn check_named(prefix: IpCidr, block: IpCidr) -> Result<(), Ec2Error> {
    let (first, number) = places(block);
    let is_inner = (1..number.saturating_sub(1)).contains(&place_of(prefix).wrapping_sub(first));
    let message = if prefix.prefix_length() != length_of(prefix) {
        let length = length_of(prefix);
        format!("Invalid prefix length for {prefix}. Prefixes must be /{length}.")
    } else if !block.covers(prefix) {
        format!("Prefix {prefix} does not fall within the subnet's address range")
    } else if !is_inner {
        format!("Prefix {prefix} is in subnet's reserved address range")
    } else {
        return Ok(());
    };
    Err(ErrorCode::InvalidParameterValue.with(message))
}

fn length_of(block: IpCidr) -> u8 {
    match block {
        IpCidr::V4(_) => quota::DELEGATED_IPV4_PREFIX_LENGTH,
        IpCidr::V6(_) => quota::DELEGATED_IPV6_PREFIX_LENGTH,
    }
}

/// The number of the first block of this size from the start of all addresses.
fn place_of(block: IpCidr) -> u128 {
    match block {
        IpCidr::V4(block) => {
            let bits = 32 - quota::DELEGATED_IPV4_PREFIX_LENGTH;
            u128::from(block.network().to_bits() >> bits)
        }
        IpCidr::V6(block) => {
            let bits = 128 - quota::DELEGATED_IPV6_PREFIX_LENGTH;
            block.network().to_bits() >> bits
        }
    }
}

/// The first place in `block`, and how many there are.
fn places(block: IpCidr) -> (u128, u128) {
    let bits = length_of(block).checked_sub(block.prefix_length());
    (place_of(block), bits.map_or(0, |bits| 1 << bits))
}

/// The block at a place of the family of `like`.
fn at(place: u128, like: IpCidr) -> Option<IpCidr> {
    let address = match like {
        IpCidr::V4(_) => {
            let bits = 32 - quota::DELEGATED_IPV4_PREFIX_LENGTH;
            IpAddr::V4(u32::try_from(place << bits).ok()?.into())
        }
        IpCidr::V6(_) => {
            let bits = 128 - quota::DELEGATED_IPV6_PREFIX_LENGTH;
            IpAddr::V6(Ipv6Addr::from_bits(place << bits))
        }
    };
    around(address)
}

/// Takes a free block: a random one or, where that is taken, the next free one after it. The work is a few searches in
/// indexes, and as many for each block that is not free and follows directly upon the random one.
fn take_free(
    vpc_id: VpcId,
    block: IpCidr,
    claims: &mut Claims,
    world: &World,
    context: &mut Context<'_>,
) -> Option<IpCidr> {
    let (first, number) = places(block);
    let inner = number.checked_sub(2).filter(|inner| *inner > 0)?;
    let start = u128::from(context.rng.next_u64()) % inner;
    let free = (0..inner)
        .filter_map(|step| at(first + 1 + (start + step) % inner, block))
        .map(|prefix| DelegatedPrefix { vpc_id, prefix })
        .find(|key| is_free(*key, claims, world))?;
    claims.take(free);
    Some(free.prefix)
}

/// Whether the block is nobody's, nor any address of it.
fn is_free(key: DelegatedPrefix, claims: &Claims, world: &World) -> bool {
    let vpc_id = key.vpc_id;
    let interfaces = &world.network_interfaces;
    if claims.has(key) || interfaces.count(&key) > 0 {
        return false;
    }
    match key.prefix {
        IpCidr::V4(block) => {
            let key = |address| PrivateAddress { vpc_id, address };
            let addresses = key(block.network())..=key(block.last());
            let mut taken = interfaces.keys_between(&addresses);
            taken.next().is_none() && !claims.has_between(addresses)
        }
        IpCidr::V6(block) => {
            let key = |address| Ipv6Address { vpc_id, address };
            let addresses = key(block.network())..=key(block.last());
            let mut taken = interfaces.keys_between(&addresses);
            taken.next().is_none() && !claims.has_between(addresses)
        }
    }
}
