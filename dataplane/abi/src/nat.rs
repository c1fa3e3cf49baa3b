//! NAT gateways: what they are, and what is remembered of the flows through them.

use crate::plain::plain;
use crate::{Connection, Ipv4, Mac, Port, Ports};

/// Value of [`crate::map::NAT_GATEWAYS`], by its number: one that carries packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct NatGateway {
    /// Number of its VPC.
    pub vpc: u32,
    /// Number of its subnet.
    pub subnet: u32,
    /// Number of its subnet's route table.
    pub route_table: u32,
    /// Policy of its subnet's network ACL.
    pub network_acl_policy: u32,
    /// How many of [`NatGateway::addresses`] it has: at least one.
    pub address_count: u32,
    /// Its private addresses, the primary one first.
    pub addresses: [Ipv4; Self::MOST_ADDRESSES],
    /// Its interface's MAC address.
    pub mac: Mac,
    /// Makes the size a multiple of four. Zero.
    pub reserved: u16,
}

impl NatGateway {
    /// Addresses of one (Amazon VPC quotas). A power of two.
    pub const MOST_ADDRESSES: usize = 8;
    /// The first port of its addresses that it gives to flows (Amazon VPC User Guide, "NAT gateway basics": 1024 to 65535).
    pub const FIRST_PORT: u32 = 1_024;
    /// How many ports there are from that one on.
    pub const PORTS: u32 = 65_536 - Self::FIRST_PORT;
    /// Flows of one address to one destination, which is an address, a port and a protocol (the same page).
    pub const FLOWS_TO_DESTINATION: u64 = 55_000;
    /// How long a flow may be idle, in seconds (the same page).
    pub const IDLE_SECONDS: u32 = 350;

    /// Whether an address is one of its own now.
    #[must_use]
    #[inline(always)]
    pub fn has(&self, address: Ipv4) -> bool {
        self.addresses.contains(&address)
    }

    /// The address at `place`, which is below [`NatGateway::address_count`].
    #[must_use]
    #[inline(always)]
    pub const fn address(&self, place: u32) -> Ipv4 {
        self.addresses[place as usize & (Self::MOST_ADDRESSES - 1)]
    }
}

/// Key of a NAT gateway's map in [`crate::map::NAT_FLOWS`]. Each flow has two entries, one for each direction; each destination
/// has one for every address of the gateway that leads there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct NatKey {
    /// [`NatKey::OUTWARD`], [`NatKey::INWARD`] or [`NatKey::DESTINATION`].
    pub kind: u32,
    /// IP protocol number.
    pub protocol: u32,
    /// Which way the flow leaves the gateway, and comes back by: the number of the peered VPC that it enters,
    /// [`NatKey::BY_INTERNET`], or 0 inside the gateway's own VPC. By another way somebody else may have the same addresses.
    pub way: u32,
    /// Outward, who sends through the gateway; else the gateway's address.
    pub local: Ipv4,
    /// The other end.
    pub remote: Ipv4,
    /// Both ends' ports. Of ICMP: the identifier, and the request's type; of a destination only the other end's.
    pub ports: Ports,
}

impl NatKey {
    /// A flow, as its sender sees it. The entry says under which address and port it goes on, and how it stands.
    pub const OUTWARD: u32 = 1;
    /// The same as the other end sees it. The entry says whose it is.
    pub const INWARD: u32 = 2;
    /// All flows of an address to one destination. The entry counts them.
    pub const DESTINATION: u32 = 3;
    /// The way of what goes and comes by an internet gateway. No VPC has this number.
    pub const BY_INTERNET: u32 = u32::MAX;

    /// So many entries the program that collects what is over looks at in one run, ...
    pub const COLLECTED_AT_ONCE: u32 = 128;
    /// ... whose keys it finds in its frame, one behind the other from here on.
    pub const COLLECTED_FROM: u32 = 16;

    /// Whether nothing is lost with the entry, which is a flow's that has expired, or a destination's without flows.
    #[must_use]
    pub const fn is_over(&self, entry: &NatEntry, now_ns: u64) -> bool {
        match self.kind {
            Self::OUTWARD => entry.connection.expires_ns <= now_ns,
            Self::DESTINATION => entry.flows == 0,
            _ => false,
        }
    }

    /// The other end's port.
    #[must_use]
    #[inline(always)]
    pub const fn remote_port(&self) -> Port {
        let [_, port] = Ipv4(self.ports.0).to_words();
        Port(port)
    }

    /// The flow of the entry of the other direction.
    #[must_use]
    #[inline(always)]
    pub const fn opposite(&self, entry: &NatEntry, remote_port: Port) -> Self {
        Self {
            kind: if self.kind == Self::OUTWARD {
                Self::INWARD
            } else {
                Self::OUTWARD
            },
            local: entry.address,
            ports: Ports::new(entry.port, remote_port),
            ..*self
        }
    }

    /// Where a flow's inward key leads, as [`NatKey::DESTINATION`].
    #[must_use]
    #[inline(always)]
    pub const fn destination(&self, remote_port: Port) -> Self {
        Self {
            kind: Self::DESTINATION,
            ports: Ports::new(Port(0), remote_port),
            ..*self
        }
    }
}

/// Value of a NAT gateway's map in [`crate::map::NAT_FLOWS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct NatEntry {
    /// Outward: how the flow stands, and until when.
    pub connection: Connection,
    /// Of a destination: how many flows there are.
    pub flows: u64,
    /// Outward the gateway's address, inward the sender's.
    pub address: Ipv4,
    /// The port that goes with it.
    pub port: Port,
    /// Makes the size a multiple of eight. Zero.
    pub reserved: u16,
}

plain! {
    NatGateway {
        vpc: u32, subnet: u32, route_table: u32, network_acl_policy: u32, address_count: u32,
        addresses: [Ipv4; NatGateway::MOST_ADDRESSES], mac: Mac, reserved: u16,
    }
    NatKey { kind: u32, protocol: u32, way: u32, local: Ipv4, remote: Ipv4, ports: Ports }
    NatEntry { connection: Connection, flows: u64, address: Ipv4, port: Port, reserved: u16 }
}
