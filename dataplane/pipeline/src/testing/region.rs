//! A small region that most tests begin with.

use core::net::Ipv4Addr;
use eni_abi::{
    Address, Globals, Ipv4, Location, LpmKey, Mac, MacKey, Mapping, MappingKey, Prefix,
    PublicAddress, Route, RouteKey, SERVICES_VPORT, Service, VpcBlockKey, Vport,
};

use super::{MemoryTables, Remote, Rule, add_policy};
use eni_abi::Direction::{Egress, Ingress};

/// The vport that leads to the host.
pub const UPLINK: u32 = 9;
/// In subnet 1, identity 1, with the public address 203.0.113.10.
pub const ANNA: u32 = 10;
/// In subnet 1, identity 2, with the public address 203.0.113.11.
pub const BERT: u32 = 11;
/// In subnet 2, identity 2, without public address.
pub const CARL: u32 = 12;
/// The end of the fabric's services.
pub const SERVICES: u32 = SERVICES_VPORT;
/// Where guests reach instance metadata.
pub const METADATA: [u8; 4] = [169, 254, 169, 254];
/// Where guests reach the time.
pub const TIME: [u8; 4] = [169, 254, 169, 123];
/// The region's API.
pub const API: [u8; 4] = [169, 254, 169, 243];
/// Where guests of any VPC reach who resolves names.
pub const RESOLVER: [u8; 4] = [169, 254, 169, 253];
/// Where those of the only VPC reach it as well.
pub const VPC_RESOLVER: [u8; 4] = [10, 0, 0, 2];
/// The only VPC: 10.0.0.0/16 with subnets 10.0.1.0/24 and 10.0.2.0/24.
pub const VPC: u32 = 1;
/// The only route table: local, and the internet gateway for the rest.
pub const ROUTE_TABLE: u32 = 1;
/// Everybody's security policy: everything in both directions.
pub const OPEN_GROUP: u32 = 1;
/// Everybody's network ACL: everything in both directions.
pub const OPEN_ACL: u32 = 2;
/// The security policy of [`tracking_region`].
pub const TRACKING_GROUP: u32 = 7;

/// An address from four numbers.
#[must_use]
pub fn ip(octets: [u8; 4]) -> Ipv4 {
    Ipv4Addr::from(octets).into()
}

/// The private address of a guest.
#[must_use]
pub fn private(vport: u32) -> [u8; 4] {
    match vport {
        CARL => [10, 0, 2, 12],
        other => [10, 0, 1, other as u8],
    }
}

/// The address of instance metadata, beyond the services' end, for a guest.
#[must_use]
pub fn metadata_for(vport: u32) -> [u8; 4] {
    service_for(Service::InstanceMetadata, vport)
}

/// The address of a service, beyond the services' end, for a guest.
#[must_use]
pub fn service_for(service: Service, vport: u32) -> [u8; 4] {
    Ipv4Addr::from(service.address(vport)).octets()
}

/// The public address of a guest that has one.
#[must_use]
pub fn public(vport: u32) -> [u8; 4] {
    [203, 0, 113, vport as u8]
}

/// The MAC address behind a vport.
#[must_use]
pub const fn mac(vport: u32) -> [u8; 6] {
    [2, 0, 0, 0, 1, vport as u8]
}

/// The MAC address of the routers as a vport sees it.
#[must_use]
pub const fn router_mac(vport: u32) -> [u8; 6] {
    [
        2,
        0,
        0,
        0,
        0,
        if vport == UPLINK {
            9
        } else if vport == CARL {
            2
        } else {
            1
        },
    ]
}

