//! What flow a frame belongs to.

use crate::eligibility::Ordinary;
use crate::limits::MAX_PACKET_BYTES;
use eni_wire::{
    ETHERNET_LENGTH, ETHERNET_WORDS, EtherType, EthernetHeader, FragmentPart, IPV4_LENGTH,
    IPV4_WORDS, Ipv4, Ipv4Header, Port, TCP_LENGTH, TCP_WORDS, TcpHeader, UDP_LENGTH, UDP_WORDS,
    UdpHeader, checksum, protocol,
};

const ETHERNET_BYTES: usize = ETHERNET_LENGTH as usize;
/// The shortest frame that SRD carries: UDP without data.
pub(crate) const MIN_FRAME_BYTES: usize =
    ETHERNET_BYTES + IPV4_LENGTH as usize + UDP_LENGTH as usize;
/// RFC 3168: the two lowest bits of the second byte.
const ECN_BITS: u8 = 0b11;
const SERVICE_OFFSET: usize = ETHERNET_BYTES + 1;
const CHECKSUM_OFFSET: usize = ETHERNET_BYTES + 10;

/// A 5-tuple: packets with the same one keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FlowTuple {
    /// TCP or UDP.
    pub(crate) ip_protocol: u8,
    /// The sender.
    pub(crate) source: Ipv4,
    /// The receiver.
    pub(crate) destination: Ipv4,
    /// The sender's port.
    pub(crate) source_port: Port,
    /// The receiver's port.
    pub(crate) destination_port: Port,
}

/// The `N` words from `at` on.
fn words<const N: usize>(frame: &[u8], at: usize) -> Option<[u16; N]> {
    let bytes = frame.get(at..at + 2 * N)?;
    let mut words = [0; N];
    for (word, pair) in words.iter_mut().zip(bytes.chunks_exact(2)) {
        *word = u16::from_ne_bytes([pair[0], pair[1]]);
    }
    Some(words)
}

/// The flow of a frame of TCP or UDP over unicast IPv4, and the length of its IP packet.
///
/// # Errors
/// Why it is none that SRD carries. Whether the packet is too large is for the caller to ask, who counts first.
pub(crate) fn parse(frame: &[u8]) -> Result<(FlowTuple, u32), Ordinary> {
    let ethernet = words::<ETHERNET_WORDS>(frame, 0).ok_or(Ordinary::Malformed)?;
    let ethernet = EthernetHeader::from_words(&ethernet);
    if ethernet.ether_type != EtherType::IPV4 {
        return Err(Ordinary::NotIpv4);
    }
    let ip = words::<IPV4_WORDS>(frame, ETHERNET_BYTES).ok_or(Ordinary::Malformed)?;
    let ip = Ipv4Header::from_words(&ip).map_err(|_| Ordinary::Malformed)?;
    let packet = frame
        .get(..ETHERNET_BYTES + ip.total_length as usize)
        .ok_or(Ordinary::Malformed)?;
    let is_to_many = ethernet.destination.is_multicast()
        || ip.destination.is_multicast()
        || ip.destination == Ipv4::BROADCAST;
    if is_to_many {
        return Err(Ordinary::NotUnicast);
    }
    if ip.part != FragmentPart::Whole {
        return Err(Ordinary::Fragment);
    }
    let at = ETHERNET_BYTES + ip.header_length as usize;
    let (length, ports) = match ip.protocol {
        protocol::TCP => (
            TCP_LENGTH,
            words::<TCP_WORDS>(packet, at)
                .map(|words| TcpHeader::from_words(&words))
                .map(|tcp| (tcp.source_port, tcp.destination_port)),
        ),
        protocol::UDP => (
            UDP_LENGTH,
            words::<UDP_WORDS>(packet, at)
                .map(|words| UdpHeader::from_words(&words))
                .map(|udp| (udp.source_port, udp.destination_port)),
        ),
        _ => return Err(Ordinary::NotTcpOrUdp),
    };
    let (source_port, destination_port) = ports.ok_or(Ordinary::Malformed)?;
    if packet.len() < at + length as usize {
        return Err(Ordinary::Malformed);
    }
    let tuple = FlowTuple {
        ip_protocol: ip.protocol,
        source: ip.source,
        destination: ip.destination,
        source_port,
        destination_port,
    };
    Ok((tuple, ip.total_length))
}

/// Whether an IP packet of this length may go over SRD, the message aside.
pub(crate) fn is_within_mtu(packet_bytes: u32) -> bool {
    packet_bytes <= MAX_PACKET_BYTES
}

