//! Writing the decision into the frame.

use eni_abi::{Ipv4, Mac, Port, Ports};
use eni_wire::{ETHERNET_LENGTH, protocol};

use crate::packet::{Embedded, Scratch};
use crate::{ChecksumKind, Covered, Frame};

/// Offset of the source address in an IP header (the destination follows); their checksum lies before them.
const ADDRESSES: u32 = 12;
const HEADER_CHECKSUM: u32 = 10;
const TCP_CHECKSUM: u32 = 16;
/// Of UDP, UDP-Lite and DCCP.
const UDP_CHECKSUM: u32 = 6;

const DESTINATION_PORT: u32 = 2;
const ICMP_CHECKSUM: u32 = 2;
const ICMP_IDENTIFIER: u32 = 4;

/// Addresses and ports before and after, and whose checksum covers them.
#[derive(Clone, Copy)]
pub(crate) struct Translation {
    pub(crate) source: Ipv4,
    pub(crate) new_source: Ipv4,
    pub(crate) destination: Ipv4,
    pub(crate) new_destination: Ipv4,
    /// Of the transports that have them.
    pub(crate) ports: Ports,
    pub(crate) new_ports: Ports,
    /// 0 when the frame holds no transport header.
    pub(crate) transport_offset: u32,
    pub(crate) protocol: u8,
}

/// Writes both MACs.
#[inline(always)]
pub(crate) fn route<F: Frame>(frame: &mut F, destination: Mac, source: Mac) -> Option<()> {
    let ([d0, d1, d2], [s0, s1, s2]) = (destination.0, source.0);
    frame.store(0, &[d0, d1, d2, s0, s1, s2])
}

/// Writes both addresses and both ports, and updates the checksums of the IP header and of the transports that cover addresses, which are
/// the ones that Linux translates too: TCP, UDP, UDP-Lite (RFC 3828 section 3.1) and DCCP (RFC 4340 section 9.1). As in UDP
/// a computed zero is sent as 0xffff in UDP-Lite; in DCCP the two say the same.
#[inline(never)]
pub(crate) fn translate<F: Frame>(frame: &mut F, translation: &Translation) -> Option<()> {
    let Translation {
        source,
        new_source,
        destination,
        new_destination,
        ports,
        new_ports,
        transport_offset,
        protocol,
    } = *translation;
    let (from_header, of_addresses, of_ports) = match protocol {
        protocol::TCP => (
            TCP_CHECKSUM,
            ChecksumKind::Tcp(Covered::PseudoHeader),
            ChecksumKind::Tcp(Covered::Segment),
        ),
        _ => (
            UDP_CHECKSUM,
            ChecksumKind::Udp(Covered::PseudoHeader),
            ChecksumKind::Udp(Covered::Segment),
        ),
    };
    if transport_offset != 0 && has_ports(protocol) {
        let offset = transport_offset + from_header;
        frame.replace_checksum(offset, source.0, new_source.0, of_addresses)?;
        frame.replace_checksum(offset, destination.0, new_destination.0, of_addresses)?;
        if ports != new_ports {
            frame.replace_checksum(offset, ports.0, new_ports.0, of_ports)?;
            frame.store(transport_offset, &Ipv4(new_ports.0).to_words())?;
        }
    }
    // The identifier of a question of ICMP, or of its answer.
    if protocol == protocol::ICMP && ports != new_ports {
        let checksum = transport_offset + ICMP_CHECKSUM;
        frame.replace_checksum(checksum, ports.0, new_ports.0, ChecksumKind::Header)?;
        let [identifier, _] = Ipv4(new_ports.0).to_words();
        frame.store(transport_offset + ICMP_IDENTIFIER, &[identifier])?;
    }
    replace_addresses(
        frame,
        ETHERNET_LENGTH,
        [source, destination],
        [new_source, new_destination],
    )
}

/// Whether ports begin the transport's header, and its checksum covers addresses.
#[inline(always)]
const fn has_ports(protocol: u8) -> bool {
    matches!(
        protocol,
        protocol::TCP | protocol::UDP | protocol::UDP_LITE | protocol::DCCP
    )
}

