//! `CreateRouteTable`.

use eni_types::{ResourceId, quota};

use crate::api::route_table::{CreateRouteTable, CreateRouteTableResponse, RouteTableDescription};
use crate::describe::Scope;
use crate::operations::lookup;
use crate::operations::vpc::contents;
use crate::tags::Tags;
use crate::{
    Action, ChangeSet, ClientToken, Context, ErrorCode, IndexKey, Operation, Planned, Replay, World,
};

/// Makes a route table with only the local route.
impl Operation for CreateRouteTable {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let scope = Scope::new(world, context);
        let token = self.client_token.as_deref();
        let replay = ClientToken::replay(Self::NAME, token, world, context)?;
        if let Replay::Yes(ResourceId::RouteTableId(id)) = replay {
            let response = CreateRouteTableResponse {
                route_table: RouteTableDescription::new(lookup::route_table(world, id)?, scope),
                client_token: self.client_token,
            };
            return Ok((ChangeSet::none(), response));
        }
        let vpc = lookup::vpc(world, self.vpc_id)?;
        let count = world.route_tables.count(&IndexKey::Vpc(vpc.vpc_id));
        if count >= quota::ROUTE_TABLES_PER_VPC {
            let message = "The maximum number of route tables has been reached.";
            return Err(ErrorCode::RouteTableLimitExceeded.with(message));
        }
        let tags = Tags::for_created("route-table", &self.tag_specifications)?;
        let table = contents::route_table(vpc, tags, context.ids);
        let response = CreateRouteTableResponse {
            route_table: RouteTableDescription::new(&table, scope),
            client_token: self.client_token.clone(),
        };
        let mut changes = ChangeSet::none();
        if let Some(token) = &self.client_token {
            changes.put(ClientToken::record(
                Self::NAME,
                token,
                table.route_table_id,
                context,
            ));
        }
        changes.put(table);
        Ok((changes, response))
    }
}
