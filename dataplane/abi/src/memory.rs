//! What the data plane remembers: connections (ground state), flows and fragments (caches).

use crate::plain::plain;
use crate::{Address, DecidingRule, Direction, Ipv4, Mac, Port};

/// Key of an instance's map in [`crate::map::CONNECTIONS`]: a flow from one vport's point of view, so that both directions share an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct ConnectionKey {
    /// Whose security groups tracked the flow.
    pub vport: u32,
    /// The guest's (private) address.
    pub local_address: Address,
    /// The other end as the guest sees it.
    pub remote_address: Address,
    /// The guest's port; the identifier for ICMP queries; 0 for protocols without ports.
    pub local_port: Port,
    /// The other end's port; [`ConnectionKey::icmp_query`] for ICMP; 0 for protocols without ports.
    pub remote_port: Port,
    /// IP protocol number.
    pub protocol: u32,
    /// Number of the peered VPC in which the other end is; 0 for one in the own VPC and beyond gateways, and for IPv6, whose
    /// addresses are of one VPC each. Two peers may have the same addresses, and neither's packets are the other's.
    pub peer_vpc: u32,
}

impl ConnectionKey {
    /// What stands for the other end's port in a conversation of ICMP: the requests' type, who asks, and the code.
    ///
    /// So a request and an answer find an entry only if it is that of their own kind, begun from the right side.
    #[must_use]
    #[inline(always)]
    pub const fn icmp_query(request_type: u8, guest_asks: bool, code: u8) -> Port {
        // IPv4's requests have types up to 42, those of IPv6 from 128: without the highest bit they differ still.
        Port::icmp(request_type << 1 | guest_asks as u8, code)
    }
}

/// How far a tracked flow has got. Stored as its number in [`Connection::state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ConnectionState {
    /// TCP: the first SYN was seen.
    SynSent = 0,
    /// TCP: SYN and ACK answered it.
    SynReceived = 1,
    /// TCP: the handshake is complete, or the flow was picked up in its middle.
    Established = 2,
    /// TCP: one end has sent FIN.
    Closing = 3,
    /// TCP: both ends have sent FIN or RST, or one an RST that its receiver takes.
    Closed = 4,
    /// UDP: only the initiator has sent.
    UdpRequest = 5,
    /// UDP: answered once.
    UdpAnswered = 6,
    /// UDP: more than one request and answer (EC2's UDP stream).
    UdpStream = 7,
    /// ICMP: a request was seen, and perhaps its answers.
    Icmp = 8,
    /// Another protocol, tracked by addresses and protocol.
    Other = 9,
    /// TCP: one end has sent an RST that its receiver may or may not take.
    Doubted = 10,
}

impl ConnectionState {
    /// The state of a number from [`Connection::state`]; `None` for a number of no state.
    #[must_use]
    #[inline(always)]
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::SynSent,
            1 => Self::SynReceived,
            2 => Self::Established,
            3 => Self::Closing,
            4 => Self::Closed,
            5 => Self::UdpRequest,
            6 => Self::UdpAnswered,
            7 => Self::UdpStream,
            8 => Self::Icmp,
            9 => Self::Other,
            10 => Self::Doubted,
            _ => return None,
        })
    }
}

/// Value of an instance's map in [`crate::map::CONNECTIONS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Connection {
    /// When the entry ceases to count, in nanoseconds of `CLOCK_MONOTONIC`. Renewed at least once a second while
    /// packets pass; an entry past it is as good as absent and may be removed by anyone.
    pub expires_ns: u64,
    /// A [`ConnectionState`] number.
    pub state: u32,
    /// [`Connection::INITIATED_EGRESS`] and the other bits below.
    pub flags: u32,
    /// TCP: what the guest last acknowledged, of those packets that went the slow way.
    pub egress_acknowledgment: u32,
    /// TCP: what the other end last acknowledged, as above.
    pub ingress_acknowledgment: u32,
    /// What allowed the first packet.
    pub rule: DecidingRule,
}

impl Connection {
    /// The guest sent the first packet.
    pub const INITIATED_EGRESS: u32 = 1;
    /// The guest has sent FIN.
    pub const FIN_EGRESS: u32 = 1 << 1;
    /// The other end has sent FIN.
    pub const FIN_INGRESS: u32 = 1 << 2;

    /// [`Connection::egress_acknowledgment`] is known.
    pub const ACKNOWLEDGED_EGRESS: u32 = 1 << 3;
    /// [`Connection::ingress_acknowledgment`] is known.
    pub const ACKNOWLEDGED_INGRESS: u32 = 1 << 4;
    /// In [`ConnectionState::Doubted`]: it is the guest that has sent RST.
    pub const RESET_EGRESS: u32 = 1 << 5;

    /// Which direction the first packet had.
    #[must_use]
    #[inline(always)]
    pub const fn initiated(&self) -> Direction {
        if self.flags & Self::INITIATED_EGRESS != 0 {
            Direction::Egress
        } else {
            Direction::Ingress
        }
    }
}

/// Value of [`crate::map::TRACKED`]: about how many entries an instance's map in [`crate::map::CONNECTIONS`] has. It says
/// which are worth a walk; the map itself holds to its allowance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Tracked {
    /// As counted by the last walk through them, and those begun since.
    pub connections: u64,
}