/// Writes both addresses of the IP header at `offset`, and updates its checksum.
#[inline(always)]
fn replace_addresses<F: Frame>(
    frame: &mut F,
    offset: u32,
    from: [Ipv4; 2],
    to: [Ipv4; 2],
) -> Option<()> {
    let ([from_source, from_destination], [source, destination]) = (from, to);
    let checksum = offset + HEADER_CHECKSUM;
    frame.replace_checksum(checksum, from_source.0, source.0, ChecksumKind::Header)?;
    frame.replace_checksum(
        checksum,
        from_destination.0,
        destination.0,
        ChecksumKind::Header,
    )?;
    let ([s0, s1], [d0, d1]) = (source.to_words(), destination.to_words());
    frame.store(offset + ADDRESSES, &[s0, s1, d0, d1])
}

/// Translates the datagram inside an ICMP error like the error itself: what the error's destination had sent bears its
/// private address again, what the error's source had received its public one.
///
/// The ICMP checksum stays right: the embedded address and the embedded header checksum change by opposite amounts. The
/// embedded transport checksum is left as it was: it is most often cut off, and receivers match by ports only.
#[inline(never)]
pub(crate) fn translate_embedded<F: Frame>(frame: &mut F, scratch: &Scratch) -> Option<()> {
    let Scratch { packet, path, .. } = scratch;
    let Embedded {
        source,
        destination,
        ..
    } = packet.embedded;
    let new_source = if source == packet.destination {
        path.new_destination
    } else {
        source
    };
    let outward = path.translates_quote && path.nat_outward;
    let new_destination = if destination == packet.source || outward {
        path.new_source
    } else {
        destination
    };
    if path.translates_quote {
        translate_quoted_port(frame, scratch)?;
    }
    replace_addresses(
        frame,
        packet.transport_offset + eni_wire::ICMP_LENGTH,
        [source.last_four(), destination.last_four()],
        [new_source.last_four(), new_destination.last_four()],
    )
}

/// Writes the quoted port that a NAT gateway has translated. The quoted checksum is left, as above; that of the error covers the
/// port.
#[inline(always)]
fn translate_quoted_port<F: Frame>(frame: &mut F, scratch: &Scratch) -> Option<()> {
    let Scratch { packet, path, .. } = scratch;
    let embedded = &packet.embedded;
    let is_identifier = embedded.protocol == protocol::ICMP;
    let (place, port) = if is_identifier {
        (ICMP_IDENTIFIER, embedded.source_port)
    } else if path.nat_outward {
        (DESTINATION_PORT, embedded.destination_port)
    } else {
        (0, embedded.source_port)
    };
    let word = |port: Port| Ipv4::from_words(port.0, 0).0;
    let checksum = packet.transport_offset + ICMP_CHECKSUM;
    let (from, to) = (word(path.quoted_port), word(port));
    frame.replace_checksum(checksum, from, to, ChecksumKind::Header)?;
    frame.store(embedded.transport_offset + place, &[port.0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryFrame;
    use crate::testing::frames::{Datagram, tcp, udp};
    use crate::testing::region::{ANNA, CARL, ip, private};
    use proptest::prelude::*;

    proptest! {
        /// A translated frame is the one that its new sender would have sent.
        #[test]
        fn addresses_and_ports_are_translated_with_their_checksums(
            is_tcp: bool,
            from: (u16, u16),
            to: (u16, u16),
            new_source: [u8; 4],
            new_destination: [u8; 4],
        ) {
            let datagram = |ports| if is_tcp {
                tcp(ANNA, private(CARL), ports, 0x10)
            } else {
                udp(ANNA, private(CARL), ports)
            };
            let before = datagram(from);
            let after = Datagram {
                source: new_source,
                destination: new_destination,
                ..datagram(to)
            };
            let word = |(source, destination)| Ports::new(Port::new(source), Port::new(destination));
            let translation = Translation {
                source: ip(before.source),
                new_source: ip(new_source),
                destination: ip(before.destination),
                new_destination: ip(new_destination),
                ports: word(from),
                new_ports: word(to),
                transport_offset: ETHERNET_LENGTH + eni_wire::IPV4_LENGTH,
                protocol: before.protocol,
            };
            let mut frame = MemoryFrame::new(&before.bytes());
            prop_assert_eq!(translate(&mut frame, &translation), Some(()));
            prop_assert_eq!(frame.bytes(), after.bytes());
        }
    }
}
