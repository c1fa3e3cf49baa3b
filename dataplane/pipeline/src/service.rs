//! Services of the fabric: a guest's packets go to the services' end, theirs come from there.
//!
//! Stateless: only the guest's remote address changes, between the one where it finds the service ([`Service::at`]) and the one
//! that the service has for this vport ([`Service::address`]). Neither security groups nor network ACLs are asked (EC2 User
//! Guide, "Network ACL basics" and "Security groups": they filter no traffic to and from instance metadata, the Amazon DNS
//! server and the Amazon Time Sync Service).

use eni_abi::{DropReason, Ipv4, Location, Mac, MappingKey, Ports, SERVICES_VPORT, Service, Vport};
use eni_wire::{FragmentPart, UDP_LENGTH};

use crate::packet::{Packet, Scratch};
use crate::rewrite::{self, Translation};
use crate::{Arrival, Frame, Memory, Tables};

/// The service that a guest's packet is for. Nobody but the router leads there.
#[inline(always)]
pub(crate) fn asked(packet: &Packet, sender: &Vport) -> Option<Service> {
    let service = Service::at(packet.destination.last_four(), sender)?;
    let by_router = packet.destination_mac == sender.router_mac && !sender.has(Vport::UPLINK);
    by_router.then_some(service)
}

/// Whether a guest's packet asks for an address: of everybody on the link, or of the router.
#[inline(always)]
pub(crate) fn asks_for_address(packet: &Packet, sender: &Vport) -> bool {
    let destination = packet.destination.last_four();
    let to_router = packet.destination_mac == sender.router_mac;
    let to_all = packet.destination_mac == Mac::BROADCAST || to_router;
    Service::Dhcp.is_behind(packet.protocol, packet.destination_port)
        && packet.source_port == Service::DHCP_CLIENT_PORT
        && !sender.has(Vport::UPLINK)
        && ((destination == Ipv4::BROADCAST && to_all)
            || (destination == sender.router_address && to_router))
}

/// Whether a guest's packet gives an address, which is the fabric's to do: a neighbour might take it, if its rules let it in.
#[inline(always)]
pub(crate) fn gives_address(packet: &Packet, sender: &Vport) -> bool {
    Service::Dhcp.is_behind(packet.protocol, packet.source_port)
        && packet.destination_port == Service::DHCP_CLIENT_PORT
        && !sender.has(Vport::UPLINK)
}

/// The services' end, for a packet that it may be handed for `service`.
///
/// # Errors
/// [`DropReason::ServiceUnreachable`], [`DropReason::ServiceOptions`].
#[inline(always)]
pub(crate) fn end_for<'a, T: Tables>(
    packet: &Packet,
    service: Service,
    tables: &'a T,
) -> Result<&'a Vport, DropReason> {
    let is_served = service.is_behind(packet.protocol, packet.destination_port)
        && packet.part == FragmentPart::Whole;
    let end = tables
        .vport(SERVICES_VPORT)
        .filter(|end| is_served && end.has(Vport::PRESENT))
        .ok_or(DropReason::ServiceUnreachable)?;
    // The services' stack echoes those of IPv4 (`ip_options_echo`), and would write the fabric's own addresses into a record of the
    // route. Nobody needs those of IPv6 here, and the stack would look into them.
    if packet.has_options() {
        return Err(DropReason::ServiceOptions);
    }
    Ok(end)
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
    let destination = packet.destination.last_four();
    let unreachable = DropReason::ServiceUnreachable;
    let sender = tables.vport(arrival.vport).ok_or(unreachable)?;
    let service = if asks_for_address(packet, sender) {
        Service::Dhcp
    } else {
        Service::at(destination, sender).ok_or(unreachable)?
    };
    let mut source = packet.source.last_four();
    let has_none = service == Service::Dhcp && source == Ipv4::UNSPECIFIED;
    // Whoever may forward for others must not ask in their name: the answer is about the interface.
    if !packet.owns_source && !has_none {
        return Err(DropReason::SpoofedAddress);
    }
    if !memory.take_link_local(arrival.vport, service, frame.packets(), arrival.now_ns) {
        return Err(DropReason::LinklocalAllowanceExceeded);
    }
    if service.found_at(sender).is_none() {
        return Err(unreachable);
    }
    let end = end_for(packet, service, tables)?;
    if has_none {
        source = Service::ASKER_WITHOUT_ADDRESS;
    }
    let ends = [source, service.address(arrival.vport)];
    let macs = [end.mac, end.router_mac];
    deliver(frame, scratch, ends, macs).ok_or(DropReason::RewriteFailed)?;
    scratch.path.target = SERVICES_VPORT;
    Ok(())
}

