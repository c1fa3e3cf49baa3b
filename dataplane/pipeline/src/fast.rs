//! The way of nearly every packet: a cached verdict that still holds.

use eni_abi::{Address, FiveTuple, Flow, FlowKey, Ipv4, Port, Ports};
use eni_wire::tcp_flag::{FIN, RST, SYN};
use eni_wire::{
    ETHERNET_LENGTH, EtherType, IPV4_LENGTH, IPV4_WORDS, TCP_LENGTH, UDP_LENGTH, checksum, protocol,
};

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
const UDP_LENGTH_WORD: usize = 19;
/// Version 4, five words of header.
const VERSION_AND_LENGTH: u8 = 0x45;
/// MF and the fragment offset.
const FRAGMENT_MASK: u16 = 0x3fff_u16.to_be();

/// What the fast way reads of a frame before it knows the flow.
struct Headers {
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
    let headers = read(frame, arrival.vport)?;
    let flow = memory.flow(&headers.key)?;
    let valid = flow.sender_generation == tables.vport(arrival.vport)?.generation
        && flow.target_generation == tables.vport(flow.target_vport)?.generation
        && flow.topology_generation == tables.globals()?.topology_generation
        && flow.refresh_ns > arrival.now_ns
        && goes_between(frame, flow)?;
    if !valid || headers.largest_packet > flow.mtu {
        return None;
    }
    let target = flow.target_vport;
    let outside = flow.flags & Flow::OUTSIDE != 0;
    if flow.flags != 0 {
        // A copy: what a pointer leads to lies in memory, for every packet.
        let key = headers.key;
        rewrite(frame, &key, flow)?;
    }
    memory.record(&Record {
        sender: arrival.vport,
        flow: Some(five_tuple(&headers.key)),
        outcome: Outcome::Delivered {
            target,
            rules: AllowingRules::default(),
        },
        packets: frame.packets(),
        bytes: frame.length(),
    });
    let manner = if outside {
        Manner::Outside
    } else {
        Manner::Whole
    };
    Some(Verdict::new(Action::Deliver {
        vport: target,
        manner,
    }))
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

/// Whether the frame has the MACs that the flow was decided for. Word by word: two MACs as such are first put together.
#[inline(always)]
fn goes_between<F: Frame>(frame: &F, flow: &Flow) -> Option<bool> {
    let [d0, d1, d2, s0, s1, s2] = *frame.head()?;
    let [e0, e1, e2] = flow.expected_destination_mac.0;
    let [t0, t1, t2] = flow.expected_source_mac.0;
    let difference = (d0 ^ e0) | (d1 ^ e1) | (d2 ^ e2) | (s0 ^ t0) | (s1 ^ t1) | (s2 ^ t2);
    Some(difference == 0)
}

/// Reads TCP and UDP without options and fragments whose packets change no connection's state.
#[inline(always)]
fn read<F: Frame>(frame: &F, vport: u32) -> Option<Headers> {
    let words: &[u16; PORTS_END] = frame.head()?;
    let [version_and_length, _] = words[FIRST].to_ne_bytes();
    let [time_to_live, protocol] = words[LIFETIME_AND_PROTOCOL].to_ne_bytes();
    let total_length = u32::from(u16::from_be(words[TOTAL_LENGTH]));
    let plain = !frame.is_tagged()
        && words[ETHER_TYPE] == EtherType::IPV4.0
        && version_and_length == VERSION_AND_LENGTH
        && words[FRAGMENT] & FRAGMENT_MASK == 0
        && time_to_live != 0
        && checksum::finish(header_sum(words)) == 0
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
    let [.., sa, sb, da, db, sp, dp, _] = *words;
    Some(Headers {
        key: FlowKey {
            vport,
            source: Ipv4::from_words(sa, sb),
            destination: Ipv4::from_words(da, db),
            ports: Ports::new(Port(sp), Port(dp)),
            protocol: u32::from(protocol),
        },
        largest_packet: largest_packet(frame, headers_length),
    })
}

/// The sum of an IPv4 header without options.
#[inline(always)]
fn header_sum(words: &[u16; PORTS_END]) -> u32 {
    let mut sum = 0_u32;
    for word in &words[FIRST..FIRST + IPV4_WORDS] {
        sum = sum.wrapping_add(u32::from(*word));
    }
    sum
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
