//! What EC2 says about a packet, read off the rules as the user wrote them.
//!
//! Walks the world's rows one after the other. Shares no code with the lowering or the pipeline: where the three agree,
//! each has read EC2's documentation the same way on its own.

mod flow;
mod fragment;
mod header;
mod life;
mod services;

use std::net::Ipv4Addr;

use eni_model::World;
use eni_model::resource::{
    Attachment, IpProtocol, NetworkAclEntry, NetworkInterface, RouteTarget, RuleAction, RulePeer,
    SecurityGroupRule, Subnet,
};
use eni_types::{
    AttachmentStatus, InstanceState, IpCidr, Ipv4Cidr, NetworkInterfaceId, SecurityGroupId,
    SubnetId, VpcId,
};

pub(crate) use flow::{Query, Quote, TrackedFlow};
use flow::{flow_of, is_request, quoted_flow, whole_quote};
pub(crate) use fragment::{Firsts, Piece};
pub(crate) use header::{IpOptions, Tag};
use life::Asks;
pub(crate) use life::{Ending, Tracked};
pub(crate) use services::{METADATA, RESOLVER, TIME};
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
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
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

/// A packet as its receiver gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) to: Place,
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    /// Source and destination of a whole quote.
    pub(crate) quoted: Option<(Ipv4Addr, Ipv4Addr)>,
}

/// What is remembered of earlier packets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered {
    /// The tracked flows.
    pub(crate) tracked: Tracked,
    firsts: Firsts,
}

/// An address and a port.
pub(crate) type End = (Ipv4Addr, u16);

/// Where a packet goes, before any rule is asked.
struct Way {
    to: Place,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    leaves_subnet: bool,
    enters_subnet: bool,
    through_gateway: bool,
}