/// Turns a packet from the services' end into one for the guest that it answers. One that an endpoint says stays as it is, and
/// `scratch.endpoint` names the endpoint.
#[inline(never)]
pub(crate) fn answer<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &T,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    let packet = &scratch.packet;
    let stray = DropReason::StrayAnswer;
    let (service, vport) = Service::of_address(packet.source.last_four()).ok_or(stray)?;
    if !service.is_behind(packet.protocol, packet.source_port)
        || packet.part != FragmentPart::Whole
        || packet.has_options()
        || vport == SERVICES_VPORT
    {
        return Err(stray);
    }
    let guest = tables.vport(vport).ok_or(stray)?;
    if !guest.has(Vport::PRESENT) || guest.has(Vport::BLOCKED) {
        return Err(stray);
    }
    if guest.is_endpoint() {
        if service != Service::Api {
            return Err(stray);
        }
        scratch.endpoint = vport;
        return Ok(());
    }
    let found_at = service.found_at(guest).ok_or(stray)?;
    if service == Service::Dhcp && packet.destination.last_four() == Service::ASKER_WITHOUT_ADDRESS
    {
        if !is_for_client(frame, packet, guest) {
            return Err(stray);
        }
        let ends = [found_at, Ipv4::BROADCAST];
        let macs = [Mac::BROADCAST, guest.router_mac];
        deliver(frame, scratch, ends, macs).ok_or(DropReason::RewriteFailed)?;
        scratch.path.target = vport;
        return Ok(());
    }
    // The number may have been another interface's when it asked.
    let key = MappingKey {
        vpc: guest.vpc,
        address: packet.destination,
    };
    let owner = tables.mapping(&key).ok_or(stray)?;
    if owner.location != Location::here(vport) {
        return Err(stray);
    }
    let destination = packet.destination.last_four();
    let ends = [found_at, destination];
    let macs = [guest.mac, guest.router_mac];
    deliver(frame, scratch, ends, macs).ok_or(DropReason::RewriteFailed)?;
    scratch.path.target = vport;
    Ok(())
}

/// Whether an answer of DHCP is for the guest's MAC address: the number may have been another interface's when it asked, and this
/// answer has no address of its own.
#[inline(always)]
fn is_for_client<F: Frame>(frame: &F, packet: &Packet, guest: &Vport) -> bool {
    /// Of `chaddr` in a message (RFC 2131, figure 1).
    const CLIENT_ADDRESS: u32 = 28;
    let offset = packet.transport_offset + UDP_LENGTH + CLIENT_ADDRESS;
    let client: Option<[u16; 3]> = frame.load(offset);
    client.is_some_and(|client| client == guest.mac.0)
}

/// Gives the frame these addresses and MACs.
#[inline(always)]
fn deliver<F: Frame>(
    frame: &mut F,
    scratch: &Scratch,
    [new_source, new_destination]: [Ipv4; 2],
    [new_destination_mac, new_source_mac]: [Mac; 2],
) -> Option<()> {
    let packet = &scratch.packet;
    let ports = Ports::new(packet.source_port, packet.destination_port);
    let translation = Translation {
        source: packet.source.last_four(),
        new_source,
        destination: packet.destination.last_four(),
        new_destination,
        ports,
        new_ports: ports,
        transport_offset: packet.transport_offset,
        protocol: packet.protocol,
    };
    rewrite::route(frame, new_destination_mac, new_source_mac)?;
    rewrite::translate(frame, &translation)
}
