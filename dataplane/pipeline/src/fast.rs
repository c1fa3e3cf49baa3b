//! The way of nearly every packet: a cached verdict that still holds.

use eni_abi::{Address, FiveTuple, Flow, FlowKey, Ipv4, Port, Ports};
use eni_wire::tcp_flag::{FIN, RST, SYN};
use eni_wire::{ETHERNET_LENGTH, EtherType, IPV4_LENGTH, TCP_LENGTH, UDP_LENGTH, protocol};

use crate::rewrite::{self, Translation};
use crate::{
    Action, AllowingRules, Arrival, Frame, Manner, Memory, Outcome, Record, Tables, Verdict,
    offload,
};

/// Words up to the ports of TCP and UDP without IP options, and UDP's length.
const PORTS_END: usize = 20;
/// Words up to TCP's flags.
const FLAGS_END: usize = 24;
/// Where the words of the headers are.
const ETHER_TYPE: usize = 6;
const FIRST: usize = 7;
const TOTAL_LENGTH: usize = 8;
const FRAGMENT: usize = 10;
const LIFETIME_AND_PROTOCOL: usize = 11;
const SOURCE: usize = 13;
const DESTINATION: usize = 15;
const PORTS: usize = 17;
const UDP_LENGTH_WORD: usize = 19;
/// Version 4, five words of header.
const VERSION_AND_LENGTH: u8 = 0x45;
/// MF and the fragment offset.
const FRAGMENT_MASK: u16 = 0x3fff_u16.to_be();

/// What the fast way reads of a frame before it knows the flow.
struct Headers<'a> {
    /// The frame's first words: nothing that a data plane does to find a flow moves them.
    words: &'a [u16; PORTS_END],
    key: FlowKey,
    /// Bytes of the largest IP packet that the frame stands for.
    largest_packet: u32,
}

/// Follows a cached verdict; `None` sends the packet the slow way, with nothing done yet.
///
/// What costs here is not the instructions but what they wait for: a line of memory that the rest of the kernel has
/// pushed out of the nearest cache, and a value that is read in another width than it was just written in.
#[inline(always)]
pub fn follow<F: Frame, T: Tables, M: Memory>(
    frame: &mut F,
    arrival: Arrival,
    tables: &T,
    memory: &mut M,
) -> Option<Verdict> {
    let Headers {
        words,
        key,
        largest_packet,
    } = read(frame, arrival.vport)?;
    let flow = memory.flow(&key)?;
    let valid = holds(flow, arrival, tables)? && goes_between::<F, PORTS_END>(words, flow);
    if !valid || largest_packet > flow.mtu {
        return None;
    }
    let (target, flags) = (flow.target_vport, flow.flags);
    if flags != 0 {
        // A copy: what a pointer leads to lies in memory, for every packet.
        let copy = key;
        rewrite(frame, &copy, flow)?;
    }
    let flow = five_tuple(&key);
    Some(delivered(frame, arrival, flow, (target, flags), memory))
}

/// Whether nothing has changed that the flow's verdict rests on, and it is not yet to be decided again.
#[inline(always)]
pub(crate) fn holds<T: Tables>(flow: &Flow, arrival: Arrival, tables: &T) -> Option<bool> {
    Some(
        flow.sender_generation == tables.vport(arrival.vport)?.generation
            && flow.target_generation == tables.vport(flow.target_vport)?.generation
            && flow.topology_generation == tables.globals()?.topology_generation
            && flow.refresh_ns > arrival.now_ns,
    )
}

/// Records a frame of `flow` that goes to `target`, by the `flags` of its cached verdict.
#[inline(always)]
pub(crate) fn delivered<F: Frame, M: Memory>(
    frame: &F,
    arrival: Arrival,
    flow: FiveTuple,
    (target, flags): (u32, u32),
    memory: &mut M,
) -> Verdict {
    memory.record(&Record {
        sender: arrival.vport,
        flow: Some(flow),
        outcome: Outcome::Delivered {
            target,
            rules: AllowingRules::default(),
        },
        packets: frame.packets(),
        bytes: frame.length(),
    });
    let manner = if flags & Flow::OUTSIDE != 0 {
        Manner::Outside
    } else {
        Manner::Whole
    };
    Verdict::new(Action::Deliver {
        vport: target,
        manner,
    })
}

/// The flow of a key.
#[inline(always)]
fn five_tuple(key: &FlowKey) -> FiveTuple {
    let [source_port, destination_port] = Ipv4(key.ports.0).to_words();
    FiveTuple {
        source: Address::v4(key.source),
        destination: Address::v4(key.destination),
        source_port: Port(source_port),
        destination_port: Port(destination_port),
        protocol: key.protocol as u8,
    }
}

/// Whether the frame has the MACs that the flow was decided for.
#[inline(always)]
pub(crate) fn goes_between<F: Frame, const N: usize>(words: &[u16; N], flow: &Flow) -> bool {
    let [d0, d1, d2] = flow.expected_destination_mac.0;
    let [s0, s1, s2] = flow.expected_source_mac.0;
    F::pair::<0, N>(words) == Ipv4::from_words(d0, d1).0
        && F::pair::<2, N>(words) == Ipv4::from_words(d2, s0).0
        && F::pair::<4, N>(words) == Ipv4::from_words(s1, s2).0
}

