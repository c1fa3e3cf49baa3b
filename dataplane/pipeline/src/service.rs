//! Services of the fabric: a guest's packets go to the services' end, theirs come from there.
//!
//! Stateless: only the guest's remote address changes, between the one where it finds the service ([`Service::at`]) and the one
//! that the service has for this vport ([`Service::address`]). Neither security groups nor network ACLs are asked (EC2 User
//! Guide, "Network ACL basics" and "Security groups": they filter no traffic to and from instance metadata, the Amazon DNS
//! server and the Amazon Time Sync Service).

use eni_abi::{DropReason, Ipv4, Location, MappingKey, Ports, SERVICES_VPORT, Service, Vport};
use eni_wire::FragmentPart;

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
    let service = Service::at(destination, sender).ok_or(unreachable)?;
    // Whoever may forward for others must not ask in their name: the answer is about the interface.
    if !packet.owns_source {
        return Err(DropReason::SpoofedAddress);
    }
    if !memory.take_link_local(arrival.vport, frame.packets(), arrival.now_ns) {
        return Err(DropReason::LinklocalAllowanceExceeded);
    }
    let is_served = service.found_at(sender).is_some()
        && service.is_behind(packet.protocol, packet.destination_port)
        && packet.part == FragmentPart::Whole;
    let end = tables.vport(SERVICES_VPORT).ok_or(unreachable)?;
    if !is_served || !end.has(Vport::PRESENT) {
        return Err(unreachable);
    }
    // The services' stack echoes them (`ip_options_echo`), and would write the fabric's own addresses into a record of the
    // route.
    if packet.has_options() {
        return Err(DropReason::ServiceOptions);
    }
    let source = packet.source.last_four();
    let ends = [source, service.address(arrival.vport)];
    deliver(frame, scratch, ends, end).ok_or(DropReason::RewriteFailed)?;
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
    let (service, vport) = Service::of_address(packet.source.last_four()).ok_or(stray)?;
    if !service.is_behind(packet.protocol, packet.source_port)
        || packet.part != FragmentPart::Whole
        || packet.has_options()
        || vport == SERVICES_VPORT
    {
        return Err(stray);
    }
    let guest = tables.vport(vport).ok_or(stray)?;
    let found_at = service.found_at(guest).ok_or(stray)?;
    if !guest.has(Vport::PRESENT) || guest.has(Vport::BLOCKED) {
        return Err(stray);
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
    deliver(frame, scratch, ends, guest).ok_or(DropReason::RewriteFailed)?;
    scratch.path.target = vport;
    Ok(())
}

/// Gives the frame these addresses, and the MACs by which the router sends to `target`.
#[inline(always)]
fn deliver<F: Frame>(
    frame: &mut F,
    scratch: &Scratch,
    [new_source, new_destination]: [Ipv4; 2],
    target: &Vport,
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
    rewrite::route(frame, target.mac, target.router_mac)?;
    rewrite::translate(frame, &translation)
}
