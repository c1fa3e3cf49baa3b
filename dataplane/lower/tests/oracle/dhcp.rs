//! Addresses by DHCP: who asks whom, and who answers (RFC 2131, 4.1).

use std::net::{IpAddr, Ipv4Addr};

use eni_model::World;
use eni_model::resource::NetworkInterface;

use super::{Delivery, IpOptions, Packet, Piece, Place, UDP, owns, subnet_of};

/// The ports of clients and servers.
pub(crate) const CLIENT: u16 = 68;
pub(crate) const SERVER: u16 = 67;

const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const EVERYBODY: IpAddr = IpAddr::V4(Ipv4Addr::BROADCAST);

/// What becomes of a guest's packet of DHCP: who has no address yet asks everybody on the link, others may ask the router, and no
/// guest answers. `None` for another packet.
pub(super) fn of_guest(
    world: &World,
    sender: &NetworkInterface,
    by_router: bool,
    packet: &Packet,
) -> Option<Option<Delivery>> {
    // Later fragments have no ports.
    let has_ports = !matches!(packet.piece, Piece::Later { .. });
    if packet.is_ipv6() || packet.protocol != UDP || !has_ports {
        return None;
    }
    let router = router(world, sender);
    match (packet.source_port, packet.destination_port) {
        (SERVER, CLIENT) => return Some(None),
        (CLIENT, SERVER) if by_router => {}
        _ => return None,
    }
    if packet.destination != EVERYBODY && Some(packet.destination) != router {
        return None;
    }
    let asks_for_itself = packet.source == NOBODY || owns(sender, packet.source);
    let router = router.filter(|_| asks_for_itself && is_plain(packet));
    Some(router.map(|router| Delivery {
        to: Place::Services(sender.network_interface_id),
        source: packet.source,
        destination: router,
        ends: packet.ends(),
        quoted: None,
    }))
}

/// What becomes of what the services send as the router: it reaches who has no address by broadcast, others there. `None` for what
/// they send as somebody else.
pub(super) fn of_services(
    world: &World,
    receiver: &NetworkInterface,
    packet: &Packet,
) -> Option<Option<Delivery>> {
    router(world, receiver).filter(|router| *router == packet.source)?;
    let answers = packet.protocol == UDP && packet.source_port == SERVER && is_plain(packet);
    let destination = match packet.destination {
        NOBODY => Some(EVERYBODY),
        own if owns(receiver, own) => Some(own),
        _ => None,
    };
    Some(destination.filter(|_| answers).map(|destination| Delivery {
        to: Place::Interface(receiver.network_interface_id),
        source: packet.source,
        destination,
        ends: packet.ends(),
        quoted: None,
    }))
}

fn is_plain(packet: &Packet) -> bool {
    packet.piece == Piece::Whole && packet.options == IpOptions::None
}

fn router(world: &World, eni: &NetworkInterface) -> Option<IpAddr> {
    let block = subnet_of(world, eni)?.cidr_block?;
    block.nth(1).map(IpAddr::V4)
}
