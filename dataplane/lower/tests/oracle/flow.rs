//! Flows, and what ICMP says about them.

use std::net::IpAddr;

use eni_types::{AttachmentId, VpcId};

use super::rules::Seen;
use super::{End, ICMP, ICMPV6, Packet, Piece};

/// The types that ask and answer: RFC 792, RFC 950, RFC 8335. Only they make conversations.
const QUERIES: [(u8, u8); 5] = [(8, 0), (13, 14), (15, 16), (17, 18), (42, 43)];
/// The same of IPv6: RFC 4443, RFC 8335.
const QUERIES_IPV6: [(u8, u8); 2] = [(128, 129), (160, 161)];
/// The types that quote the packet they are about: RFC 1122 section 3.2.2.
const ERRORS: [u8; 5] = [3, 4, 5, 11, 12];

/// RFC 4443, section 2.1.
const ERRORS_IPV6: [u8; 4] = [1, 2, 3, 4];

fn queries(is_ipv6: bool) -> &'static [(u8, u8)] {
    if is_ipv6 { &QUERIES_IPV6 } else { &QUERIES }
}

/// What an ICMP error quotes of the packet it is about, as its sender sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quote {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    /// Of a packet's later fragment: what stands in the ports' place is payload.
    pub(crate) later_fragment: bool,
    /// How many bytes of what followed the quoted IP header are there.
    pub(crate) bytes: u8,
}

/// A flow, between two ends as the guest of an attachment sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TrackedFlow {
    pub(crate) attachment: AttachmentId,
    pub(crate) protocol: u8,
    /// The guest's own end; its port is ICMP's identifier.
    pub(crate) local: End,
    /// The other end.
    pub(crate) remote: End,
    /// For ICMP.
    pub(crate) query: Option<Query>,
    /// The peered VPC where the other end is, of IPv4: two peers may have one address.
    pub(crate) peer: Option<VpcId>,
}

/// What one end asks the other by ICMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Query {
    /// The type of the request.
    pub(crate) request: u8,
    pub(crate) code: u8,
    pub(crate) guest_asks: bool,
}

pub(super) fn is_request(packet: &Packet) -> bool {
    queries(packet.is_ipv6())
        .iter()
        .any(|(request, _)| *request == icmp_type(packet.destination_port))
}

/// The type of the request that an IPv4 message of this type and code is, or answers; and whether it answers.
pub(super) fn query_of(type_and_code: u16) -> Option<(u16, bool)> {
    let found = icmp_type(type_and_code);
    let mut queries = QUERIES.iter();
    let (request, answer) =
        queries.find(|(request, answer)| found == *request || found == *answer)?;
    Some((u16::from(*request) << 8, found == *answer))
}

fn icmp_type(destination_port: u16) -> u8 {
    destination_port.to_be_bytes()[0]
}

/// The flow of a packet from or to the guest of `attachment`; `None` for ICMP that neither asks nor answers.
pub(super) fn flow_of(
    attachment: AttachmentId,
    protocol: u8,
    is_egress: bool,
    (local, remote): (IpAddr, IpAddr),
    (source_port, destination_port): (u16, u16),
    peer: Option<VpcId>,
) -> Option<TrackedFlow> {
    let (mut local_port, mut remote_port) = match is_egress {
        true => (source_port, destination_port),
        false => (destination_port, source_port),
    };
    let mut query = None;
    let is_ipv6 = remote.is_ipv6();
    if protocol == if is_ipv6 { ICMPV6 } else { ICMP } {
        let [icmp_type, code] = destination_port.to_be_bytes();
        let (request, answer) = queries(is_ipv6)
            .iter()
            .copied()
            .find(|(request, answer)| icmp_type == *request || icmp_type == *answer)?;
        query = Some(Query {
            request,
            // RFC 8335: the code of an extended echo's answer is its own.
            code: if matches!(request, 42 | 160) { 0 } else { code },
            guest_asks: is_egress == (icmp_type != answer),
        });
        (local_port, remote_port) = (source_port, 0);
    }
    Some(TrackedFlow {
        attachment,
        protocol,
        local: (local, local_port),
        remote: (remote, remote_port),
        query,
        peer: peer.filter(|_| !is_ipv6),
    })
}

/// The quote of an error from which the flow can be told: eight bytes after the IP header (RFC 792), of no later fragment.
pub(super) fn whole_quote(packet: &Packet) -> Option<Quote> {
    let errors: &[u8] = match packet.is_ipv6() {
        true => &ERRORS_IPV6,
        false => &ERRORS,
    };
    let is_error = packet.is_icmp() && errors.contains(&icmp_type(packet.destination_port));
    // Of one in fragments the quote may lie in several.
    let is_whole = packet.piece == Piece::Whole;
    packet
        .quote
        .filter(|quote| is_error && is_whole && quote.bytes >= 8 && !quote.later_fragment)
}

/// The flow that an error is about: it must go to who sent the quoted packet (Linux, `nf_conntrack_inet_error`).
pub(super) fn quoted_flow(attachment: AttachmentId, seen: &Seen<'_>) -> Option<TrackedFlow> {
    let packet = seen.packet;
    let quote = whole_quote(packet).filter(|quote| quote.source == packet.destination)?;
    let other_end = match quote.destination == packet.source {
        true => seen.remote.0,
        false => quote.destination,
    };
    let ends = match seen.is_egress {
        true => (quote.destination, quote.source),
        false => (seen.local.0, other_end),
    };
    let ports = (quote.source_port, quote.destination_port);
    flow_of(
        attachment,
        quote.protocol,
        !seen.is_egress,
        ends,
        ports,
        seen.peer_vpc,
    )
}
