//! What exists in a world, as the texts that calls name it by.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;
use core::net::Ipv6Addr;

use eni_types::Ipv6Cidr;

use crate::{Indexed, Table, World};

fn ids<R: Indexed<Id: Display>>(table: &Table<R>) -> Vec<String> {
    table.iter().map(|row| row.id().to_string()).collect()
}

pub(super) fn vpcs(world: &World) -> Vec<String> {
    ids(&world.vpcs)
}

pub(super) fn dhcp_options(world: &World) -> Vec<String> {
    ids(&world.dhcp_options)
}

pub(super) fn vpc_peering_connections(world: &World) -> Vec<String> {
    ids(&world.vpc_peering_connections)
}

pub(super) fn nat_gateways(world: &World) -> Vec<String> {
    ids(&world.nat_gateways)
}

/// Those with more than one public address.
pub(super) fn large_nat_gateways(world: &World) -> Vec<String> {
    let large = world.nat_gateways.iter().filter(|gateway| {
        let eni = gateway.interface();
        eni.is_some_and(|eni| world.addresses.count(&eni) > 1)
    });
    large
        .map(|gateway| gateway.nat_gateway_id.to_string())
        .collect()
}

/// Of addresses that a NAT gateway can do without.
pub(super) fn further_nat_associations(world: &World) -> Vec<String> {
    let addresses = world.addresses.iter();
    let associations = addresses.filter_map(|address| address.association.as_ref());
    let further = associations.filter(|association| {
        let eni = world
            .network_interfaces
            .get(association.network_interface_id);
        eni.is_some_and(|eni| {
            let primary = eni.primary_private_ip_address();
            eni.is_managed() && primary != Some(association.private_ip_address)
        })
    });
    further
        .map(|association| association.association_id.to_string())
        .collect()
}

/// Those that are not associated.
pub(super) fn free_addresses(world: &World) -> Vec<String> {
    let free = world.addresses.iter();
    let free = free.filter(|address| address.association.is_none());
    free.map(|address| address.allocation_id.to_string())
        .collect()
}

pub(super) fn vpc_endpoints(world: &World) -> Vec<String> {
    ids(&world.vpc_endpoints)
}

pub(super) fn subnets(world: &World) -> Vec<String> {
    ids(&world.subnets)
}

pub(super) fn internet_gateways(world: &World) -> Vec<String> {
    ids(&world.internet_gateways)
}

pub(super) fn egress_only_internet_gateways(world: &World) -> Vec<String> {
    ids(&world.egress_only_internet_gateways)
}

pub(super) fn route_tables(world: &World) -> Vec<String> {
    ids(&world.route_tables)
}

pub(super) fn network_acls(world: &World) -> Vec<String> {
    ids(&world.network_acls)
}

pub(super) fn security_groups(world: &World) -> Vec<String> {
    ids(&world.security_groups)
}

pub(super) fn security_group_rules(world: &World) -> Vec<String> {
    ids(&world.security_group_rules)
}

pub(super) fn network_interfaces(world: &World) -> Vec<String> {
    ids(&world.network_interfaces)
}

pub(super) fn addresses(world: &World) -> Vec<String> {
    ids(&world.addresses)
}

pub(super) fn instances(world: &World) -> Vec<String> {
    ids(&world.instances)
}

pub(super) fn everything(world: &World) -> Vec<String> {
    [
        vpcs,
        dhcp_options,
        vpc_peering_connections,
        nat_gateways,
        vpc_endpoints,
        subnets,
        internet_gateways,
        egress_only_internet_gateways,
        route_tables,
        network_acls,
        security_groups,
        security_group_rules,
        network_interfaces,
        addresses,
        instances,
    ]
    .iter()
    .flat_map(|ids| ids(world))
    .collect()
}

pub(super) fn attachments(world: &World) -> Vec<String> {
    let attachments = world.network_interfaces.iter();
    attachments
        .filter_map(|eni| eni.attachment.as_ref())
        .map(|attachment| attachment.attachment_id.to_string())
        .collect()
}

