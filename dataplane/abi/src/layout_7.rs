//! Table layout 7, which regions left in the kernel before addresses had 16 bytes: what an upgrade reads, and as what it
//! writes that.
//!
//! Layouts that are the same now are the current ones; whoever changes one puts what it was here.
#![allow(
    missing_docs,
    reason = "fields mean what they mean in the current layout"
)]

use crate::plain::plain;
use crate::{Address, DecidingRule, Ipv4, Location, LpmKey, Mac, PolicyKey, Port, Ports, Prefix};
pub use crate::{Globals, IdentityKey, MacKey, Policy, PortKey, RuleBits};

/// [`crate::ABI_VERSION`] then.
pub const ABI_VERSION: u32 = 7;

/// See [`crate::Vport`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Vport {
    pub generation: u64,
    pub flags: u32,
    pub vpc: u32,
    pub subnet: u32,
    pub subnet_address: Ipv4,
    pub subnet_mask: Ipv4,
    pub router_address: Ipv4,
    pub route_table: u32,
    pub security_policy: u32,
    pub identity: u32,
    pub network_acl_policy: u32,
    pub mtu: u32,
    pub tcp_established_seconds: u32,
    pub udp_stream_seconds: u32,
    pub udp_single_seconds: u32,
    pub mac: Mac,
    pub router_mac: Mac,
    pub instance: u32,
    pub host_address: Ipv4,
    pub reserved: u32,
}

/// See [`crate::MappingKey`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct MappingKey {
    pub vpc: u32,
    pub address: Ipv4,
}

/// See [`crate::Mapping`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Mapping {
    pub vport: u32,
    pub subnet: u32,
    pub identity: u32,
    /// Unspecified where there is none.
    pub public_address: Ipv4,
    pub mac: Mac,
    pub unannounced: u16,
}

/// See [`crate::PublicAddress`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct PublicAddress {
    pub vpc: u32,
    pub private_address: Ipv4,
    pub vport: u32,
}

/// See [`crate::VpcBlockKey`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct VpcBlockKey {
    pub vpc: u32,
    pub address: Ipv4,
}

/// See [`crate::RouteKey`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RouteKey {
    pub route_table: u32,
    pub destination: Ipv4,
}

/// See [`crate::Route`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Route {
    pub kind: u32,
    pub vport: u32,
}

/// See [`crate::RemoteKey`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RemoteKey {
    pub policy: PolicyKey,
    pub remote: Ipv4,
}

/// See [`crate::ConnectionKey`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ConnectionKey {
    pub vport: u32,
    pub local_address: Ipv4,
    pub remote_address: Ipv4,
    pub ports: Ports,
    pub protocol: u32,
}

/// See [`crate::Connection`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Connection {
    pub expires_ns: u64,
    pub state: u32,
    pub flags: u32,
    pub egress_acknowledgment: u32,
    pub ingress_acknowledgment: u32,
}

plain! {
    Vport {
        generation: u64, flags: u32, vpc: u32, subnet: u32, subnet_address: Ipv4, subnet_mask: Ipv4,
        router_address: Ipv4, route_table: u32, security_policy: u32, identity: u32, network_acl_policy: u32, mtu: u32,
        tcp_established_seconds: u32, udp_stream_seconds: u32, udp_single_seconds: u32, mac: Mac, router_mac: Mac,
        instance: u32, host_address: Ipv4, reserved: u32,
    }
    MappingKey { vpc: u32, address: Ipv4 }
    Mapping { vport: u32, subnet: u32, identity: u32, public_address: Ipv4, mac: Mac, unannounced: u16 }
    PublicAddress { vpc: u32, private_address: Ipv4, vport: u32 }
    VpcBlockKey { vpc: u32, address: Ipv4 }
    RouteKey { route_table: u32, destination: Ipv4 }
    Route { kind: u32, vport: u32 }
    RemoteKey { policy: PolicyKey, remote: Ipv4 }
    ConnectionKey { vport: u32, local_address: Ipv4, remote_address: Ipv4, ports: Ports, protocol: u32 }
    Connection {
        expires_ns: u64, state: u32, flags: u32, egress_acknowledgment: u32, ingress_acknowledgment: u32,
    }
}

/// The tries' keys began with one word then as now; their prefixes were out of 32 bits.
const fn prefix(key_length: u32, address: Ipv4) -> Prefix {
    Prefix::v4(address, key_length.saturating_sub(u32::BITS) as u8)
}

/// No interface had IPv6, no VPC a resolver.
impl From<Vport> for crate::Vport {
    fn from(row: Vport) -> Self {
        Self {
            generation: row.generation,
            flags: row.flags,
            vpc: row.vpc,
            subnet: row.subnet,
            subnet_address: row.subnet_address,
            subnet_mask: row.subnet_mask,
            router_address: row.router_address,
            route_table: row.route_table,
            security_policy: row.security_policy,
            identity: row.identity,
            network_acl_policy: row.network_acl_policy,
            mtu: row.mtu,
            tcp_established_seconds: row.tcp_established_seconds,
            udp_stream_seconds: row.udp_stream_seconds,
            udp_single_seconds: row.udp_single_seconds,
            mac: row.mac,
            router_mac: row.router_mac,
            instance: row.instance,
            host_address: row.host_address,
            subnet_ipv6: Address::NONE,
            subnet_ipv6_length: 0,
            resolver_address: Ipv4::UNSPECIFIED,
            reserved: 0,
        }
    }
}

