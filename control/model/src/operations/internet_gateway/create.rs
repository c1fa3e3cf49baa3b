//! `CreateInternetGateway`.

use eni_types::{InternetGatewayId, TypedId, quota};

use crate::api::internet_gateway::{CreateInternetGateway, CreateInternetGatewayResponse};
use crate::operations::create::{check_quota, create};
use crate::resource::InternetGateway;
use crate::tags::Tags;
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, World};

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
