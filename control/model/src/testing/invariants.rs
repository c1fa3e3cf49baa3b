//! What holds in every world that calls can make.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::IpAddr;

use eni_types::{IpCidr, NetworkInterfaceType, SubnetId, VpcId};

use crate::resource::{ConnectivityType, DhcpOptions, NetworkInterface, RulePeer, Subnet};
use crate::{Resource, World};

/// Checks everything that must hold between the rows of a world.
///
/// # Panics
/// With a sentence, where something does not hold.
pub fn check_invariants(world: &World) {
    check_vpcs(world);
    check_subnets(world);
    check_peerings(world);
    check_nat_gateways(world);
    check_vpc_endpoints(world);
    check_security_groups(world);
    check_launches(world);
    check_network_interfaces(world);
    check_identities(world);
    check_addresses(world);
    check_instance_profiles(world);
    check_stored_form(world);
}

fn check_instance_profiles(world: &World) {
    for association in world.iam_instance_profile_associations.iter() {
        let id = association.instance_id;
        let instance = world.instances.get(id);
        assert!(
            instance.is_some_and(|instance| !instance.is_terminated()),
            "{association:?} is of {instance:?}"
        );
        let count = world.iam_instance_profile_associations.count(&id);
        assert_eq!(count, 1, "instance profiles of {id}");
    }
    for profile in world.instance_profiles.iter() {
        if let Some(role) = &profile.role_name {
            assert!(world.roles.get(role.clone()).is_some(), "{profile:?}");
        }
    }
    for policy in world.policies.iter() {
        let mut numbers = policy.versions.iter().map(|version| version.number);
        assert!(
            numbers.any(|number| number == policy.default_version),
            "{policy:?}"
        );
        let last = policy.versions.iter().map(|version| version.number).max();
        assert!(last <= Some(policy.last_version), "{policy:?}");
    }
}

fn check_vpcs(world: &World) {
    let defaults = world.vpcs.iter().filter(|vpc| vpc.is_default).count();
    assert!(defaults <= 1, "{defaults} default VPCs");
    for vpc in world.vpcs.iter() {
        let id = vpc.vpc_id;
        if let Some(set) = vpc
            .dhcp_options_id
            .filter(|set| *set != DhcpOptions::default_id())
        {
            assert!(world.dhcp_options.get(set).is_some(), "{set} of {id}");
        }
        let main = world
            .route_tables
            .by(&id)
            .filter(|table| table.is_main())
            .count();
        assert_eq!(main, 1, "main route tables of {id}");
        for table in world.route_tables.by(&id) {
            for gateway in table.associations.iter().filter_map(|one| one.gateway_id) {
                assert_eq!(world.internet_gateway_of(id), Some(gateway), "{table:?}");
                assert_eq!(
                    world.route_tables.by(&gateway).count(),
                    1,
                    "tables of {gateway}"
                );
            }
        }
        let acls = world
            .network_acls
            .by(&id)
            .filter(|acl| acl.is_default)
            .count();
        assert_eq!(acls, 1, "default network ACLs of {id}");
        let groups = world
            .security_groups
            .by(&id)
            .filter(|group| group.is_default())
            .count();
        assert_eq!(groups, 1, "default security groups of {id}");
        assert!(
            world.internet_gateways.count(&id) <= 1,
            "internet gateways of {id}"
        );
    }
    for table in world.route_tables.iter() {
        let destinations: BTreeSet<_> =
            table.routes.iter().map(|route| route.destination).collect();
        assert_eq!(
            destinations.len(),
            table.routes.len(),
            "two routes of {} have one destination",
            table.route_table_id
        );
        assert!(world.vpcs.get(table.vpc_id).is_some(), "{table:?}");
        for association in &table.associations {
            if let Some(subnet_id) = association.subnet_id {
                assert_eq!(
                    subnet_of(world, subnet_id).vpc_id,
                    table.vpc_id,
                    "{table:?}"
                );
            }
        }
    }
    for gateway in world.internet_gateways.iter() {
        assert!(
            gateway.vpc_id.is_none_or(|id| world.vpcs.get(id).is_some()),
            "{gateway:?}"
        );
    }
}

