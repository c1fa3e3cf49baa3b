//! Where an address or a MAC lives, and where routes lead.

use crate::plain::plain;
use crate::{Ipv4, LpmKey, Mac};

/// Key of [`crate::map::MAPPINGS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct MappingKey {
    /// Number of the VPC.
    pub vpc: u32,
    /// A private address of an attached interface, primary or secondary.
    pub address: Ipv4,
}

/// Where a private address lives. Only attached interfaces of running instances have mappings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Mapping {
    /// The owner.
    pub vport: u32,
    /// Number of the owner's subnet.
    pub subnet: u32,
    /// The owner's identity; see [`crate::Vport::identity`].
    pub identity: u32,
    /// The public address translated to and from this one at the internet gateway, or unspecified.
    pub public_address: Ipv4,
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
    pub private_address: Ipv4,
    /// The owner of the private address.
    pub vport: u32,
}

/// Key of [`crate::map::VPC_BLOCKS`]; always inside an [`LpmKey`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct VpcBlockKey {
    /// Number of the VPC.
    pub vpc: u32,
    /// First address of one of its blocks.
    pub address: Ipv4,
}

impl VpcBlockKey {
    /// The trie key of the block `address/prefix_length` of `vpc`.
    #[must_use]
    #[inline(always)]
    pub const fn prefix(vpc: u32, address: Ipv4, prefix_length: u8) -> LpmKey<Self> {
        LpmKey {
            prefix_length: 32 + prefix_length as u32,
            data: Self { vpc, address },
        }
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
    /// Number of the route table.
    pub route_table: u32,
    /// First address of the destination.
    pub destination: Ipv4,
}

impl RouteKey {
    /// The trie key of `destination/prefix_length` in `route_table`.
    #[must_use]
    pub const fn prefix(route_table: u32, destination: Ipv4, prefix_length: u8) -> LpmKey<Self> {
        LpmKey {
            prefix_length: 32 + prefix_length as u32,
            data: Self {
                route_table,
                destination,
            },
        }
    }
}

/// Value of [`crate::map::ROUTES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Route {
    /// [`Route::BLACKHOLE`] and the other kinds below; an unknown kind is a blackhole.
    pub kind: u32,
    /// The target of [`Route::INTERFACE`], else 0.
    pub vport: u32,
}

impl Route {
    /// Drops: EC2's state `blackhole` (target detached, stopped or deleted).
    pub const BLACKHOLE: u32 = 0;
    /// Inside the VPC: [`crate::map::MAPPINGS`] says where.
    pub const LOCAL: u32 = 1;
    /// The VPC's internet gateway.
    pub const INTERNET_GATEWAY: u32 = 2;
    /// An interface, by vport, whatever the packet's destination.
    pub const INTERFACE: u32 = 3;
}

plain! {
    MappingKey { vpc: u32, address: Ipv4 }
    Mapping { vport: u32, subnet: u32, identity: u32, public_address: Ipv4, mac: Mac, unannounced: u16 }
    PublicAddress { vpc: u32, private_address: Ipv4, vport: u32 }
    VpcBlockKey { vpc: u32, address: Ipv4 }
    MacKey { subnet: u32, mac: Mac, reserved: u16 }
    RouteKey { route_table: u32, destination: Ipv4 }
    Route { kind: u32, vport: u32 }
}
