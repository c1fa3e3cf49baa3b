//! What the subnet's router says itself by ICMP for IPv6: echo replies and "packet too big" (RFC 4443).

use eni_abi::{DropReason, ROUTER_LINK_LOCAL, SMALLEST_IPV6_MTU, Vport};
use eni_wire::{
    ETHERNET_LENGTH, EtherType, EthernetHeader, FragmentPart, ICMP_LENGTH, IPV6_LENGTH, Ipv6Header,
    checksum, icmpv6_type, protocol,
};

use crate::Frame;
use crate::extension::FIRST_OFFSET;
use crate::packet::Packet;

/// Hop limit of packets the router sends.
const ROUTER_HOP_LIMIT: u8 = 64;
/// What an error quotes of a packet: an IPv6 header, and behind it a fragment header and a UDP header, or a TCP header's fixed
/// part. RFC 4443 would have as much as there is; receivers look for ports.
const QUOTED_LENGTH: u32 = IPV6_LENGTH + 24;

/// Turns an echo request to the router into its reply, to be delivered to the sender.
#[inline(never)]
pub(crate) fn echo<F: Frame>(frame: &mut F, packet: &Packet) -> Result<(), DropReason> {
    let request = eni_abi::Port::icmp(icmpv6_type::ECHO_REQUEST, 0);
    if packet.protocol != protocol::ICMPV6
        || packet.destination_port != request
        || packet.part != FragmentPart::Whole
    {
        return Err(DropReason::RouterUnreachable);
    }
    let failed = DropReason::RewriteFailed;
    let [type_and_code, sum] = frame
        .load(packet.transport_offset)
        .ok_or(DropReason::Truncated)?;
    let reply = u16::from_ne_bytes([icmpv6_type::ECHO_REPLY, 0]);
    let header = EthernetHeader {
        destination: packet.source_mac,
        source: packet.destination_mac,
        ether_type: EtherType::IPV6,
    };
    frame.store(0, &header.to_words()).ok_or(failed)?;
    // Swapping the addresses leaves the pseudo-header's sum as it is.
    let addresses = ETHERNET_LENGTH + IPV6_LENGTH - 32;
    let source = packet.destination.to_words();
    frame.store(addresses, &source).ok_or(failed)?;
    let destination = packet.source.to_words();
    frame.store(addresses + 16, &destination).ok_or(failed)?;
    let words = [reply, checksum::replace_word(sum, type_and_code, reply)];
    frame.store(packet.transport_offset, &words).ok_or(failed)
}

/// Turns a packet that is too large for its way into the router's error to its sender (RFC 8201).
///
/// Not for errors (RFC 4443, section 2.4), nor for what was not sent from an address that may be answered.
#[inline(never)]
pub(crate) fn packet_too_big<F: Frame>(
    frame: &mut F,
    packet: &Packet,
    sender: &Vport,
    mtu: u32,
) -> Option<()> {
    let [icmp_type, _] = packet.destination_port.0.to_ne_bytes();
    if packet.protocol == protocol::ICMPV6 && icmpv6_type::is_error(icmp_type) {
        return None;
    }
    let mtu = if mtu < SMALLEST_IPV6_MTU {
        SMALLEST_IPV6_MTU
    } else {
        mtu
    };
    let length = ICMP_LENGTH + QUOTED_LENGTH;
    let quoted: [u16; QUOTED_LENGTH as usize / 2] = frame.load(ETHERNET_LENGTH)?;
    frame.resize(FIRST_OFFSET + length)?;
    let type_and_code = u16::from_ne_bytes([icmpv6_type::PACKET_TOO_BIG, 0]);
    let mut icmp = [type_and_code, 0, 0, (mtu as u16).to_be()];
    let pseudo_header = checksum::pseudo_header(
        ROUTER_LINK_LOCAL,
        packet.source,
        length as u16,
        protocol::ICMPV6,
    );
    let sum = checksum::sum(&icmp).wrapping_add(checksum::sum(&quoted));
    icmp[1] = checksum::finish(sum.wrapping_add(pseudo_header));
    frame.store(FIRST_OFFSET, &icmp)?;
    frame.store(FIRST_OFFSET + ICMP_LENGTH, &quoted)?;
    write_headers(frame, packet, sender, length)
}

#[inline(always)]
fn write_headers<F: Frame>(
    frame: &mut F,
    packet: &Packet,
    sender: &Vport,
    length: u32,
) -> Option<()> {
    let ethernet = EthernetHeader {
        destination: sender.mac,
        source: sender.router_mac,
        ether_type: EtherType::IPV6,
    };
    let ip = Ipv6Header {
        payload_length: length,
        next_header: protocol::ICMPV6,
        hop_limit: ROUTER_HOP_LIMIT,
        source: ROUTER_LINK_LOCAL,
        destination: packet.source,
    };
    frame.store(0, &ethernet.to_words())?;
    frame.store(ETHERNET_LENGTH, &ip.to_words())
}
