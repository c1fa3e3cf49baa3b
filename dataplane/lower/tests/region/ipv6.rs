//! Packets of IPv6 as frames, and the region's addresses, rules and routes of IPv6.

use std::net::{IpAddr, Ipv6Addr};

use eni_model::instance_types::InstanceType;
use eni_model::resource::{
    Instance, NetworkInterface, Route, RouteOrigin, RouteTable, RouteTarget,
};
use eni_pipeline::testing::frames_ipv6::{self, checksum_holds};
use eni_pipeline::testing::scenario::Dice;
use eni_types::{IpCidr, Ipv6Cidr, NetworkInterfaceId, SubnetId, VpcId};

use super::draws::{any_ending, any_options, any_tag};
use super::services::SERVICES_IPV6;
use super::traffic::payload;
use super::{NUMBERS, PORTS, Region};
use crate::oracle::{Delivery, IpOptions, NextHop, Packet, Piece, Place, Quote, ROUTER, Tag};

/// Who is outside.
const HOST: Ipv6Addr = Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 1);
/// Extension headers (RFC 8200).
const ROUTING: u8 = 43;
const DESTINATION_OPTIONS: u8 = 60;
/// ICMP's types that ask and answer, are errors, are a link's, and are none of those.
const TYPES: [u16; 10] = [128, 128, 128, 128, 129, 160, 161, 2, 135, 200];

impl Region {
    /// A block for the VPC and each subnet, and an egress-only gateway.
    pub(super) fn add_ipv6(&mut self) {
        self.add_ipv6_to(self.vpc_id, &self.subnet_ids.clone());
        let vpc = self.vpc_id.to_string();
        let of_vpc = [("VpcId", vpc.as_str())];
        self.model.must("CreateEgressOnlyInternetGateway", &of_vpc);
    }

    /// A block for a VPC and each of its subnets.
    pub(super) fn add_ipv6_to(&mut self, vpc_id: VpcId, subnets: &[SubnetId]) {
        let vpc = vpc_id.to_string();
        let provided = [
            ("VpcId", vpc.as_str()),
            ("AmazonProvidedIpv6CidrBlock", "true"),
        ];
        self.model.must("AssociateVpcCidrBlock", &provided);
        let block = self.block_of_ipv6(vpc_id);
        for (number, subnet) in subnets.iter().enumerate() {
            let within = block.network().to_bits() | (number as u128 + 1) << 64;
            let within = Ipv6Cidr::new(within.into(), 64).unwrap().to_string();
            let subnet = subnet.to_string();
            let parameters = [("SubnetId", subnet.as_str()), ("Ipv6CidrBlock", &within)];
            self.model.must("AssociateSubnetCidrBlock", &parameters);
        }
    }

    /// Addresses for all interfaces but one; one has a prefix of each family.
    pub(super) fn give_addresses_of_ipv6(&mut self) {
        for (number, id) in self.interfaces().into_iter().enumerate() {
            let mut eni = self.interface(id);
            let first = self.subnet_block(&eni).network().to_bits();
            let address = |last: u128| Ipv6Addr::from_bits(first | last);
            eni.ipv6_addresses = match number {
                0 => vec![],
                _ => vec![
                    address(0x100 + number as u128),
                    address(0x200 + number as u128),
                ],
            };
            // Before the Nitro System.
            if number == 3 {
                let attachment = eni.attachment.as_ref().unwrap();
                let instance = self.world().instances.get(attachment.instance_id).unwrap();
                let mut instance = Instance::clone(instance);
                instance.instance_type = InstanceType::find("t2.medium").unwrap();
                self.put(instance);
            }
            if number == 1 {
                let ten = if first & 0xff << 64 == 1 << 64 { 1 } else { 2 };
                eni.ipv6_prefixes = vec![Ipv6Cidr::new(address(7 << 48), 80).unwrap()];
                eni.ipv4_prefixes = vec![format!("10.0.{ten}.240/28").parse().unwrap()];
            }
            self.put(eni);
        }
    }

    /// Takes an instance's endpoint of IPv6 away, or gives it one.
    pub(super) fn toggle_endpoint_of_ipv6(&mut self, dice: &mut Dice) {
        let instances: Vec<_> = self.world().instances.iter().cloned().collect();
        let mut instance = Instance::clone(&instances[dice.roll(instances.len() as u64) as usize]);
        let state = &mut instance.metadata_options.http_protocol_ipv6;
        *state = match state.as_str() {
            "enabled" => "disabled".into(),
            _ => "enabled".into(),
        };
        self.put(instance);
    }

    pub(super) fn block_of_ipv6(&self, vpc_id: VpcId) -> Ipv6Cidr {
        let vpc = self.world().vpcs.get(vpc_id).unwrap();
        vpc.ipv6_blocks().next().unwrap()
    }

    fn subnet_block(&self, eni: &NetworkInterface) -> Ipv6Cidr {
        let subnet = self.world().subnets.get(eni.subnet_id).unwrap();
        subnet.ipv6_cidr_block().unwrap()
    }