/// What becomes of `packet`; what later packets depend on is remembered.
pub(crate) fn decide(
    world: &World,
    pool: Ipv4Cidr,
    remembered: &mut Remembered,
    from: Place,
    next_hop: NextHop,
    packet: &Packet,
) -> Option<Delivery> {
    if packet.tag != Tag::None || packet.options == IpOptions::SourceRoute {
        return None;
    }
    let router = match from {
        Place::Services(id) => return answer_of_services(world, live(world, id)?, packet),
        Place::Interface(id) => {
            let sender = live(world, id)?;
            if next_hop == NextHop::Router && is_service(world, sender, packet.destination) {
                return question_to_services(sender, packet);
            }
            if !may_send(world, sender, packet) {
                return None;
            }
            subnet_of(world, sender)?.cidr_block?.nth(1)
        }
        Place::Outside if stays_home(packet.source) || stays_home(packet.destination) => {
            return None;
        }
        Place::Outside => Some(pool.last()),
    };
    if next_hop == NextHop::Router && Some(packet.destination) == router {
        return answer_of_router(from, packet);
    }
    let packet = &remembered.firsts.resolve(from, packet)?;
    let tracked = &mut remembered.tracked;
    let way = match from {
        Place::Interface(id) => way_from(world, pool, live(world, id)?, next_hop, packet)?,
        Place::Outside | Place::Services(_) => way_from_outside(world, pool, packet)?,
    };
    let may_leave = match from {
        Place::Interface(id) => lets_out(world, tracked, live(world, id)?, &way, packet),
        Place::Outside | Place::Services(_) => true,
    };
    if !may_leave || !lets_in(world, tracked, from, &way, packet)? {
        return None;
    }
    // What a translation changes outside it changes inside, where it stands as well.
    let quoted = whole_quote(packet).map(|quote| {
        let source = (quote.source == packet.destination).then_some(way.destination);
        let destination = (quote.destination == packet.source).then_some(way.source);
        (
            source.unwrap_or(quote.source),
            destination.unwrap_or(quote.destination),
        )
    });
    Some(Delivery {
        to: way.to,
        source: way.source,
        destination: way.destination,
        quoted,
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
    let own = receiver.private_ip_addresses.contains(&way.destination);
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
    };
    Some(security_groups_allow(world, tracked, receiver, &ingress))
}

/// Whether the source is the interface's own where that is checked, and neither address is one that stays at home. A VPC
/// may have a block of those for itself.
fn may_send(world: &World, eni: &NetworkInterface, packet: &Packet) -> bool {
    let own = eni.private_ip_addresses.contains(&packet.source);
    let inside = |address| {
        let vpc = world.vpcs.get(eni.vpc_id);
        vpc.is_some_and(|vpc| vpc.ipv4_blocks().any(|block| block.contains(address)))
    };
    // RFC 919: the subnet's last address is its broadcast address.
    let block = subnet_of(world, eni).and_then(|subnet| subnet.cidr_block);
    if block.is_some_and(|block| block.last() == packet.destination) {
        return false;
    }
    let strange = |address| stays_home(address) && !inside(address);
    (own || !eni.source_dest_check) && !strange(packet.source) && !strange(packet.destination)
}

/// An interface whose attachment carries packets.
fn live(world: &World, id: NetworkInterfaceId) -> Option<&NetworkInterface> {
    let eni = world.network_interfaces.get(id)?;
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
fn owner(world: &World, vpc_id: VpcId, address: Ipv4Addr) -> Option<&NetworkInterface> {
    world
        .network_interfaces
        .iter()
        .find(|eni| eni.vpc_id == vpc_id && eni.private_ip_addresses.contains(&address))
        .and_then(|eni| live(world, eni.network_interface_id))
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
            to: Place::Interface(to.network_interface_id),
            source: packet.source,
            destination: packet.destination,
            leaves_subnet: crosses,
            enters_subnet: crosses,
            through_gateway: false,
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
    let route = table
        .routes
        .iter()
        .filter(|route| route.destination.contains(packet.destination.into()))
        .max_by_key(|route| route.destination.prefix_length())?;
    match route.target {
        RouteTarget::Local => owner(world, sender.vpc_id, packet.destination).map(untouched),
        RouteTarget::NetworkInterface(id) | RouteTarget::Instance(_, id) => {
            live(world, id).map(untouched)
        }
        RouteTarget::EgressOnlyInternetGateway(_) => None,
        RouteTarget::InternetGateway(id) => {
            let gateway = world.internet_gateways.get(id)?;
            if gateway.vpc_id == Some(sender.vpc_id) {
                way_by_gateway(world, pool, sender.vpc_id, packet)
            } else {
                None
            }
        }
    }
}

/// The internet gateway gives the source its public address; one of the region's own public addresses turns around.
fn way_by_gateway(world: &World, pool: Ipv4Cidr, vpc_id: VpcId, packet: &Packet) -> Option<Way> {
    let source = public_of(world, owner(world, vpc_id, packet.source)?, packet.source)?;
    let (to, destination) = match private_of(world, packet.destination) {
        Some((eni, private)) => (Place::Interface(eni.network_interface_id), private),
        // The region's addresses are nobody's outside, but the first one, which is the host's.
        None if is_regions(pool, packet.destination) => return None,
        None => (Place::Outside, packet.destination),
    };
    Some(Way {
        to,
        source,
        destination,
        leaves_subnet: true,
        enters_subnet: to != Place::Outside,
        through_gateway: true,
    })
}

fn way_from_outside(world: &World, pool: Ipv4Cidr, packet: &Packet) -> Option<Way> {
    let (eni, destination) = private_of(world, packet.destination)?;
    let mut inside = world.vpcs.get(eni.vpc_id)?.ipv4_blocks();
    if is_regions(pool, packet.source) || inside.any(|block| block.contains(packet.source)) {
        return None;
    }
    Some(Way {
        to: Place::Interface(eni.network_interface_id),
        source: packet.source,
        destination,
        leaves_subnet: false,
        enters_subnet: true,
        through_gateway: true,
    })
}

fn is_regions(pool: Ipv4Cidr, address: Ipv4Addr) -> bool {
    pool.contains(address) && Some(address) != pool.nth(1)
}

/// Addresses of a host, of a link, of groups or of nobody: RFC 6890, RFC 1112. None is seen beyond a router.
fn stays_home(address: Ipv4Addr) -> bool {
    address.octets()[0] == 0
        || address.is_loopback()
        || address.is_link_local()
        || address.octets()[0] >= 224
}

/// The public address of a private one, in a VPC with an internet gateway.
fn public_of(world: &World, eni: &NetworkInterface, private: Ipv4Addr) -> Option<Ipv4Addr> {
    world
        .internet_gateways
        .iter()
        .find(|gateway| gateway.vpc_id == Some(eni.vpc_id))?;
    world
        .addresses
        .iter()
        .find(|address| {
            address.association.as_ref().is_some_and(|association| {
                (
                    association.network_interface_id,
                    association.private_ip_address,
                ) == (eni.network_interface_id, private)
            })
        })
        .map(|address| address.public_ip)
}

/// The live interface and private address behind a public address.
fn private_of(world: &World, public: Ipv4Addr) -> Option<(&NetworkInterface, Ipv4Addr)> {
    let address = world
        .addresses
        .iter()
        .find(|address| address.public_ip == public)?;
    let association = address.association.as_ref()?;
    let eni = live(world, association.network_interface_id)?;
    public_of(world, eni, association.private_ip_address)?;
    Some((eni, association.private_ip_address))
}

/// Group rules match private addresses of interfaces only, and only if they are the packet's real ends.
fn groups_of_receiver<'a>(world: &'a World, way: &Way, packet: &Packet) -> &'a [SecurityGroupId] {
    match way.to {
        Place::Interface(id) if !way.through_gateway => world
            .network_interfaces
            .get(id)
            .filter(|eni| eni.private_ip_addresses.contains(&packet.destination))
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
            .filter(|eni| eni.private_ip_addresses.contains(&packet.source))
            .map_or(&[], |eni| eni.group_ids.as_slice()),
        Place::Interface(_) | Place::Outside | Place::Services(_) => &[],
    }
}

