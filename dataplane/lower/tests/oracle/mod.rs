//! What EC2 says about a packet, read off the rules as the user wrote them.
//!
//! Walks the world's rows one after the other. Shares no code with the lowering or the pipeline: where the three agree,
//! each has read EC2's documentation the same way on its own.

mod dhcp;
mod endpoints;
mod flow;
mod fragment;
mod header;
mod internet;
mod ipv6;
mod life;
mod nat;
mod rules;
mod services;

use std::net::IpAddr;

use eni_model::World;
use eni_model::resource::{
    Attachment, NetworkInterface, Route, RouteTarget, Subnet, VpcPeeringConnectionStatus,
};
use eni_types::{
    AttachmentStatus, InstanceState, Ipv4Cidr, NetworkInterfaceId, SecurityGroupId, VpcId,
    VpcPeeringConnectionId,
};

pub(crate) use dhcp::{CLIENT, CLIENT_IPV6, SERVER, SERVER_IPV6, SERVERS};
use flow::whole_quote;
pub(crate) use flow::{Query, Quote, TrackedFlow};
pub(crate) use fragment::{Firsts, Piece};
pub(crate) use header::{IpOptions, Tag};
use internet::{public_of, way_by_gateway, way_from_outside};
pub(crate) use ipv6::ROUTER;
use ipv6::has_ipv6;
pub(crate) use life::{Ending, Tracked};
pub(crate) use nat::{NatFlow, NatFlows, NatWay, SeenByGateways, end};
use rules::{Seen, network_acl_allows, security_groups_allow};
pub(crate) use services::{API, METADATA, METADATA_IPV6, RESOLVER, RESOLVER_IPV6, TIME, TIME_IPV6};
use services::{answer_of_router, answer_of_services, is_service, question_to_services};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const ICMPV6: u8 = 58;
const UDP: u8 = 17;

/// Who sends a packet, or is given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The guest of an attached interface.
    Interface(NetworkInterfaceId),
    /// The host and what lies behind it.
    Outside,
    /// The fabric's services, as they talk with the guest of an interface.
    Services(NetworkInterfaceId),
}

/// Whom the sender's frame is addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextHop {
    /// The subnet's router.
    Router,
    /// A neighbour's MAC address.
    Neighbour(NetworkInterfaceId),
}

/// A packet as its sender sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    /// The identifier of ICMP queries; 0 without ports.
    pub(crate) source_port: u16,
    /// Type and code of ICMP; 0 without ports.
    pub(crate) destination_port: u16,
    /// TCP's SYN without ACK.
    pub(crate) opens: bool,
    /// What a segment of TCP ends, that opens nothing.
    pub(crate) ending: Ending,
    /// What an ICMP error carries.
    pub(crate) quote: Option<Quote>,
    pub(crate) piece: Piece,
    pub(crate) tag: Tag,
    pub(crate) options: IpOptions,
}

impl Packet {
    pub(crate) fn is_ipv6(&self) -> bool {
        self.source.is_ipv6()
    }

    /// Its ports, or its identifier, where a frame has them.
    pub(crate) fn ends(&self) -> (u16, u16) {
        match self.piece {
            Piece::Later { .. } => (0, 0),
            _ if matches!(self.protocol, TCP | UDP) => (self.source_port, self.destination_port),
            _ if self.is_icmp() => (self.source_port, 0),
            _ => (0, 0),
        }
    }

    /// Whether it is ICMP, of its family.
    pub(crate) fn is_icmp(&self) -> bool {
        self.protocol == if self.is_ipv6() { ICMPV6 } else { ICMP }
    }
}

/// A packet as its receiver gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) to: Place,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// Source and destination port; the identifier of ICMP.
    pub(crate) ends: (u16, u16),
    /// Source and destination of a whole quote.
    pub(crate) quoted: Option<(IpAddr, IpAddr)>,
}

