//! Interface endpoints (AWS PrivateLink Guide, "Access an AWS service using an interface VPC endpoint").

use eni_model::World;
use eni_model::resource::{NetworkInterface, RouteTarget, SecurityGroupRule};
use eni_types::{Ipv4Cidr, NetworkInterfaceId, NetworkInterfaceType};

use super::rules::{names_peer, names_port};
use super::{
    Delivery, IpOptions, NatFlows, NextHop, Packet, Piece, Place, Remembered, Seen, TCP, Tag, Way,
    lets_in as let_in, longest_route, nat, network_acl_allows, owns, subnet_of, way_from,
};

/// Whether the interface is an endpoint's.
pub(super) fn is_endpoint(world: &World, id: NetworkInterfaceId) -> bool {
    let eni = world.network_interfaces.get(id);
    eni.is_some_and(|eni| eni.interface_type == NetworkInterfaceType::VpcEndpoint)
}

/// Who gets what has been let in to `to`: of an endpoint the API behind it, if it speaks that.
pub(super) fn receiver(world: &World, to: Place, packet: &Packet) -> Option<Place> {
    match to {
        Place::Interface(id) if is_endpoint(world, id) => {
            serves(packet).then_some(Place::Services(id))
        }
        to => Some(to),
    }
}

/// Whether it is what is behind an endpoint: the API over TLS.
fn serves(packet: &Packet) -> bool {
    packet.protocol == TCP && packet.destination_port == 443 && is_plain(packet)
}

fn is_plain(packet: &Packet) -> bool {
    packet.piece == Piece::Whole && packet.options == IpOptions::None && packet.tag == Tag::None
}

/// Its groups' rules about this packet, whatever came before, and that answers would find its sender.
pub(super) fn lets_in(
    world: &World,
    endpoint: &NetworkInterface,
    from: Place,
    way: &Way,
    seen: &Seen<'_>,
) -> bool {
    answers_find(world, endpoint, from, way) && rules_allow(world, endpoint, seen)
}

fn answers_find(world: &World, endpoint: &NetworkInterface, from: Place, way: &Way) -> bool {
    let Place::Interface(sender) = from else {
        return false;
    };
    // From behind a NAT gateway it comes in that one's name.
    if way.through_gateway {
        return true;
    }
    let own = world
        .network_interfaces
        .get(sender)
        .is_some_and(|eni| owns(eni, way.source));
    let subnet = subnet_of(world, endpoint);
    let back = subnet.and_then(|subnet| longest_route(world, subnet, way.source));
    match back.map(|route| route.target) {
        Some(RouteTarget::NetworkInterface(id) | RouteTarget::Instance(_, id)) => {
            own || id == sender
        }
        Some(RouteTarget::VpcPeeringConnection(id)) if own => {
            let connection = world.vpc_peering_connections.get(id);
            way.peering.is_none_or(|(sender, _)| {
                connection.is_none_or(|connection| {
                    [connection.requester_vpc_id, connection.accepter_vpc_id].contains(&sender)
                })
            })
        }
        _ => own,
    }
}

fn rules_allow(world: &World, endpoint: &NetworkInterface, seen: &Seen<'_>) -> bool {
    let groups = endpoint.group_ids.iter();
    let mut rules = groups.flat_map(|id| world.security_group_rules.by(id));
    let names = |rule: &SecurityGroupRule| {
        !rule.is_egress
            && names_port(rule, seen.packet, seen.packet.destination_port)
            && names_peer(rule, seen.remote.0, seen.peer)
    };
    rules.any(|rule| names(rule))
}

/// What an endpoint says goes by its subnet's routes, entries and its receiver's rules; no group of its own keeps it.
pub(super) fn answer(
    world: &World,
    pool: Ipv4Cidr,
    remembered: &mut Remembered,
    id: NetworkInterfaceId,
    packet: &Packet,
    chosen: &NatFlows,
) -> Option<Delivery> {
    let endpoint = world.network_interfaces.get(id)?;
    let is_own = owns(endpoint, packet.source);
    if packet.protocol != TCP || packet.source_port != 443 || !is_plain(packet) || !is_own {
        return None;
    }
    let way = way_from(world, pool, endpoint, NextHop::Router, packet)?;
    let leaves = !way.leaves_subnet
        || network_acl_allows(world, endpoint.subnet_id, true, packet.destination, packet);
    if !leaves {
        return None;
    }
    let from = Place::Interface(id);
    if let Some(met) = way.met {
        let delivery = nat::decide(world, pool, remembered, from, met, &way, packet, chosen)?;
        // Neither to itself nor to another endpoint.
        return matches!(delivery.to, Place::Interface(to) if to != id).then_some(delivery);
    }
    let Place::Interface(to) = way.to else {
        return None;
    };
    if is_endpoint(world, to) {
        return None;
    }
    let_in(world, &mut remembered.tracked, from, &way, packet)?.then_some(Delivery {
        to: way.to,
        source: way.source,
        destination: way.destination,
        ends: packet.ends(),
        quoted: None,
    })
}
