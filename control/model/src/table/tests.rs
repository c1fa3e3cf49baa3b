//! A world against a simple one: maps of rows, and every question answered by looking at all of them.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::net::Ipv4Addr;
use core::str::FromStr;

use eni_types::{
    AssociationId, Ipv4Cidr, NetworkInterfaceId, RouteTableAssociationId, SubnetId, VpcId,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{FoundBy, Indexed};
use crate::resource::{
    Address, AddressAssociation, PublicAddress, Resource, ResourceKey, Route, RouteOrigin,
    RouteTable, RouteTableAssociation, RouteTarget, Subnet,
};
use crate::tags::{Tag, Tags};
use crate::{Table, World};

/// Rows and keys are few, so that they meet.
const ROWS: u8 = 24;
const KEYS: u8 = 6;

fn id<I: FromStr<Err: Debug>>(prefix: &str, number: u8) -> I {
    format!("{prefix}-{number:08x}").parse().unwrap()
}

fn vpc(number: u8) -> VpcId {
    id("vpc", number)
}

fn subnet(number: u8) -> SubnetId {
    id("subnet", number)
}

fn interface(number: u8) -> NetworkInterfaceId {
    id("eni", number)
}

fn tag(number: u8) -> Tag {
    Tag::new("k", &number.to_string())
}

fn tags(number: Option<u8>) -> Tags {
    number.map_or_else(Tags::default, |number| Tags::one("k", &number.to_string()))
}

#[derive(Clone, Debug)]
enum Step {
    Put(Resource),
    Delete(ResourceKey),
    /// The world as it is now is kept, and must stay so.
    Keep,
}

fn any_subnet() -> impl Strategy<Value = Resource> {
    (0..ROWS, 0..KEYS, option::of(0..KEYS)).prop_map(|(row, of, tag)| {
        let row = Subnet {
            subnet_id: subnet(row),
            vpc_id: vpc(of),
            cidr_block: Some(Ipv4Cidr::ANY),
            ipv6_cidr_block_association: None,
            assign_ipv6_address_on_creation: false,
            availability_zone: "us-east-1a".into(),
            map_public_ip_on_launch: false,
            private_dns_names: Default::default(),
            default_for_az: false,
            tags: tags(tag),
        };
        row.into()
    })
}

/// With several keys of one index, and the same one twice.
fn any_route_table() -> impl Strategy<Value = Resource> {
    let associations = vec((0..KEYS, option::of(0..KEYS)), 0..4);
    let targets = vec(0..KEYS, 0..4);
    let row = (0..ROWS, 0..KEYS, associations, targets, option::of(0..KEYS));
    row.prop_map(|(row, of, associations, targets, tag)| {
        let associations = associations.into_iter();
        let row = RouteTable {
            route_table_id: id("rtb", row),
            vpc_id: vpc(of),
            routes: targets
                .into_iter()
                .map(|target| Route {
                    destination: Ipv4Cidr::ANY.into(),
                    target: RouteTarget::NetworkInterface(interface(target)),
                    origin: RouteOrigin::CreateRoute,
                })
                .collect(),
            associations: associations
                .map(|(own, of)| RouteTableAssociation {
                    association_id: id("rtbassoc", own),
                    subnet_id: of.map(subnet),
                    gateway_id: None,
                })
                .collect(),
            tags: tags(tag),
        };
        row.into()
    })
}

fn any_address() -> impl Strategy<Value = Resource> {
    let association = option::of((0..KEYS, 0..KEYS));
    let row = (0..ROWS, 0..KEYS, association, option::of(0..KEYS));
    row.prop_map(|(row, address, association, tag)| {
        let row = Address {
            allocation_id: id("eipalloc", row),
            public_ip: Ipv4Addr::new(203, 0, 113, address),
            association: association.map(|(own, of)| AddressAssociation {
                association_id: id("eipassoc", own),
                network_interface_id: interface(of),
                private_ip_address: Ipv4Addr::LOCALHOST,
            }),
            lent: false,
            tags: tags(tag),
        };
        row.into()
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let row = prop_oneof![any_subnet(), any_route_table(), any_address()];
    prop_oneof![
        6 => row.clone().prop_map(Step::Put),
        3 => row.prop_map(|row| Step::Delete(row.key())),
        1 => Just(Step::Keep),
    ]
}

type Simple = BTreeMap<ResourceKey, Resource>;

/// Whether the table finds by each of `keys`, in order, what `keys_of` says.
fn finds<R, K>(table: &Table<R>, keys: impl Iterator<Item = K>, keys_of: impl Fn(&R) -> Vec<K>)
where
    R: FoundBy<K> + PartialEq + Debug,
    K: Ord + Debug,
{
    for key in keys {
        let found: Vec<&R> = table.by(&key).map(|row| &**row).collect();
        let all = table.iter().map(|row| &**row);
        let want: Vec<&R> = all.filter(|row| keys_of(row).contains(&key)).collect();
        assert_eq!(found, want, "by {key:?}");
        assert_eq!(table.count(&key), want.len());
        assert_eq!(table.one(&key).map(|row| &**row), want.first().copied());
    }
}

fn finds_by_tag<R: Indexed + PartialEq + Debug>(table: &Table<R>) {
    let keys = (0..KEYS).map(tag);
    finds(table, keys, |row| row.tags().all().cloned().collect());
}

/// Whether both hold the same, and the world finds it.
fn compare(world: &World, simple: &Simple) {
    let rows: Vec<Resource> = world.resources().collect();
    let want: Vec<Resource> = simple.values().cloned().collect();
    assert_eq!(rows, want);
    assert_eq!(world.is_empty(), simple.is_empty());
    let (subnets, tables, addresses) = (&world.subnets, &world.route_tables, &world.addresses);
    finds(subnets, (0..KEYS).map(vpc), |row| [row.vpc_id].into());
    finds(tables, (0..KEYS).map(vpc), |row| [row.vpc_id].into());
    finds(tables, (0..KEYS).map(subnet), |row| {
        let associations = row.associations.iter();
        associations.filter_map(|one| one.subnet_id).collect()
    });
    let keys = (0..KEYS).map(|own| id::<RouteTableAssociationId>("rtbassoc", own));
    finds(tables, keys, |row| {
        let associations = row.associations.iter();
        associations.map(|one| one.association_id).collect()
    });
    finds(tables, (0..KEYS).map(interface), |row| {
        let targets = row.routes.iter().map(|route| route.target);
        targets
            .filter_map(RouteTarget::network_interface_id)
            .collect()
    });
    let keys = (0..KEYS).map(|last| PublicAddress(Ipv4Addr::new(203, 0, 113, last)));
    finds(addresses, keys, |row| [PublicAddress(row.public_ip)].into());
    let keys = (0..KEYS).map(|own| id::<AssociationId>("eipassoc", own));
    finds(addresses, keys, |row| {
        let association = row.association.iter();
        association.map(|one| one.association_id).collect()
    });
    finds(addresses, (0..KEYS).map(interface), |row| {
        let association = row.association.iter();
        association.map(|one| one.network_interface_id).collect()
    });
    finds_by_tag(subnets);
    finds_by_tag(tables);
    finds_by_tag(addresses);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_world_is_as_a_simple_one_and_what_is_kept_of_it_stays(steps in vec(any_step(), 1..200)) {
        let (mut world, mut simple) = (World::default(), Simple::new());
        let mut kept = Vec::new();
        for step in steps {
            match step {
                Step::Put(row) => {
                    simple.insert(row.key(), row.clone());
                    world.put(row);
                }
                Step::Delete(key) => {
                    simple.remove(&key);
                    world.delete(&key);
                }
                Step::Keep => kept.push((world.clone(), simple.clone())),
            }
        }
        kept.push((world, simple));
        for (world, simple) in kept {
            compare(&world, &simple);
            // As a restart reads it, all at once.
            let read: World = simple.values().cloned().collect();
            prop_assert_eq!(&read, &world);
        }
    }
}
