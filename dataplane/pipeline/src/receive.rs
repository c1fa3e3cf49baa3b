//! The stages up to the services of the router: parse, anti-spoof, and whose business the packet is.

use eni_abi::{Address, DropReason, Ipv4, MappingKey, ROUTER_LINK_LOCAL, Vport};
use eni_wire::{
    ETHERNET_WORDS, EtherType, EthernetHeader, FragmentPart, Mac, icmp_type, icmpv6_type,
};

use crate::packet::{Addressee, Packet, Scratch};
use crate::{Arrival, Frame, Tables, arp, icmp, icmpv6, neighbor, service, service_ipv6};

/// What the stages up to the services of the router found.
pub(crate) enum Received {
    /// Turned into the fabric's own answer to the sender.
    Answered,
    /// To be handed to a service of the fabric.
    ForService,
    /// A service's answer to a guest.
    FromService,
    /// To be forwarded.
    Packet,
}

/// Parse, anti-spoof, the services of the router, and which packets are the fabric's services' business.
#[inline(always)]
pub(crate) fn receive<F: Frame, T: Tables>(
    frame: &mut F,
    arrival: Arrival,
    sender: &Vport,
    tables: &T,
    scratch: &mut Scratch,
) -> Result<Received, DropReason> {
    if !sender.has(Vport::PRESENT) {
        return Err(DropReason::UnknownVport);
    }
    if sender.has(Vport::BLOCKED) {
        return Err(DropReason::SenderBlocked);
    }
    let words: [u16; ETHERNET_WORDS] = frame.load_at::<0, _>().ok_or(DropReason::Truncated)?;
    let ethernet = EthernetHeader::from_words(&words);
    if ethernet.source != sender.mac {
        return Err(DropReason::SpoofedMac);
    }
    // Whatever the tag is around: a VPC has no VLANs, and to strip it would make a frame that nobody sent.
    if frame.is_tagged() {
        return Err(DropReason::Vlan);
    }
    match ethernet.ether_type {
        EtherType::IPV4 => {}
        EtherType::ARP => {
            return arp::answer(frame, sender, arrival, tables).map(|()| Received::Answered);
        }
        EtherType::IPV6 => {
            let packet = &mut scratch.packet;
            packet.destination_mac = ethernet.destination;
            packet.source_mac = ethernet.source;
            return receive_ipv6(frame, arrival, sender, tables, scratch);
        }
        EtherType::VLAN | EtherType::SERVICE_VLAN => return Err(DropReason::Vlan),
        _ => return Err(DropReason::UnsupportedEtherType),
    }
    let packet = &mut scratch.packet;
    packet.destination_mac = ethernet.destination;
    packet.source_mac = ethernet.source;
    packet.parse(frame)?;
    scratch.is_parsed = true;
    let packet = &mut scratch.packet;
    if sender.has(Vport::SERVICES) {
        return Ok(Received::FromService);
    }
    // Who has no address yet asks everybody on the link.
    if service::asks_for_address(packet, sender) {
        note_owner(packet, sender, arrival, tables);
        return Ok(Received::ForService);
    }
    if service::gives_address(packet, sender) {
        return Err(DropReason::DhcpAnswer);
    }
    refuse_groups(packet, sender)?;
    refuse_redirect(packet)?;
    check_source(packet, sender, arrival, tables)?;
    if service::asked(packet, sender).is_some() {
        return Ok(Received::ForService);
    }
    refuse_special(packet, sender, tables)?;
    let is_for_router = packet.destination.last_four() == sender.router_address;
    if is_for_router && packet.destination_mac == sender.router_mac {
        return icmp::echo(frame, packet).map(|()| Received::Answered);
    }
    Ok(Received::Packet)
}

/// [`receive`] of a frame of IPv6, whose MACs are read. Every step is called from here, so that no two stand on each other's stack.
#[inline(always)]
fn receive_ipv6<F: Frame, T: Tables>(
    frame: &mut F,
    arrival: Arrival,
    sender: &Vport,
    tables: &T,
    scratch: &mut Scratch,
) -> Result<Received, DropReason> {
    if !sender.has(Vport::IPV6) {
        return Err(DropReason::Ipv6);
    }
    scratch.packet.parse_ipv6(frame)?;
    scratch.is_parsed = true;
    if sender.has(Vport::SERVICES) {
        return Ok(Received::FromService);
    }
    look_at_addresses(scratch, arrival, sender, tables)?;
    if scratch.addressee == Addressee::Link {
        neighbor::ask(frame, arrival, sender, tables, scratch)?;
    }
    let packet = &scratch.packet;
    match scratch.addressee {
        Addressee::Other => return Ok(Received::Packet),
        Addressee::Service => return Ok(Received::ForService),
        Addressee::Router => icmpv6::echo(frame, packet)?,
        Addressee::Link => {
            neighbor::advertise_router(frame, sender, packet).ok_or(DropReason::RewriteFailed)?;
        }
        Addressee::Neighbor => {
            neighbor::advertise(frame, sender, packet, &scratch.neighbor)
                .ok_or(DropReason::RewriteFailed)?;
        }
    }
    Ok(Received::Answered)
}