/// What is remembered of earlier packets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered {
    /// The tracked flows.
    pub(crate) tracked: Tracked,
    firsts: Firsts,
    /// Flows through NAT gateways.
    nat: NatFlows,
    /// What of their packets has come up.
    pub(crate) seen: SeenByGateways,
}

/// An address and a port.
pub(crate) type End = (IpAddr, u16);

/// Where a packet goes, before any rule is asked.
struct Way {
    to: Place,
    source: IpAddr,
    destination: IpAddr,
    leaves_subnet: bool,
    enters_subnet: bool,
    through_gateway: bool,
    /// Leaves by an egress-only internet gateway.
    by_egress_only: bool,
    /// Enters by one.
    must_answer: bool,
    /// A NAT gateway, from which it goes on.
    met: Option<nat::Met>,
    /// The VPCs of sender and receiver, if it crosses a peering connection.
    peering: Option<(VpcId, VpcId)>,
}

impl Way {
    /// Untranslated, to somebody in the same subnet.
    fn straight(to: Place, packet: &Packet) -> Self {
        Self {
            to,
            source: packet.source,
            destination: packet.destination,
            leaves_subnet: false,
            enters_subnet: false,
            through_gateway: false,
            by_egress_only: false,
            must_answer: false,
            met: None,
            peering: None,
        }
    }
}

/// What becomes of `packet`; what later packets depend on is remembered. `chosen` says which ends NAT gateways have given to flows.
pub(crate) fn decide(
    world: &World,
    pool: Ipv4Cidr,
    remembered: &mut Remembered,
    from: Place,
    next_hop: NextHop,
    packet: &Packet,
    chosen: &NatFlows,
) -> Option<Delivery> {
    let redirects = is_redirect(packet) && !matches!(from, Place::Services(_));
    if redirects || packet.tag != Tag::None || packet.options == IpOptions::SourceRoute {
        return None;
    }
    let router = match from {
        Place::Services(id) => {
            if endpoints::is_endpoint(world, id) {
                return endpoints::answer(world, pool, remembered, id, packet, chosen);
            }
            return answer_of_services(world, live(world, id)?, packet);
        }
        Place::Interface(id) => {
            let sender = live(world, id)?;
            let by_router = next_hop == NextHop::Router;
            if let Some(decided) = dhcp::of_guest(world, sender, by_router, packet) {
                return decided;
            }
            if by_router && is_service(world, sender, packet.destination) {
                return question_to_services(sender, packet);
            }
            let may_send = match packet.is_ipv6() {
                true => ipv6::may_send(world, sender, by_router, packet),
                false => may_send(world, sender, packet),
            };
            if !may_send {
                return None;
            }
            let block = subnet_of(world, sender)?.cidr_block;
            block.and_then(|block| block.nth(1))
        }
        Place::Outside if packet.is_ipv6() => {
            if !ipv6::may_come_from_outside(packet) {
                return None;
            }
            None
        }
        Place::Outside if stays_home(packet.source) || stays_home(packet.destination) => {
            return None;
        }
        Place::Outside => Some(pool.last()),
    };
    let to_router = match packet.is_ipv6() {
        true => ipv6::is_router(world, from, packet.destination),
        false => router.map(IpAddr::V4) == Some(packet.destination),
    };
    if next_hop == NextHop::Router && to_router {
        return answer_of_router(from, packet);
    }
    let packet = &remembered.firsts.resolve(from, packet)?;
    let tracked = &mut remembered.tracked;
    let way = match from {
        Place::Interface(id) => way_from(world, pool, live(world, id)?, next_hop, packet)?,
        Place::Outside if packet.is_ipv6() => ipv6::way_from_outside(world, packet)?,
        Place::Outside | Place::Services(_) => way_from_outside(world, pool, packet)?,
    };
    let may_leave = match from {
        Place::Interface(id) => lets_out(world, tracked, live(world, id)?, &way, packet),
        Place::Outside | Place::Services(_) => true,
    };
    if !may_leave {
        return None;
    }
    if let Some(met) = way.met {
        return nat::decide(world, pool, remembered, from, met, &way, packet, chosen);
    }
    if !lets_in(world, tracked, from, &way, packet)? {
        return None;
    }
    delivered(world, &way, packet)
}