pub(super) fn route_table_associations(world: &World) -> Vec<String> {
    let tables = world.route_tables.iter();
    tables
        .flat_map(|table| &table.associations)
        .map(|association| association.association_id.to_string())
        .collect()
}

pub(super) fn network_acl_associations(world: &World) -> Vec<String> {
    let acls = world.network_acls.iter();
    acls.flat_map(|acl| &acl.associations)
        .map(|association| association.association_id.to_string())
        .collect()
}

pub(super) fn address_associations(world: &World) -> Vec<String> {
    let addresses = world.addresses.iter();
    addresses
        .filter_map(|address| address.association.as_ref())
        .map(|association| association.association_id.to_string())
        .collect()
}

pub(super) fn private_addresses(world: &World) -> Vec<String> {
    let interfaces = world.network_interfaces.iter();
    interfaces
        .flat_map(|eni| &eni.private_ip_addresses)
        .map(ToString::to_string)
        .collect()
}

pub(super) fn vpc_cidr_associations(world: &World) -> Vec<String> {
    let associations = world.vpcs.iter().flat_map(|vpc| {
        let ipv4 = vpc.ipv4_cidr_block_associations.iter();
        let ipv6 = vpc.ipv6_cidr_block_associations.iter();
        let ipv4 = ipv4.map(|one| one.association_id);
        ipv4.chain(ipv6.map(|one| one.association_id))
    });
    associations.map(|id| id.to_string()).collect()
}

pub(super) fn subnet_cidr_associations(world: &World) -> Vec<String> {
    let subnets = world.subnets.iter();
    subnets
        .filter_map(|subnet| subnet.ipv6_cidr_block_association)
        .map(|association| association.association_id.to_string())
        .collect()
}

/// The first parts of VPCs' IPv6 blocks that subnets can have.
pub(super) fn ipv6_blocks(world: &World) -> Vec<String> {
    let blocks = world.vpcs.iter().flat_map(|vpc| vpc.ipv6_blocks());
    blocks
        .flat_map(|block| {
            let part = move |number: u128| block.network().to_bits() | number << 64;
            let parts = (0..4).map(move |number| Ipv6Cidr::new(part(number).into(), 64));
            parts.chain([Ipv6Cidr::new(part(16).into(), 60), Some(block)])
        })
        .flatten()
        .map(|block| block.to_string())
        .collect()
}

/// The first addresses of subnets' IPv6 blocks that interfaces can have.
pub(super) fn free_ipv6_addresses(world: &World) -> Vec<String> {
    let blocks = world
        .subnets
        .iter()
        .filter_map(|subnet| subnet.ipv6_cidr_block());
    blocks
        .flat_map(|block| (4..8).map(move |number| block.network().to_bits() + number))
        .map(|bits| Ipv6Addr::from_bits(bits).to_string())
        .collect()
}

pub(super) fn ipv6_addresses(world: &World) -> Vec<String> {
    let interfaces = world.network_interfaces.iter();
    interfaces
        .flat_map(|eni| &eni.ipv6_addresses)
        .map(ToString::to_string)
        .collect()
}

pub(super) fn ipv4_prefixes(world: &World) -> Vec<String> {
    let interfaces = world.network_interfaces.iter();
    interfaces
        .flat_map(|eni| &eni.ipv4_prefixes)
        .map(ToString::to_string)
        .collect()
}

pub(super) fn ipv6_prefixes(world: &World) -> Vec<String> {
    let interfaces = world.network_interfaces.iter();
    interfaces
        .flat_map(|eni| &eni.ipv6_prefixes)
        .map(ToString::to_string)
        .collect()
}

pub(super) fn roles(world: &World) -> Vec<String> {
    ids(&world.roles)
}

pub(super) fn instance_profiles(world: &World) -> Vec<String> {
    ids(&world.instance_profiles)
}

pub(super) fn associations_of_profiles(world: &World) -> Vec<String> {
    ids(&world.iam_instance_profile_associations)
}

/// By ARN; the account is the test world's.
pub(super) fn policies(world: &World) -> Vec<String> {
    let names = ids(&world.policies).into_iter();
    let arns = names.map(|name| alloc::format!("arn:aws:iam::123456789012:policy/{name}"));
    arns.collect()
}