/// Key of [`crate::map::FLOWS`]: what a guest puts on the wire. TCP and UDP over IPv4, without IP options or fragments only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct FlowKey {
    /// The sender.
    pub vport: u32,
    /// Source address in the frame.
    pub source: Ipv4,
    /// Destination address in the frame.
    pub destination: Ipv4,
    /// Source and destination port.
    pub ports: Ports,
    /// IP protocol number.
    pub protocol: u32,
}

/// Key of [`crate::map::FLOWS_IPV6`]: what [`FlowKey`] is for IPv4, without extension headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct FlowKeyIpv6 {
    /// The sender.
    pub vport: u32,
    /// Source address in the frame.
    pub source: Address,
    /// Destination address in the frame.
    pub destination: Address,
    /// Source and destination port.
    pub ports: Ports,
    /// IP protocol number.
    pub protocol: u32,
}

/// Source and destination port as one word, the bytes as they lie in a frame.
///
/// One word, because a key is hashed right after it is built: a CPU that is to read a word from what it has just stored
/// in halves waits until both have reached the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Ports(pub u32);

impl Ports {
    /// The word of two ports.
    #[must_use]
    #[inline(always)]
    pub const fn new(source: Port, destination: Port) -> Self {
        Self(Ipv4::from_words(source.0, destination.0).0)
    }
}

/// Value of [`crate::map::FLOWS`] and, without translation, of [`crate::map::FLOWS_IPV6`]: a whole verdict. Losing it changes nothing but time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Flow {
    /// [`crate::Globals::topology_generation`] of the decision.
    pub topology_generation: u64,
    /// The sender's generation at the decision.
    pub sender_generation: u64,
    /// The target's generation at the decision.
    pub target_generation: u64,
    /// From when on the slow way decides again, so that connections are renewed. `CLOCK_MONOTONIC`.
    pub refresh_ns: u64,
    /// Where the packet goes.
    pub target_vport: u32,
    /// Largest IP packet that may take this way, in bytes.
    pub mtu: u32,
    /// [`Flow::ROUTED`], [`Flow::TRANSLATE`].
    pub flags: u32,
    /// Destination MAC the frame must have had: another one means another decision.
    pub expected_destination_mac: Mac,
    /// Source MAC the frame must have had: the sender's, under the sender's generation.
    pub expected_source_mac: Mac,
    /// Destination MAC to write ([`Flow::ROUTED`]).
    pub new_destination_mac: Mac,
    /// Source MAC to write ([`Flow::ROUTED`]).
    pub new_source_mac: Mac,
    /// Source address to write ([`Flow::TRANSLATE`]).
    pub new_source: Ipv4,
    /// Destination address to write ([`Flow::TRANSLATE`]).
    pub new_destination: Ipv4,
    /// Source and destination port to write ([`Flow::TRANSLATE`]).
    pub new_ports: Ports,
}

impl Flow {
    /// Both MACs are rewritten.
    pub const ROUTED: u32 = 1;
    /// Both IP addresses and both ports are rewritten, checksums with them.
    pub const TRANSLATE: u32 = 1 << 1;
    /// The packets leave the region.
    pub const OUTSIDE: u32 = 1 << 2;
}

/// Key of an instance's map in [`crate::map::FRAGMENTS`]: what all fragments of one packet share (RFC 791 section 3.2, RFC
/// 8200 section 4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct FragmentKey {
    /// The sender.
    pub vport: u32,
    /// Source address in the frame.
    pub source: Address,
    /// Destination address in the frame.
    pub destination: Address,
    /// IP identification: the bytes in network byte order, those of IPv4 before two zeroes.
    pub identification: u32,
    /// IP protocol number; in IPv6, where later fragments need not have it, that of the fragment header.
    pub protocol: u32,
}

/// Value of an instance's map in [`crate::map::FRAGMENTS`]: what only the first fragment carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Fragment {
    /// When later fragments may no longer use it. `CLOCK_MONOTONIC`.
    pub expires_ns: u64,
    /// Source port; the identifier for ICMP queries.
    pub source_port: Port,
    /// Destination port; ICMP's type and code.
    pub destination_port: Port,
    /// Where its payload ends, in bytes: no later fragment may begin before.
    pub end: u32,
    /// IP protocol number.
    pub protocol: u32,
    /// Makes the size a multiple of eight. Zero.
    pub reserved: u32,
}

plain! {
    ConnectionKey {
        vport: u32, local_address: Address, remote_address: Address, local_port: Port, remote_port: Port, protocol: u32,
        peer_vpc: u32,
    }
    Connection {
        expires_ns: u64, state: u32, flags: u32, egress_acknowledgment: u32, ingress_acknowledgment: u32,
        rule: DecidingRule,
    }
    Tracked { connections: u64 }
    FlowKey {
        vport: u32, source: Ipv4, destination: Ipv4, ports: Ports, protocol: u32,
    }
    Flow {
        topology_generation: u64, sender_generation: u64, target_generation: u64, refresh_ns: u64, target_vport: u32,
        mtu: u32, flags: u32, expected_destination_mac: Mac, expected_source_mac: Mac, new_destination_mac: Mac,
        new_source_mac: Mac, new_source: Ipv4, new_destination: Ipv4, new_ports: Ports,
    }
    FragmentKey { vport: u32, source: Address, destination: Address, identification: u32, protocol: u32 }
    FlowKeyIpv6 { vport: u32, source: Address, destination: Address, ports: Ports, protocol: u32 }
    Fragment {
        expires_ns: u64, source_port: Port, destination_port: Port, end: u32, protocol: u32, reserved: u32,
    }
}
