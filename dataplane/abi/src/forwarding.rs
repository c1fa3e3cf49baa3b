//! Where an address or a MAC lives, and where routes lead.

use crate::plain::plain;
use crate::prefix::number_of;
use crate::{Address, LpmKey, Mac, Prefix};

/// Where the data-plane end of an interface is: a vport of this host, or one of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Location {
    /// The tunnel address of the other host, or [`Address::NONE`] on this one.
    pub host: Address,
    /// The vport's number there; with [`Location::NAT_GATEWAY`] that of a NAT gateway.
    pub vport: u32,
}

impl Location {
    /// In [`Location::vport`]: what is there is a NAT gateway. No vport has such a number.
    pub const NAT_GATEWAY: u32 = 1 << 31;

    /// A NAT gateway of this host.
    #[must_use]
    #[inline(always)]
    pub const fn nat_gateway(number: u32) -> Self {
        Self::here(number | Self::NAT_GATEWAY)
    }

    /// The number of the NAT gateway, if it is one of this host.
    #[must_use]
    #[inline(always)]
    pub const fn nat_gateway_here(&self) -> Option<u32> {
        if self.host.is_none() && self.vport & Self::NAT_GATEWAY != 0 {
            Some(self.vport & !Self::NAT_GATEWAY)
        } else {
            None
        }
    }

    /// A vport of this host.
    #[must_use]
    #[inline(always)]
    pub const fn here(vport: u32) -> Self {
        Self {
            host: Address::NONE,
            vport,
        }
    }

    /// The vport, if it is one of this host. That of a NAT gateway is nobody's.
    #[must_use]
    #[inline(always)]
    pub const fn vport_here(&self) -> Option<u32> {
        if self.host.is_none() {
            Some(self.vport)
        } else {
            None
        }
    }
}

/// Key of [`crate::map::MAPPINGS`], and inside an [`LpmKey`] of [`crate::map::PREFIX_MAPPINGS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct MappingKey {
    /// Number of the VPC.
    pub vpc: u32,
    /// An address of an attached interface, primary or secondary, of either family; or the first one of a prefix.
    pub address: Address,
}

impl MappingKey {
    /// The trie key of a prefix that an interface has in `vpc`.
    #[must_use]
    #[inline(always)]
    pub const fn prefix(vpc: u32, prefix: Prefix) -> LpmKey<Self> {
        LpmKey {
            prefix_length: 32 + prefix.length as u32,
            data: Self {
                vpc,
                address: prefix.address,
            },
        }
    }
}

/// Where a private address lives. Only attached interfaces of running instances have mappings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Mapping {
    /// The owner.
    pub location: Location,
    /// Number of the owner's subnet.
    pub subnet: u32,
    /// The owner's identity; see [`crate::Vport::identity`].
    pub identity: u32,
    /// The public address translated to and from this one at the internet gateway, or none.
    pub public_address: Address,
    /// The owner's MAC, as answered to ARP.
    pub mac: Mac,
    /// 1 while guests of the subnet may remember another MAC and are yet to be told; else 0. No packet's matter: a process
    /// that ends before it has told them leaves it to the next.
    pub unannounced: u16,
}

/// Value of [`crate::map::PUBLIC_ADDRESSES`], keyed by the public address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct PublicAddress {
    /// Number of the VPC of the private address.
    pub vpc: u32,
    /// What the public address is translated to.
    pub private_address: Address,
    /// The owner of the private address.
    pub location: Location,
}

/// Key of [`crate::map::VPC_BLOCKS`]; always inside an [`LpmKey`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct VpcBlockKey {
    /// Number of the VPC, and the block's family: see [`VpcBlockKey::vpc_number`]. 0 for [`VpcBlockKey::on_internet`].
    pub vpc: u32,
    /// First address of one of its blocks.
    pub address: Address,
}

impl VpcBlockKey {
    /// The trie key of a block of `vpc`.
    #[must_use]
    #[inline(always)]
    pub const fn prefix(vpc: u32, block: Prefix) -> LpmKey<Self> {
        LpmKey {
            prefix_length: 32 + block.length as u32,
            data: Self {
                vpc: block.in_family(vpc),
                address: block.address,
            },
        }
    }

    /// The trie key of a block of IPv6 as the internet knows it: its row says which VPC is there ([`InternetBlock`]).
    #[must_use]
    #[inline(always)]
    pub const fn on_internet(block: Prefix) -> LpmKey<Self> {
        Self::prefix(0, block)
    }

    /// The VPC's number.
    #[must_use]
    pub const fn vpc_number(&self) -> u32 {
        number_of(self.vpc)
    }
}

/// Whose block the row of [`VpcBlockKey::prefix`] is, as the VPC sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum VpcBlock {
    /// The VPC's own.
    Own = 1,
    /// One of IPv4 of a VPC that is peered with it now. It overlaps none of the VPC's own.
    Peer = 2,
}

impl VpcBlock {
    /// The block of a row.
    #[must_use]
    #[inline(always)]
    pub const fn from_row(row: u32) -> Self {
        match row {
            2 => Self::Peer,
            _ => Self::Own,
        }
    }
}

/// What the row of [`VpcBlockKey::on_internet`] says. Addresses of IPv6 are the same inside and outside: a VPC's blocks are on the
/// internet while it has a gateway there, and nobody else's while it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InternetBlock {
    /// Number of the VPC.
    pub vpc: u32,
    /// It has an internet gateway, and not just an egress-only one.
    pub takes_all: bool,
    /// It has no gateway of either kind.
    pub is_closed: bool,
}

