//! `DescribeInternetGateways`.

use alloc::borrow::Cow;
use alloc::string::ToString;

use crate::api::internet_gateway::{
    DescribeInternetGateways, DescribeInternetGatewaysResponse, InternetGatewayAttachment,
    InternetGatewayDescription,
};
use crate::describe::{Described, Scope, answer};
use crate::operations::lookup;
use crate::resource::InternetGateway;
use crate::{ChangeSet, Context, IndexKey, Operation, Planned, RegionSettings, World};

/// The state of every attachment, as EC2 spells it in answers: botocore's model has no such value.
const ATTACHED: &str = "available";

impl InternetGatewayDescription {
    pub(super) fn new(gateway: &InternetGateway, region: &RegionSettings) -> Self {
        Self {
            internet_gateway_id: gateway.internet_gateway_id,
            owner_id: region.account_id.clone(),
            attachment_set: gateway
                .vpc_id
                .into_iter()
                .map(|vpc_id| InternetGatewayAttachment {
                    vpc_id,
                    state: ATTACHED,
                })
                .collect(),
            tag_set: gateway.tags.to_items(),
        }
    }
}

/// Finds internet gateways.
impl Operation for DescribeInternetGateways {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let (internet_gateway_set, next_token) = answer(
            &world.internet_gateways,
            &self.internet_gateway_ids,
            &self.page,
            Scope::new(world, context),
            lookup::no_internet_gateway,
            |gateway, scope| InternetGatewayDescription::new(gateway, scope.region),
        )?;
        let response = DescribeInternetGatewaysResponse {
            internet_gateway_set,
            next_token,
        };
        Ok((ChangeSet::none(), response))
    }
}

impl Described for InternetGateway {
    const FILTERS: &'static [&'static str] = &[
        "attachment.state",
        "attachment.vpc-id",
        "internet-gateway-id",
        "owner-id",
    ];
    const IDS_AND_PAGE: (&'static str, &'static str) = ("InternetGatewayIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("internet-gateway-id");

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        match (name, self.vpc_id) {
            ("attachment.state", Some(_)) => give(ATTACHED.into()),
            ("attachment.vpc-id", Some(vpc_id)) => give(vpc_id.to_string().into()),
            ("internet-gateway-id", _) => give(self.internet_gateway_id.to_string().into()),
            ("owner-id", _) => give(scope.region.account_id.as_str().into()),
            _ => {}
        }
    }

    fn index_key(name: &str, value: &str) -> Option<IndexKey> {
        match name {
            "attachment.vpc-id" => value.parse().ok().map(IndexKey::Vpc),
            _ => None,
        }
    }
}