/// Tells the receiver of the congestion that the frame met, where its sender can be told so (RFC 3168 section 5): the
/// two bits become 11, and the checksum follows. Returns whether it was told here: not where the frame said so before.
pub(crate) fn mark_congestion(frame: &mut [u8]) -> bool {
    let Some(service) = frame.get(SERVICE_OFFSET).copied() else {
        return false;
    };
    if matches!(service & ECN_BITS, 0 | ECN_BITS) || frame.len() < CHECKSUM_OFFSET + 2 {
        return false;
    }
    let word = |frame: &[u8], at: usize| u16::from_ne_bytes([frame[at], frame[at + 1]]);
    let from = word(frame, ETHERNET_BYTES);
    frame[SERVICE_OFFSET] = service | ECN_BITS;
    let to = word(frame, ETHERNET_BYTES);
    let fresh = checksum::replace_word(word(frame, CHECKSUM_OFFSET), from, to);
    frame[CHECKSUM_OFFSET..CHECKSUM_OFFSET + 2].copy_from_slice(&fresh.to_ne_bytes());
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use etherparse::{IpFragOffset, Ipv4Header as OracleHeader, PacketBuilder, SlicedPacket};
    use std::vec::Vec;

    #[test]
    fn tcp_and_udp_tell_their_flow() {
        for (frame, ip_protocol) in [
            (testing::tcp(7, 9, 100), protocol::TCP),
            (testing::udp(7, 9, 100), protocol::UDP),
        ] {
            let (tuple, bytes) = parse(&frame).unwrap();
            assert_eq!(bytes as usize, frame.len() - ETHERNET_BYTES);
            assert_eq!(tuple.ip_protocol, ip_protocol);
            let ports = (tuple.source_port, tuple.destination_port);
            assert_eq!(ports, (Port::new(7), Port::new(9)));
        }
    }

    #[test]
    fn what_srd_does_not_carry_says_why() {
        let mut arp = testing::tcp(1, 2, 0);
        arp[12..14].copy_from_slice(&[8, 6]);
        let mut group_mac = testing::tcp(1, 2, 0);
        group_mac[0] |= 1;
        let mut group = testing::udp(1, 2, 0);
        group[30] = 224;
        let mut fragment = testing::udp(1, 2, 0);
        fragment[20] |= 0x20;
        let later = IpFragOffset::try_new(3).unwrap();
        let mut later_fragment = testing::udp(1, 2, 0);
        later_fragment[20..22].copy_from_slice(&later.value().to_be_bytes());
        let short = testing::tcp(1, 2, 0)[..40].to_vec();
        let mut icmp = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .icmpv4_echo_request(1, 1)
            .write(&mut icmp, &[])
            .unwrap();
        for (frame, reason) in [
            (arp, Ordinary::NotIpv4),
            (group_mac, Ordinary::NotUnicast),
            (group, Ordinary::NotUnicast),
            (fragment, Ordinary::Fragment),
            (later_fragment, Ordinary::Fragment),
            (short, Ordinary::Malformed),
            (icmp, Ordinary::NotTcpOrUdp),
        ] {
            assert_eq!(parse(&frame), Err(reason));
        }
    }

    #[test]
    fn a_mark_keeps_the_checksum_right_and_only_goes_where_it_is_understood() {
        for ecn in 0..4_u8 {
            let mut frame = testing::tcp(1, 2, 10);
            testing::set_ecn(&mut frame, ecn);
            let before = frame.clone();
            assert_eq!(mark_congestion(&mut frame), ecn == 1 || ecn == 2);
            let (header, _) = OracleHeader::from_slice(&frame[ETHERNET_BYTES..]).unwrap();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            assert_eq!(header.ecn.value(), if ecn == 0 { 0 } else { 3 });
            assert_eq!(frame[ETHERNET_BYTES + 20..], before[ETHERNET_BYTES + 20..]);
        }
    }

    proptest::proptest! {
        /// Any bytes: no panic, and what is taken is what another parser finds.
        #[test]
        fn any_bytes_are_judged(frame in testing::any_frame()) {
            if let Ok((tuple, bytes)) = parse(&frame) {
                let oracle = SlicedPacket::from_ethernet(&frame[..ETHERNET_BYTES + bytes as usize]);
                if let Ok(SlicedPacket { transport: Some(transport), .. }) = oracle {
                    let ports = match transport {
                        etherparse::TransportSlice::Tcp(tcp) => (tcp.source_port(), tcp.destination_port()),
                        etherparse::TransportSlice::Udp(udp) => (udp.source_port(), udp.destination_port()),
                        other => panic!("{other:?}"),
                    };
                    let (source, destination) = (Port::new(ports.0), Port::new(ports.1));
                    proptest::prop_assert_eq!((source, destination), (tuple.source_port, tuple.destination_port));
                }
            }
        }
    }
}
