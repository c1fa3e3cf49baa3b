//! The rows every packet reads.

use crate::plain::plain;
use crate::{Address, Ipv4, Mac};

/// The one row of [`crate::map::GLOBALS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Globals {
    /// Changes after every change of a table other than [`crate::map::VPORTS`]; see the crate's docs.
    pub topology_generation: u64,
    /// The vport that leads to the host and beyond, or 0.
    pub uplink_vport: u32,
    /// [`crate::ABI_VERSION`] of the program that made the maps.
    pub abi_version: u32,
}

/// One row of [`crate::map::VPORTS`]: the data-plane end of one attachment, or of the uplink.
///
/// A zeroed row is an absent vport: it passes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Vport {
    /// Changes with every change of this row; see the crate's docs.
    pub generation: u64,
    /// [`Vport::PRESENT`] and the other bits below.
    pub flags: u32,
    /// Number of the VPC. 0 on the uplink.
    pub vpc: u32,
    /// Number of the subnet. 0 on the uplink.
    pub subnet: u32,
    /// First address of the subnet; on the uplink that of the region's public addresses.
    pub subnet_address: Ipv4,
    /// Mask of the subnet, or of the region's public addresses.
    pub subnet_mask: Ipv4,
    /// The subnet's router (first address + 1): it answers ARP and ICMP echo, and speaks in ICMP errors. On the uplink
    /// the address in whose name the fabric sends ICMP errors to the host.
    pub router_address: Ipv4,
    /// Number of the subnet's route table. 0 on the uplink.
    pub route_table: u32,
    /// Policy of the interface's set of security groups. Unused on the uplink.
    pub security_policy: u32,
    /// The interface's interned set of security groups, as group-sourced rules of others see it.
    pub identity: u32,
    /// Policy of the subnet's network ACL; asked as egress when a packet of this vport leaves the subnet, and as
    /// ingress when a packet for this vport enters it. Unused on the uplink.
    pub network_acl_policy: u32,
    /// Largest IP packet delivered to this vport, in bytes: 9001 in a VPC, 1500 on the uplink.
    pub mtu: u32,
    /// Idle timeout of an established TCP connection, in seconds (EC2: 60 to 432,000).
    pub tcp_established_seconds: u32,
    /// Idle timeout of a UDP flow of more than one request and answer, in seconds (EC2: 60 to 180).
    pub udp_stream_seconds: u32,
    /// Idle timeout of other UDP flows, in seconds (EC2: 30 to 60).
    pub udp_single_seconds: u32,
    /// The guest end's MAC address.
    pub mac: Mac,
    /// The router's MAC address as this vport sees it.
    pub router_mac: Mac,
    /// Number of the instance: the vport of its primary interface, which stays as long as the instance runs. What the
    /// data plane remembers for an instance ([`crate::map::CONNECTIONS`], [`crate::map::FRAGMENTS`]) is found by it.
    pub instance: u32,
    /// On the uplink the host's own address, one of the region's public addresses; of an endpoint its own. Unspecified elsewhere.
    pub host_address: Ipv4,
    /// First address of the subnet's block of IPv6, or [`Address::NONE`]; on the uplink that of the blocks of all the region's
    /// VPCs.
    pub subnet_ipv6: Address,
    /// Bits of that block's prefix.
    pub subnet_ipv6_length: u32,
    /// Where the VPC's guests find who resolves names: the third address of the VPC's block. Unspecified where it has no
    /// resolver, and then none answers at the link-local address either.
    pub resolver_address: Ipv4,
    /// Makes the size a multiple of eight. Zero.
    pub reserved: u32,
}

