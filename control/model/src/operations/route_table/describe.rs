//! `DescribeRouteTables`.

use crate::tags::Tags;

use crate::IndexKey;
use crate::api::route_table::{
    DescribeRouteTables, DescribeRouteTablesResponse, RouteTableDescription,
};
use crate::describe::{Described, Scope, describes};
use crate::resource::RouteTable;

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

    fn tag_set(&self) -> &Tags {
        &self.tags
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