/// A packet at the end of its way.
fn delivered(world: &World, way: &Way, packet: &Packet) -> Option<Delivery> {
    Some(Delivery {
        to: endpoints::receiver(world, way.to, packet)?,
        source: way.source,
        destination: way.destination,
        ends: packet.ends(),
        quoted: translated_quote(way, packet),
    })
}

/// What a translation changes outside it changes inside, where it stands as well.
fn translated_quote(way: &Way, packet: &Packet) -> Option<(IpAddr, IpAddr)> {
    whole_quote(packet).map(|quote| {
        let source = (quote.source == packet.destination).then_some(way.destination);
        let destination = (quote.destination == packet.source).then_some(way.source);
        (
            source.unwrap_or(quote.source),
            destination.unwrap_or(quote.destination),
        )
    })
}

/// The sender's groups, and its subnet's entries where the packet leaves the subnet.
fn lets_out(
    world: &World,
    tracked: &mut Tracked,
    sender: &NetworkInterface,
    way: &Way,
    packet: &Packet,
) -> bool {
    let egress = Seen {
        packet,
        is_egress: true,
        local: (packet.source, packet.source_port),
        remote: (packet.destination, packet.destination_port),
        peer: groups_of_receiver(world, way, packet),
        by_egress_only: way.by_egress_only || way.met.is_some_and(nat::Met::is_outward),
        peer_vpc: way.peering.map(|(_, receiver)| receiver),
    };
    security_groups_allow(world, tracked, sender, &egress)
        && (!way.leaves_subnet
            || network_acl_allows(world, sender.subnet_id, true, packet.destination, packet))
}

/// The receiver's subnet's entries where the packet enters the subnet, its check, its groups.
fn lets_in(
    world: &World,
    tracked: &mut Tracked,
    from: Place,
    way: &Way,
    packet: &Packet,
) -> Option<bool> {
    let Place::Interface(id) = way.to else {
        return Some(true);
    };
    let receiver = live(world, id)?;
    let own = owns(receiver, way.destination);
    if (way.enters_subnet
        && !network_acl_allows(world, receiver.subnet_id, false, way.source, packet))
        || (receiver.source_dest_check && !own)
    {
        return Some(false);
    }
    let ingress = Seen {
        packet,
        is_egress: false,
        local: (way.destination, packet.destination_port),
        remote: (way.source, packet.source_port),
        peer: groups_of_sender(world, from, way, packet),
        by_egress_only: way.must_answer,
        peer_vpc: way.peering.map(|(sender, _)| sender),
    };
    if endpoints::is_endpoint(world, id) {
        return Some(endpoints::lets_in(world, receiver, from, way, &ingress));
    }
    Some(security_groups_allow(world, tracked, receiver, &ingress))
}

/// Whether the source is the interface's own where that is checked, and neither address is one that stays at home. A VPC
/// may have a block of those for itself.
fn may_send(world: &World, eni: &NetworkInterface, packet: &Packet) -> bool {
    let own = owns(eni, packet.source);
    let inside = |address| {
        let vpc = world.vpcs.get(eni.vpc_id);
        vpc.is_some_and(|vpc| vpc.blocks().any(|block| block.contains(address)))
    };
    // RFC 919: the subnet's last address is its broadcast address.
    let block = subnet_of(world, eni).and_then(|subnet| subnet.cidr_block);
    if block.is_some_and(|block| IpAddr::V4(block.last()) == packet.destination) {
        return false;
    }
    let strange = |address| stays_home(address) && !inside(address);
    let vpc = world.vpcs.get(eni.vpc_id);
    let resolver = vpc.and_then(|vpc| vpc.resolver_address());
    let router = block.and_then(|block| block.nth(1));
    // Neither may be spoken for, whether or not the check is on.
    let mut fabrics = [resolver, router].into_iter().flatten();
    let is_fabrics = fabrics.any(|address| IpAddr::V4(address) == packet.source);
    (own || !eni.source_dest_check && !is_fabrics)
        && !strange(packet.source)
        && !strange(packet.destination)
}

