//! `CreateRouteTable` and `DeleteRouteTable`.

use eni_types::quota;

use crate::api::route_table::{CreateRouteTable, CreateRouteTableResponse, DeleteRouteTable};
use crate::operations::create::{check_quota, create};
use crate::operations::lookup::has_dependencies;
use crate::operations::vpc::contents;
use crate::tags::Tags;
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Makes a route table with only the local route.
impl Operation for CreateRouteTable {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let make = |context: &mut Context<'_>| {
            let vpc = world.vpcs.known(self.vpc_id)?;
            let count = world.route_tables.count(&vpc.vpc_id);
            let code = ErrorCode::RouteTableLimitExceeded;
            check_quota(count, quota::ROUTE_TABLES_PER_VPC, code, "route tables")?;
            let tags = Tags::for_created("route-table", &self.tag_specifications)?;
            let table = contents::route_table(vpc, tags, context.ids);
            Ok((table, ChangeSet::none()))
        };
        let token = self.client_token.as_deref();
        let answer = |route_table| CreateRouteTableResponse {
            route_table,
            client_token: self.client_token.clone(),
        };
        create::<Self, _>(&world.route_tables, token, world, context, make, answer)
    }
}

/// Deletes a route table that nothing uses: a main table is used by its VPC.
impl Operation for DeleteRouteTable {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let table = world.route_tables.known(self.route_table_id)?;
        if !table.associations.is_empty() {
            return Err(has_dependencies("routeTable", table.route_table_id));
        }
        let mut changes = ChangeSet::none();
        changes.delete(table.route_table_id);
        Ok((changes, ReturnTrue::default()))
    }
}