/// Three guests, two subnets, one uplink; everything allowed.
#[must_use]
pub fn small_region() -> MemoryTables {
    let mut tables = MemoryTables {
        globals: Globals {
            topology_generation: 1,
            uplink_vport: UPLINK,
            abi_version: eni_abi::ABI_VERSION,
        },
        ..MemoryTables::default()
    };
    add_guest(&mut tables, ANNA, 1, Some(public(ANNA)));
    add_guest(&mut tables, BERT, 2, Some(public(BERT)));
    add_guest(&mut tables, CARL, 2, None);
    let uplink = Vport {
        generation: 1,
        flags: Vport::PRESENT | Vport::UPLINK,
        subnet_address: ip([203, 0, 113, 0]),
        subnet_mask: Ipv4::mask(24),
        host_address: ip([203, 0, 113, 1]),
        router_address: ip([203, 0, 113, 255]),
        mtu: 1500,
        mac: Mac::from_bytes(mac(UPLINK)),
        router_mac: Mac::from_bytes(router_mac(UPLINK)),
        instance: UPLINK,
        ..Vport::default()
    };
    tables.vports.insert(UPLINK, uplink);
    let services = Vport {
        generation: 1,
        flags: Vport::PRESENT | Vport::SERVICES,
        mtu: 9001,
        mac: Mac::from_bytes(mac(SERVICES)),
        router_mac: Mac::from_bytes(router_mac(SERVICES)),
        ..Vport::default()
    };
    tables.vports.insert(SERVICES, services);
    add_route(&mut tables, [10, 0, 0, 0], 16, Route::of_kind(Route::LOCAL));
    add_route(
        &mut tables,
        [0, 0, 0, 0],
        0,
        Route::of_kind(Route::INTERNET_GATEWAY),
    );
    tables.vpc_blocks.insert(
        VpcBlockKey::prefix(VPC, Prefix::v4(ip([10, 0, 0, 0]), 16)),
        1,
    );
    let open = [Rule::everything(Ingress), Rule::everything(Egress)];
    add_policy(&mut tables, OPEN_GROUP, &open);
    add_policy(&mut tables, OPEN_ACL, &open);
    tables
}

/// [`small_region`], but everybody's flows are tracked: everything may come and go, though not by rules open to the
/// world.
#[must_use]
pub fn tracking_region() -> MemoryTables {
    let mut tables = small_region();
    let halves = [0, 128].map(|first| Remote::Network(ip([first, 0, 0, 0]), 1));
    let rules = halves.map(|remote| {
        [Ingress, Egress].map(|direction| Rule {
            remote,
            ..Rule::everything(direction)
        })
    });
    add_policy(&mut tables, TRACKING_GROUP, &rules.concat());
    for row in tables.vports.values_mut() {
        row.security_policy = TRACKING_GROUP;
    }
    tables
}

/// Adds a route to [`ROUTE_TABLE`].
pub fn add_route(tables: &mut MemoryTables, destination: [u8; 4], length: u8, route: Route) {
    let key: LpmKey<RouteKey> = RouteKey::prefix(ROUTE_TABLE, Prefix::v4(ip(destination), length));
    tables.routes.insert(key, route);
}

fn add_guest(
    tables: &mut MemoryTables,
    vport: u32,
    identity: u32,
    public_address: Option<[u8; 4]>,
) {
    let address = Address::v4(ip(private(vport)));
    let [a, b, subnet, _] = private(vport);
    let row = Vport {
        generation: 1,
        flags: Vport::PRESENT | Vport::SOURCE_DEST_CHECK,
        vpc: VPC,
        subnet: u32::from(subnet),
        subnet_address: ip([a, b, subnet, 0]),
        subnet_mask: Ipv4::mask(24),
        router_address: ip([a, b, subnet, 1]),
        route_table: ROUTE_TABLE,
        security_policy: OPEN_GROUP,
        identity,
        network_acl_policy: OPEN_ACL,
        mtu: 9001,
        tcp_established_seconds: 432_000,
        udp_stream_seconds: 180,
        udp_single_seconds: 30,
        mac: Mac::from_bytes(mac(vport)),
        router_mac: Mac::from_bytes(router_mac(vport)),
        instance: vport,
        host_address: Ipv4::UNSPECIFIED,
        resolver_address: ip(VPC_RESOLVER),
        ..Vport::default()
    };
    tables.vports.insert(vport, row);
    let location = Location::here(vport);
    let mapping = Mapping {
        location,
        subnet: row.subnet,
        identity,
        public_address: public_address.map_or(Address::NONE, |octets| ip(octets).into()),
        mac: row.mac,
        unannounced: 0,
    };
    tables
        .mappings
        .insert(MappingKey { vpc: VPC, address }, mapping);
    tables.macs.insert(
        MacKey {
            subnet: row.subnet,
            mac: row.mac,
            reserved: 0,
        },
        location,
    );
    if let Some(public_address) = public_address {
        tables.public_addresses.insert(
            ip(public_address).into(),
            PublicAddress {
                vpc: VPC,
                private_address: address,
                location,
            },
        );
    }
}