/// RFC 792: of type 5. Nobody may send any.
fn is_redirect(packet: &Packet) -> bool {
    let has_type = packet.protocol == ICMP && !matches!(packet.piece, Piece::Later { .. });
    has_type && packet.destination_port >> 8 == 5
}

/// An interface whose attachment carries packets.
fn live(world: &World, id: NetworkInterfaceId) -> Option<&NetworkInterface> {
    let eni = world.network_interfaces.get(id)?;
    if endpoints::is_endpoint(world, id) {
        return Some(eni);
    }
    let attachment = eni.attachment.as_ref()?;
    let plugged = matches!(
        attachment.status,
        AttachmentStatus::Attaching | AttachmentStatus::Attached
    );
    let state = world.instances.get(attachment.instance_id)?.state;
    (plugged && matches!(state, InstanceState::Pending | InstanceState::Running)).then_some(eni)
}

fn attachment(eni: &NetworkInterface) -> &Attachment {
    eni.attachment
        .as_ref()
        .expect("live interfaces are attached")
}

/// The live interface of a VPC that has this private address.
fn owner(world: &World, vpc_id: VpcId, address: IpAddr) -> Option<&NetworkInterface> {
    world
        .network_interfaces
        .iter()
        .find(|eni| eni.vpc_id == vpc_id && owns(eni, address))
        .and_then(|eni| live(world, eni.network_interface_id))
}

/// Whether an address is the interface's own, or one of a prefix that it has.
fn owns(eni: &NetworkInterface, address: IpAddr) -> bool {
    let own = match address {
        IpAddr::V4(address) => eni.private_ip_addresses.contains(&address),
        IpAddr::V6(address) => eni.ipv6_addresses.contains(&address),
    };
    own || eni.prefixes().any(|prefix| prefix.contains(address))
}

fn subnet_of<'a>(world: &'a World, eni: &NetworkInterface) -> Option<&'a Subnet> {
    world.subnets.get(eni.subnet_id).map(AsRef::as_ref)
}

/// Same-subnet frames go by MAC and bypass route tables; everything else goes by the longest matching route.
fn way_from(
    world: &World,
    pool: Ipv4Cidr,
    sender: &NetworkInterface,
    next_hop: NextHop,
    packet: &Packet,
) -> Option<Way> {
    let untouched = |to: &NetworkInterface| {
        let crosses = to.subnet_id != sender.subnet_id;
        Way {
            leaves_subnet: crosses,
            enters_subnet: crosses,
            ..Way::straight(Place::Interface(to.network_interface_id), packet)
        }
    };
    let in_subnet = |eni: &&NetworkInterface| eni.subnet_id == sender.subnet_id;
    if let NextHop::Neighbour(id) = next_hop {
        let neighbour = live(world, id).filter(in_subnet);
        // A neighbour that would refuse the packet does not get it: the address may have moved since it was asked for.
        let refuses = neighbour.is_none_or(|eni| eni.source_dest_check);
        let by_address = owner(world, sender.vpc_id, packet.destination).filter(in_subnet);
        return by_address.filter(|_| refuses).or(neighbour).map(untouched);
    }
    let subnet = subnet_of(world, sender)?;
    let route = longest_route(world, subnet, packet.destination)?;
    match route.target {
        RouteTarget::Local => {
            let to = owner(world, sender.vpc_id, packet.destination).map(untouched);
            to.or_else(|| nat::way_inward(world, sender.vpc_id, subnet, packet))
        }
        RouteTarget::NetworkInterface(id) | RouteTarget::Instance(_, id) => {
            live(world, id).map(untouched)
        }
        RouteTarget::VpcPeeringConnection(id) => {
            let peer = peer_of(world, id, sender.vpc_id, packet)?;
            let to = owner(world, peer, packet.destination).map(untouched);
            let way = to.or_else(|| nat::way_inward(world, peer, subnet, packet));
            let peering = Some((sender.vpc_id, peer));
            way.map(|way| Way { peering, ..way })
        }
        RouteTarget::NatGateway(id) => nat::way_outward(world, id, sender.vpc_id, subnet, packet),
        RouteTarget::EgressOnlyInternetGateway(id) => {
            let gateway = world.egress_only_internet_gateways.get(id)?;
            let way = ipv6::way_by_gateway(world, sender.vpc_id, packet)?;
            (gateway.vpc_id == sender.vpc_id).then_some(Way {
                by_egress_only: true,
                ..way
            })
        }
        RouteTarget::InternetGateway(id) => {
            let gateway = world.internet_gateways.get(id)?;
            if gateway.vpc_id != Some(sender.vpc_id) {
                None
            } else if packet.is_ipv6() {
                ipv6::way_by_gateway(world, sender.vpc_id, packet)
            } else {
                let owner = owner(world, sender.vpc_id, packet.source)?;
                way_by_gateway(world, pool, owner, packet)
            }
        }
    }
}

