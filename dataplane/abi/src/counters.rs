//! Counters: every drop has a reason, every delivery is counted at both ends.

use crate::plain::plain;

/// Slots for each vport in [`crate::map::COUNTERS`]; leaves room for new reasons without a new layout. With
/// [`crate::MAX_VPORTS`] they take 4 MiB for each CPU.
pub const DROP_REASON_SLOTS: u32 = 128;

/// The index of a counter in [`crate::map::COUNTERS`].
#[must_use]
#[inline(always)]
pub const fn counter_index(vport: u32, reason: DropReason) -> u32 {
    vport
        .wrapping_mul(DROP_REASON_SLOTS)
        .wrapping_add(reason as u32)
}

macro_rules! drop_reasons {
    ($(#[doc = $doc:literal] $variant:ident = $number:literal, $name:literal;)+) => {
        /// Why a packet was dropped. Numbers and names are stable.
        ///
        /// Reasons found at the destination (its checks and rules) count at the receiver, all others at the sender.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum DropReason {
            $(#[doc = $doc] $variant = $number,)+
        }

        impl DropReason {
            /// All reasons, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable name, in lower case with underscores.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What it means, for people: one sentence.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => $doc,)+
                }
            }
        }
    };
}

drop_reasons! {
    /// The frame ends before its headers do.
    Truncated = 0, "truncated";
    /// A header's length or version contradicts itself or the frame.
    MalformedHeader = 1, "malformed_header";
    /// The sender has no row: a device without an interface behind it.
    UnknownVport = 2, "unknown_vport";
    /// The sender is cut.
    SenderBlocked = 3, "sender_blocked";
    /// The receiver is cut or gone.
    ReceiverBlocked = 4, "receiver_blocked";
    /// Neither IPv4, IPv6 nor ARP.
    UnsupportedEtherType = 5, "unsupported_ether_type";
    /// An 802.1Q or 802.1ad tag.
    Vlan = 6, "vlan";
    /// IPv6 from an interface that has no address of IPv6.
    Ipv6 = 7, "ipv6";
    /// Broadcast, by MAC or by IP address.
    Broadcast = 8, "broadcast";
    /// Multicast, by MAC or by IP address.
    Multicast = 9, "multicast";
    /// The source MAC is not the interface's.
    SpoofedMac = 10, "spoofed_mac";
    /// Not the interface's own source address: where that is checked, in the router's or resolver's name, or to a service or endpoint.
    SpoofedAddress = 11, "spoofed_address";
    /// ARP that the fabric does not answer: gratuitous, for the guest's own address, for an address nobody has.
    ArpUnanswered = 12, "arp_unanswered";
    /// For the router's address, but not an ICMP echo request.
    RouterUnreachable = 13, "router_unreachable";
    /// The destination MAC is nobody's in the subnet, nor is the destination address.
    UnknownMac = 14, "unknown_mac";
    /// No route.
    NoRoute = 15, "no_route";
    /// The route's state is `blackhole`.
    Blackhole = 16, "blackhole";
    /// No attached interface of a running instance has the destination address.
    UnknownAddress = 17, "unknown_address";
    /// At the internet gateway: the source has no public address.
    NoPublicAddress = 18, "no_public_address";
    /// The destination is one of the region's public addresses, and not associated.
    UnknownPublicAddress = 19, "unknown_public_address";
    /// The internet gateway has no way out.
    NoUplink = 20, "no_uplink";
    /// The sender's security groups do not allow it.
    SecurityGroupEgress = 21, "security_group_egress";
    /// The receiver's security groups do not allow it.
    SecurityGroupIngress = 22, "security_group_ingress";
    /// The sender's subnet's network ACL denies it.
    NetworkAclEgress = 23, "network_acl_egress";
    /// The receiver's subnet's network ACL denies it.
    NetworkAclIngress = 24, "network_acl_ingress";
    /// The receiver does not own the destination address, and its source/destination check is on.
    DestinationCheck = 25, "destination_check";
    /// The instance tracks as many flows as it may (EC2's counter of the same name).
    ConntrackAllowanceExceeded = 26, "conntrack_allowance_exceeded";
    /// A later fragment whose first fragment was not seen.
    FragmentWithoutFirst = 27, "fragment_without_first";
    /// Larger than the way's MTU.
    MtuExceeded = 28, "mtu_exceeded";
    /// The kernel refused to rewrite the frame.
    RewriteFailed = 29, "rewrite_failed";
    /// The kernel has no memory for another tracked flow, or the instance no table of them.
    ConnectionTableFull = 30, "connection_table_full";
    /// The frame claims offloads (segments, a checksum to complete) that its headers do not bear out.
    OffloadMismatch = 31, "offload_mismatch";
    /// From or to an address that no router forwards: loopback, link-local and the like (RFC 6890).
    SpecialAddress = 32, "special_address";
    /// From outside, with a source inside: a public address of the region, of the receiver's VPC or a peer of it, or of IPv6.
    InsideSource = 33, "inside_source";
    /// The IP header's checksum is wrong.
    HeaderChecksum = 34, "header_checksum";
    /// The time to live is 0.
    TimeToLive = 35, "time_to_live";
    /// An IP option says which way the packet is to go.
    SourceRoute = 36, "source_route";
    /// A later fragment begins within the first one.
    FragmentOverlap = 37, "fragment_overlap";
    /// The routes lead over more hops than a packet may take.
    TooManyHops = 38, "too_many_hops";
    /// The route's target is of a kind that the fabric carries no packets to.
    UnsupportedTarget = 39, "unsupported_target";
    /// The receiver is on another host, and no tunnel leads there.
    OtherHost = 40, "other_host";
    /// The interface sends more packets to link-local services than it may (EC2's counter of the same name).
    LinklocalAllowanceExceeded = 41, "linklocal_allowance_exceeded";
    /// For the address of a service of the fabric, but not what it serves, or nobody serves it.
    ServiceUnreachable = 42, "service_unreachable";
    /// From the fabric's services, but no answer of theirs to an interface that is there.
    StrayAnswer = 43, "stray_answer";
    /// Neighbor or router solicitation that the fabric does not answer: for the guest's own address, for an address nobody has.
    NeighborUnanswered = 44, "neighbor_unanswered";
    /// What a guest may not tell its link by IPv6: advertisements, redirects, reports of listeners.
    NeighborUnsolicited = 45, "neighbor_unsolicited";
    /// Neighbor discovery that breaks RFC 4861: its hop limit is not 255, it has extension headers or addresses that cannot be.
    NeighborInvalid = 46, "neighbor_invalid";
    /// More extension headers of IPv6 than are walked, or one where it cannot be.
    ExtensionHeaders = 47, "extension_headers";
    /// From the internet by an egress-only internet gateway, but no answer to what the interface has sent.
    EgressOnly = 48, "egress_only";
    /// For a service of the fabric, with IP options or extension headers.
    ServiceOptions = 49, "service_options";
    /// An answer of DHCP that a guest has sent, from port 67 to 68 or by IPv6 to 546: only the fabric gives addresses.
    DhcpAnswer = 50, "dhcp_answer";
    /// By a VPC peering connection, with a source that is not in a block of the sender's VPC: nobody passes on what is another's.
    PeeringTransit = 51, "peering_transit";
    /// The NAT gateway has no port left for the destination (EC2's metric `ErrorPortAllocation`).
    NatPortAllocation = 52, "nat_port_allocation";
    /// For a NAT gateway, but no answer to what has gone through it.
    NatUnsolicited = 53, "nat_unsolicited";
    /// TCP through a NAT gateway, of a connection that it does not know or knows no more: answered with an RST, unless it is one.
    NatIdle = 54, "nat_idle";
    /// Through a NAT gateway, but neither TCP, UDP nor a question of ICMP or an error about what has gone through it.
    NatProtocol = 55, "nat_protocol";
    /// A fragment of TCP or ICMP at a NAT gateway.
    NatFragment = 56, "nat_fragment";
    /// The NAT gateway carries as many flows as it may, or the kernel has no memory for another.
    NatTableFull = 57, "nat_table_full";
    /// An interface endpoint is sent more packets than it may be.
    EndpointAllowanceExceeded = 58, "endpoint_allowance_exceeded";
    /// Through a NAT gateway, from an address to which its subnet has no way back: of no VPC's block, and behind no interface.
    NatSource = 59, "nat_source";
    /// A redirect of ICMP: a host takes them from the router of its link only, and that is the fabric, which sends none.
    Redirect = 60, "redirect";
}

