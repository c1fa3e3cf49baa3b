//! Writing the decision into the frame.

use eni_abi::{Flow, Ipv4};
use eni_wire::{ETHERNET_LENGTH, protocol};

use crate::packet::{Embedded, Scratch};
use crate::{ChecksumKind, Frame};

/// Offset of the source address in a frame (the destination follows); their checksum lies before them.
const ADDRESSES: u32 = ETHERNET_LENGTH + 12;
const HEADER_CHECKSUM: u32 = ETHERNET_LENGTH + 10;
const TCP_CHECKSUM: u32 = 16;
/// Of UDP, UDP-Lite and DCCP.
const UDP_CHECKSUM: u32 = 6;

/// Addresses before and after, and whose checksum covers them.
#[derive(Clone, Copy)]
pub(crate) struct Translation {
    pub(crate) source: Ipv4,
    pub(crate) new_source: Ipv4,
    pub(crate) destination: Ipv4,
    pub(crate) new_destination: Ipv4,
    /// 0 when the frame holds no transport checksum that covers addresses.
    pub(crate) transport_offset: u32,
    pub(crate) protocol: u8,
}

/// Writes both MACs.
#[inline(always)]
pub(crate) fn route<F: Frame>(frame: &mut F, flow: &Flow) -> Option<()> {
    let ([d0, d1, d2], [s0, s1, s2]) = (flow.new_destination_mac.0, flow.new_source_mac.0);
    frame.store(0, &[d0, d1, d2, s0, s1, s2])
}

/// Writes both addresses and updates the checksums of the IP header and of the transports that cover addresses, which are
/// the ones that Linux translates too: TCP, UDP, UDP-Lite (RFC 3828 section 3.1) and DCCP (RFC 4340 section 9.1). As in UDP
/// a computed zero is sent as 0xffff in UDP-Lite; in DCCP the two say the same.
#[inline(never)]
pub(crate) fn translate<F: Frame>(frame: &mut F, translation: &Translation) -> Option<()> {
    let Translation {
        source,
        new_source,
        destination,
        new_destination,
        transport_offset,
        protocol,
    } = *translation;
    let transport = match protocol {
        protocol::TCP => Some((transport_offset + TCP_CHECKSUM, ChecksumKind::Tcp)),
        protocol::UDP | protocol::UDP_LITE | protocol::DCCP => {
            Some((transport_offset + UDP_CHECKSUM, ChecksumKind::Udp))
        }
        _ => None,
    };
    if let Some((offset, kind)) = transport
        && transport_offset != 0
    {
        frame.replace_checksum(offset, source, new_source, kind)?;
        frame.replace_checksum(offset, destination, new_destination, kind)?;
    }
    frame.replace_checksum(HEADER_CHECKSUM, source, new_source, ChecksumKind::Header)?;
    frame.replace_checksum(
        HEADER_CHECKSUM,
        destination,
        new_destination,
        ChecksumKind::Header,
    )?;
    let ([s0, s1], [d0, d1]) = (new_source.to_words(), new_destination.to_words());
    frame.store(ADDRESSES, &[s0, s1, d0, d1])
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
    let new_destination = if destination == packet.source {
        path.new_source
    } else {
        destination
    };
    let embedded = packet.transport_offset + eni_wire::ICMP_LENGTH;
    frame.replace_checksum(embedded + 10, source, new_source, ChecksumKind::Header)?;
    frame.replace_checksum(
        embedded + 10,
        destination,
        new_destination,
        ChecksumKind::Header,
    )?;
    let ([s0, s1], [d0, d1]) = (new_source.to_words(), new_destination.to_words());
    frame.store(embedded + 12, &[s0, s1, d0, d1])
}
