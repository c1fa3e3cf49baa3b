//! `DescribeRouteTables`.

use alloc::borrow::Cow;
use alloc::string::ToString;

use super::description::{gateway_of, instance_of};
use crate::api::route_table::{
    DescribeRouteTables, DescribeRouteTablesResponse, RouteTableDescription,
};
use crate::describe::{Described, Scope, answer};
use crate::operations::lookup;
use crate::resource::RouteTable;
use crate::{ChangeSet, Context, IndexKey, Operation, Planned, World};

/// Finds route tables.
impl Operation for DescribeRouteTables {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let (route_table_set, next_token) = answer(
            &world.route_tables,
            &self.route_table_ids,
            &self.page,
            Scope::new(world, context),
            lookup::no_route_table,
            RouteTableDescription::new,
        )?;
        let response = DescribeRouteTablesResponse {
            route_table_set,
            next_token,
        };
        Ok((ChangeSet::none(), response))
    }
}

impl Described for RouteTable {
    const FILTERS: &'static [&'static str] = &[
        "association.gateway-id",
        "association.main",
        "association.route-table-association-id",
        "association.route-table-id",
        "association.subnet-id",
        "owner-id",
        "route-table-id",
        "route.destination-cidr-block",
        "route.destination-ipv6-cidr-block",
        "route.destination-prefix-list-id",
        "route.egress-only-internet-gateway-id",
        "route.gateway-id",
        "route.instance-id",
        "route.nat-gateway-id",
        "route.origin",
        "route.state",
        "route.transit-gateway-id",
        "route.vpc-peering-connection-id",
        "vpc-id",
    ];
    const IDS_AND_PAGE: (&'static str, &'static str) = ("RouteTableIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("route-table-id");

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        match name {
            "owner-id" => give(scope.region.account_id.as_str().into()),
            "route-table-id" => give(self.route_table_id.to_string().into()),
            "vpc-id" => give(self.vpc_id.to_string().into()),
            _ if name.starts_with("association.") => self.association_values(name, give),
            _ => self.route_values(name, scope, give),
        }
    }

    fn index_key(name: &str, value: &str) -> Option<IndexKey> {
        match name {
            "association.route-table-association-id" => {
                value.parse().ok().map(IndexKey::RouteTableAssociation)
            }
            "association.subnet-id" => value.parse().ok().map(IndexKey::Subnet),
            "vpc-id" => value.parse().ok().map(IndexKey::Vpc),
            _ => None,
        }
    }
}

impl RouteTable {
    fn association_values<'a>(&'a self, name: &str, give: &mut dyn FnMut(Cow<'a, str>)) {
        for association in &self.associations {
            give(match (name, association.subnet_id) {
                ("association.main", subnet_id) => subnet_id.is_none().to_string().into(),
                ("association.route-table-association-id", _) => {
                    association.association_id.to_string().into()
                }
                ("association.route-table-id", _) => self.route_table_id.to_string().into(),
                ("association.subnet-id", Some(subnet_id)) => subnet_id.to_string().into(),
                _ => continue,
            });
        }
    }

    fn route_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        for route in &self.routes {
            let value = match name {
                "route.destination-cidr-block" => Some(route.destination.to_string().into()),
                "route.gateway-id" => gateway_of(route.target).map(Cow::from),
                "route.instance-id" => {
                    instance_of(route.target, scope).map(|id| id.to_string().into())
                }
                "route.origin" => Some(route.origin.as_str().into()),
                "route.state" => {
                    let state = scope.world.route_state(self.vpc_id, route.target);
                    Some(state.as_str().into())
                }
                _ => None,
            };
            value.into_iter().for_each(&mut *give);
        }
    }
}
