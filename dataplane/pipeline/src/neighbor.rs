//! Neighbor discovery (RFC 4861), answered by the fabric: no solicitation ever reaches another guest, and no guest's
//! advertisement anybody.
//!
//! What a message says of its sender's MAC address is not used: the fabric keeps no neighbors, and its answers go to the
//! frame's sender alone. So a wrong checksum misleads nobody either, and is not asked. That a message which must be discarded
//! gets no answer is another matter: its options are walked.

use eni_abi::{Address, DropReason, MappingKey, ROUTER_LINK_LOCAL, VPC_MTU, Vport};
use eni_wire::{
    ETHERNET_LENGTH, EtherType, EthernetHeader, ICMP_LENGTH, IPV6_LENGTH, Ipv6Header, Mac,
    checksum, icmpv6_type, protocol,
};

use crate::extension::FIRST_OFFSET;
use crate::packet::{Addressee, Neighbor, Packet, Scratch};
use crate::{Arrival, Frame, Tables};

/// Of all messages: no router has passed them on (RFC 4861, section 3.1).
const HOP_LIMIT: u8 = 255;
/// Where `ff02::1` is on Ethernet (RFC 2464, section 7).
const ALL_NODES_MAC: Mac = Mac([0x3333_u16.to_be(), 0, 1_u16.to_be()]);
/// Words of a solicitation, without options.
const SOLICITATION_WORDS: usize = 12;
/// Bytes of a solicitation, without options.
const SOLICITATION_LENGTH: u32 = 24;
/// Words of an advertisement, with the option that has the MAC address.
const ADVERTISEMENT_WORDS: usize = 16;
const ADVERTISEMENT_LENGTH: u32 = 2 * ADVERTISEMENT_WORDS as u32;
/// Words of a router advertisement, with the options of MAC address and MTU.
const ROUTER_WORDS: usize = 16;
const ROUTER_LENGTH: u32 = 2 * ROUTER_WORDS as u32;
/// Words of the option that tells a prefix.
const PREFIX_WORDS: usize = 16;
const PREFIX_LENGTH: u32 = 2 * PREFIX_WORDS as u32;
/// R, S and O of a neighbor advertisement (RFC 4861, section 4.4).
const IS_ROUTER: u16 = 0x8000;
const IS_SOLICITED: u16 = 0x4000;
const OVERRIDES: u16 = 0x2000;
/// Hop limit of packets that guests send: Linux' and IANA's default. Flags M and O: addresses and the rest are to be had by
/// DHCPv6, as EC2 says.
const HOP_LIMIT_AND_FLAGS: u16 = 64 << 8 | 0xc0;
/// The most there is (RFC 8319, section 4): the router stays, and advertises when it is asked only.
const LIFETIME_SECONDS: u16 = 65_535;
/// For ever.
const PREFIX_SECONDS: u16 = 0xffff;
/// L, without A: the prefix is on the link, and nobody makes addresses of it.
const ON_LINK: u16 = 0x80;
/// So many options of a solicitation are read. Hosts send one or two: where they are, and a nonce (RFC 7527).
const MOST_OPTIONS: usize = 8;
/// What lengths of options count.
const OPTION_UNIT: u32 = 8;
/// The type of the option that says where a sender is (RFC 4861, section 4.6.1).
const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
/// Types of options, and their lengths in units of eight bytes.
const SOURCE_MAC_OPTION: u16 = 0x0101;
const TARGET_MAC_OPTION: u16 = 0x0201;
const PREFIX_OPTION: u16 = 0x0304;
const MTU_OPTION: u16 = 0x0501;

