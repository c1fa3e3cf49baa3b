//! `CreateInternetGateway`.

use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::{InternetGatewayId, TypedId, quota};
use serde::Serialize;

use super::describe::InternetGatewayDescription;
use crate::resource::InternetGateway;
use crate::tags::{TagSpecification, Tags};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, World};

/// Makes an internet gateway that is attached to nothing yet.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateInternetGateway {
    /// Tags for the gateway.
    #[query(name = "TagSpecification")]
    pub tag_specifications: Vec<TagSpecification>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateInternetGatewayResponse {
    internet_gateway: InternetGatewayDescription,
}

impl Operation for CreateInternetGateway {
    const NAME: &'static str = "CreateInternetGateway";
    type Response = CreateInternetGatewayResponse;

    fn plan(
        self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        if world.internet_gateways.len() >= quota::INTERNET_GATEWAYS_PER_REGION {
            let message = "The maximum number of internet gateways has been reached.";
            return Err(Ec2Error::new(
                ErrorCode::InternetGatewayLimitExceeded,
                message,
            ));
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