impl InternetBlock {
    // Numbers of VPCs stay below.
    const TAKES_ALL: u32 = 1 << 31;
    const IS_CLOSED: u32 = 1 << 30;

    /// The block of a row.
    #[must_use]
    #[inline(always)]
    pub const fn from_row(row: u32) -> Self {
        Self {
            vpc: row & !(Self::TAKES_ALL | Self::IS_CLOSED),
            takes_all: row & Self::TAKES_ALL != 0,
            is_closed: row & Self::IS_CLOSED != 0,
        }
    }

    /// The inverse of [`InternetBlock::from_row`].
    #[must_use]
    pub const fn to_row(self) -> u32 {
        self.vpc
            | if self.takes_all { Self::TAKES_ALL } else { 0 }
            | if self.is_closed { Self::IS_CLOSED } else { 0 }
    }
}

/// Key of [`crate::map::MACS`]: frames between interfaces of one subnet go by MAC and bypass route tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct MacKey {
    /// Number of the subnet.
    pub subnet: u32,
    /// MAC of an attached interface.
    pub mac: Mac,
    /// Zero: part of the key's bytes.
    pub reserved: u16,
}

/// Key of [`crate::map::ROUTES`]; always inside an [`LpmKey`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct RouteKey {
    /// Number of the route table, and the destination's family: see [`RouteKey::route_table_number`].
    pub route_table: u32,
    /// First address of the destination.
    pub destination: Address,
}

impl RouteKey {
    /// The number of the route table of the internet gateway of the VPC `vpc`: no subnet's has it, as numbers are below 2³⁰.
    #[must_use]
    #[inline(always)]
    pub const fn of_gateway(vpc: u32) -> u32 {
        vpc | 1 << 30
    }

    /// The trie key of `destination` in `route_table`.
    #[must_use]
    #[inline(always)]
    pub const fn prefix(route_table: u32, destination: Prefix) -> LpmKey<Self> {
        LpmKey {
            prefix_length: 32 + destination.length as u32,
            data: Self {
                route_table: destination.in_family(route_table),
                destination: destination.address,
            },
        }
    }

    /// The route table's number.
    #[must_use]
    pub const fn route_table_number(&self) -> u32 {
        number_of(self.route_table)
    }
}

/// Value of [`crate::map::ROUTES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Route {
    /// [`Route::BLACKHOLE`] and the other kinds below; an unknown kind is a blackhole.
    pub kind: u32,
    /// The target of [`Route::INTERFACE`] and [`Route::NAT_GATEWAY`], else zero.
    pub location: Location,
    /// The number of the VPC at the other end of [`Route::VPC_PEERING_CONNECTION`]; zero where it has no interface here, and
    /// of other kinds.
    pub vpc: u32,
}

impl Route {
    /// Drops: EC2's state `blackhole` (target detached, stopped or deleted).
    pub const BLACKHOLE: u32 = 0;
    /// Inside the VPC: [`crate::map::MAPPINGS`] says where.
    pub const LOCAL: u32 = 1;
    /// The VPC's internet gateway.
    pub const INTERNET_GATEWAY: u32 = 2;
    /// An interface, by its location, whatever the packet's destination.
    pub const INTERFACE: u32 = 3;
    /// A NAT gateway.
    pub const NAT_GATEWAY: u32 = 4;
    /// The VPC's egress-only internet gateway.
    pub const EGRESS_ONLY_INTERNET_GATEWAY: u32 = 5;
    /// A VPC peering connection.
    pub const VPC_PEERING_CONNECTION: u32 = 6;
    /// A VPC endpoint: of a gateway, or of a Gateway Load Balancer.
    pub const VPC_ENDPOINT: u32 = 7;
    /// A load balancer.
    pub const LOAD_BALANCER: u32 = 8;

    /// The kinds, but [`Route::EGRESS_ONLY_INTERNET_GATEWAY`] among them, that the pipeline knows and carries no packets to.
    pub const UNSUPPORTED: [u32; 2] = [Self::VPC_ENDPOINT, Self::LOAD_BALANCER];

    /// A route that is known by its kind alone.
    #[must_use]
    pub const fn of_kind(kind: u32) -> Self {
        Self {
            kind,
            location: Location::here(0),
            vpc: 0,
        }
    }

    /// To an interface.
    #[must_use]
    pub const fn to_interface(location: Location) -> Self {
        Self {
            kind: Self::INTERFACE,
            location,
            vpc: 0,
        }
    }

    /// To the NAT gateway of a number.
    #[must_use]
    pub const fn to_nat_gateway(number: u32) -> Self {
        Self {
            kind: Self::NAT_GATEWAY,
            location: Location::nat_gateway(number),
            vpc: 0,
        }
    }

    /// To the VPC of a number, by a peering connection.
    #[must_use]
    pub const fn to_peer(vpc: u32) -> Self {
        Self {
            kind: Self::VPC_PEERING_CONNECTION,
            location: Location::here(0),
            vpc,
        }
    }
}

plain! {
    Location { host: Address, vport: u32 }
    MappingKey { vpc: u32, address: Address }
    Mapping { location: Location, subnet: u32, identity: u32, public_address: Address, mac: Mac, unannounced: u16 }
    PublicAddress { vpc: u32, private_address: Address, location: Location }
    VpcBlockKey { vpc: u32, address: Address }
    MacKey { subnet: u32, mac: Mac, reserved: u16 }
    RouteKey { route_table: u32, destination: Address }
    Route { kind: u32, location: Location, vpc: u32 }
}
