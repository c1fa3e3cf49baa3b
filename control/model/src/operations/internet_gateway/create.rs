//! `CreateInternetGateway`.

use eni_types::{InternetGatewayId, TypedId, quota};

use crate::api::internet_gateway::{
    CreateInternetGateway, CreateInternetGatewayResponse, InternetGatewayDescription,
};
use crate::resource::InternetGateway;
use crate::tags::Tags;
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, World};

/// Makes an internet gateway that is attached to nothing yet.
impl Operation for CreateInternetGateway {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        if world.internet_gateways.len() >= quota::INTERNET_GATEWAYS_PER_REGION {
            let message = "The maximum number of internet gateways has been reached.";
            return Err(ErrorCode::InternetGatewayLimitExceeded.with(message));
        }
        let gateway = InternetGateway {
            internet_gateway_id: InternetGatewayId::generate(context.ids),
            vpc_id: None,
            tags: Tags::for_created("internet-gateway", &self.tag_specifications)?,
        };
        let response = CreateInternetGatewayResponse {
            internet_gateway: InternetGatewayDescription::new(&gateway, context.region),
        };
        let mut changes = ChangeSet::none();
        changes.put(gateway);
        Ok((changes, response))
    }
}