/// An endpoint has an interface in each of its subnets, of different zones, and these interfaces are nobody else's.
fn check_vpc_endpoints(world: &World) {
    for endpoint in world.vpc_endpoints.iter() {
        assert!(!endpoint.group_ids.is_empty(), "{endpoint:?}");
        let zones: BTreeSet<_> = endpoint
            .places
            .iter()
            .map(|place| &place.availability_zone)
            .collect();
        assert_eq!(zones.len(), endpoint.places.len(), "{endpoint:?}");
        for place in &endpoint.places {
            let eni = world.network_interfaces.get(place.network_interface_id);
            let eni = eni.unwrap_or_else(|| panic!("{endpoint:?} has no interface"));
            assert_eq!(
                (eni.vpc_id, eni.subnet_id),
                (endpoint.vpc_id, place.subnet_id)
            );
            assert_eq!(eni.group_ids, endpoint.group_ids, "{endpoint:?}");
        }
        let mut others = world.vpc_endpoints.by(&endpoint.vpc_id).filter(|other| {
            other.vpc_endpoint_id != endpoint.vpc_endpoint_id && other.service == endpoint.service
        });
        assert!(!endpoint.private_dns_enabled || !others.any(|other| other.private_dns_enabled));
    }
    for eni in world.network_interfaces.iter() {
        let is_endpoints = eni.interface_type == NetworkInterfaceType::VpcEndpoint;
        let endpoints = world.vpc_endpoints.count(&eni.network_interface_id);
        assert_eq!(endpoints, usize::from(is_endpoints), "{eni:?}");
        assert!(
            !is_endpoints || eni.is_managed() && eni.attachment.is_none(),
            "{eni:?}"
        );
    }
}

/// Whoever goes over instances by their ids meets one launch after the other, each in its own order.
fn check_launches(world: &World) {
    let places: Vec<_> = world
        .instances
        .iter()
        .map(|instance| (instance.reservation_id, instance.ami_launch_index))
        .collect();
    assert!(places.is_sorted(), "instances by id: {places:?}");
}

fn check_subnets(world: &World) {
    for subnet in world.subnets.iter() {
        let id = subnet.subnet_id;
        let vpc = world.vpcs.get(subnet.vpc_id);
        assert!(
            vpc.is_some_and(|vpc| subnet
                .blocks()
                .all(|block| vpc.blocks().any(|whole| whole.covers(block)))),
            "{subnet:?}"
        );
        assert!(subnet.blocks().next().is_some(), "{subnet:?}");
        assert_eq!(world.network_acls.count(&id), 1, "network ACLs of {id}");
        assert!(world.route_tables.count(&id) <= 1, "route tables of {id}");
        assert!(!overlaps_another(world, subnet), "{subnet:?}");
    }
    for acl in world.network_acls.iter() {
        assert!(world.vpcs.get(acl.vpc_id).is_some(), "{acl:?}");
        let numbers: BTreeSet<_> = acl
            .entries
            .iter()
            .map(|entry| (entry.egress, entry.rule_number))
            .collect();
        assert_eq!(numbers.len(), acl.entries.len(), "{acl:?}");
        for association in &acl.associations {
            let subnet = world.subnets.get(association.subnet_id);
            assert!(
                subnet.is_some_and(|subnet| subnet.vpc_id == acl.vpc_id),
                "{acl:?}"
            );
        }
    }
}

fn overlaps_another(world: &World, subnet: &Subnet) -> bool {
    world
        .subnets
        .by(&subnet.vpc_id)
        .filter(|other| other.subnet_id != subnet.subnet_id)
        .flat_map(|other| other.blocks())
        .any(|other| {
            subnet
                .blocks()
                .any(|own| own.covers(other) || other.covers(own))
        })
}

fn check_peerings(world: &World) {
    let mut pairs = BTreeSet::new();
    for connection in world.vpc_peering_connections.iter() {
        if !connection.status.is_live() {
            continue;
        }
        let mut pair = [connection.requester_vpc_id, connection.accepter_vpc_id];
        pair.sort_unstable();
        assert!(pairs.insert(pair), "another connection of {pair:?}");
        let [one, other] = pair.map(|id| world.vpcs.get(id).expect("live connections keep VPCs"));
        if connection.peer_of(one.vpc_id).is_none() {
            continue;
        }
        for block in one.blocks() {
            let overlaps = |other: IpCidr| block.covers(other) || other.covers(block);
            assert!(!other.blocks().any(overlaps), "{connection:?}");
        }
    }
}