/// For those who write that layout in tests: what it had no place for is left out.
impl From<crate::Vport> for Vport {
    fn from(row: crate::Vport) -> Self {
        Self {
            generation: row.generation,
            flags: row.flags & !crate::Vport::IPV6,
            vpc: row.vpc,
            subnet: row.subnet,
            subnet_address: row.subnet_address,
            subnet_mask: row.subnet_mask,
            router_address: row.router_address,
            route_table: row.route_table,
            security_policy: row.security_policy,
            identity: row.identity,
            network_acl_policy: row.network_acl_policy,
            mtu: row.mtu,
            tcp_established_seconds: row.tcp_established_seconds,
            udp_stream_seconds: row.udp_stream_seconds,
            udp_single_seconds: row.udp_single_seconds,
            mac: row.mac,
            router_mac: row.router_mac,
            instance: row.instance,
            host_address: row.host_address,
            reserved: 0,
        }
    }
}

impl From<MappingKey> for crate::MappingKey {
    fn from(key: MappingKey) -> Self {
        Self {
            vpc: key.vpc,
            address: Address::v4(key.address),
        }
    }
}

impl From<Mapping> for crate::Mapping {
    fn from(row: Mapping) -> Self {
        Self {
            location: Location::here(row.vport),
            subnet: row.subnet,
            identity: row.identity,
            public_address: if row.public_address == Ipv4::UNSPECIFIED {
                Address::NONE
            } else {
                Address::v4(row.public_address)
            },
            mac: row.mac,
            unannounced: row.unannounced,
        }
    }
}

impl From<PublicAddress> for crate::PublicAddress {
    fn from(row: PublicAddress) -> Self {
        Self {
            vpc: row.vpc,
            private_address: Address::v4(row.private_address),
            location: Location::here(row.vport),
        }
    }
}

impl From<LpmKey<VpcBlockKey>> for LpmKey<crate::VpcBlockKey> {
    fn from(key: LpmKey<VpcBlockKey>) -> Self {
        let block = prefix(key.prefix_length, key.data.address);
        crate::VpcBlockKey::prefix(key.data.vpc, block)
    }
}

impl From<LpmKey<RouteKey>> for LpmKey<crate::RouteKey> {
    fn from(key: LpmKey<RouteKey>) -> Self {
        let destination = prefix(key.prefix_length, key.data.destination);
        crate::RouteKey::prefix(key.data.route_table, destination)
    }
}

impl From<Route> for crate::Route {
    fn from(row: Route) -> Self {
        Self {
            kind: row.kind,
            location: Location::here(row.vport),
            vpc: 0,
        }
    }
}

impl From<LpmKey<RemoteKey>> for LpmKey<crate::RemoteKey> {
    fn from(key: LpmKey<RemoteKey>) -> Self {
        let remote = prefix(key.prefix_length, key.data.remote);
        crate::RemoteKey::prefix(key.data.policy, remote)
    }
}

impl From<ConnectionKey> for crate::ConnectionKey {
    fn from(key: ConnectionKey) -> Self {
        let [local_port, remote_port] = Ipv4(key.ports.0).to_words();
        Self {
            vport: key.vport,
            local_address: Address::v4(key.local_address),
            remote_address: Address::v4(key.remote_address),
            local_port: Port(local_port),
            remote_port: Port(remote_port),
            protocol: key.protocol,
            // There were no peers.
            peer_vpc: 0,
        }
    }
}

/// Which rule had allowed it was not kept.
impl From<Connection> for crate::Connection {
    fn from(row: Connection) -> Self {
        Self {
            expires_ns: row.expires_ns,
            state: row.state,
            flags: row.flags,
            egress_acknowledgment: row.egress_acknowledgment,
            ingress_acknowledgment: row.ingress_acknowledgment,
            rule: DecidingRule::NONE,
        }
    }
}

/// Sizes in bytes of what that layout's maps held.
#[cfg(test)]
#[test]
fn sizes_are_those_of_the_layout() {
    let sizes = [
        (size_of::<Globals>(), 16),
        (size_of::<Vport>(), 88),
        (size_of::<Mapping>(), 24),
        (size_of::<PublicAddress>(), 12),
        (size_of::<MacKey>(), 12),
        (size_of::<Policy>(), 528),
        (size_of::<RuleBits>(), 128),
        (size_of::<ConnectionKey>(), 20),
        (size_of::<Connection>(), 24),
    ];
    for (index, (size, want)) in sizes.into_iter().enumerate() {
        assert_eq!(size, want, "number {index}");
    }
}
