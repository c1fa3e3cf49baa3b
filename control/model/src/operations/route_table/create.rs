//! `CreateRouteTable`.

use alloc::string::String;
use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::{ResourceId, VpcId, quota};
use serde::Serialize;

use super::description::RouteTableDescription;
use crate::describe::Scope;
use crate::operations::lookup;
use crate::operations::vpc::contents;
use crate::tags::{TagSpecification, Tags};
use crate::{
    ChangeSet, ClientToken, Context, Ec2Error, ErrorCode, IndexKey, Operation, Replay, World,
};

/// Makes a route table with only the local route.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateRouteTable {
    /// The VPC.
    pub vpc_id: VpcId,
    /// Tags for the table.
    #[query(name = "TagSpecification")]
    pub tag_specifications: Vec<TagSpecification>,
    /// Makes the call idempotent.
    pub client_token: Option<String>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateRouteTableResponse {
    route_table: RouteTableDescription,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<String>,
}

impl Operation for CreateRouteTable {
    const NAME: &'static str = "CreateRouteTable";
    type Response = CreateRouteTableResponse;

    fn plan(
        self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
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
            return Err(Ec2Error::new(ErrorCode::RouteTableLimitExceeded, message));
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