    /// A block that rules may name.
    pub(super) fn any_block_of_ipv6(&self, dice: &mut Dice) -> Ipv6Cidr {
        let block = self.block_of_ipv6(self.vpc_id);
        let within = |bits: u128, length| {
            Ipv6Cidr::new((block.network().to_bits() | bits).into(), length).unwrap()
        };
        let blocks = [
            Ipv6Cidr::ANY,
            Ipv6Cidr::ANY,
            block,
            within(1 << 64, 64),
            within(2 << 64, 64),
            within(1 << 64 | 0x101, 128),
            Ipv6Cidr::new(HOST, 128).unwrap(),
            Ipv6Cidr::new(HOST, 16).unwrap(),
        ];
        dice.pick(&blocks)
    }

    /// Leads the world, one place outside or the peered VPC by another gateway or to an interface.
    pub(super) fn set_route_of_ipv6(&mut self, dice: &mut Dice) {
        let mut table = RouteTable::clone(self.world().main_route_table(self.vpc_id).unwrap());
        let outside = Ipv6Cidr::new(HOST, 64).unwrap();
        let peer = self.block_of_ipv6(self.peer_vpc_id);
        let destination =
            IpCidr::V6(dice.pick(&[Ipv6Cidr::ANY, Ipv6Cidr::ANY, outside, peer, peer]));
        table
            .routes
            .retain(|route| route.destination != destination);
        let gateways = &self.world().egress_only_internet_gateways;
        let egress_only = gateways.iter().next().unwrap();
        let target = match dice.roll(8) {
            0 => RouteTarget::NetworkInterface(dice.pick(&self.interfaces_but_the_peers())),
            1..=3 => RouteTarget::InternetGateway(self.gateway_id),
            4 | 5 => RouteTarget::VpcPeeringConnection(self.peering_id),
            _ => {
                RouteTarget::EgressOnlyInternetGateway(egress_only.egress_only_internet_gateway_id)
            }
        };
        if !dice.hits(8) {
            table.routes.push(Route {
                destination,
                target,
                origin: RouteOrigin::CreateRoute,
            });
        }
        self.put(table);
    }

    /// One of an interface's addresses, or of those of its prefix.
    pub(super) fn address_of(&self, id: NetworkInterfaceId, dice: &mut Dice) -> Ipv6Addr {
        let eni = self.interface(id);
        let of_prefix = eni.ipv6_prefixes.first().copied();
        match of_prefix.filter(|_| dice.hits(2)) {
            Some(prefix) => Ipv6Addr::from_bits(prefix.network().to_bits() | 9),
            None if eni.ipv6_addresses.is_empty() => {
                Ipv6Addr::from_bits(self.subnet_block(&eni).network().to_bits() | 0x100)
            }
            None => dice.pick(&eni.ipv6_addresses),
        }
    }

    /// What is worth trying besides: nobody, routers, special addresses and the first beyond their blocks.
    fn special_of_ipv6(&self, dice: &mut Dice) -> Ipv6Addr {
        let block = self.block_of_ipv6(self.vpc_id).network().to_bits();
        let places = [
            block | 1 << 64 | 1,
            block | 2 << 64 | 1,
            block | 1 << 64 | 0x999,
            block | 9 << 64,
            ROUTER.to_bits(),
        ];
        let texts = [
            "::",
            "::1",
            "::10.0.1.4",
            "::ffff:10.0.1.4",
            "::ffff:0:10.0.1.4",
            "1::1",
            "64:ff9b::10.0.1.4",
            "2002:a00:104::1",
            "2003::1",
            "fd00:ec2::254",
            "fd00:ec3::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "feff::1",
            "ff02::1",
            "3fff:0:0:1::1",
        ];
        match dice.hits(2) {
            true => Ipv6Addr::from_bits(dice.pick(&places)),
            false => dice.pick(&texts).parse().unwrap(),
        }
    }

    pub(super) fn any_packet_of_ipv6(&self, dice: &mut Dice) -> (Place, NextHop, Packet) {
        let ids = self.interfaces();
        let from = match dice.hits(5) {
            true => Place::Outside,
            false => Place::Interface(dice.pick(&ids)),
        };
        let other = dice.pick(&ids);
        let source = match from {
            _ if dice.hits(20) => self.special_of_ipv6(dice),
            _ if dice.hits(12) => self.address_of(other, dice),
            Place::Interface(id) => self.address_of(id, dice),
            Place::Outside | Place::Services(_) => HOST,
        };
        let target = dice.pick(&ids);
        let asks = from != Place::Outside && dice.hits(12);
        let destination = match from {
            _ if asks => dice.pick(&SERVICES_IPV6).0,
            _ if dice.hits(10) => self.special_of_ipv6(dice),
            Place::Interface(_) if dice.hits(4) => HOST,
            _ => self.address_of(target, dice),
        };
        let destination = IpAddr::V6(destination);
        let next_hop = self.next_hop(from, destination, dice);
        let protocol = match dice.roll(8) {
            // Extension headers are none, and ICMP of IPv4 is nobody's.
            0 => match dice.pick(&NUMBERS) {
                0 => 50,
                number => number,
            },
            1 => match dice.in_turn(0) {
                0 | 1 | 43 | 44 | 60 => 59,
                number => number,
            },
            _ => dice.pick(&[58, 58, 6, 6, 6, 17, 17]),
        };
        let (source_port, destination_port) = match protocol {
            58 => (0, dice.pick(&TYPES) << 8 | u16::from(dice.hits(4))),
            6 | 17 if asks && !dice.hits(3) => (dice.pick(&PORTS), dice.pick(&[53, 80, 123])),
            6 | 17 => (dice.pick(&PORTS), dice.pick(&PORTS)),
            _ => (0, 0),
        };
        let opens = protocol == 6 && !dice.hits(3);
        let is_query = matches!(destination_port >> 8, 128 | 129 | 160 | 161);
        let packet = Packet {
            source: source.into(),
            destination,
            protocol,
            source_port: match protocol {
                58 if is_query => dice.pick(&[1, 2]),
                _ => source_port,
            },
            destination_port,
            opens,
            ending: any_ending(protocol, opens, dice),
            quote: None,
            piece: Piece::Whole,
            tag: any_tag(dice),
            options: any_options(dice),
        };
        (from, next_hop, packet)
    }
}

