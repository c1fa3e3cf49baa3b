//! ARP, answered by the fabric: no request ever reaches another guest.

use eni_abi::{Address, DropReason, Ipv4, Mac, MappingKey, Service, Vport};
use eni_wire::{ARP_WORDS, ArpPacket, ETHERNET_LENGTH, ETHERNET_WORDS, EtherType, EthernetHeader};

use crate::{Arrival, Frame, Tables};

/// Turns an ARP request into its answer, to be delivered to the sender.
///
/// Answered: the subnet's router, which the fabric's services are behind, also for guests that have a route to link-local
/// addresses on the link; and every mapped address of the same subnet. Not answered: the guest's own addresses
/// (duplicate address detection, RFC 5227, must find nobody), gratuitous requests, replies, and addresses nobody has.
/// On the uplink every public address answers with the router's MAC.
#[inline(never)]
pub(crate) fn answer<F: Frame, T: Tables>(
    frame: &mut F,
    sender: &Vport,
    arrival: Arrival,
    tables: &T,
) -> Result<(), DropReason> {
    let words: [u16; ARP_WORDS] = frame.load(ETHERNET_LENGTH).ok_or(DropReason::Truncated)?;
    let request = ArpPacket::from_words(&words).ok_or(DropReason::MalformedHeader)?;
    if request.sender_mac != sender.mac {
        return Err(DropReason::SpoofedMac);
    }
    let probe = request.sender == Ipv4::UNSPECIFIED;
    if sender.has(Vport::SOURCE_DEST_CHECK)
        && !probe
        && !owns(sender, arrival, request.sender, tables)
    {
        return Err(DropReason::SpoofedAddress);
    }
    if request.operation != ArpPacket::REQUEST || request.sender == request.target {
        return Err(DropReason::ArpUnanswered);
    }
    let mac = resolve(sender, arrival, request.target, tables).ok_or(DropReason::ArpUnanswered)?;
    let reply = ArpPacket {
        operation: ArpPacket::REPLY,
        sender_mac: mac,
        sender: request.target,
        target_mac: request.sender_mac,
        target: request.sender,
    };
    let ethernet = EthernetHeader {
        destination: sender.mac,
        source: mac,
        ether_type: EtherType::ARP,
    };
    let header: [u16; ETHERNET_WORDS] = ethernet.to_words();
    frame.store(0, &header).ok_or(DropReason::RewriteFailed)?;
    frame
        .store(ETHERNET_LENGTH, &reply.to_words())
        .ok_or(DropReason::RewriteFailed)
}

#[inline(always)]
fn owns<T: Tables>(sender: &Vport, arrival: Arrival, address: Ipv4, tables: &T) -> bool {
    tables
        .mapping(&MappingKey {
            vpc: sender.vpc,
            address: Address::v4(address),
        })
        .is_some_and(|mapping| mapping.location.vport_here() == Some(arrival.vport))
}

#[inline(always)]
fn resolve<T: Tables>(sender: &Vport, arrival: Arrival, target: Ipv4, tables: &T) -> Option<Mac> {
    if target == sender.router_address {
        return Some(sender.router_mac);
    }
    if sender.has(Vport::UPLINK) {
        return tables
            .public_address(Address::v4(target))
            .map(|_| sender.router_mac);
    }
    if Service::at(target, sender).is_some() {
        return Some(sender.router_mac);
    }
    let mapping = tables.mapping(&MappingKey {
        vpc: sender.vpc,
        address: Address::v4(target),
    })?;
    let own = mapping.location.vport_here() == Some(arrival.vport);
    (!own && mapping.subnet == sender.subnet).then_some(mapping.mac)
}