/// Value of [`crate::map::TRAFFIC`], by vport: what was delivered, seen from the interface. Bytes are those of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Traffic {
    /// Delivered to the guest.
    pub ingress_packets: u64,
    /// Delivered to the guest.
    pub ingress_bytes: u64,
    /// Sent by the guest and delivered.
    pub egress_packets: u64,
    /// Sent by the guest and delivered.
    pub egress_bytes: u64,
}

plain! {
    Traffic { ingress_packets: u64, ingress_bytes: u64, egress_packets: u64, egress_bytes: u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_numbered_from_zero_without_gaps_and_fit_their_slots() {
        for (number, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, number, "{}", reason.as_str());
        }
        assert!(DropReason::ALL.len() <= DROP_REASON_SLOTS as usize);
    }

    #[test]
    fn every_reason_stands_in_the_documents_as_it_is_declared() {
        let listed = include_str!("../../../docs/DROP-REASONS.md");
        let mut rows = listed.lines().filter_map(|line| {
            let (name, meaning) = line.strip_prefix("| `")?.split_once("` | ")?;
            Some((name, meaning.strip_suffix(" |")?))
        });
        for reason in DropReason::ALL {
            let declared = (reason.as_str(), reason.description().trim());
            assert_eq!(rows.next(), Some(declared));
        }
        assert_eq!(rows.next(), None);
    }
}