/// Whether a message of the link's is a solicitation that the fabric answers, and for whom it asks: left in `scratch`.
///
/// Answered: for the subnet's router, and for every mapped address of the same subnet, also to who asks whether an address is
/// free (RFC 4862). Not answered: for the guest's own addresses, and for what nobody has, others' link-local addresses among it.
/// On the uplink the router answers for itself and for all blocks that are on the internet.
#[inline(never)]
pub(crate) fn ask<F: Frame, T: Tables>(
    frame: &F,
    arrival: Arrival,
    sender: &Vport,
    tables: &T,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    let packet = &scratch.packet;
    let [icmp_type, code] = packet.destination_port.0.to_ne_bytes();
    let asks_router = icmp_type == icmpv6_type::ROUTER_SOLICITATION;
    if !asks_router && icmp_type != icmpv6_type::NEIGHBOR_SOLICITATION {
        return Err(DropReason::NeighborUnsolicited);
    }
    // Not with extension headers, those of fragments above all (RFC 6980).
    let is_plain = packet.transport_offset == FIRST_OFFSET;
    if packet.hop_limit != HOP_LIMIT || code != 0 || !is_plain || packet.source.is_multicast() {
        return Err(DropReason::NeighborInvalid);
    }
    let is_own = packet.source.is_none()
        || packet.source.is_link_local()
        || !sender.has(Vport::SOURCE_DEST_CHECK)
        || owns(sender, arrival, packet.source, tables);
    if !is_own || packet.source == ROUTER_LINK_LOCAL {
        return Err(DropReason::SpoofedAddress);
    }
    if asks_router {
        check_options(frame, packet, FIRST_OFFSET + ICMP_LENGTH)?;
        // The host is a router itself.
        return if sender.has(Vport::UPLINK) {
            Err(DropReason::NeighborUnanswered)
        } else {
            Ok(())
        };
    }
    if packet.chain.end.wrapping_sub(FIRST_OFFSET) < SOLICITATION_LENGTH {
        return Err(DropReason::Truncated);
    }
    let words: [u16; SOLICITATION_WORDS] = frame.load(FIRST_OFFSET).ok_or(DropReason::Truncated)?;
    let [_, _, _, _, t0, t1, t2, t3, t4, t5, t6, t7] = words;
    let address = Address::from_words([t0, t1, t2, t3, t4, t5, t6, t7]);
    let asks_rightly = !packet.source.is_none() || packet.destination.is_solicited_node();
    if address.is_multicast() || address.is_none() || !asks_rightly {
        return Err(DropReason::NeighborInvalid);
    }
    check_options(frame, packet, FIRST_OFFSET + SOLICITATION_LENGTH)?;
    let (mac, flags) =
        resolve(sender, arrival, address, tables).ok_or(DropReason::NeighborUnanswered)?;
    scratch.neighbor = Neighbor {
        address,
        mac,
        flags,
    };
    scratch.addressee = Addressee::Neighbor;
    Ok(())
}

/// Whether the options from `begin` on leave the message valid (RFC 4861, sections 6.1.1 and 7.1.1): each has a length, none ends
/// behind the message, and who has no address says not where it is.
#[inline(never)]
fn check_options<F: Frame>(frame: &F, packet: &Packet, begin: u32) -> Result<(), DropReason> {
    let end = packet.chain.end;
    let mut offset = begin;
    for _ in 0..MOST_OPTIONS {
        if offset >= end {
            break;
        }
        let [type_and_length]: [u16; 1] = frame.load(offset).ok_or(DropReason::NeighborInvalid)?;
        let [option, units] = type_and_length.to_ne_bytes();
        if units == 0 || packet.source.is_none() && option == SOURCE_LINK_LAYER_ADDRESS {
            return Err(DropReason::NeighborInvalid);
        }
        offset = offset.wrapping_add(u32::from(units) * OPTION_UNIT);
    }
    if offset == end {
        Ok(())
    } else {
        Err(DropReason::NeighborInvalid)
    }
}

#[inline(always)]
fn owns<T: Tables>(sender: &Vport, arrival: Arrival, address: Address, tables: &T) -> bool {
    tables
        .mapping(&MappingKey {
            vpc: sender.vpc,
            address,
        })
        .is_some_and(|mapping| mapping.location.vport_here() == Some(arrival.vport))
}

/// Who has `target`, and the flags that say what it is.
#[inline(always)]
fn resolve<T: Tables>(
    sender: &Vport,
    arrival: Arrival,
    target: Address,
    tables: &T,
) -> Option<(Mac, u16)> {
    if target == ROUTER_LINK_LOCAL || target == sender.router_ipv6() {
        return Some((sender.router_mac, IS_ROUTER));
    }
    if sender.has(Vport::UPLINK) {
        return tables
            .internet_block(target)
            .filter(|block| !block.is_closed)
            .map(|_| (sender.router_mac, IS_ROUTER));
    }
    let mapping = tables.mapping(&MappingKey {
        vpc: sender.vpc,
        address: target,
    })?;
    let own = mapping.location.vport_here() == Some(arrival.vport);
    (!own && mapping.subnet == sender.subnet).then_some((mapping.mac, 0))
}

