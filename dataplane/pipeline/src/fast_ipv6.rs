//! The way of nearly every packet of IPv6: a cached verdict that still holds. Nothing is translated in this family.

use eni_abi::{Address, FiveTuple, Flow, FlowKeyIpv6, Ipv4, Port, Ports};
use eni_wire::tcp_flag::{FIN, RST, SYN};
use eni_wire::{ETHERNET_LENGTH, EtherType, IPV6_LENGTH, TCP_LENGTH, UDP_LENGTH, protocol};

use crate::fast::{delivered, goes_between, holds, largest_packet};
use crate::{Arrival, Frame, Memory, Tables, Verdict, offload, rewrite};

/// Words up to the ports of TCP and UDP without extension headers, and UDP's length.
const PORTS_END: usize = 30;
/// Words up to TCP's flags.
const FLAGS_END: usize = 34;
/// Where the words of the headers are.
const ETHER_TYPE: usize = 6;
const FIRST: usize = 7;
const PAYLOAD_LENGTH: usize = 9;
const NEXT_AND_LIMIT: usize = 10;
const SOURCE: usize = 11;
const DESTINATION: usize = 19;
const PORTS: usize = 27;
const UDP_LENGTH_WORD: usize = 29;
/// Version 6, in the high half of the first byte.
const VERSION: u8 = 6;

/// What the fast way reads of a frame before it knows the flow.
struct Headers<'a> {
    words: &'a [u16; PORTS_END],
    key: FlowKeyIpv6,
    /// Bytes of the largest IP packet that the frame stands for.
    largest_packet: u32,
}

/// Follows a cached verdict; `None` sends the packet the slow way, with nothing done yet.
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
    let flow = memory.flow_ipv6(&key)?;
    if !holds(flow, arrival, tables)?
        || !goes_between::<F, PORTS_END>(words, flow)
        || largest_packet > flow.mtu
    {
        return None;
    }
    let (target, flags) = (flow.target_vport, flow.flags);
    if flags & Flow::ROUTED != 0 {
        rewrite::route(frame, flow.new_destination_mac, flow.new_source_mac)?;
    }
    Some(delivered(
        frame,
        arrival,
        five_tuple(&key),
        (target, flags),
        memory,
    ))
}

/// The flow of a key.
#[inline(always)]
fn five_tuple(key: &FlowKeyIpv6) -> FiveTuple {
    let [source_port, destination_port] = Ipv4(key.ports.0).to_words();
    FiveTuple {
        source: key.source,
        destination: key.destination,
        source_port: Port(source_port),
        destination_port: Port(destination_port),
        protocol: key.protocol as u8,
    }
}

/// Reads TCP and UDP without extension headers whose packets change no connection's state.
#[inline(always)]
fn read<F: Frame>(frame: &F, vport: u32) -> Option<Headers<'_>> {
    let words: &[u16; PORTS_END] = frame.head()?;
    let [version_and_class, _] = words[FIRST].to_ne_bytes();
    let [protocol, hop_limit] = words[NEXT_AND_LIMIT].to_ne_bytes();
    let payload_length = u32::from(u16::from_be(words[PAYLOAD_LENGTH]));
    let plain = !frame.is_tagged()
        && words[ETHER_TYPE] == EtherType::IPV6.0
        && version_and_class >> 4 == VERSION
        && hop_limit != 0
        && payload_length + IPV6_LENGTH + ETHERNET_LENGTH <= frame.length()
        && offload::is_borne_out(frame, protocol, payload_length + IPV6_LENGTH);
    if !plain {
        return None;
    }
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
            if length < UDP_LENGTH || length > payload_length {
                return None;
            }
            UDP_LENGTH
        }
        _ => return None,
    };
    if payload_length < transport_length {
        return None;
    }
    Some(Headers {
        words,
        key: FlowKeyIpv6 {
            vport,
            source: Address::from_pairs([
                F::pair::<SOURCE, PORTS_END>(words),
                F::pair::<{ SOURCE + 2 }, PORTS_END>(words),
                F::pair::<{ SOURCE + 4 }, PORTS_END>(words),
                F::pair::<{ SOURCE + 6 }, PORTS_END>(words),
            ]),
            destination: Address::from_pairs([
                F::pair::<DESTINATION, PORTS_END>(words),
                F::pair::<{ DESTINATION + 2 }, PORTS_END>(words),
                F::pair::<{ DESTINATION + 4 }, PORTS_END>(words),
                F::pair::<{ DESTINATION + 6 }, PORTS_END>(words),
            ]),
            ports: Ports(F::pair::<PORTS, PORTS_END>(words)),
            protocol: u32::from(protocol),
        },
        largest_packet: largest_packet(frame, IPV6_LENGTH + transport_length),
    })
}
