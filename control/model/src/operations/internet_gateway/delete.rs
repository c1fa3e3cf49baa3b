//! `DeleteInternetGateway`.

use crate::api::internet_gateway::DeleteInternetGateway;
use crate::operations::dependency::has_dependencies;
use crate::operations::lookup;
use crate::{ChangeSet, Context, Operation, Planned, ReturnTrue, World};

/// Deletes a detached internet gateway. Routes to it stay, as blackholes.
impl Operation for DeleteInternetGateway {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let gateway = lookup::internet_gateway(world, self.internet_gateway_id)?;
        if gateway.vpc_id.is_some() {
            return Err(has_dependencies(
                "internetGateway",
                gateway.internet_gateway_id,
            ));
        }
        let mut changes = ChangeSet::none();
        changes.delete(gateway.internet_gateway_id);
        Ok((changes, ReturnTrue::default()))
    }
}
