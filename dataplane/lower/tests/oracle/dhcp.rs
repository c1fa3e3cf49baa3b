//! Addresses by DHCP: who asks whom, and who answers (RFC 2131, 4.1; RFC 8415, 7).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use eni_model::World;
use eni_model::resource::NetworkInterface;

use super::{Delivery, IpOptions, Packet, Piece, Place, ROUTER, UDP, has_ipv6, owns, subnet_of};

/// The ports of clients and servers.
pub(crate) const CLIENT: u16 = 68;
pub(crate) const SERVER: u16 = 67;
/// The same of IPv6.
pub(crate) const CLIENT_IPV6: u16 = 546;
pub(crate) const SERVER_IPV6: u16 = 547;
/// All servers and relay agents of a link.
pub(crate) const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

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
    if packet.protocol != UDP || !has_ports {
        return None;
    }
    if packet.is_ipv6() {
        return of_guest_ipv6(sender, by_router, packet);
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

/// By IPv6 all ask a group, from an address of the link's, and hear what comes to their port from whatever other.
fn of_guest_ipv6(
    sender: &NetworkInterface,
    by_router: bool,
    packet: &Packet,
) -> Option<Option<Delivery>> {
    if !has_ipv6(sender) || packet.destination_port == CLIENT_IPV6 {
        return Some(None);
    }
    let asks = packet.destination_port == SERVER_IPV6 && packet.destination == IpAddr::V6(SERVERS);
    if !asks || !by_router {
        return None;
    }
    let passes = is_on_link(packet.source) && is_plain(packet);
    Some(passes.then(|| Delivery {
        to: Place::Services(sender.network_interface_id),
        source: packet.source,
        destination: IpAddr::V6(ROUTER),
        ends: packet.ends(),
        quoted: None,
    }))
}

/// `fe80::/64`, where addresses of a link are (RFC 4291, 2.5.6).
fn is_on_link(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_bits() >> 64 == 0xfe80 << 48)
}

/// What becomes of what the services send as the router: it reaches who has no address by broadcast, others there. `None` for what
/// they send as somebody else.
pub(super) fn of_services(
    world: &World,
    receiver: &NetworkInterface,
    packet: &Packet,
) -> Option<Option<Delivery>> {
    if packet.source == IpAddr::V6(ROUTER) {
        let answers = packet.protocol == UDP
            && packet.source_port == SERVER_IPV6
            && is_on_link(packet.destination)
            && has_ipv6(receiver)
            && is_plain(packet);
        return Some(answers.then(|| Delivery {
            to: Place::Interface(receiver.network_interface_id),
            source: packet.source,
            destination: packet.destination,
            ends: packet.ends(),
            quoted: None,
        }));
    }
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