fn check_nat_gateways(world: &World) {
    for gateway in world.nat_gateways.iter() {
        assert_eq!(
            gateway.interface().is_some(),
            gateway.end_time.is_none(),
            "{gateway:?}"
        );
        let Some(id) = gateway.interface() else {
            continue;
        };
        let eni = world.network_interfaces.get(id);
        let eni = eni.unwrap_or_else(|| panic!("{gateway:?} has no interface"));
        assert_eq!(eni.subnet_id, gateway.subnet_id, "{gateway:?}");
        for private in &eni.private_ip_addresses {
            let is_public = gateway.connectivity_type == ConnectivityType::Public;
            let has_public = world.public_address_of(id, *private).is_some();
            assert_eq!(has_public, is_public, "{gateway:?}");
        }
    }
}

fn check_security_groups(world: &World) {
    let mut names = BTreeSet::new();
    for group in world.security_groups.iter() {
        assert!(world.vpcs.get(group.vpc_id).is_some(), "{group:?}");
        assert!(
            names.insert((group.vpc_id, group.group_name.to_lowercase())),
            "the name of {group:?} is taken"
        );
    }
    let mut matches = BTreeSet::new();
    for rule in world.security_group_rules.iter() {
        assert!(
            world.security_groups.get(rule.group_id).is_some(),
            "{rule:?}"
        );
        if let RulePeer::SecurityGroup(peer) = rule.peer {
            let own = world.security_groups.get(rule.group_id);
            let own = own.map(|own| own.vpc_id);
            match (world.security_groups.get(peer), rule.peering) {
                (Some(peer), Some(peering)) => assert_eq!(peer.vpc_id, peering.vpc_id, "{rule:?}"),
                (Some(peer), None) => assert_eq!(Some(peer.vpc_id), own, "{rule:?}"),
                // Of a peered VPC, and deleted since.
                (None, peering) => assert!(
                    peering.is_some_and(|peering| Some(peering.vpc_id) != own),
                    "{rule:?}"
                ),
            }
        }
        let matched = (
            rule.group_id,
            rule.is_egress,
            rule.ip_protocol,
            rule.from_port,
            rule.to_port,
            rule.peer,
        );
        assert!(matches.insert(matched), "{rule:?} says what another says");
    }
}

fn check_network_interfaces(world: &World) {
    let (mut addresses, mut prefixes) = (BTreeSet::new(), BTreeSet::new());
    let mut macs = BTreeSet::new();
    let (mut slots, mut adapters) = (BTreeSet::new(), BTreeSet::new());
    for eni in world.network_interfaces.iter() {
        let subnet = subnet_of(world, eni.subnet_id);
        assert_eq!(
            (&subnet.vpc_id, &subnet.availability_zone),
            (&eni.vpc_id, &eni.availability_zone),
            "{eni:?}"
        );
        for address in addresses_of(eni) {
            assert!(
                subnet.blocks().any(|block| block.contains(address)),
                "{eni:?}"
            );
            assert!(
                addresses.insert((eni.vpc_id, address)),
                "{address} is on two interfaces"
            );
        }
        for prefix in eni.prefixes() {
            assert!(subnet.blocks().any(|block| block.covers(prefix)), "{eni:?}");
            assert!(
                prefixes.insert((eni.vpc_id, prefix)),
                "{prefix} is delegated to two interfaces"
            );
        }
        assert!(
            macs.insert(eni.mac_address),
            "the MAC address of {eni:?} is taken"
        );
        assert_eq!(
            eni.private_ip_addresses.is_empty(),
            !eni.interface_type.carries_ip() || subnet.is_ipv6_native(),
            "{eni:?}"
        );
        check_gateways_own(world, eni);
        for group_id in &eni.group_ids {
            let group = world.security_groups.get(*group_id);
            assert!(
                group.is_some_and(|group| group.vpc_id == eni.vpc_id),
                "{eni:?}"
            );
        }
        if let Some(attachment) = &eni.attachment {
            let instance = world.instances.get(attachment.instance_id);
            assert!(
                instance
                    .is_some_and(|instance| instance.availability_zone == eni.availability_zone),
                "{eni:?}"
            );
            let slot = (
                attachment.instance_id,
                attachment.network_card_index,
                attachment.device_index,
            );
            assert!(slots.insert(slot), "the slot of {eni:?} is taken");
            let card = (attachment.instance_id, attachment.network_card_index);
            assert!(
                !eni.interface_type.has_efa() || adapters.insert(card),
                "the card of {eni:?} has two adapters"
            );
        }
    }
    check_prefixes(&addresses, &prefixes);
}

