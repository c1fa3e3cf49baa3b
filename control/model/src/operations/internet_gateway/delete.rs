//! `DeleteInternetGateway`.

use eni_query::FromQuery;
use eni_types::InternetGatewayId;

use crate::operations::dependency::has_dependencies;
use crate::operations::lookup;
use crate::{ChangeSet, Context, Ec2Error, Operation, ReturnTrue, World};

/// Deletes a detached internet gateway. Routes to it stay, as blackholes.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteInternetGateway {
    /// The gateway.
    pub internet_gateway_id: InternetGatewayId,
}

impl Operation for DeleteInternetGateway {
    const NAME: &'static str = "DeleteInternetGateway";
    type Response = ReturnTrue;

    fn plan(
        self,
        world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
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
