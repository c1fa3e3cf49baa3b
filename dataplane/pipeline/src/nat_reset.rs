//! What a NAT gateway says to who goes on with a connection that it knows no more.

use eni_abi::Vport;
use eni_wire::tcp_flag::{ACK, FIN, RST, SYN};
use eni_wire::{
    ETHERNET_LENGTH, EtherType, EthernetHeader, FragmentPart, IPV4_LENGTH, Ipv4Header, TCP_LENGTH,
    checksum, protocol,
};

use crate::Frame;
use crate::packet::Packet;

/// Time to live of packets that the fabric sends (RFC 1700).
const TIME_TO_LIVE: u8 = 64;
/// Words of a TCP header without options.
const TCP_WORDS: usize = TCP_LENGTH as usize / 2;
/// Length of that header, in its first four bits.
const DATA_OFFSET: u8 = (TCP_LENGTH as u8 / 4) << 4;

/// Turns a segment of no known connection into the RST that its sender gets, as from the other end (RFC 9293, section 3.10.7.1);
/// nothing for an RST.
#[inline(never)]
pub(crate) fn answer<F: Frame>(frame: &mut F, packet: &Packet, sender: &Vport) -> Option<()> {
    if packet.tcp_flags & RST != 0 {
        return None;
    }
    let payload = packet.fragment_length.wrapping_sub(
        packet
            .headers_length
            .wrapping_sub(packet.transport_offset - ETHERNET_LENGTH),
    );
    let (sequence, acknowledgment, flags) = if packet.tcp_flags & ACK != 0 {
        (packet.tcp_acknowledgment, 0, RST)
    } else {
        let flags = packet.tcp_flags & (SYN | FIN);
        let counted =
            payload.wrapping_add(u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0));
        (0, packet.tcp_sequence.wrapping_add(counted), RST | ACK)
    };
    frame.resize(ETHERNET_LENGTH + IPV4_LENGTH + TCP_LENGTH)?;
    let words = |number: u32| {
        let [a, b, c, d] = number.to_be_bytes();
        [u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d])]
    };
    let ([s0, s1], [a0, a1]) = (words(sequence), words(acknowledgment));
    let mut tcp: [u16; TCP_WORDS] = [
        packet.destination_port.0,
        packet.source_port.0,
        s0,
        s1,
        a0,
        a1,
        u16::from_ne_bytes([DATA_OFFSET, flags]),
        0,
        0,
        0,
    ];
    let length = TCP_LENGTH as u16;
    let (from, to) = (packet.destination, packet.source);
    let sum = checksum::pseudo_header(from, to, length, protocol::TCP);
    tcp[8] = checksum::finish(sum + checksum::sum(&tcp));
    let ethernet = EthernetHeader {
        destination: sender.mac,
        source: sender.router_mac,
        ether_type: EtherType::IPV4,
    };
    let ip = Ipv4Header {
        header_length: IPV4_LENGTH,
        total_length: IPV4_LENGTH + TCP_LENGTH,
        identification: 0,
        dont_fragment: true,
        part: FragmentPart::Whole,
        fragment_offset: 0,
        more_fragments: false,
        time_to_live: TIME_TO_LIVE,
        protocol: protocol::TCP,
        source: from.last_four(),
        destination: to.last_four(),
    };
    frame.store(0, &ethernet.to_words())?;
    frame.store(ETHERNET_LENGTH, &ip.to_words())?;
    frame.store(ETHERNET_LENGTH + IPV4_LENGTH, &tcp)
}