impl Vport {
    /// In [`Vport::generation`]: the row is being replaced. Numbers stay below it.
    pub const IN_TRANSITION: u64 = 1 << 63;
    /// The row is in use.
    pub const PRESENT: u32 = 1;
    /// The vport leads out of the region: no subnet, no policy, public addresses only.
    pub const UPLINK: u32 = 1 << 1;
    /// EC2's `sourceDestCheck`: the guest may only send from, and is only sent, its own addresses.
    pub const SOURCE_DEST_CHECK: u32 = 1 << 2;
    /// Cut: nothing passes in either direction. Set first on detach and until the last step of attach.
    pub const BLOCKED: u32 = 1 << 3;
    /// The services' end ([`crate::SERVICES_VPORT`]): no subnet, no policy; what comes from there answers guests.
    pub const SERVICES: u32 = 1 << 4;
    /// The interface has an address of IPv6 or a prefix of such, or it is the uplink: what else sends IPv6 is not heard.
    pub const IPV6: u32 = 1 << 5;
    /// An interface endpoint's end: no device, and the region's API behind it. What it is sent goes to the services' end, and what
    /// that answers comes from [`Vport::host_address`].
    pub const ENDPOINT: u32 = 1 << 6;
    /// The guest finds the time, and names where there is a resolver, by IPv6: its instance's type is built on the Nitro System.
    pub const SERVICES_IPV6: u32 = 1 << 7;
    /// It finds instance metadata by IPv6: so its instance's options say.
    pub const METADATA_IPV6: u32 = 1 << 8;

    /// The subnet's last address, to which RFC 919 broadcasts; `255.255.255.255` on the uplink, where no subnet is.
    #[must_use]
    #[inline(always)]
    pub const fn broadcast_address(&self) -> Ipv4 {
        if self.has(Self::UPLINK) {
            Ipv4::BROADCAST
        } else {
            Ipv4(self.subnet_address.0 | !self.subnet_mask.0)
        }
    }

    /// On the uplink: whether `address` is one of the region's public addresses, the host's own one excepted. Beyond the
    /// uplink nobody has it, associated or not.
    #[must_use]
    #[inline(always)]
    pub const fn is_inside(&self, address: Ipv4) -> bool {
        address.is_in(self.subnet_address, self.subnet_mask) && address.0 != self.host_address.0
    }

    /// The address that the subnet's router has in the subnet's block of IPv6, beside [`crate::ROUTER_LINK_LOCAL`]: the first
    /// after the network's own. [`Address::NONE`] where there is no such block.
    #[must_use]
    #[inline(always)]
    pub const fn router_ipv6(&self) -> Address {
        if self.subnet_ipv6.is_none() || self.has(Self::UPLINK) {
            Address::NONE
        } else {
            self.subnet_ipv6.next_of_network()
        }
    }

    /// On the uplink: whether `address` lies in the blocks of the region's VPCs, whether one has it or not.
    #[must_use]
    #[inline(always)]
    pub fn is_inside_ipv6(&self, address: Address) -> bool {
        address.has_prefix(self.subnet_ipv6, self.subnet_ipv6_length)
    }

    /// Whether it is the end of an interface endpoint.
    #[must_use]
    #[inline(always)]
    pub const fn is_endpoint(&self) -> bool {
        self.has(Self::ENDPOINT)
    }

    /// Whether the VPC has a resolver.
    #[must_use]
    #[inline(always)]
    pub const fn has_resolver(&self) -> bool {
        self.resolver_address.0 != Ipv4::UNSPECIFIED.0
    }

    /// Whether the row was left while it was being replaced: it is to be written again.
    #[must_use]
    pub const fn is_in_transition(&self) -> bool {
        self.generation & Self::IN_TRANSITION != 0
    }

    /// Whether all bits of `flags` are set.
    #[must_use]
    #[inline(always)]
    pub const fn has(&self, flags: u32) -> bool {
        self.flags & flags == flags
    }
}

plain! {
    Globals { topology_generation: u64, uplink_vport: u32, abi_version: u32 }
    Vport {
        generation: u64, flags: u32, vpc: u32, subnet: u32, subnet_address: Ipv4, subnet_mask: Ipv4,
        router_address: Ipv4, route_table: u32, security_policy: u32, identity: u32, network_acl_policy: u32, mtu: u32,
        tcp_established_seconds: u32, udp_stream_seconds: u32, udp_single_seconds: u32, mac: Mac, router_mac: Mac,
        instance: u32, host_address: Ipv4, subnet_ipv6: Address, subnet_ipv6_length: u32,
        resolver_address: Ipv4, reserved: u32,
    }
}
