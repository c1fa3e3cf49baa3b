//! `CreateInternetGateway` and `DeleteInternetGateway`.

use eni_types::{InternetGatewayId, TypedId, quota};

use crate::api::internet_gateway::{
    CreateInternetGateway, CreateInternetGatewayResponse, DeleteInternetGateway,
};
use crate::operations::create::{check_quota, create};
use crate::operations::lookup::has_dependencies;
use crate::resource::InternetGateway;
use crate::tags::Tags;
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Makes an internet gateway that is attached to nothing yet.
impl Operation for CreateInternetGateway {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let make = |context: &mut Context<'_>| {
            let count = world.internet_gateways.len();
            let code = ErrorCode::InternetGatewayLimitExceeded;
            let most = quota::INTERNET_GATEWAYS_PER_REGION;
            check_quota(count, most, code, "internet gateways")?;
            let gateway = InternetGateway {
                internet_gateway_id: InternetGatewayId::generate(context.ids),
                vpc_id: None,
                tags: Tags::for_created("internet-gateway", &self.tag_specifications)?,
            };
            Ok((gateway, ChangeSet::none()))
        };
        let answer = |internet_gateway| CreateInternetGatewayResponse { internet_gateway };
        create::<Self, _>(&world.internet_gateways, None, world, context, make, answer)
    }
}

/// Deletes a detached internet gateway. Routes to it stay, as blackholes.
impl Operation for DeleteInternetGateway {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let gateway = world.internet_gateways.known(self.internet_gateway_id)?;
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