/// Reads TCP and UDP without options and fragments whose packets change no connection's state.
#[inline(always)]
fn read<F: Frame>(frame: &F, vport: u32) -> Option<Headers<'_>> {
    let words: &[u16; PORTS_END] = frame.head()?;
    let [version_and_length, _] = words[FIRST].to_ne_bytes();
    let [time_to_live, protocol] = words[LIFETIME_AND_PROTOCOL].to_ne_bytes();
    let total_length = u32::from(u16::from_be(words[TOTAL_LENGTH]));
    let plain = !frame.is_tagged()
        && words[ETHER_TYPE] == EtherType::IPV4.0
        && version_and_length == VERSION_AND_LENGTH
        && words[FRAGMENT] & FRAGMENT_MASK == 0
        && time_to_live != 0
        && is_intact::<F>(words)
        && total_length + ETHERNET_LENGTH <= frame.length()
        && offload::is_borne_out(frame, protocol, total_length);
    if !plain {
        return None;
    }
    // Lengths that contradict each other are for the slow way to refuse.
    let transport_length = match protocol {
        protocol::TCP => {
            let [.., offset_and_flags] = *frame.head::<FLAGS_END>()?;
            let [offset, flags] = offset_and_flags.to_ne_bytes();
            let length = u32::from(offset >> 4) * 4;
            if flags & (SYN | FIN | RST) != 0 || length < TCP_LENGTH {
                return None;
            }
            length
        }
        protocol::UDP => {
            let length = u32::from(u16::from_be(words[UDP_LENGTH_WORD]));
            if length < UDP_LENGTH || IPV4_LENGTH + length > total_length {
                return None;
            }
            UDP_LENGTH
        }
        _ => return None,
    };
    let headers_length = IPV4_LENGTH + transport_length;
    if total_length < headers_length {
        return None;
    }
    Some(Headers {
        words,
        key: FlowKey {
            vport,
            source: Ipv4(F::pair::<SOURCE, PORTS_END>(words)),
            destination: Ipv4(F::pair::<DESTINATION, PORTS_END>(words)),
            ports: Ports(F::pair::<PORTS, PORTS_END>(words)),
            protocol: u32::from(protocol),
        },
        largest_packet: largest_packet(frame, headers_length),
    })
}

/// Whether the checksum of an IPv4 header without options holds: whether its words add up to a zero of one's complement
/// (RFC 1071), which is to a multiple of 0xffff, as they are not all zero.
#[inline(always)]
fn is_intact<F: Frame>(words: &[u16; PORTS_END]) -> bool {
    // 0x10000 is one more than such a multiple: a pair counts as much as its two words.
    let sum = u64::from(F::pair::<FIRST, PORTS_END>(words))
        + u64::from(F::pair::<{ FIRST + 2 }, PORTS_END>(words))
        + u64::from(F::pair::<{ FIRST + 4 }, PORTS_END>(words))
        + u64::from(F::pair::<SOURCE, PORTS_END>(words))
        + u64::from(F::pair::<DESTINATION, PORTS_END>(words));
    sum % 0xffff == 0
}

/// Bytes of the largest IP packet the frame stands for on a wire.
#[inline(always)]
pub(crate) fn largest_packet<F: Frame>(frame: &F, headers_length: u32) -> u32 {
    match frame.segment_size() {
        0 => frame.length().wrapping_sub(ETHERNET_LENGTH),
        payload => payload + headers_length,
    }
}

/// Apart from the rest, which most packets need alone, and which must leave the slow way its stack.
#[inline(never)]
fn rewrite<F: Frame>(frame: &mut F, key: &FlowKey, flow: &Flow) -> Option<()> {
    let translation = Translation {
        source: key.source,
        new_source: flow.new_source,
        destination: key.destination,
        new_destination: flow.new_destination,
        ports: key.ports,
        new_ports: flow.new_ports,
        transport_offset: ETHERNET_LENGTH + IPV4_LENGTH,
        protocol: key.protocol as u8,
    };
    rewrite::route(frame, flow.new_destination_mac, flow.new_source_mac)?;
    if flow.flags & Flow::TRANSLATE != 0 {
        rewrite::translate(frame, &translation)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryFrame;
    use eni_wire::{IPV4_WORDS, checksum};

    /// As the sum of RFC 1071 has it, also where the checksum is a zero, of either kind.
    #[test]
    fn a_header_is_intact_if_its_checksum_holds() {
        const CHECKSUM: usize = FIRST + 5;
        let holds = |words: &[u16; PORTS_END]| {
            let header: &[u16; IPV4_WORDS] = words[FIRST..].first_chunk().unwrap();
            checksum::finish(checksum::sum(header)) == 0
        };
        let mut words = [0x3c5a_u16; PORTS_END];
        words[FIRST] = 0x45_u16;
        let mut intact = 0;
        for source in 0..=u16::MAX {
            words[SOURCE] = source;
            words[CHECKSUM] = 0;
            let right = checksum::finish(checksum::sum(
                words[FIRST..].first_chunk::<IPV4_WORDS>().unwrap(),
            ));
            for checksum in [right, !right, right ^ 1, right.wrapping_add(1), 0, 0xffff] {
                words[CHECKSUM] = checksum;
                let is_intact = is_intact::<MemoryFrame>(&words);
                assert_eq!(is_intact, holds(&words), "{words:x?}");
                intact += u32::from(is_intact);
            }
        }
        assert!(intact >= 1 << u16::BITS);
    }
}
