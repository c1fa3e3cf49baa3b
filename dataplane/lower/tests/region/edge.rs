//! The internet gateway and its route table.

use eni_model::resource::{
    InternetGateway, Route, RouteOrigin, RouteTable, RouteTableAssociation, RouteTarget,
};
use eni_model::tags::Tags;
use eni_pipeline::testing::scenario::Dice;
use eni_types::{IpCidr, RouteTableAssociationId, RouteTableId, TypedId};

use super::{Region, SUBNETS};

impl Region {
    /// Changes a route of the table, or whether the gateway uses it. Who is led to by it often takes what is not its own.
    pub(super) fn set_edge(&mut self, dice: &mut Dice) {
        let mut table = self.edge_table();
        table.associations = match dice.hits(5) {
            true => Vec::new(),
            false => Vec::from([RouteTableAssociation {
                association_id: RouteTableAssociationId::generate(&mut self.ids),
                subnet_id: None,
                gateway_id: Some(self.gateway_id),
            }]),
        };
        let ipv4 = [SUBNETS[0], SUBNETS[1], "10.0.0.0/16"];
        let destination = match dice.hits(3) {
            true => IpCidr::V6(self.block_of_ipv6(self.vpc_id)),
            false => dice.pick(&ipv4).parse().unwrap(),
        };
        table
            .routes
            .retain(|route| route.destination != destination);
        let mut eni = self.interface(dice.pick(&self.interfaces_but_the_peers()));
        let target = match dice.hits(3) {
            true => RouteTarget::Local,
            false => RouteTarget::NetworkInterface(eni.network_interface_id),
        };
        table.routes.push(Route {
            destination,
            target,
            origin: RouteOrigin::CreateRoute,
        });
        self.put(table);
        if dice.hits(2) {
            eni.source_dest_check = false;
            self.put(eni);
        }
    }

    /// Detaches the internet gateway, or attaches it again.
    pub(super) fn toggle_gateway(&mut self) {
        let gateway = self.world().internet_gateways.get(self.gateway_id).unwrap();
        let mut gateway = InternetGateway::clone(gateway);
        gateway.vpc_id = match gateway.vpc_id {
            Some(_) => None,
            None => Some(self.vpc_id),
        };
        self.put(gateway);
    }

    /// The gateway uses no table.
    pub(super) fn leave_edge(&mut self) {
        let gateway = self.world().route_tables.one(&self.gateway_id);
        if let Some(mut table) = gateway.map(|table| RouteTable::clone(table)) {
            table.associations.clear();
            self.put(table);
        }
    }

    /// The table that no subnet uses; a new one has local routes alone.
    fn edge_table(&mut self) -> RouteTable {
        let main = RouteTable::clone(self.world().main_route_table(self.vpc_id).unwrap());
        let other = {
            let mut tables = self.world().route_tables.by(&self.vpc_id);
            let is_subnets = |one: &RouteTableAssociation| one.subnet_id.is_some();
            let other =
                tables.find(|table| !table.is_main() && !table.associations.iter().any(is_subnets));
            other.map(|table| RouteTable::clone(table))
        };
        if let Some(table) = other {
            return table;
        }
        let local = main.routes.into_iter();
        RouteTable {
            route_table_id: RouteTableId::generate(&mut self.ids),
            vpc_id: self.vpc_id,
            routes: local
                .filter(|route| route.target == RouteTarget::Local)
                .collect(),
            associations: Vec::new(),
            tags: Tags::default(),
        }
    }
}
