//! A region with a NAT gateway.

use std::net::{IpAddr, Ipv4Addr};

use eni_abi::NatKey;
use eni_model::resource::{Route, RouteOrigin, RouteTable, RouteTarget};
use eni_pipeline::testing::scenario::Dice;

use super::Region;
use crate::oracle::{NatFlow, NatFlows, end};

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
        region.put(table);
        region.lower();
        region
    }

    /// Now and then another destination, if there is a NAT gateway.
    pub(super) fn or_by_gateway(&self, destination: Ipv4Addr, dice: &mut Dice) -> Ipv4Addr {
        let gateway = self.nat_gateway_id.filter(|_| dice.hits(3));
        let gateway = gateway.and_then(|_| self.address_of_gateway(dice));
        gateway.unwrap_or(destination)
    }

    /// An address that the NAT gateway is asked for: of the internet, or its own.
    fn address_of_gateway(&self, dice: &mut Dice) -> Option<Ipv4Addr> {
        let gateway = self.world().nat_gateways.get(self.nat_gateway_id?)?;
        let eni = self.interface(gateway.interface()?);
        let (private, public) = (eni.private_ip_addresses[0], PUBLIC.parse().unwrap());
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
