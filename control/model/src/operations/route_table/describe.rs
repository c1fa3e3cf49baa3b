//! `DescribeRouteTables`: a route table as answers show it.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};

use eni_types::{InstanceId, IpCidr, RouteTableAssociationId, SubnetId, VpcId};

use crate::api::route_table::{
    DescribeRouteTables, DescribeRouteTablesResponse, RouteDescription,
    RouteTableAssociationDescription, RouteTableAssociationState, RouteTableDescription,
};
use crate::describe::{Described, Filtered, Scope, describes};
use crate::resource::{Route, RouteTable, RouteTableAssociation, RouteTarget};
use crate::tags::Tags;
use crate::{IdsOf, ItemSet, Table};

describes! {
    /// Finds route tables.
    DescribeRouteTables: route_table_ids in route_tables, DescribeRouteTablesResponse { route_table_set }
}

impl Described for RouteTable {
    type Answer = RouteTableDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("RouteTableIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("route-table-id");

    fn describe(&self, scope: Scope<'_>) -> RouteTableDescription {
        RouteTableDescription::new(self, scope)
    }

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        for route in &self.routes {
            let value = match (name, route.destination, route.target) {
                ("route.destination-cidr-block", IpCidr::V4(block), _) => block.to_string(),
                ("route.destination-ipv6-cidr-block", IpCidr::V6(block), _) => block.to_string(),
                (
                    "route.egress-only-internet-gateway-id",
                    _,
                    RouteTarget::EgressOnlyInternetGateway(id),
                ) => id.to_string(),
                _ => continue,
            };
            give(value.into());
        }
        let gateways = self.associations.iter().filter_map(|one| one.gateway_id);
        if name == "association.gateway-id" {
            gateways.for_each(|id| give(id.to_string().into()));
        }
        let give = &mut |value: String| give(value.into());
        self.describe(scope).filter_values(name, give);
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }

    fn indexed<'a>(table: &'a Table<Self>, name: &str, value: &str) -> Option<IdsOf<'a, Self>> {
        match name {
            "association.route-table-association-id" => {
                Some(table.ids(&value.parse::<RouteTableAssociationId>().ok()?))
            }
            "association.subnet-id" => Some(table.ids(&value.parse::<SubnetId>().ok()?)),
            "vpc-id" => Some(table.ids(&value.parse::<VpcId>().ok()?)),
            _ => None,
        }
    }
}

/// The gateway that stands for the VPC itself.
pub(super) const LOCAL_GATEWAY: &str = "local";

impl RouteTableAssociationState {
    pub(super) const ASSOCIATED: Self = Self {
        state: "associated",
    };
}

impl RouteTableDescription {
    pub(super) fn new(table: &RouteTable, scope: Scope<'_>) -> Self {
        let association = |association: &RouteTableAssociation| RouteTableAssociationDescription {
            route_table_association_id: association.association_id,
            route_table_id: table.route_table_id,
            subnet_id: association.subnet_id,
            gateway_id: association.gateway_id,
            main: association.is_main(),
            association_state: RouteTableAssociationState::ASSOCIATED,
        };
        Self {
            route_table_id: table.route_table_id,
            vpc_id: table.vpc_id,
            owner_id: scope.region.account_id.clone(),
            route_set: table
                .routes
                .iter()
                .map(|route| RouteDescription::new(route, table.vpc_id, scope))
                .collect(),
            association_set: table.associations.iter().map(association).collect(),
            propagating_vgw_set: ItemSet::default(),
            tag_set: table.tags.to_items(),
        }
    }
}

impl RouteDescription {
    fn new(route: &Route, vpc_id: VpcId, scope: Scope<'_>) -> Self {
        let instance_id = instance_of(route.target, scope);
        Self {
            destination_cidr_block: route.destination.ipv4().map(|block| block.to_string()),
            destination_ipv6_cidr_block: route.destination.ipv6().map(|block| block.to_string()),
            egress_only_internet_gateway_id: match route.target {
                RouteTarget::EgressOnlyInternetGateway(id) => Some(id),
                _ => None,
            },
            gateway_id: gateway_of(route.target),
            instance_id,
            instance_owner_id: instance_id.map(|_| scope.region.account_id.clone()),
            nat_gateway_id: route.target.nat_gateway_id(),
            network_interface_id: route.target.network_interface_id(),
            vpc_peering_connection_id: route.target.vpc_peering_connection_id(),
            state: scope.world.route_state(vpc_id, route.target),
            origin: route.origin,
        }
    }
}

/// `gatewayId` of a route.
pub(super) fn gateway_of(target: RouteTarget) -> Option<String> {
    match target {
        RouteTarget::Local => Some(LOCAL_GATEWAY.into()),
        RouteTarget::InternetGateway(id) => Some(id.to_string()),
        RouteTarget::NetworkInterface(_)
        | RouteTarget::Instance(..)
        | RouteTarget::EgressOnlyInternetGateway(_)
        | RouteTarget::NatGateway(_)
        | RouteTarget::VpcPeeringConnection(_) => None,
    }
}

/// `instanceId` of a route: EC2 shows where the interface is plugged in, whichever of the two the route was made to.
pub(super) fn instance_of(target: RouteTarget, scope: Scope<'_>) -> Option<InstanceId> {
    let eni = scope
        .world
        .network_interfaces
        .get(target.network_interface_id()?)?;
    eni.attachment
        .as_ref()
        .map(|attachment| attachment.instance_id)
}
