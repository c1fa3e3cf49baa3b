//! IPv6 blocks that Amazon provides, and what a VPC gets with its first one.

use alloc::format;
use core::net::Ipv6Addr;

use eni_types::{IdSequence, IpCidr, Ipv4Cidr, Ipv6Cidr, VpcId, quota};

use super::contents::{allow_all, allow_everything};
use crate::resource::{NetworkAcl, NetworkAclEntry, RulePeer};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, RegionSettings, World};

/// Where the blocks of VPCs come from: the documentation prefix (RFC 3849), of which nothing is in use anywhere. Unlike
/// unique local addresses (RFC 4193), its addresses are global unicast ones, which hosts prefer to IPv4 (RFC 6724), as they
/// do EC2's own.
const POOL: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);
/// See [`POOL`].
const POOL_PREFIX_LENGTH: u8 = 32;

/// Whether a call asks for a block that Amazon provides.
///
/// # Errors
/// `InvalidParameterValue` for another network border group than the region's.
pub(super) fn is_asked_for(
    amazon_provided: Option<bool>,
    border_group: Option<&str>,
    region: &RegionSettings,
) -> Result<bool, Ec2Error> {
    match border_group {
        Some(other) if other != region.region => {
            let message = format!(
                "Value ({other}) for parameter ipv6CidrBlockNetworkBorderGroup is invalid. Expected '{}'.",
                region.region
            );
            Err(ErrorCode::InvalidParameterValue.with(message))
        }
        _ => Ok(amazon_provided == Some(true)),
    }
}

/// A random block of the pool that no VPC has, and to which no route of the VPC `vpc_id` leads. Of sixteen million blocks
/// few are taken, so that one draw is enough but for one in ten thousand.
pub(super) fn take_block(
    vpc_id: Option<VpcId>,
    world: &World,
    context: &mut Context<'_>,
) -> Result<Ipv6Cidr, Ec2Error> {
    let is_routed = |block: Ipv6Cidr| {
        let tables = vpc_id.into_iter().flat_map(|id| world.route_tables.by(&id));
        let mut routes = tables.flat_map(|table| &table.routes);
        routes.any(|route| IpCidr::V6(block).covers(route.destination))
    };
    let bits = quota::VPC_IPV6_PREFIX_LENGTH - POOL_PREFIX_LENGTH;
    let first = context.rng.next_u64();
    (0..1_u64 << bits)
        .filter_map(|step| {
            let number = u128::from(first.wrapping_add(step) % (1 << bits));
            let shift = 128 - u32::from(quota::VPC_IPV6_PREFIX_LENGTH);
            let network = Ipv6Addr::from_bits(POOL.to_bits() | number << shift);
            Ipv6Cidr::new(network, quota::VPC_IPV6_PREFIX_LENGTH)
        })
        .find(|block| world.vpcs.count(block) == 0 && !is_routed(*block))
        .ok_or_else(|| {
            let message = "The pool of IPv6 addresses is used up.";
            ErrorCode::InsufficientCidrBlocks.with(message)
        })
}

/// The rules for IPv6 that EC2 adds when a VPC gets an IPv6 block: to its default network ACL and its security groups, where
/// they still have only the rules that they began with ("Default network ACL" and "Security group rules" in the VPC User
/// Guide).
pub(super) fn default_rules(vpc_id: VpcId, world: &World, ids: &mut IdSequence) -> ChangeSet {
    let mut changes = ChangeSet::none();
    if let Some(acl) = world.default_network_acl(vpc_id) {
        let mut acl = NetworkAcl::clone(acl);
        for egress in [false, true] {
            let is_default = has_only_the_default_rule(&acl, egress);
            let everyone = IpCidr::V6(Ipv6Cidr::ANY);
            acl.entries
                .extend(is_default.then(|| allow_everything(egress, everyone)));
        }
        changes.put(acl);
    }
    for group in world.security_groups.by(&vpc_id) {
        let rules = world.security_group_rules.by(&group.group_id);
        let mut peers = rules.filter(|rule| rule.is_egress).map(|rule| {
            let is_all = (rule.from_port, rule.to_port) == (-1, -1);
            is_all.then_some(rule.peer)
        });
        let first = peers.next().flatten();
        if first == Some(RulePeer::CidrIpv4(Ipv4Cidr::ANY)) && peers.next().is_none() {
            let everywhere = RulePeer::CidrIpv6(Ipv6Cidr::ANY);
            changes.put(allow_all(group.group_id, true, everywhere, ids));
        }
    }
    changes
}

fn has_only_the_default_rule(acl: &NetworkAcl, egress: bool) -> bool {
    let default = allow_everything(egress, IpCidr::V4(Ipv4Cidr::ANY));
    let entries = acl.entries.iter().filter(|entry| entry.egress == egress);
    entries.eq([&default] as [&NetworkAclEntry; 1])
}
