//! `CreateEgressOnlyInternetGateway` and `DeleteEgressOnlyInternetGateway`.

use alloc::format;

use eni_types::{EgressOnlyInternetGatewayId, TypedId, VpcId, quota};

use crate::api::egress_only_internet_gateway::{
    CreateEgressOnlyInternetGateway, CreateEgressOnlyInternetGatewayResponse,
    DeleteEgressOnlyInternetGateway, DeleteEgressOnlyInternetGatewayResponse,
};
use crate::operations::create::{check_quota, create};
use crate::resource::EgressOnlyInternetGateway;
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Makes an egress-only internet gateway of a VPC that has none.
impl Operation for CreateEgressOnlyInternetGateway {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let make = |context: &mut Context<'_>| {
            let vpc_id = world.vpcs.known(self.vpc_id)?.vpc_id;
            check_only_one(vpc_id, world)?;
            let count = world.egress_only_internet_gateways.len();
            let most = quota::EGRESS_ONLY_INTERNET_GATEWAYS_PER_REGION;
            let code = ErrorCode::EgressOnlyInternetGatewayLimitExceeded;
            check_quota(count, most, code, "egress-only internet gateways")?;
            let tags = &self.tag_specifications;
            let gateway = EgressOnlyInternetGateway {
                egress_only_internet_gateway_id: EgressOnlyInternetGatewayId::generate(context.ids),
                vpc_id,
                tags: Tags::for_created("egress-only-internet-gateway", tags)?,
            };
            Ok((gateway, ChangeSet::none()))
        };
        let token = self.client_token.as_deref();
        let answer = |egress_only_internet_gateway| CreateEgressOnlyInternetGatewayResponse {
            egress_only_internet_gateway,
            client_token: self.client_token.clone(),
        };
        let table = &world.egress_only_internet_gateways;
        create::<Self, _>(table, token, world, context, make, answer)
    }
}

fn check_only_one(vpc_id: VpcId, world: &World) -> Result<(), Ec2Error> {
    if world.egress_only_internet_gateway_of(vpc_id).is_some() {
        let message =
            format!("Network {vpc_id} already has an egress-only internet gateway attached");
        return Err(ErrorCode::InvalidParameterValue.with(message));
    }
    Ok(())
}

/// Deletes an egress-only internet gateway. Routes to it stay, as blackholes.
impl Operation for DeleteEgressOnlyInternetGateway {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let id = self.egress_only_internet_gateway_id;
        let gateway = world.egress_only_internet_gateways.known(id)?;
        let mut changes = ChangeSet::none();
        changes.delete(gateway.egress_only_internet_gateway_id);
        changes.answered(DeleteEgressOnlyInternetGatewayResponse { return_code: true })
    }
}
