//! NAT gateways: what they make of a packet. Which port a flow gets is theirs to choose, and told; what may be chosen is checked.
//! Time is left out: no walk is as long as a flow lasts.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use eni_model::World;
use eni_model::resource::{
    NatGateway, NetworkInterface, RouteTarget, Subnet, VpcPeeringConnectionStatus,
};
use eni_types::{Ipv4Cidr, NatGatewayId, NetworkInterfaceType, VpcId};

use super::flow::{query_of, whole_quote};
use super::rules::network_acl_allows;
use super::{
    Delivery, End, Ending, ICMP, Packet, Piece, Place, Remembered, TCP, UDP, Way, endpoints,
    lets_in, live, longest_route, owner, peer_of, public_of, subnet_of, way_by_gateway,
};

/// A flow through a gateway, as its sender sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NatFlow {
    pub(crate) gateway: NatGatewayId,
    pub(crate) way: NatWay,
    pub(crate) protocol: u8,
    /// Its port is ICMP's identifier.
    pub(crate) sender: End,
    /// Its port is the type of ICMP's request.
    pub(crate) remote: End,
}

/// Which way a flow leaves its gateway, and is answered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NatWay {
    /// To somebody in the gateway's VPC.
    Inside,
    Peer(VpcId),
    Internet,
}

/// How many packets of a kind gateways have been given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SeenByGateways {
    /// In the name of a flow's other end, by another way than the flow's.
    pub(crate) by_another_way: u64,
    /// From an address to which there is no way back.
    pub(crate) without_return: u64,
    /// Of flows to a peered VPC, and back.
    pub(crate) peers: [u64; 2],
    /// For endpoints, and from them.
    pub(crate) endpoints: [u64; 2],
}

/// Where each flow goes on from.
pub(crate) type NatFlows = BTreeMap<NatFlow, End>;

/// Where a packet meets a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Met {
    id: NatGatewayId,
    outward: bool,
}

impl Met {
    fn outward(world: &World, id: NatGatewayId, vpc_id: VpcId) -> Option<Self> {
        let gateway = world.nat_gateways.get(id)?;
        let is_there = gateway.interface().is_some() && gateway.vpc_id == vpc_id;
        is_there.then_some(Self { id, outward: true })
    }

    /// The gateway in a VPC that has this private address.
    pub(super) fn inward(world: &World, vpc_id: VpcId, address: IpAddr) -> Option<Self> {
        let mut gateways = world.nat_gateways.iter();
        let found = gateways.find(|gateway| {
            let eni = interface(world, gateway);
            gateway.vpc_id == vpc_id && eni.is_some_and(|eni| super::owns(eni, address))
        });
        found.map(|gateway| Self {
            id: gateway.nat_gateway_id,
            outward: false,
        })
    }

    pub(super) fn is_outward(self) -> bool {
        self.outward
    }

    pub(super) fn subnet(self, world: &World) -> Option<&Subnet> {
        subnet_of(world, interface(world, world.nat_gateways.get(self.id)?)?)
    }
}

fn interface<'a>(world: &'a World, gateway: &NatGateway) -> Option<&'a NetworkInterface> {
    let eni = world.network_interfaces.get(gateway.interface()?)?;
    assert_eq!(eni.interface_type, NetworkInterfaceType::NatGateway);
    Some(eni)
}

/// A route leads to a gateway.
pub(super) fn way_outward(
    world: &World,
    id: NatGatewayId,
    vpc_id: VpcId,
    from: &Subnet,
    packet: &Packet,
) -> Option<Way> {
    way_to(world, from, packet, Met::outward(world, id, vpc_id)?)
}

/// The destination is a gateway's.
pub(super) fn way_inward(
    world: &World,
    vpc_id: VpcId,
    from: &Subnet,
    packet: &Packet,
) -> Option<Way> {
    let met = Met::inward(world, vpc_id, packet.destination)?;
    way_to(world, from, packet, met)
}