/// For whom the packet is, and whether it may come from where it says.
#[inline(never)]
fn look_at_addresses<T: Tables>(
    scratch: &mut Scratch,
    arrival: Arrival,
    sender: &Vport,
    tables: &T,
) -> Result<(), DropReason> {
    let packet = &mut scratch.packet;
    let [icmp_type, _] = packet.destination_port.0.to_ne_bytes();
    if packet.is_icmp() && packet.part != FragmentPart::Later && icmpv6_type::is_of_link(icmp_type)
    {
        scratch.addressee = Addressee::Link;
        return Ok(());
    }
    if service_ipv6::gives_address(packet, sender) {
        return Err(DropReason::DhcpAnswer);
    }
    if service_ipv6::asks_for_address(packet, sender) {
        scratch.addressee = Addressee::Service;
        return Ok(());
    }
    if packet.destination_mac == Mac::BROADCAST {
        return Err(DropReason::Broadcast);
    }
    if packet.destination_mac.is_multicast() || packet.destination.is_multicast() {
        return Err(DropReason::Multicast);
    }
    let to_router =
        packet.destination_mac == sender.router_mac && is_router(sender, packet.destination);
    // On the link the router is asked from the link's own addresses too, and answers its asker alone.
    if !to_router || !packet.source.is_link_local() {
        if packet.source.is_never_forwarded() {
            return Err(DropReason::SpecialAddress);
        }
        check_source(packet, sender, arrival, tables)?;
    }
    if to_router {
        scratch.addressee = Addressee::Router;
        return Ok(());
    }
    if service_ipv6::asked(packet, sender).is_some() {
        scratch.addressee = Addressee::Service;
        return Ok(());
    }
    if packet.destination.is_never_forwarded() {
        return Err(DropReason::SpecialAddress);
    }
    scratch.addressee = Addressee::Other;
    Ok(())
}

/// Whether `address` is one of the router's of IPv6.
#[inline(always)]
fn is_router(sender: &Vport, address: Address) -> bool {
    !address.is_none() && (address == ROUTER_LINK_LOCAL || address == sender.router_ipv6())
}

/// A VPC carries neither broadcast nor multicast.
#[inline(always)]
fn refuse_groups(packet: &Packet, sender: &Vport) -> Result<(), DropReason> {
    let destination = packet.destination.last_four();
    if packet.destination_mac == Mac::BROADCAST
        || destination == Ipv4::BROADCAST
        || destination == sender.broadcast_address()
    {
        return Err(DropReason::Broadcast);
    }
    if packet.destination_mac.is_multicast() || destination.is_multicast() {
        return Err(DropReason::Multicast);
    }
    Ok(())
}

/// Nobody but the router of a host's link may redirect it (RFC 1122, section 3.2.2.2), which is the fabric. One that quotes a
/// tracked flow would pass as an error about it, and lead its sender's packets to a neighbour.
#[inline(always)]
fn refuse_redirect(packet: &Packet) -> Result<(), DropReason> {
    let [icmp_type, _] = packet.destination_port.0.to_ne_bytes();
    let has_type = packet.is_icmp() && packet.part != FragmentPart::Later;
    if has_type && icmp_type == icmp_type::REDIRECT {
        return Err(DropReason::Redirect);
    }
    Ok(())
}

/// The source address must be the vport's own, unless EC2's source/destination check is off; never is it the fabric's.
#[inline(always)]
fn check_source<T: Tables>(
    packet: &mut Packet,
    sender: &Vport,
    arrival: Arrival,
    tables: &T,
) -> Result<(), DropReason> {
    note_owner(packet, sender, arrival, tables);
    let is_checked = sender.has(Vport::SOURCE_DEST_CHECK) || is_fabrics(packet, sender);
    if is_checked && !packet.owns_source {
        return Err(DropReason::SpoofedAddress);
    }
    Ok(())
}

/// Whether the source is the address of the sender's router, or of its VPC's resolver: whoever may send for others must not answer
/// in their name.
#[inline(always)]
fn is_fabrics(packet: &Packet, sender: &Vport) -> bool {
    if sender.has(Vport::UPLINK) {
        return false;
    }
    if packet.is_ipv6 {
        return is_router(sender, packet.source);
    }
    let source = packet.source.last_four();
    source == sender.router_address || sender.has_resolver() && source == sender.resolver_address
}

/// Looks up whether the source address is the vport's own. The uplink is in no VPC.
#[inline(always)]
fn note_owner<T: Tables>(packet: &mut Packet, sender: &Vport, arrival: Arrival, tables: &T) {
    let key = MappingKey {
        vpc: sender.vpc,
        address: packet.source,
    };
    packet.owns_source = !sender.has(Vport::UPLINK)
        && tables
            .mapping(&key)
            .is_some_and(|mapping| mapping.location.vport_here() == Some(arrival.vport));
}

/// No packet is from or to an address that no router forwards, not even between neighbours: EC2 keeps link-local for its
/// own services, and a neighbour with its check off might pass on what its sender was not to send. Only a VPC whose own
/// block is of such a kind (EC2 allows 240.0.0.0/4) has those addresses for itself.
#[inline(always)]
fn refuse_special<T: Tables>(
    packet: &Packet,
    sender: &Vport,
    tables: &T,
) -> Result<(), DropReason> {
    let special = |address: Address| {
        address.last_four().is_never_forwarded() && !tables.is_in_vpc(sender.vpc, address)
    };
    if special(packet.source) || special(packet.destination) {
        return Err(DropReason::SpecialAddress);
    }
    Ok(())
}
