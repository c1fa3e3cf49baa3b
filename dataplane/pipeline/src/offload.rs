//! Segmentation offload: whether the headers bear out what a frame claims of its segments.
//!
//! A guest with raw sockets claims what it likes (`PACKET_VNET_HDR`). On the way out Linux refuses what its own protocol
//! handlers could not cut, but it takes fragments, headers that announce less than the frame holds and segments of one
//! byte, and it asks the handlers of the protocol that the socket names, not of the frame's EtherType. The pipeline derives
//! the size of packets and their number from such claims, and whoever cuts the frame later writes headers by them.

use eni_wire::{ETHERNET_LENGTH, protocol};

use crate::Frame;

/// The smallest segment Linux makes of its own: `TCP_MIN_SND_MSS`, 48, less 40 bytes of options.
const SMALLEST_TCP_SEGMENT: u32 = 8;

/// Whether an IPv4 packet that is no fragment may be what `frame` says of its segments.
///
/// TCP and UDP are cut themselves, the others are tunnels around them; nobody cuts ICMP. (SCTP's offload names no size of
/// its segments, so that their sizes cannot be judged: it is refused.)
#[inline(always)]
pub(crate) fn is_borne_out<F: Frame>(frame: &F, protocol: u8, total_length: u32) -> bool {
    let size = frame.segment_size();
    if size == 0 {
        return true;
    }
    let cut = match protocol {
        protocol::TCP => size >= SMALLEST_TCP_SEGMENT,
        protocol::UDP | protocol::IPIP | protocol::IPV6 | protocol::GRE => true,
        _ => false,
    };
    cut && total_length + ETHERNET_LENGTH == frame.length()
}