/// To a NAT gateway, untranslated so far.
fn way_to(world: &World, from: &Subnet, packet: &Packet, met: Met) -> Option<Way> {
    let crosses = met.subnet(world)?.subnet_id != from.subnet_id;
    Some(Way {
        leaves_subnet: crosses,
        enters_subnet: crosses,
        met: Some(met),
        ..Way::straight(Place::Outside, packet)
    })
}

/// The gateway's address behind a public one, and its VPC.
pub(super) fn behind_public(world: &World, public: IpAddr) -> Option<(VpcId, IpAddr)> {
    let mut addresses = world.addresses.iter();
    let address = addresses.find(|address| IpAddr::V4(address.public_ip) == public)?;
    let association = address.association.as_ref()?;
    let eni = world
        .network_interfaces
        .get(association.network_interface_id)?;
    let private = association.private_ip_address.into();
    (eni.interface_type == NetworkInterfaceType::NatGateway).then_some(())?;
    public_of(world, eni, private)?;
    Some((eni.vpc_id, private))
}

/// What a packet is to the gateways.
enum Kind {
    /// Of a flow, with the remote end's port, and whether it begins one.
    Flow(u16, bool),
    Error,
}

fn kind(packet: &Packet) -> Option<Kind> {
    match packet.protocol {
        UDP => Some(Kind::Flow(packet.destination_port, true)),
        TCP | ICMP if packet.piece != Piece::Whole => None,
        TCP => Some(Kind::Flow(packet.destination_port, packet.opens)),
        ICMP if whole_quote(packet).is_some() => Some(Kind::Error),
        ICMP => {
            let (request, is_answer) = query_of(packet.destination_port)?;
            Some(Kind::Flow(request, !is_answer))
        }
        _ => None,
    }
}

/// Which way the gateway's subnet sends what is for the packet's destination; nothing of a packet to whose source it has no way back.
fn way_out(
    world: &World,
    seen: &mut SeenByGateways,
    subnet: &Subnet,
    packet: &Packet,
) -> Option<NatWay> {
    let returns = match longest_route(world, subnet, packet.source)?.target {
        RouteTarget::Local => true,
        RouteTarget::NetworkInterface(id) | RouteTarget::Instance(_, id) => {
            live(world, id).is_some()
        }
        _ => false,
    };
    if !returns {
        seen.without_return += 1;
        return None;
    }
    let vpc_id = subnet.vpc_id;
    Some(
        match longest_route(world, subnet, packet.destination)?.target {
            RouteTarget::InternetGateway(id)
                if world.internet_gateways.get(id)?.vpc_id == Some(vpc_id) =>
            {
                NatWay::Internet
            }
            RouteTarget::VpcPeeringConnection(id) => {
                let connection = world.vpc_peering_connections.get(id)?;
                let ends = [connection.requester_vpc_id, connection.accepter_vpc_id];
                let stands = connection.status == VpcPeeringConnectionStatus::Active;
                let mut peer = ends.into_iter().filter(|end| stands && *end != vpc_id);
                peer.next().map_or(NatWay::Inside, NatWay::Peer)
            }
            _ => NatWay::Inside,
        },
    )
}

/// Which way a packet has come to the gateway that it is for.
fn way_in(from: Place, way: &Way) -> NatWay {
    match way.peering {
        _ if from == Place::Outside || way.through_gateway => NatWay::Internet,
        Some((sender, _)) => NatWay::Peer(sender),
        None => NatWay::Inside,
    }
}

