//! What is IPv6's own: its special addresses, its routers, and ways to and from the internet without translation.

use std::net::{IpAddr, Ipv6Addr};

use eni_model::World;
use eni_model::resource::{NetworkInterface, RouteTarget};
use eni_types::{IpCidr, VpcId};

use super::internet::way_by_edge;
use super::{ICMPV6, Packet, Piece, Place, Way, live, longest_route, owner, owns, subnet_of};

/// Where every subnet's router is (EC2 User Guide).
pub(crate) const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0xec2, 0, 0, 0, 0, 0, 1);

/// Messages between the nodes of a link: RFC 4890, section 4.3.1. No walk sends a question that the fabric answers.
fn is_of_link(packet: &Packet) -> bool {
    let [icmp_type, _] = packet.destination_port.to_be_bytes();
    let has_type = !matches!(packet.piece, Piece::Later { .. });
    has_type
        && packet.protocol == ICMPV6
        && matches!(icmp_type, 130..=137 | 141..=143 | 148 | 149 | 151..=153)
}

/// The addresses of a host, of a link, of a site or of groups, those in which addresses of IPv4 are, and EC2's own.
fn stays_home(address: IpAddr) -> bool {
    let IpAddr::V6(address) = address else {
        return true;
    };
    let [first, second, ..] = address.segments();
    first == 0
        || first == 0x2002
        || first == 0xfd00 && second == 0xec2
        || first & 0xff80 == 0xfe80
        || address.is_multicast()
}

/// Whether an interface has an address of IPv6, or a prefix of such.
pub(super) fn has_ipv6(eni: &NetworkInterface) -> bool {
    !eni.ipv6_addresses.is_empty() || !eni.ipv6_prefixes.is_empty()
}

/// Whether the sender has IPv6, and the packet neither an address that stays at home nor another's source where that is checked.
/// The router is spoken to on the link.
pub(super) fn may_send(
    world: &World,
    eni: &NetworkInterface,
    by_router: bool,
    packet: &Packet,
) -> bool {
    let own = owns(eni, packet.source);
    let from = Place::Interface(eni.network_interface_id);
    let to_router = by_router && is_router(world, from, packet.destination);
    let is_on_link =
        matches!(packet.source, IpAddr::V6(source) if source.segments()[0] & 0xffc0 == 0xfe80);
    let source_passes = if to_router && is_on_link {
        true
    } else {
        let is_fabrics = is_router(world, from, packet.source);
        !stays_home(packet.source) && (own || !eni.source_dest_check && !is_fabrics)
    };
    has_ipv6(eni)
        && !is_of_link(packet)
        && source_passes
        && (to_router || !stays_home(packet.destination))
}

pub(super) fn may_come_from_outside(packet: &Packet) -> bool {
    let to_router = packet.destination == IpAddr::V6(ROUTER);
    let is_on_link =
        matches!(packet.source, IpAddr::V6(source) if source.segments()[0] & 0xffc0 == 0xfe80);
    !is_of_link(packet)
        && (!stays_home(packet.source) || to_router && is_on_link)
        && (to_router || !stays_home(packet.destination))
}

/// Whether an address is that of the router of who sends.
pub(super) fn is_router(world: &World, from: Place, address: IpAddr) -> bool {
    let first = || {
        let Place::Interface(id) = from else {
            return None;
        };
        let block = subnet_of(world, live(world, id)?)?.ipv6_cidr_block()?;
        Some(Ipv6Addr::from_bits(block.network().to_bits() + 1))
    };
    address == IpAddr::V6(ROUTER) || first().map(IpAddr::V6) == Some(address)
}

/// The VPC that has an address and an interface that is plugged in.
fn inside(world: &World, address: IpAddr) -> Option<VpcId> {
    let mut vpcs = world.vpcs.iter();
    let vpc = vpcs.find(|vpc| {
        vpc.ipv6_blocks()
            .any(|block| IpCidr::V6(block).contains(address))
    })?;
    let mut enis = world.network_interfaces.iter();
    let is_used =
        enis.any(|eni| eni.vpc_id == vpc.vpc_id && live(world, eni.network_interface_id).is_some());
    is_used.then_some(vpc.vpc_id)
}

/// Out under an address that somebody in the VPC has, to no VPC: one of the region's has gateways, whose own addresses none leads to.
pub(super) fn way_by_gateway(world: &World, vpc_id: VpcId, packet: &Packet) -> Option<Way> {
    owner(world, vpc_id, packet.source)?;
    if inside(world, packet.destination).is_some() {
        return None;
    }
    Some(Way {
        leaves_subnet: true,
        through_gateway: true,
        ..Way::straight(Place::Outside, packet)
    })
}

/// In by the internet gateway to every address of the VPC, but by the egress-only one where the receiver's subnet answers by
/// that.
pub(super) fn way_from_outside(world: &World, packet: &Packet) -> Option<Way> {
    let vpc = world
        .vpcs
        .iter()
        .find(|vpc| vpc.blocks().any(|block| block.contains(packet.destination)))?;
    if inside(world, packet.source).is_some() {
        return None;
    }
    let must_answer = |to: &NetworkInterface| {
        let subnet = subnet_of(world, to)?;
        let back = longest_route(world, subnet, packet.source)?;
        match back.target {
            RouteTarget::EgressOnlyInternetGateway(id) => {
                world.egress_only_internet_gateways.get(id)
            }
            _ => None,
        }
    };
    let mut gateways = world.internet_gateways.iter();
    let takes_all = gateways.any(|gateway| gateway.vpc_id == Some(vpc.vpc_id));
    let owner = owner(world, vpc.vpc_id, packet.destination);
    let comes_by_the_other = owner.and_then(must_answer).is_some();
    let edge = way_by_edge(world, vpc.vpc_id, packet.destination);
    let edge = edge.filter(|_| !comes_by_the_other);
    let to = edge.unwrap_or(owner)?;
    let must_answer = must_answer(to).is_some();
    (must_answer || takes_all).then_some(Way {
        enters_subnet: true,
        through_gateway: true,
        must_answer,
        ..Way::straight(Place::Interface(to.network_interface_id), packet)
    })
}