/// Makes the frame, in which `packet` asked, an advertisement.
#[inline(never)]
pub(crate) fn advertise<F: Frame>(
    frame: &mut F,
    sender: &Vport,
    packet: &Packet,
    neighbor: &Neighbor,
) -> Option<()> {
    let Neighbor {
        address: target,
        mac,
        flags,
    } = *neighbor;
    let source = packet.source;
    // Who asks whether an address is free has none yet: all nodes are told (RFC 4861, section 7.2.4).
    let flags = if source.is_none() {
        flags | OVERRIDES
    } else {
        flags | OVERRIDES | IS_SOLICITED
    };
    let [t0, t1, t2, t3, t4, t5, t6, t7] = target.to_words();
    let [m0, m1, m2] = mac.0;
    let mut words: [u16; ADVERTISEMENT_WORDS] = [
        u16::from_ne_bytes([icmpv6_type::NEIGHBOR_ADVERTISEMENT, 0]),
        0,
        flags.to_be(),
        0,
        t0,
        t1,
        t2,
        t3,
        t4,
        t5,
        t6,
        t7,
        TARGET_MAC_OPTION.to_be(),
        m0,
        m1,
        m2,
    ];
    let destination = answered(source);
    let length = ADVERTISEMENT_LENGTH;
    words[1] = checksum::finish(checksum::sum(&words).wrapping_add(pseudo_header(
        target,
        destination,
        length,
    )));
    frame.resize(FIRST_OFFSET + length)?;
    write_headers(frame, sender, mac, (target, source), length)?;
    frame.store(FIRST_OFFSET, &words)
}

/// Makes the frame, in which `packet` asked, the router's advertisement.
#[inline(never)]
pub(crate) fn advertise_router<F: Frame>(
    frame: &mut F,
    sender: &Vport,
    packet: &Packet,
) -> Option<()> {
    let source = packet.source;
    let [m0, m1, m2] = sender.router_mac.0;
    let mut words: [u16; ROUTER_WORDS] = [
        u16::from_ne_bytes([icmpv6_type::ROUTER_ADVERTISEMENT, 0]),
        0,
        HOP_LIMIT_AND_FLAGS.to_be(),
        LIFETIME_SECONDS.to_be(),
        0,
        0,
        0,
        0,
        SOURCE_MAC_OPTION.to_be(),
        m0,
        m1,
        m2,
        MTU_OPTION.to_be(),
        0,
        0,
        (VPC_MTU as u16).to_be(),
    ];
    let has_prefix = !sender.subnet_ipv6.is_none();
    let length = ROUTER_LENGTH + if has_prefix { PREFIX_LENGTH } else { 0 };
    frame.resize(FIRST_OFFSET + length)?;
    let mut sum = pseudo_header(ROUTER_LINK_LOCAL, answered(source), length);
    if has_prefix {
        sum = sum.wrapping_add(tell_prefix(frame, sender)?);
    }
    words[1] = checksum::finish(checksum::sum(&words).wrapping_add(sum));
    let ends = (ROUTER_LINK_LOCAL, source);
    write_headers(frame, sender, sender.router_mac, ends, length)?;
    frame.store(FIRST_OFFSET, &words)
}

/// Writes the option that tells the subnet's prefix; the sum of its words.
#[inline(never)]
fn tell_prefix<F: Frame>(frame: &mut F, sender: &Vport) -> Option<u32> {
    let [p0, p1, p2, p3, p4, p5, p6, p7] = sender.subnet_ipv6.to_words();
    let words: [u16; PREFIX_WORDS] = [
        PREFIX_OPTION.to_be(),
        ((sender.subnet_ipv6_length as u16) << 8 | ON_LINK).to_be(),
        PREFIX_SECONDS,
        PREFIX_SECONDS,
        PREFIX_SECONDS,
        PREFIX_SECONDS,
        0,
        0,
        p0,
        p1,
        p2,
        p3,
        p4,
        p5,
        p6,
        p7,
    ];
    frame.store(FIRST_OFFSET + ROUTER_LENGTH, &words)?;
    Some(checksum::sum(&words))
}

/// Where the answer to who asked from `source` goes.
#[inline(always)]
fn answered(source: Address) -> Address {
    if source.is_none() {
        Address::ALL_NODES
    } else {
        source
    }
}

#[inline(always)]
fn pseudo_header(source: Address, destination: Address, length: u32) -> u32 {
    checksum::pseudo_header(source, destination, length as u16, protocol::ICMPV6)
}

/// Writes the headers of a message of `length` bytes from `mac`, by the addresses of who answers and who asked.
#[inline(always)]
fn write_headers<F: Frame>(
    frame: &mut F,
    sender: &Vport,
    mac: Mac,
    (source, asker): (Address, Address),
    length: u32,
) -> Option<()> {
    let ethernet = EthernetHeader {
        destination: if asker.is_none() {
            ALL_NODES_MAC
        } else {
            sender.mac
        },
        source: mac,
        ether_type: EtherType::IPV6,
    };
    let ip = Ipv6Header {
        payload_length: length,
        next_header: protocol::ICMPV6,
        hop_limit: HOP_LIMIT,
        source,
        destination: answered(asker),
    };
    const { assert!(FIRST_OFFSET == ETHERNET_LENGTH + IPV6_LENGTH) };
    frame.store(0, &ethernet.to_words())?;
    frame.store(ETHERNET_LENGTH, &ip.to_words())
}
