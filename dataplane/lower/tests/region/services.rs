//! Where the region's guests find services, and how they ask for addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use eni_abi::Service;
use eni_pipeline::testing::scenario::Dice;
use eni_types::NetworkInterfaceId;

use super::draws::{any_options, any_tag};
use super::{Region, VPC_RESOLVER};
use crate::oracle::{
    API, CLIENT, CLIENT_IPV6, Delivery, Ending, METADATA, METADATA_IPV6, NextHop, Packet, Piece,
    Place, RESOLVER, RESOLVER_IPV6, ROUTER, SERVER, SERVER_IPV6, SERVERS, TIME, TIME_IPV6,
};

/// Where the region's guests find services.
pub(super) const SERVICES: [(Ipv4Addr, Service); 5] = [
    (METADATA, Service::InstanceMetadata),
    (TIME, Service::Time),
    (API, Service::Api),
    (RESOLVER, Service::Resolver),
    (VPC_RESOLVER, Service::VpcResolver),
];

/// The same by IPv6.
pub(super) const SERVICES_IPV6: [(Ipv6Addr, Service); 3] = [
    (METADATA_IPV6, Service::InstanceMetadata),
    (TIME_IPV6, Service::Time),
    (RESOLVER_IPV6, Service::Resolver),
];

/// Where an answer of DHCPv6 has the end of the server's name, behind UDP's header.
const NAME_AT: usize = 8 + 20;

impl Region {
    /// An endpoint in one of the subnets, with one of the groups.
    pub(super) fn add_endpoint(&mut self, dice: &mut Dice) {
        let group = dice.pick(&self.group_ids).to_string();
        let (vpc, subnet) = (
            self.vpc_id.to_string(),
            dice.pick(&self.subnet_ids).to_string(),
        );
        self.model.must(
            "CreateVpcEndpoint",
            &[
                ("VpcEndpointType", "Interface"),
                ("VpcId", &vpc),
                ("ServiceName", "com.amazonaws.us-east-1.ec2"),
                ("SubnetId.1", &subnet),
                ("SecurityGroupId.1", &group),
                ("PrivateDnsEnabled", "false"),
            ],
        );
    }

    /// An address of an endpoint's.
    pub(super) fn address_of_endpoint(&self, dice: &mut Dice) -> Ipv4Addr {
        let endpoint = self.interface(dice.pick(&self.endpoints()));
        endpoint.primary_private_ip_address().unwrap()
    }

    /// The interfaces of endpoints.
    pub(crate) fn endpoints(&self) -> Vec<NetworkInterfaceId> {
        self.endpoints.keys().copied().collect()
    }

    /// The service that the guest of an interface finds at an address.
    pub(super) fn service_at(&self, address: Ipv4Addr, id: NetworkInterfaceId) -> Option<Service> {
        if self.endpoints.contains_key(&id) {
            let is_own = self.found_at(Service::Api, id) == Some(address);
            return is_own.then_some(Service::Api);
        }
        let found = SERVICES.iter().find(|(found_at, _)| *found_at == address);
        let dhcp = (self.router_of(id) == Some(address)).then_some(Service::Dhcp);
        found.map(|(_, service)| *service).or(dhcp)
    }

    /// Where the guest of an interface finds a service.
    pub(super) fn found_at(&self, service: Service, id: NetworkInterfaceId) -> Option<Ipv4Addr> {
        if self.endpoints.contains_key(&id) {
            let own = self.interface(id).primary_private_ip_address();
            return own.filter(|_| service == Service::Api);
        }
        let found = SERVICES.iter().find(|(_, other)| *other == service);
        found
            .map(|(found_at, _)| *found_at)
            .or_else(|| self.router_of(id))
    }

    pub(super) fn router_of(&self, id: NetworkInterfaceId) -> Option<Ipv4Addr> {
        let subnet = self.world().subnets.get(self.interface(id).subnet_id)?;
        subnet.cidr_block?.nth(1)
    }

