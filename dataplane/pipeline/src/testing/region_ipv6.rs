//! The small region with IPv6 beside IPv4.

use core::net::Ipv6Addr;

use eni_abi::Direction::{Egress, Ingress};
use eni_abi::{
    Address, InternetBlock, Location, Mac, Mapping, MappingKey, Prefix, Route, RouteKey, Service,
    VpcBlockKey, Vport,
};

use super::region::{
    ANNA, BERT, CARL, OPEN_ACL, OPEN_GROUP, ROUTE_TABLE, SERVICES, TRACKING_GROUP, UPLINK, VPC,
    mac, small_region,
};
use super::{MemoryTables, Remote, Rule, add_policy};

/// The VPC's block of IPv6.
pub const VPC_BLOCK: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2001, 0xdb8, 0, 0x100, 0, 0, 0, 0), 56);
/// All blocks of the region.
pub const REGION_BLOCK: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 48);
/// Who is outside.
pub const HOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);
/// The router of every subnet, on its link.
pub const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0xec2, 0, 0, 0, 0, 0, 1);

/// Where guests reach instance metadata.
pub const METADATA_IPV6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
/// Where guests reach the time.
pub const TIME_IPV6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x123);
/// Where guests reach who resolves names.
pub const RESOLVER_IPV6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253);
/// Whom guests ask for addresses.
pub const DHCPV6_GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

/// An address of a guest's link, of whatever making.
#[must_use]
pub fn link_local(vport: u32) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0x123, 0, 0, vport as u16)
}

/// The address of a service, beyond the services' end, for a guest.
#[must_use]
pub fn service_ipv6_for(service: Service, vport: u32) -> Ipv6Addr {
    as_ipv6(service.address_ipv6(vport))
}

/// As whom the services see a guest that asks from [`link_local`].
#[must_use]
pub fn asker(vport: u32) -> Ipv6Addr {
    Service::asker_on_link(link_local(vport).into()).map_or(Ipv6Addr::UNSPECIFIED, as_ipv6)
}

fn as_ipv6(address: Address) -> Ipv6Addr {
    address.to_words().map(u16::from_be).into()
}

/// The first address of the subnet that a guest is in.
#[must_use]
pub fn subnet(vport: u32) -> Ipv6Addr {
    let number = if vport == CARL { 0x102 } else { 0x101 };
    Ipv6Addr::new(0x2001, 0xdb8, 0, number, 0, 0, 0, 0)
}

/// A guest's address.
#[must_use]
pub fn own(vport: u32) -> Ipv6Addr {
    let mut segments = subnet(vport).segments();
    segments[7] = vport as u16;
    Ipv6Addr::from(segments)
}

/// The first address of the /80 prefix that [`add_prefix`] gives a guest.
#[must_use]
pub fn delegated(vport: u32) -> Ipv6Addr {
    let mut segments = subnet(vport).segments();
    segments[4] = 0xd000 + vport as u16;
    Ipv6Addr::from(segments)
}

/// Everything of [`small_region`], and each guest with an address of IPv6 behind the internet gateway.
#[must_use]
pub fn dual_region() -> MemoryTables {
    let mut tables = small_region();
    for vport in [ANNA, BERT, CARL] {
        let Some(row) = tables.vports.get_mut(&vport) else {
            continue;
        };
        row.flags |= Vport::IPV6 | Vport::SERVICES_IPV6 | Vport::METADATA_IPV6;
        row.subnet_ipv6 = subnet(vport).into();
        row.subnet_ipv6_length = 64;
        let mapping = mapping(row, vport);
        let key = MappingKey {
            vpc: VPC,
            address: own(vport).into(),
        };
        tables.mappings.insert(key, mapping);
    }
    if let Some(row) = tables.vports.get_mut(&UPLINK) {
        row.flags |= Vport::IPV6;
        row.subnet_ipv6 = REGION_BLOCK.0.into();
        row.subnet_ipv6_length = u32::from(REGION_BLOCK.1);
    }
    if let Some(row) = tables.vports.get_mut(&SERVICES) {
        row.flags |= Vport::IPV6;
    }
    let block = Prefix::around(VPC_BLOCK.0.into(), VPC_BLOCK.1);
    tables.vpc_blocks.insert(VpcBlockKey::prefix(VPC, block), 1);
    announce(&mut tables, true);
    let local = RouteKey::prefix(ROUTE_TABLE, block);
    tables.routes.insert(local, Route::of_kind(Route::LOCAL));
    set_default_route(&mut tables, Route::INTERNET_GATEWAY);
    let open = [
        Rule::everything(Ingress),
        Rule::everything(Egress),
        Rule::everything_ipv6(Ingress),
        Rule::everything_ipv6(Egress),
    ];
    for policy in [OPEN_GROUP, OPEN_ACL] {
        add_policy(&mut tables, policy, &open);
    }
    tables
}

/// [`dual_region`], but everybody's flows of IPv6 are tracked: everything may come and go, though not by rules open to the world.
#[must_use]
pub fn tracking_dual_region() -> MemoryTables {
    let mut tables = dual_region();
    let halves = [0, 0x8000].map(|first| {
        let first = Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0);
        Remote::NetworkIpv6(first.into(), 1)
    });
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

/// Makes the VPC's block known to the internet, by its internet gateway or by an egress-only one alone.
pub fn announce(tables: &mut MemoryTables, takes_all: bool) {
    let block = Prefix::around(VPC_BLOCK.0.into(), VPC_BLOCK.1);
    let row = InternetBlock {
        vpc: VPC,
        takes_all,
        is_closed: false,
    };
    let key = VpcBlockKey::on_internet(block);
    tables.vpc_blocks.insert(key, row.to_row());
}

/// Leads `::/0` of everybody's route table to a target of this kind.
pub fn set_default_route(tables: &mut MemoryTables, kind: u32) {
    let key = RouteKey::prefix(ROUTE_TABLE, Prefix::ALL_IPV6);
    tables.routes.insert(key, Route::of_kind(kind));
}

/// Gives a guest a /80 prefix, and a /28 of IPv4 that begins at `ipv4`.
pub fn add_prefix(tables: &mut MemoryTables, vport: u32, ipv4: Address) {
    let Some(row) = tables.vports.get(&vport) else {
        return;
    };
    let mapping = mapping(row, vport);
    for prefix in [
        Prefix::around(delegated(vport).into(), 80),
        Prefix::around(ipv4, Address::IPV4_BITS_BEFORE + 28),
    ] {
        let key = MappingKey::prefix(VPC, prefix);
        tables.prefix_mappings.insert(key, mapping);
    }
}

fn mapping(row: &Vport, vport: u32) -> Mapping {
    Mapping {
        location: Location::here(vport),
        subnet: row.subnet,
        identity: row.identity,
        public_address: Address::NONE,
        mac: Mac::from_bytes(mac(vport)),
        unannounced: 0,
    }
}
