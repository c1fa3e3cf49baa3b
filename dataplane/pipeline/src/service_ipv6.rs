//! Services of the fabric by IPv6: as [`crate::service`], and without touching a checksum, save where DHCPv6 is asked.

use eni_abi::{
    Address, DropReason, Ipv4, Location, Mac, MappingKey, Port, SERVICES_VPORT, Service, Vport,
};
use eni_wire::{ETHERNET_LENGTH, FragmentPart, UDP_LENGTH, protocol};

use crate::extension::FIRST_OFFSET;
use crate::packet::{Packet, Scratch};
use crate::{Arrival, ChecksumKind, Covered, Frame, Memory, Tables, rewrite, service};

/// The port of clients of DHCPv6 (RFC 8415, section 7.2).
const DHCPV6_CLIENT_PORT: Port = Port::new(546);
/// Where [`Service::DHCPV6_GROUP`] is on Ethernet (RFC 2464, section 7).
const DHCPV6_GROUP_MAC: Mac = Mac::from_bytes([0x33, 0x33, 0, 1, 0, 2]);
/// Offset of the source address in an IPv6 header; the destination follows.
const ADDRESSES: u32 = 8;
/// Of UDP.
const CHECKSUM: u32 = 6;
/// The sum of [`Service::DHCPV6_GROUP`], and that of an [`Service::address_ipv6`] of DHCPv6: `fe80`, `ec2` and 1.
const SUMS_OF_DHCPV6: [u32; 2] = [sum_of(0, 0xff05), sum_of(0xfe81, 0x0ec2)];

const fn sum_of(first: u16, last: u16) -> u32 {
    Ipv4::from_words(first.to_be(), last.to_be()).0
}

/// The service that a guest's packet is for. Nobody but the router leads there.
#[inline(always)]
pub(crate) fn asked(packet: &Packet, sender: &Vport) -> Option<Service> {
    let by_router = packet.destination_mac == sender.router_mac && !sender.has(Vport::UPLINK);
    Service::at_link_local_ipv6(packet.destination).filter(|_| by_router)
}

/// Whether a guest's packet asks for an address: of the group that all clients ask. From which port is not said (RFC 8415,
/// section 7.2).
#[inline(always)]
pub(crate) fn asks_for_address(packet: &Packet, sender: &Vport) -> bool {
    let mac = packet.destination_mac;
    Service::Dhcpv6.is_behind(packet.protocol, packet.destination_port)
        && packet.destination == Service::DHCPV6_GROUP
        && (mac == DHCPV6_GROUP_MAC || mac == sender.router_mac)
        && !sender.has(Vport::UPLINK)
}

/// Whether a guest's packet gives an address, which is the fabric's to do. Servers may speak from any port.
#[inline(always)]
pub(crate) fn gives_address(packet: &Packet, sender: &Vport) -> bool {
    packet.protocol == protocol::UDP
        && packet.destination_port == DHCPV6_CLIENT_PORT
        && !sender.has(Vport::UPLINK)
}

/// Turns a guest's packet into one for the services' end.
#[inline(never)]
pub(crate) fn hand_over<F: Frame, T: Tables, M: Memory>(
    frame: &mut F,
    arrival: Arrival,
    tables: &T,
    memory: &mut M,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    let packet = &scratch.packet;
    let unreachable = DropReason::ServiceUnreachable;
    let sender = tables.vport(arrival.vport).ok_or(unreachable)?;
    let for_address = asks_for_address(packet, sender);
    // Whoever may forward for others must not ask in their name: the answer is about the interface.
    let spoofed = DropReason::SpoofedAddress;
    let (service, source) = if for_address {
        let source = Service::asker_on_link(packet.source).ok_or(spoofed)?;
        (Service::Dhcpv6, source)
    } else if packet.owns_source {
        let service = Service::at_link_local_ipv6(packet.destination).ok_or(unreachable)?;
        (service, packet.source)
    } else {
        return Err(spoofed);
    };
    if !memory.take_link_local(arrival.vport, service, frame.packets(), arrival.now_ns) {
        return Err(DropReason::LinklocalAllowanceExceeded);
    }
    if service.found_at_ipv6(sender).is_none() {
        return Err(unreachable);
    }
    let end = service::end_for(packet, service, tables)?;
    if for_address {
        let [before, after] = SUMS_OF_DHCPV6;
        let kind = ChecksumKind::Udp(Covered::PseudoHeader);
        frame
            .replace_checksum(FIRST_OFFSET + CHECKSUM, before, after, kind)
            .ok_or(DropReason::RewriteFailed)?;
    }
    let ends = [source, service.address_ipv6(arrival.vport)];
    deliver(frame, ends, [end.mac, end.router_mac]).ok_or(DropReason::RewriteFailed)?;
    scratch.path.target = SERVICES_VPORT;
    Ok(())
}

/// Turns a packet from the services' end into one for the guest that it answers.
#[inline(never)]
pub(crate) fn answer<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &T,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    let packet = &scratch.packet;
    let stray = DropReason::StrayAnswer;
    let (service, vport) = Service::of_address_ipv6(packet.source).ok_or(stray)?;
    if !service.is_behind(packet.protocol, packet.source_port)
        || packet.part != FragmentPart::Whole
        || packet.transport_offset != FIRST_OFFSET
        || vport == SERVICES_VPORT
    {
        return Err(stray);
    }
    let guest = tables.vport(vport).ok_or(stray)?;
    if !guest.has(Vport::PRESENT | Vport::IPV6) || guest.has(Vport::BLOCKED) {
        return Err(stray);
    }
    let found_at = service.found_at_ipv6(guest).ok_or(stray)?;
    let mut destination = packet.destination;
    // The number may have been another interface's when it asked.
    if service == Service::Dhcpv6 {
        destination = Service::on_link(destination).ok_or(stray)?;
        if !is_for_client(frame, guest) {
            return Err(stray);
        }
    } else {
        let key = MappingKey {
            vpc: guest.vpc,
            address: destination,
        };
        let owner = tables.mapping(&key).ok_or(stray)?;
        if owner.location != Location::here(vport) {
            return Err(stray);
        }
    }
    let ends = [found_at, destination];
    deliver(frame, ends, [guest.mac, guest.router_mac]).ok_or(DropReason::RewriteFailed)?;
    scratch.path.target = vport;
    Ok(())
}

/// Whether an answer of DHCPv6 is about the guest's interface: the first thing in it is the server's name, which the fabric has for
/// each interface of its own, and which ends with the interface's MAC address.
#[inline(always)]
fn is_for_client<F: Frame>(frame: &F, guest: &Vport) -> bool {
    /// Behind UDP's header: that of the message, that of the option, and a DUID-UUID (RFC 6355) but for its last six bytes.
    const NAME: u32 = 4 + 4 + 2 + 10;
    let named: Option<[u16; 3]> = frame.load(FIRST_OFFSET + UDP_LENGTH + NAME);
    named.is_some_and(|named| named == guest.mac.0)
}

/// Gives the frame these addresses and MACs.
#[inline(always)]
fn deliver<F: Frame>(
    frame: &mut F,
    [source, destination]: [Address; 2],
    [destination_mac, source_mac]: [Mac; 2],
) -> Option<()> {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = source.to_words();
    let [d0, d1, d2, d3, d4, d5, d6, d7] = destination.to_words();
    rewrite::route(frame, destination_mac, source_mac)?;
    frame.store(
        ETHERNET_LENGTH + ADDRESSES,
        &[
            s0, s1, s2, s3, s4, s5, s6, s7, d0, d1, d2, d3, d4, d5, d6, d7,
        ],
    )
}
