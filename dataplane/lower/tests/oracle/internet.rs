//! Ways to and from the internet by public addresses of IPv4.

use std::net::IpAddr;

use eni_model::World;
use eni_model::resource::{NetworkInterface, RouteTarget, VpcPeeringConnectionStatus};
use eni_types::{IpCidr, Ipv4Cidr, VpcId};

use super::{Packet, Place, Way, live, nat};

/// The internet gateway gives the source its public address; one of the region's own public addresses turns around.
pub(super) fn way_by_gateway(
    world: &World,
    pool: Ipv4Cidr,
    owner: &NetworkInterface,
    packet: &Packet,
) -> Option<Way> {
    let source = public_of(world, owner, packet.source)?;
    if let Some((to, destination)) = edge_of_public(world, packet.destination) {
        return Some(Way {
            source,
            destination,
            leaves_subnet: true,
            enters_subnet: true,
            through_gateway: true,
            ..Way::straight(Place::Interface(to?.network_interface_id), packet)
        });
    }
    if let Some((vpc_id, destination)) = nat::behind_public(world, packet.destination) {
        return Some(Way {
            source,
            destination,
            leaves_subnet: true,
            enters_subnet: true,
            through_gateway: true,
            met: nat::Met::inward(world, vpc_id, destination),
            ..Way::straight(Place::Outside, packet)
        });
    }
    let (to, destination) = match private_of(world, packet.destination) {
        Some((eni, private)) => (Place::Interface(eni.network_interface_id), private),
        // The region's addresses are nobody's outside, but the first one, which is the host's.
        None if is_regions(pool, packet.destination) => return None,
        None => (Place::Outside, packet.destination),
    };
    Some(Way {
        source,
        destination,
        leaves_subnet: true,
        enters_subnet: to != Place::Outside,
        through_gateway: true,
        ..Way::straight(to, packet)
    })
}

/// Where the route table of its VPC's internet gateway leads what comes in for a public address, and the address that it has there.
pub(super) fn edge_of_public(
    world: &World,
    public: IpAddr,
) -> Option<(Option<&NetworkInterface>, IpAddr)> {
    let private = nat::behind_public(world, public).or_else(|| {
        let (eni, private) = private_of(world, public)?;
        Some((eni.vpc_id, private))
    });
    let (vpc_id, private) = private?;
    Some((way_by_edge(world, vpc_id, private)?, private))
}

pub(super) fn way_from_outside(world: &World, pool: Ipv4Cidr, packet: &Packet) -> Option<Way> {
    let gateway = nat::behind_public(world, packet.destination);
    let interface = || {
        let (eni, private) = private_of(world, packet.destination)?;
        Some((
            eni.vpc_id,
            private,
            Place::Interface(eni.network_interface_id),
        ))
    };
    let (vpc_id, destination, to) = match gateway {
        Some((vpc_id, private)) => (vpc_id, private, Place::Outside),
        None => interface()?,
    };
    // The own VPC's addresses, and those of peers that rules may trust.
    let peers = peers_of(world, vpc_id);
    let mut inside = peers.chain([vpc_id]).filter_map(|id| world.vpcs.get(id));
    if is_regions(pool, packet.source)
        || inside.any(|vpc| vpc.blocks().any(|block| block.contains(packet.source)))
    {
        return None;
    }
    let edge = way_by_edge(world, vpc_id, destination);
    let met = gateway.filter(|_| edge.is_none());
    let to = match edge {
        Some(to) => Place::Interface(to?.network_interface_id),
        None => to,
    };
    Some(Way {
        destination,
        enters_subnet: true,
        through_gateway: true,
        met: met.and_then(|_| nat::Met::inward(world, vpc_id, destination)),
        ..Way::straight(to, packet)
    })
}

/// Where the route table of a VPC's internet gateway leads what comes in for an address: to an interface, or nowhere if that is not
/// live. `None` where it leads to the address itself, as without such a table.
pub(super) fn way_by_edge(
    world: &World,
    vpc_id: VpcId,
    destination: IpAddr,
) -> Option<Option<&NetworkInterface>> {
    let mut gateways = world.internet_gateways.iter();
    let gateway = gateways.find(|gateway| gateway.vpc_id == Some(vpc_id))?;
    let table = world.route_tables.iter().find(|table| {
        let mut associations = table.associations.iter();
        associations.any(|one| one.gateway_id == Some(gateway.internet_gateway_id))
    })?;
    let containing = table.routes.iter();
    let containing = containing.filter(|route| route.destination.contains(destination));
    match containing
        .max_by_key(|route| route.destination.prefix_length())?
        .target
    {
        RouteTarget::Local => None,
        RouteTarget::NetworkInterface(id) | RouteTarget::Instance(_, id) => Some(live(world, id)),
        _ => Some(None),
    }
}

/// The VPCs that a VPC is peered with now.
fn peers_of(world: &World, id: VpcId) -> impl Iterator<Item = VpcId> {
    let active = world
        .vpc_peering_connections
        .iter()
        .filter(|connection| connection.status == VpcPeeringConnectionStatus::Active);
    active.filter_map(move |connection| {
        let ends = [connection.requester_vpc_id, connection.accepter_vpc_id];
        ends.contains(&id).then_some(())?;
        ends.into_iter().find(|end| *end != id)
    })
}

pub(super) fn is_regions(pool: Ipv4Cidr, address: IpAddr) -> bool {
    IpCidr::V4(pool).contains(address) && Some(address) != pool.nth(1).map(IpAddr::V4)
}

/// The public address of a private one, in a VPC with an internet gateway.
pub(super) fn public_of(world: &World, eni: &NetworkInterface, private: IpAddr) -> Option<IpAddr> {
    world
        .internet_gateways
        .iter()
        .find(|gateway| gateway.vpc_id == Some(eni.vpc_id))?;
    world
        .addresses
        .iter()
        .find(|address| {
            address.association.as_ref().is_some_and(|association| {
                association.network_interface_id == eni.network_interface_id
                    && IpAddr::V4(association.private_ip_address) == private
            })
        })
        .map(|address| address.public_ip.into())
}

/// The live interface and private address behind a public address.
pub(super) fn private_of(world: &World, public: IpAddr) -> Option<(&NetworkInterface, IpAddr)> {
    let address = world
        .addresses
        .iter()
        .find(|address| IpAddr::V4(address.public_ip) == public)?;
    let association = address.association.as_ref()?;
    let eni = live(world, association.network_interface_id)?;
    let private = association.private_ip_address.into();
    public_of(world, eni, private)?;
    Some((eni, private))
}