/// A NAT gateway has one interface, in no group and attached to nothing; all others are in one at least.
fn check_gateways_own(world: &World, eni: &NetworkInterface) {
    let is_gateways = eni.interface_type == NetworkInterfaceType::NatGateway;
    assert_eq!(eni.group_ids.is_empty(), is_gateways, "{eni:?}");
    let gateways = world.nat_gateways.count(&eni.network_interface_id);
    assert_eq!(gateways, usize::from(is_gateways), "{eni:?}");
    assert!(
        !is_gateways || eni.is_managed() && eni.attachment.is_none(),
        "{eni:?}"
    );
}

fn addresses_of(eni: &NetworkInterface) -> impl Iterator<Item = IpAddr> {
    let ipv4 = eni.private_ip_addresses.iter().copied().map(IpAddr::V4);
    ipv4.chain(eni.ipv6_addresses.iter().copied().map(IpAddr::V6))
}

/// An address of one interface is in no block that is delegated to another, nor to itself.
fn check_prefixes(addresses: &BTreeSet<(VpcId, IpAddr)>, prefixes: &BTreeSet<(VpcId, IpCidr)>) {
    for (vpc_id, prefix) in prefixes {
        let inside = |(vpc, address): &&(VpcId, IpAddr)| vpc == vpc_id && prefix.contains(*address);
        let given = addresses.iter().find(inside);
        assert_eq!(given, None, "in the delegated block {prefix}");
    }
}

fn subnet_of(world: &World, id: SubnetId) -> &Subnet {
    world
        .subnets
        .get(id)
        .unwrap_or_else(|| panic!("{id} is referred to and does not exist"))
}

fn check_identities(world: &World) {
    let enis = world.network_interfaces.iter();
    for eni in enis.filter(|eni| !eni.group_ids.is_empty()) {
        let identity = world.identity_of(&eni.security_group_set());
        assert!(identity.is_some(), "{eni:?} has no identity");
    }
    let (mut numbers, mut sets) = (BTreeSet::new(), BTreeSet::new());
    for identity in world.identities.iter() {
        assert!(
            sets.insert(identity.group_ids.clone()),
            "{identity:?} twice"
        );
        assert!(numbers.insert(identity.number), "{identity:?}");
    }
}

fn check_addresses(world: &World) {
    let (mut public, mut private) = (BTreeSet::new(), BTreeSet::new());
    for address in world.addresses.iter() {
        assert!(public.insert(address.public_ip), "{address:?} twice");
        let Some(association) = &address.association else {
            assert!(!address.lent, "{address:?} is lent to nobody");
            continue;
        };
        let eni = world
            .network_interfaces
            .get(association.network_interface_id);
        assert!(
            eni.is_some_and(|eni| eni
                .private_ip_addresses
                .contains(&association.private_ip_address)),
            "{address:?}"
        );
        // EC2 lends addresses whether or not they lead anywhere.
        assert!(
            address.lent || eni.is_some_and(|eni| world.internet_gateway_of(eni.vpc_id).is_some()),
            "{address:?} is mapped where there is no way to the internet"
        );
        let translated = (
            association.network_interface_id,
            association.private_ip_address,
        );
        assert!(
            private.insert(translated),
            "{address:?} shares its private address"
        );
    }
}

/// A world made of the stored form of its rows must be the same, indexes and counts included.
fn check_stored_form(world: &World) {
    let mut read = World::default();
    for row in world.resources() {
        let (kind, text) = (row.key().kind().as_str(), row.to_json());
        match Resource::from_json(kind, &text) {
            Ok(row) => read.put(row),
            Err(error) => panic!("{row:?} does not read back: {error}"),
        }
    }
    assert_eq!(&read, world, "as read from the store");
}