/// What becomes of a packet that has left its sender for a gateway. `chosen` says which end a new flow has been given.
#[allow(clippy::too_many_arguments, reason = "all that decides about a packet")]
pub(super) fn decide(
    world: &World,
    pool: Ipv4Cidr,
    remembered: &mut Remembered,
    from: Place,
    met: Met,
    way: &Way,
    packet: &Packet,
    chosen: &NatFlows,
) -> Option<Delivery> {
    let subnet = met.subnet(world)?;
    if way.enters_subnet && !network_acl_allows(world, subnet.subnet_id, false, way.source, packet)
    {
        return None;
    }
    let seen = &mut remembered.seen;
    let nat_way = match met.outward {
        true => way_out(world, seen, subnet, packet)?,
        false => way_in(from, way),
    };
    let is_endpoints = matches!(from, Place::Interface(id) if endpoints::is_endpoint(world, id));
    let translated = match (met.outward, kind(packet)?) {
        (true, Kind::Flow(remote_port, opens)) => {
            let flow = NatFlow {
                gateway: met.id,
                way: nat_way,
                protocol: packet.protocol,
                sender: (packet.source, packet.source_port),
                remote: (packet.destination, remote_port),
            };
            let known = remembered.nat.get(&flow).copied();
            if known.is_none() && packet.protocol == TCP && !opens {
                return reset(from, packet).filter(|_| !is_endpoints);
            }
            let end =
                known.or_else(|| opens.then(|| begin(world, &mut remembered.nat, flow, chosen)))?;
            Packet {
                source: end.0,
                source_port: end.1,
                ..*packet
            }
        }
        (true, Kind::Error) => error_outward(met, nat_way, &remembered.nat, packet)?,
        (false, kind) => inward(met, nat_way, remembered, way, packet, &kind)?,
    };
    let way = onward(world, pool, met, subnet, way, &translated)?;
    let remote = match met.outward {
        true => packet.destination,
        false => translated.destination,
    };
    if way.leaves_subnet && !network_acl_allows(world, subnet.subnet_id, true, remote, &translated)
    {
        return None;
    }
    if !lets_in(world, &mut remembered.tracked, from, &way, &translated)? {
        return None;
    }
    let delivery = super::delivered(world, &way, &translated)?;
    let seen = &mut remembered.seen;
    let direction = usize::from(!met.outward);
    seen.peers[direction] += u64::from(matches!(nat_way, NatWay::Peer(_)));
    seen.endpoints[0] += u64::from(matches!(delivery.to, Place::Services(_)));
    seen.endpoints[1] += u64::from(is_endpoints);
    Some(delivery)
}

/// A flow begins: by an address of the gateway's and a port that no other has towards the same end.
fn begin(world: &World, flows: &mut NatFlows, flow: NatFlow, chosen: &NatFlows) -> End {
    let end = chosen[&flow];
    let gateway = world.nat_gateways.get(flow.gateway);
    let eni = gateway
        .and_then(|gateway| interface(world, gateway))
        .unwrap();
    assert!(super::owns(eni, end.0), "{flow:?} goes on from {end:?}");
    assert!(end.1 >= 1_024, "{flow:?} goes on from {end:?}");
    let shares = |(other, has): (&NatFlow, &End)| {
        let shared = |flow: &NatFlow| (flow.protocol, flow.way, flow.remote);
        *has == end && shared(other) == shared(&flow)
    };
    assert!(!flows.iter().any(shares), "{flow:?} shares {end:?}");
    flows.insert(flow, end);
    end
}

/// As from the other end; nothing to what resets itself.
fn reset(from: Place, packet: &Packet) -> Option<Delivery> {
    (packet.ending != Ending::Reset).then_some(Delivery {
        to: from,
        source: packet.destination,
        destination: packet.source,
        ends: (packet.destination_port, packet.source_port),
        quoted: None,
    })
}

/// About what has come inward: it and its quote bear the gateway's address, and its port.
fn error_outward(met: Met, way: NatWay, flows: &NatFlows, packet: &Packet) -> Option<Packet> {
    let mut quote = whole_quote(packet)?;
    let (own, remote) = match quote.protocol {
        ICMP => (quote.source_port, query_of(quote.destination_port)?.0),
        _ => (quote.destination_port, quote.source_port),
    };
    let end = flows.get(&NatFlow {
        gateway: met.id,
        way,
        protocol: quote.protocol,
        sender: (quote.destination, own),
        remote: (quote.source, remote),
    })?;
    quote.destination = end.0;
    match quote.protocol {
        ICMP => quote.source_port = end.1,
        _ => quote.destination_port = end.1,
    }
    Some(Packet {
        source: end.0,
        quote: Some(quote),
        ..*packet
    })
}

