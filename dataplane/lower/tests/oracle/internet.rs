//! Ways to and from the internet by public addresses of IPv4.

use std::net::IpAddr;

use eni_model::World;
use eni_model::resource::{NetworkInterface, VpcPeeringConnectionStatus};
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
    Some(Way {
        destination,
        enters_subnet: true,
        through_gateway: true,
        met: gateway.and_then(|_| nat::Met::inward(world, vpc_id, destination)),
        ..Way::straight(to, packet)
    })
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
