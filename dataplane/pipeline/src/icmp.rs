//! What the subnet's router says itself: echo replies and "fragmentation needed".

use eni_abi::{DropReason, Vport};
use eni_wire::{
    ETHERNET_LENGTH, EtherType, EthernetHeader, FragmentPart, ICMP_LENGTH, IPV4_LENGTH, Ipv4Header,
    checksum, icmp_type, protocol,
};

use crate::Frame;
use crate::packet::Packet;

/// Time to live of packets the router sends (RFC 1700).
const ROUTER_TIME_TO_LIVE: u8 = 64;
/// What an ICMP error quotes of a packet: an IP header and 8 bytes (RFC 792).
const QUOTED_LENGTH: u32 = IPV4_LENGTH + 8;

/// Turns an echo request to the router into its reply, to be delivered to the sender.
#[inline(never)]
pub(crate) fn echo<F: Frame>(frame: &mut F, packet: &Packet) -> Result<(), DropReason> {
    let request = eni_abi::Port::icmp(icmp_type::ECHO_REQUEST, 0);
    if packet.protocol != protocol::ICMP
        || packet.destination_port != request
        || packet.part != FragmentPart::Whole
    {
        return Err(DropReason::RouterUnreachable);
    }
    let [type_and_code, sum] = frame
        .load(packet.transport_offset)
        .ok_or(DropReason::Truncated)?;
    let reply = u16::from_ne_bytes([icmp_type::ECHO_REPLY, 0]);
    let header = EthernetHeader {
        destination: packet.source_mac,
        source: packet.destination_mac,
        ether_type: EtherType::IPV4,
    };
    // Swapping the addresses leaves the IP header's checksum as it is.
    let ([s0, s1], [d0, d1]) = (
        packet.destination.last_four().to_words(),
        packet.source.last_four().to_words(),
    );
    frame
        .store(0, &header.to_words())
        .ok_or(DropReason::RewriteFailed)?;
    frame
        .store(ETHERNET_LENGTH + 12, &[s0, s1, d0, d1])
        .ok_or(DropReason::RewriteFailed)?;
    let words = [reply, checksum::replace_word(sum, type_and_code, reply)];
    frame
        .store(packet.transport_offset, &words)
        .ok_or(DropReason::RewriteFailed)
}

/// Turns a packet that is too large for its way into the router's ICMP error to its sender (RFC 1191).
///
/// Not for fragments and ICMP errors (RFC 1122 section 3.2.2), nor for packets with IP options.
#[inline(never)]
pub(crate) fn fragmentation_needed<F: Frame>(
    frame: &mut F,
    packet: &Packet,
    sender: &Vport,
    mtu: u32,
) -> Option<()> {
    let plain = packet.transport_offset == ETHERNET_LENGTH + IPV4_LENGTH;
    if !packet.dont_fragment || packet.has_embedded || packet.part != FragmentPart::Whole || !plain
    {
        return None;
    }
    let quoted: [u16; QUOTED_LENGTH as usize / 2] = frame.load(ETHERNET_LENGTH)?;
    frame.resize(ETHERNET_LENGTH + IPV4_LENGTH + ICMP_LENGTH + QUOTED_LENGTH)?;
    let type_and_code = u16::from_ne_bytes([
        icmp_type::DESTINATION_UNREACHABLE,
        icmp_type::CODE_FRAGMENTATION_NEEDED,
    ]);
    let mut icmp = [type_and_code, 0, 0, (mtu as u16).to_be()];
    icmp[1] = checksum::finish(checksum::sum(&icmp) + checksum::sum(&quoted));
    let ethernet = EthernetHeader {
        destination: sender.mac,
        source: sender.router_mac,
        ether_type: EtherType::IPV4,
    };
    let ip = Ipv4Header {
        header_length: IPV4_LENGTH,
        total_length: IPV4_LENGTH + ICMP_LENGTH + QUOTED_LENGTH,
        identification: 0,
        dont_fragment: true,
        part: FragmentPart::Whole,
        fragment_offset: 0,
        more_fragments: false,
        time_to_live: ROUTER_TIME_TO_LIVE,
        protocol: protocol::ICMP,
        source: sender.router_address,
        destination: packet.source.last_four(),
    };
    frame.store(0, &ethernet.to_words())?;
    frame.store(ETHERNET_LENGTH, &ip.to_words())?;
    frame.store(ETHERNET_LENGTH + IPV4_LENGTH, &icmp)?;
    frame.store(ETHERNET_LENGTH + IPV4_LENGTH + ICMP_LENGTH, &quoted)
}