/// An answer, or an error about what has gone out: for who has begun the flow.
fn inward(
    met: Met,
    nat_way: NatWay,
    remembered: &mut Remembered,
    way: &Way,
    packet: &Packet,
    kind: &Kind,
) -> Option<Packet> {
    let Remembered { nat, seen, .. } = remembered;
    let mut by_end = |protocol: u8, own: End, remote: End| {
        let found = nat.iter().filter(|(flow, end)| {
            (flow.gateway, flow.protocol, flow.remote, **end) == (met.id, protocol, remote, own)
        });
        let (same, others): (Vec<_>, Vec<_>) = found.partition(|(flow, _)| flow.way == nat_way);
        if same.is_empty() {
            seen.by_another_way += u64::from(!others.is_empty());
        }
        same.first().map(|(flow, _)| flow.sender)
    };
    if let Kind::Error = kind {
        let mut quote = whole_quote(packet)?;
        if quote.source != packet.destination {
            return None;
        }
        let remote_port = match quote.protocol {
            ICMP => query_of(quote.destination_port)?.0,
            _ => quote.destination_port,
        };
        let remote = match quote.destination == packet.source {
            true => way.source,
            false => quote.destination,
        };
        let own = (way.destination, quote.source_port);
        let sender = by_end(quote.protocol, own, (remote, remote_port))?;
        (quote.source, quote.source_port) = sender;
        return Some(Packet {
            destination: sender.0,
            quote: Some(quote),
            ..*packet
        });
    }
    let (own, remote) = match packet.protocol {
        ICMP => {
            let (request, is_answer) = query_of(packet.destination_port)?;
            is_answer.then_some((packet.source_port, request))?
        }
        _ => (packet.destination_port, packet.source_port),
    };
    let own = (way.destination, own);
    let sender = by_end(packet.protocol, own, (way.source, remote))?;
    let mut translated = Packet {
        destination: sender.0,
        ..*packet
    };
    match packet.protocol {
        ICMP => translated.source_port = sender.1,
        _ => translated.destination_port = sender.1,
    }
    Some(translated)
}

/// By the routes of the gateway's subnet.
fn onward(
    world: &World,
    pool: Ipv4Cidr,
    met: Met,
    subnet: &Subnet,
    before: &Way,
    packet: &Packet,
) -> Option<Way> {
    let gateway = world.nat_gateways.get(met.id)?;
    let vpc_id = gateway.vpc_id;
    let source = if met.outward {
        packet.source
    } else {
        before.source
    };
    let packet = &Packet { source, ..*packet };
    let to_interface = |to: &NetworkInterface| {
        let crosses = to.subnet_id != subnet.subnet_id;
        Way {
            leaves_subnet: crosses,
            enters_subnet: crosses,
            // Nobody's groups count behind a translation.
            through_gateway: true,
            ..Way::straight(Place::Interface(to.network_interface_id), packet)
        }
    };
    match longest_route(world, subnet, packet.destination)?.target {
        RouteTarget::Local => owner(world, vpc_id, packet.destination).map(to_interface),
        RouteTarget::NetworkInterface(id) | RouteTarget::Instance(_, id) => {
            live(world, id).map(to_interface)
        }
        RouteTarget::InternetGateway(id) => {
            let attached = world.internet_gateways.get(id)?.vpc_id == Some(vpc_id);
            (attached && met.outward).then_some(())?;
            let way = way_by_gateway(world, pool, interface(world, gateway)?, packet)?;
            // A second gateway is no next.
            way.met.is_none().then_some(way)
        }
        RouteTarget::VpcPeeringConnection(id) => {
            let peer = peer_of(world, id, vpc_id, packet)?;
            let way = owner(world, peer, packet.destination).map(to_interface)?;
            let peering = Some((vpc_id, peer));
            Some(Way { peering, ..way })
        }
        _ => None,
    }
}

/// An address of a gateway as the tables have it.
pub(crate) fn end(address: Ipv4Addr, port: u16) -> End {
    (address.into(), port)
}
