//! A region with a NAT gateway.

use std::net::{IpAddr, Ipv4Addr};

use eni_abi::NatKey;
use eni_model::resource::{Route, RouteOrigin, RouteTable, RouteTarget};
use eni_pipeline::testing::scenario::Dice;
use eni_types::{IpCidr, NetworkInterfaceId};

use super::{PEER, PORTS, Region};
use crate::oracle::{
    Ending, IpOptions, NatFlow, NatFlows, NatWay, NextHop, Packet, Piece, Place, Tag, end,
};

/// What no other part of a region uses.
const PUBLIC: &str = "203.0.113.50";
const BLOCK: &str = "10.0.3.0/24";

impl Region {
    /// [`Region::new`], with a NAT gateway in a subnet of its own, from where the internet gateway is the way out.
    pub(crate) fn with_nat_gateway(dice: &mut Dice, epoch: u64) -> Self {
        let mut region = Self::new(dice, epoch);
        // The test's own moves may have taken it away.
        if region.world().internet_gateway_of(region.vpc_id).is_none() {
            region.toggle_gateway();
        }
        // What an appliance is given instead is not the NAT gateway's.
        if !dice.hits(4) {
            region.leave_edge();
        }
        let vpc = region.vpc_id.to_string();
        let block = [("VpcId", &*vpc), ("CidrBlock", BLOCK)];
        let model = &mut region.model;
        let subnet = model.make("CreateSubnet", &block, "/subnet/subnetId");
        let table = [("VpcId", &*vpc)];
        let table = model.make("CreateRouteTable", &table, "/routeTable/routeTableId");
        let gateway = region.gateway_id.to_string();
        let out = [
            ("RouteTableId", &*table),
            ("DestinationCidrBlock", "0.0.0.0/0"),
            ("GatewayId", &gateway),
        ];
        model.must("CreateRoute", &out);
        let peering = region.peering_id.to_string();
        let to_peer = [
            ("RouteTableId", &*table),
            ("DestinationCidrBlock", PEER),
            ("VpcPeeringConnectionId", &peering),
        ];
        model.must("CreateRoute", &to_peer);
        let pair = [("RouteTableId", &*table), ("SubnetId", &subnet)];
        model.must("AssociateRouteTable", &pair);
        let allocation = model.make("AllocateAddress", &[("Address", PUBLIC)], "/allocationId");
        let parameters = [("SubnetId", &*subnet), ("AllocationId", &allocation)];
        let id = "/natGateway/natGatewayId";
        let id = model.make("CreateNatGateway", &parameters, id);
        region.nat_gateway_id = Some(id.parse().unwrap());
        let table = region.world().main_route_table(region.vpc_id).unwrap();
        let mut table = RouteTable::clone(table);
        table
            .routes
            .retain(|route| route.destination.prefix_length() != 0);
        table.routes.push(Route {
            destination: "0.0.0.0/0".parse().unwrap(),
            target: RouteTarget::NatGateway(id.parse().unwrap()),
            origin: RouteOrigin::CreateRoute,
        });
        let endpoint = region.address_of_endpoint(dice).to_string();
        for destination in [PEER.to_owned(), format!("{endpoint}/32")] {
            let destination: IpCidr = destination.parse().unwrap();
            table
                .routes
                .retain(|route| route.destination != destination);
            if !dice.hits(3) {
                table.routes.push(Route {
                    destination,
                    target: RouteTarget::NatGateway(id.parse().unwrap()),
                    origin: RouteOrigin::CreateRoute,
                });
            }
        }
        region.put(table);
        // One of each VPC may send in others' names.
        for vpc_id in [region.vpc_id, region.peer_vpc_id] {
            let enis = region.interfaces().into_iter();
            let mut enis = enis.map(|id| region.interface(id));
            let mut eni = enis.find(|eni| eni.vpc_id == vpc_id).unwrap();
            eni.source_dest_check = false;
            region.put(eni);
        }
        region.lower();
        region
    }

    pub(crate) fn has_nat_gateway(&self) -> bool {
        self.nat_gateway_id.is_some()
    }

