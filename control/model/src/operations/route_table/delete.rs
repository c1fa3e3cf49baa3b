//! `DeleteRouteTable`.

use eni_query::FromQuery;
use eni_types::RouteTableId;

use crate::operations::dependency::has_dependencies;
use crate::operations::lookup;
use crate::{ChangeSet, Context, Ec2Error, Operation, ReturnTrue, World};

/// Deletes a route table that nothing uses: a main table is used by its VPC.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteRouteTable {
    /// The table.
    pub route_table_id: RouteTableId,
}

impl Operation for DeleteRouteTable {
    const NAME: &'static str = "DeleteRouteTable";
    type Response = ReturnTrue;

    fn plan(
        self,
        world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let table = lookup::route_table(world, self.route_table_id)?;
        if !table.associations.is_empty() {
            return Err(has_dependencies("routeTable", table.route_table_id));
        }
        let mut changes = ChangeSet::none();
        changes.delete(table.route_table_id);
        Ok((changes, ReturnTrue::default()))
    }
}