/// A packet as one interface's security groups see it.
struct Seen<'a> {
    packet: &'a Packet,
    is_egress: bool,
    local: End,
    remote: End,
    peer: &'a [SecurityGroupId],
}

/// EC2 User Guide, "Security group connection tracking".
fn security_groups_allow(
    world: &World,
    tracked: &mut Tracked,
    eni: &NetworkInterface,
    seen: &Seen<'_>,
) -> bool {
    let packet = seen.packet;
    let attachment = attachment(eni).attachment_id;
    if let Some(about) = quoted_flow(attachment, seen)
        && tracked.contains(&about)
    {
        return true;
    }
    let ports = (packet.source_port, packet.destination_port);
    let ends = (seen.local.0, seen.remote.0);
    let flow = flow_of(attachment, packet.protocol, seen.is_egress, ends, ports);
    let asks = flow.and_then(|flow| tracked.follow(&flow, seen.is_egress, packet));
    if asks == Some(Asks::Nothing) {
        return true;
    }
    let rules: Vec<&SecurityGroupRule> = eni
        .group_ids
        .iter()
        .flat_map(|id| world.security_group_rules.by(id))
        .map(AsRef::as_ref)
        .collect();
    let matching = |is_egress: bool, port: u16| {
        rules
            .iter()
            .filter(move |rule| rule.is_egress == is_egress)
            .filter(move |rule| names_port(rule, packet.protocol, port))
            .filter(|rule| names_peer(rule, seen.remote.0, seen.peer))
    };
    let all_to_all = |is_egress: bool| {
        rules.iter().any(|rule| {
            rule.is_egress == is_egress
                && is_world(rule)
                && matches!(packet.protocol, TCP | UDP)
                && names_all_ports(rule, packet.protocol)
        })
    };
    // The answer of a flow that is not tracked: the flow's first packet went the other way, to the port that this one
    // comes from, by a rule for everybody; and this way is open for everything.
    let asked = || matching(!seen.is_egress, packet.source_port).any(|rule| is_world(rule));
    if !packet.opens && all_to_all(seen.is_egress) && asked() {
        return true;
    }
    let mut allowed = false;
    let mut for_everybody = false;
    for rule in matching(seen.is_egress, packet.destination_port) {
        allowed = true;
        for_everybody |= is_world(rule);
    }
    // A connection that the middle of a flow began would let an untracked one go on after its rule is revoked.
    let begins = match packet.protocol {
        _ if asks == Some(Asks::Once) => false,
        TCP => packet.opens,
        ICMP => is_request(packet),
        _ => true,
    };
    if allowed && begins && !(for_everybody && all_to_all(!seen.is_egress)) {
        flow.into_iter().for_each(|flow| tracked.begin(flow));
    }
    allowed
}