/// The type and code that answers a query; now and then others.
pub(super) fn answer(packet: &Packet, dice: &mut Dice) -> u16 {
    match packet.destination_port >> 8 {
        _ if dice.hits(4) => dice.pick(&[128, 129, 160, 161]) << 8,
        128 | 160 => packet.destination_port + (1 << 8),
        _ => packet.destination_port,
    }
}

/// The frame of a packet whose payload ends with `rest`, to and from these MAC addresses.
pub(super) fn frame(
    packet: &Packet,
    rest: &[u8],
    (destination_mac, source_mac): ([u8; 6], [u8; 6]),
) -> Vec<u8> {
    let mut made = unframed(packet);
    made.payload.extend(rest);
    made.destination_mac = destination_mac;
    made.source_mac = source_mac;
    made = match packet.options {
        IpOptions::None => made,
        IpOptions::Harmless => made.with(DESTINATION_OPTIONS, &[0, 0, 1, 4, 0, 0, 0, 0]),
        IpOptions::SourceRoute => made.with(ROUTING, &[0, 0, 0, 0, 0, 0, 0, 0]),
    };
    made = match packet.piece {
        Piece::Whole => made,
        Piece::First { identification, .. } => {
            let length = made.payload.len().next_multiple_of(8);
            made.payload.resize(length, 0);
            made.fragment(identification.into(), 0, true)
        }
        Piece::Later {
            identification,
            offset,
            more,
        } => made.fragment(identification.into(), offset * 8, more),
    };
    let mut bytes = made.bytes();
    if let Tag::Within(ether_type) = packet.tag {
        let [a, b] = ether_type.to_be_bytes();
        bytes.splice(12..12, [a, b, 0, 5]);
    }
    bytes
}

fn unframed(packet: &Packet) -> frames_ipv6::Packet {
    let (IpAddr::V6(source), IpAddr::V6(destination)) = (packet.source, packet.destination) else {
        panic!("{packet:?} is of two families");
    };
    frames_ipv6::Packet {
        destination_mac: [0; 6],
        source_mac: [0; 6],
        source,
        destination,
        hop_limit: 64,
        extensions: Vec::new(),
        protocol: packet.protocol,
        payload: payload(packet),
    }
}

/// The beginning of the packet that an error is about.
pub(super) fn quoted(quote: &Quote, inner: &Packet) -> Vec<u8> {
    let made = unframed(inner);
    let headers = if quote.later_fragment { 48 } else { 40 };
    let made = match quote.later_fragment {
        true => made.fragment(7, 8, false),
        false => made,
    };
    let mut bytes = made.packet();
    bytes.truncate(headers + usize::from(quote.bytes));
    bytes
}

/// As what a frame arrives.
pub(super) fn delivery(packet: &Packet, to: Place, bytes: &[u8]) -> Delivery {
    let address = |at: usize| {
        let octets: [u8; 16] = bytes[at..at + 16].try_into().unwrap();
        IpAddr::from(octets)
    };
    let is_whole = packet.piece == Piece::Whole;
    let is_plain = is_whole && packet.options == IpOptions::None;
    if is_plain && matches!(packet.protocol, 6 | 17 | 58) {
        assert!(checksum_holds(bytes), "{packet:?} arrives damaged");
    }
    let has_quote = packet
        .quote
        .is_some_and(|quote| quote.bytes >= 8 && !quote.later_fragment)
        && is_whole
        && matches!(packet.destination_port >> 8, 1..=4);
    // Behind the headers and ICMP's own.
    let quote_at = match packet.options {
        IpOptions::None => 62,
        IpOptions::Harmless | IpOptions::SourceRoute => 70,
    };
    Delivery {
        to,
        source: address(22),
        destination: address(38),
        ends: packet.ends(),
        quoted: has_quote.then(|| (address(quote_at + 8), address(quote_at + 24))),
    }
}
