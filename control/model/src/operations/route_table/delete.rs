//! `DeleteRouteTable`.

use crate::api::route_table::DeleteRouteTable;
use crate::operations::dependency::has_dependencies;
use crate::operations::lookup;
use crate::{ChangeSet, Context, Operation, Planned, ReturnTrue, World};

/// Deletes a route table that nothing uses: a main table is used by its VPC.
impl Operation for DeleteRouteTable {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let table = lookup::route_table(world, self.route_table_id)?;
        if !table.associations.is_empty() {
            return Err(has_dependencies("routeTable", table.route_table_id));
        }
        let mut changes = ChangeSet::none();
        changes.delete(table.route_table_id);
        Ok((changes, ReturnTrue::default()))
    }
}