fn is_world(rule: &SecurityGroupRule) -> bool {
    matches!(rule.peer, RulePeer::CidrIpv4(block) if block.prefix_length() == 0)
}

fn names_peer(rule: &SecurityGroupRule, remote: Ipv4Addr, peer: &[SecurityGroupId]) -> bool {
    match rule.peer {
        RulePeer::CidrIpv4(block) => block.contains(remote),
        RulePeer::SecurityGroup(group) => peer.contains(&group),
        RulePeer::CidrIpv6(_) => false,
    }
}

fn names_port(rule: &SecurityGroupRule, protocol: u8, port: u16) -> bool {
    match rule.ip_protocol {
        IpProtocol::All => true,
        IpProtocol::Number(number) if number != protocol => false,
        IpProtocol::Number(TCP | UDP) => {
            rule.from_port == -1 || (rule.from_port..=rule.to_port).contains(&i32::from(port))
        }
        IpProtocol::Number(ICMP) => {
            let [icmp_type, code] = port.to_be_bytes();
            rule.from_port == -1
                || (rule.from_port == i32::from(icmp_type)
                    && (rule.to_port == -1 || rule.to_port == i32::from(code)))
        }
        // A type of ICMP for IPv6 is no IPv4 packet's.
        IpProtocol::Number(ICMPV6) => rule.from_port == -1,
        IpProtocol::Number(_) => true,
    }
}

fn names_all_ports(rule: &SecurityGroupRule, protocol: u8) -> bool {
    rule.ip_protocol == IpProtocol::All
        || (rule.ip_protocol == IpProtocol::Number(protocol)
            && (rule.from_port == -1 || (rule.from_port, rule.to_port) == (0, 65_535)))
}

/// The lowest matching entry decides; none means no.
fn network_acl_allows(
    world: &World,
    subnet_id: SubnetId,
    egress: bool,
    remote: Ipv4Addr,
    packet: &Packet,
) -> bool {
    let acl = world.network_acls.iter().find(|acl| {
        acl.associations
            .iter()
            .any(|association| association.subnet_id == subnet_id)
    });
    acl.into_iter()
        .flat_map(|acl| &acl.entries)
        .filter(|entry| entry.egress == egress)
        .filter(|entry| match entry.cidr_block {
            IpCidr::V4(block) => block.contains(remote),
            // Packets are of IPv4.
            IpCidr::V6(_) => false,
        })
        .filter(|entry| entry_names_port(entry, packet))
        .min_by_key(|entry| entry.rule_number)
        .is_some_and(|entry| entry.rule_action == RuleAction::Allow)
}

fn entry_names_port(entry: &NetworkAclEntry, packet: &Packet) -> bool {
    match entry.protocol {
        IpProtocol::All => true,
        IpProtocol::Number(number) if number != packet.protocol => false,
        IpProtocol::Number(TCP | UDP) => entry
            .port_range
            .is_none_or(|range| (range.from..=range.to).contains(&packet.destination_port)),
        IpProtocol::Number(ICMP) => entry.icmp_type_code.is_none_or(|wanted| {
            let [icmp_type, code] = packet.destination_port.to_be_bytes();
            wanted.icmp_type == -1
                || (wanted.icmp_type == i16::from(icmp_type)
                    && (wanted.code == -1 || wanted.code == i16::from(code)))
        }),
        IpProtocol::Number(_) => true,
    }
}