    /// A packet for somebody whom routes of the gateway's guests lead to by it, of a protocol that it carries.
    pub(crate) fn any_packet_by_gateway(&self, dice: &mut Dice) -> (Place, NextHop, Packet) {
        let id = dice.pick(&self.interfaces_but_the_peers());
        let own = dice.pick(&self.interface(id).private_ip_addresses);
        let peers = self.interfaces();
        let peers = peers
            .iter()
            .filter(|id| self.interface(**id).vpc_id == self.peer_vpc_id);
        let peers: Vec<NetworkInterfaceId> = peers.copied().collect();
        let peer = self.interface(dice.pick(&peers));
        let peer = dice.pick(&peer.private_ip_addresses);
        let endpoint = self.address_of_endpoint(dice);
        let beyond = Ipv4Addr::new(198, 51, 100, 1);
        let destination = dice.pick(&[beyond, beyond, peer, endpoint]);
        let strange = Ipv4Addr::from(dice.pick(&[[192, 168, 0, 7], [198, 51, 100, 9]]));
        let source = dice.pick(&[own, own, own, own, own, own, peer, strange]);
        let protocol = dice.pick(&[1, 6, 6, 17, 17]);
        let (source_port, destination_port) = match protocol {
            1 => (dice.pick(&[1, 2]), 8 << 8),
            _ if destination == endpoint => (dice.pick(&PORTS), 443),
            _ => (dice.pick(&PORTS), dice.pick(&PORTS)),
        };
        let from = Place::Interface(id);
        let packet = Packet {
            source: source.into(),
            destination: destination.into(),
            protocol,
            source_port,
            destination_port,
            opens: protocol == 6 && !dice.hits(4),
            ending: Ending::Nothing,
            quote: None,
            piece: Piece::Whole,
            tag: Tag::None,
            options: IpOptions::None,
        };
        (from, NextHop::Router, packet)
    }

    /// The same packet from somebody else, in its sender's name or in its own: from outside, or to the gateway's private address.
    pub(crate) fn forged(&self, packet: &Packet, dice: &mut Dice) -> (Place, NextHop, Packet) {
        let mut packet = *packet;
        let Some(inner) = self.inner_address().filter(|_| !dice.hits(4)) else {
            return (Place::Outside, NextHop::Router, packet);
        };
        let destination = std::mem::replace(&mut packet.destination, inner.into());
        if let Some(quote) = &mut packet.quote
            && quote.source == destination
        {
            quote.source = inner.into();
        }
        let id = dice.pick(&self.interfaces());
        if dice.hits(2) {
            packet.source = dice.pick(&self.interface(id).private_ip_addresses).into();
        }
        (Place::Interface(id), NextHop::Router, packet)
    }

    /// Now and then another destination, if there is a NAT gateway.
    pub(super) fn or_by_gateway(&self, destination: Ipv4Addr, dice: &mut Dice) -> Ipv4Addr {
        let gateway = self.nat_gateway_id.filter(|_| dice.hits(3));
        let gateway = gateway.and_then(|_| self.address_of_gateway(dice));
        gateway.unwrap_or(destination)
    }

    /// The gateway's private address.
    fn inner_address(&self) -> Option<Ipv4Addr> {
        let gateway = self.world().nat_gateways.get(self.nat_gateway_id?)?;
        let eni = self.interface(gateway.interface()?);
        eni.primary_private_ip_address()
    }

    /// An address that the NAT gateway is asked for: of the internet, or its own.
    fn address_of_gateway(&self, dice: &mut Dice) -> Option<Ipv4Addr> {
        let (private, public) = (self.inner_address()?, PUBLIC.parse().unwrap());
        let beyond = Ipv4Addr::new(198, 51, 100, 1);
        Some(dice.pick(&[beyond, beyond, beyond, public, public, private]))
    }

    /// Which ends the gateway has given to flows, as its entries say.
    pub(crate) fn chosen(&self) -> NatFlows {
        let Some(gateway) = self.nat_gateway_id else {
            return NatFlows::default();
        };
        let entries = self.memory.nat_flows.iter();
        let outward = entries.filter(|((_, key), _)| key.kind == NatKey::OUTWARD);
        let flow = |((_, key), entry): (&(u32, NatKey), &eni_abi::NatEntry)| {
            let [port, remote_port] = eni_abi::Ipv4(key.ports.0).to_words().map(u16::from_be);
            let flow = NatFlow {
                gateway,
                way: match key.way {
                    0 => NatWay::Inside,
                    NatKey::BY_INTERNET => NatWay::Internet,
                    vpc => NatWay::Peer(self.vpcs[&vpc]),
                },
                protocol: key.protocol as u8,
                sender: end(key.local.into(), port),
                remote: end(key.remote.into(), remote_port),
            };
            (
                flow,
                (IpAddr::V4(entry.address.into()), entry.port.number()),
            )
        };
        outward.map(flow).collect()
    }
}