    /// A client's question for an address, or what nobody but the fabric may answer.
    pub(super) fn any_dhcp(&self, dice: &mut Dice) -> (Place, NextHop, Packet) {
        let id = dice.pick(&self.interfaces());
        let own = self.interface(id).private_ip_addresses;
        let others = self.interface(dice.pick(&self.interfaces()));
        let source = match dice.roll(4) {
            0 => dice.pick(&others.private_ip_addresses),
            1 => dice.pick(&own),
            _ => Ipv4Addr::UNSPECIFIED,
        };
        let router = self.router_of(id).unwrap_or(Ipv4Addr::BROADCAST);
        let neighbour = dice.pick(&others.private_ip_addresses);
        let everybody = Ipv4Addr::BROADCAST;
        let destination = dice.pick(&[everybody, everybody, router, neighbour]);
        let (source_port, destination_port) =
            dice.pick(&[(CLIENT, SERVER), (CLIENT, SERVER), (SERVER, CLIENT)]);
        let packet = Packet {
            source: source.into(),
            destination: destination.into(),
            protocol: 17,
            source_port,
            destination_port,
            opens: false,
            ending: Ending::Nothing,
            quote: None,
            piece: Piece::Whole,
            tag: any_tag(dice),
            options: any_options(dice),
        };
        let place = Place::Interface(id);
        (
            place,
            self.next_hop(place, destination.into(), dice),
            packet,
        )
    }

    /// A client's question for an address of IPv6, or what nobody but the fabric may answer.
    pub(super) fn any_dhcpv6(&self, dice: &mut Dice) -> (Place, NextHop, Packet) {
        let id = dice.pick(&self.interfaces());
        let on_link = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, dice.roll(3) as u16 + 1);
        let source = match dice.roll(6) {
            0 => self.address_of(id, dice),
            1 => ROUTER,
            _ => on_link,
        };
        let neighbour = self.address_of(dice.pick(&self.interfaces()), dice);
        let destination = dice.pick(&[SERVERS, SERVERS, SERVERS, ROUTER, neighbour]);
        let ports = [
            (CLIENT_IPV6, SERVER_IPV6),
            (CLIENT_IPV6, SERVER_IPV6),
            (1_000, SERVER_IPV6),
            (SERVER_IPV6, CLIENT_IPV6),
            (1_000, CLIENT_IPV6),
        ];
        let (source_port, destination_port) = dice.pick(&ports);
        let destination = IpAddr::V6(destination);
        let packet = Packet {
            source: source.into(),
            destination,
            protocol: 17,
            source_port,
            destination_port,
            opens: false,
            ending: Ending::Nothing,
            quote: None,
            piece: Piece::Whole,
            tag: any_tag(dice),
            options: any_options(dice),
        };
        let place = Place::Interface(id);
        (place, self.next_hop(place, destination, dice), packet)
    }

    /// What the services' end sends where the packet says that a service is, which talks with the guest of an interface; and what the
    /// payload ends with.
    pub(super) fn said_ipv6(
        &self,
        id: NetworkInterfaceId,
        asker: u32,
        packet: &Packet,
    ) -> (Packet, Vec<u8>) {
        let mut said = *packet;
        let mut found = SERVICES_IPV6.iter();
        if let Some((_, service)) = found.find(|(at, _)| IpAddr::V6(*at) == packet.source) {
            said.source = service.address_ipv6(asker).into();
            return (said, Vec::new());
        }
        if packet.source != IpAddr::V6(ROUTER) {
            return (said, Vec::new());
        }
        said.source = Service::Dhcpv6.address_ipv6(asker).into();
        if let IpAddr::V6(client) = packet.destination {
            let beyond = Service::asker_on_link(client.into());
            said.destination = beyond.map_or(packet.destination, IpAddr::from);
        }
        let mut name = vec![0; NAME_AT - super::traffic::payload(packet).len().min(NAME_AT)];
        name.extend(self.interface(id).mac_address.0);
        (said, name)
    }

    /// What has come to the services' end, as its guest has sent it.
    pub(super) fn heard_ipv6(&self, delivery: Delivery) -> Option<Delivery> {
        let (IpAddr::V6(source), IpAddr::V6(destination)) = (delivery.source, delivery.destination)
        else {
            return None;
        };
        let (service, asker) = Service::of_address_ipv6(destination.into())?;
        let Place::Interface(id) = self.place_of(asker) else {
            panic!("{delivery:?} asks in nobody's name");
        };
        let mut found = SERVICES_IPV6.iter();
        let found_at = found.find(|(_, other)| *other == service);
        let source = Service::on_link(source.into()).map_or(delivery.source, IpAddr::from);
        Some(Delivery {
            to: Place::Services(id),
            source,
            destination: found_at.map_or(ROUTER, |(at, _)| *at).into(),
            ..delivery
        })
    }
}
