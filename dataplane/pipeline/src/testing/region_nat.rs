//! The small region with a NAT gateway.

use eni_abi::{
    Address, Location, Mac, Mapping, MappingKey, NatGateway, Prefix, PublicAddress, Route, RouteKey,
};

use super::MemoryTables;
use super::region::{CARL, OPEN_ACL, ROUTE_TABLE, VPC, ip, small_region};

/// The gateway, in the subnet of Anna and Bert.
pub const GATEWAY: u32 = 1;
/// The route table of Carl's subnet: local, and the gateway for the rest.
pub const PRIVATE_TABLE: u32 = ROUTE_TABLE + 1;
/// Outside.
pub const SERVER: [u8; 4] = [198, 51, 100, 1];
/// The gateway's MAC address.
pub const MAC: [u8; 6] = [2, 0, 0, 0, 9, 9];

/// The gateway's private addresses.
#[must_use]
pub const fn inner(number: u8) -> [u8; 4] {
    [10, 0, 1, 200 + number]
}

/// Their public ones.
#[must_use]
pub const fn outer(number: u8) -> [u8; 4] {
    [203, 0, 113, 200 + number]
}

/// [`small_region`], but Carl's subnet goes out by a NAT gateway with so many addresses.
#[must_use]
pub fn nat_region(addresses: u8) -> MemoryTables {
    let mut tables = small_region();
    let mut row = NatGateway {
        vpc: VPC,
        subnet: 1,
        route_table: ROUTE_TABLE,
        network_acl_policy: OPEN_ACL,
        mac: Mac::from_bytes(MAC),
        ..NatGateway::default()
    };
    for number in 0..addresses {
        row.addresses[usize::from(number)] = ip(inner(number));
        row.address_count += 1;
        add_address(&mut tables, row.mac, number);
    }
    tables.nat_gateways.insert(GATEWAY, row);
    if let Some(carl) = tables.vports.get_mut(&CARL) {
        carl.route_table = PRIVATE_TABLE;
    }
    let (local, out) = (Route::of_kind(Route::LOCAL), Route::to_nat_gateway(GATEWAY));
    add_private_route(&mut tables, [10, 0, 0, 0], 16, local);
    add_private_route(&mut tables, [0, 0, 0, 0], 0, out);
    tables
}

fn add_address(tables: &mut MemoryTables, mac: Mac, number: u8) {
    let location = Location::nat_gateway(GATEWAY);
    let address = Address::v4(ip(inner(number)));
    let public = Address::v4(ip(outer(number)));
    let mapping = Mapping {
        location,
        subnet: 1,
        public_address: public,
        mac,
        ..Mapping::default()
    };
    let key = MappingKey { vpc: VPC, address };
    tables.mappings.insert(key, mapping);
    let translated = PublicAddress {
        vpc: VPC,
        private_address: address,
        location,
    };
    tables.public_addresses.insert(public, translated);
}

/// Adds a route to [`PRIVATE_TABLE`].
pub fn add_private_route(
    tables: &mut MemoryTables,
    destination: [u8; 4],
    length: u8,
    route: Route,
) {
    let key = RouteKey::prefix(PRIVATE_TABLE, Prefix::v4(ip(destination), length));
    tables.routes.insert(key, route);
}

/// The source address and port of a frame, or its identifier where it is ICMP.
#[must_use]
pub fn source_of(frame: &[u8]) -> ([u8; 4], u16) {
    let place = if frame[23] == eni_wire::protocol::ICMP {
        38
    } else {
        34
    };
    let port = u16::from_be_bytes([frame[place], frame[place + 1]]);
    ([frame[26], frame[27], frame[28], frame[29]], port)
}