/// The VPC at the other end of a connection: from an address of this VPC to one of the other, and nowhere beyond.
fn peer_of(
    world: &World,
    id: VpcPeeringConnectionId,
    own: VpcId,
    packet: &Packet,
) -> Option<VpcId> {
    let connection = world.vpc_peering_connections.get(id)?;
    let ends = [connection.requester_vpc_id, connection.accepter_vpc_id];
    let mut blocks = world.vpcs.get(own)?.blocks();
    let stands = connection.status == VpcPeeringConnectionStatus::Active;
    let passes = stands && blocks.any(|block| block.contains(packet.source));
    ends.into_iter().find(|end| passes && *end != own)
}

/// The longest route of a subnet's table, its own or its VPC's main one, that contains an address.
fn longest_route<'a>(world: &'a World, subnet: &Subnet, address: IpAddr) -> Option<&'a Route> {
    let own_table = world.route_tables.iter().find(|table| {
        table
            .associations
            .iter()
            .any(|association| association.subnet_id == Some(subnet.subnet_id))
    });
    let main = || {
        world
            .route_tables
            .iter()
            .find(|table| table.vpc_id == subnet.vpc_id && table.is_main())
    };
    let table = own_table.or_else(main)?;
    table
        .routes
        .iter()
        .filter(|route| route.destination.contains(address))
        .max_by_key(|route| route.destination.prefix_length())
}

/// Addresses of a host, of a link, of groups or of nobody: RFC 6890, RFC 1112. None is seen beyond a router.
fn stays_home(address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else {
        return false;
    };
    address.octets()[0] == 0
        || address.is_loopback()
        || address.is_link_local()
        || address.octets()[0] >= 224
}

/// Group rules match private addresses of interfaces only, and only if they are the packet's real ends.
fn groups_of_receiver<'a>(world: &'a World, way: &Way, packet: &Packet) -> &'a [SecurityGroupId] {
    match way.to {
        Place::Interface(id) if !way.through_gateway => world
            .network_interfaces
            .get(id)
            .filter(|eni| owns(eni, packet.destination))
            .map_or(&[], |eni| eni.group_ids.as_slice()),
        Place::Interface(_) | Place::Outside | Place::Services(_) => &[],
    }
}

fn groups_of_sender<'a>(
    world: &'a World,
    from: Place,
    way: &Way,
    packet: &Packet,
) -> &'a [SecurityGroupId] {
    match from {
        Place::Interface(id) if !way.through_gateway => world
            .network_interfaces
            .get(id)
            .filter(|eni| owns(eni, packet.source))
            .map_or(&[], |eni| eni.group_ids.as_slice()),
        Place::Interface(_) | Place::Outside | Place::Services(_) => &[],
    }
}
