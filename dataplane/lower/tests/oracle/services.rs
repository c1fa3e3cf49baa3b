//! Services of the fabric, at link-local addresses and at its routers'.

use std::net::Ipv4Addr;

use eni_model::resource::NetworkInterface;

use super::{Delivery, ICMP, Packet, Piece, Place, TCP};

/// Where instance metadata answers, and at which port of TCP.
pub(crate) const METADATA: (Ipv4Addr, u16) = (Ipv4Addr::new(169, 254, 169, 254), 80);

/// EC2 User Guide, "Use instance metadata to manage your EC2 instance": every instance asks about itself, whatever its rules.
pub(super) fn question_to_services(sender: &NetworkInterface, packet: &Packet) -> Option<Delivery> {
    let own = sender.private_ip_addresses.contains(&packet.source);
    let asks = (packet.protocol, packet.destination_port) == (TCP, METADATA.1);
    (own && asks && packet.piece == Piece::Whole).then_some(Delivery {
        to: Place::Services(sender.network_interface_id),
        source: packet.source,
        destination: packet.destination,
        quoted: None,
    })
}

/// An answer reaches who has asked, as long as the address is its own.
pub(super) fn answer_of_services(receiver: &NetworkInterface, packet: &Packet) -> Option<Delivery> {
    let own = receiver.private_ip_addresses.contains(&packet.destination);
    let from = (packet.protocol, (packet.source, packet.source_port));
    (own && from == (TCP, METADATA) && packet.piece == Piece::Whole).then_some(Delivery {
        to: Place::Interface(receiver.network_interface_id),
        source: packet.source,
        destination: packet.destination,
        quoted: None,
    })
}

/// A router answers its subnet's pings, whatever the rules, and nothing else.
pub(super) fn answer_of_router(from: Place, packet: &Packet) -> Option<Delivery> {
    let is_ping = packet.protocol == ICMP && packet.destination_port == 8 << 8;
    (is_ping && packet.piece == Piece::Whole).then_some(Delivery {
        to: from,
        source: packet.destination,
        destination: packet.source,
        quoted: None,
    })
}
