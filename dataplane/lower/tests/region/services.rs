//! Where the region's guests find services, and how they ask for addresses.

use std::net::Ipv4Addr;

use eni_abi::Service;
use eni_pipeline::testing::scenario::Dice;
use eni_types::NetworkInterfaceId;

use super::draws::{any_options, any_tag};
use super::{Region, VPC_RESOLVER};
use crate::oracle::{
    API, CLIENT, Ending, METADATA, NextHop, Packet, Piece, Place, RESOLVER, SERVER, TIME,
};

/// Where the region's guests find services.
pub(super) const SERVICES: [(Ipv4Addr, Service); 5] = [
    (METADATA, Service::InstanceMetadata),
    (TIME, Service::Time),
    (API, Service::Api),
    (RESOLVER, Service::Resolver),
    (VPC_RESOLVER, Service::VpcResolver),
];

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
}
