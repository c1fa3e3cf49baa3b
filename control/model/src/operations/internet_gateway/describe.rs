//! `DescribeInternetGateways`.

use crate::tags::Tags;
use eni_types::VpcId;

use crate::api::internet_gateway::{
    DescribeInternetGateways, DescribeInternetGatewaysResponse, InternetGatewayAttachment,
    InternetGatewayDescription,
};
use crate::describe::{Described, Scope, describes};
use crate::resource::InternetGateway;
use crate::{IdsOf, RegionSettings, Table};

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

describes! {
    /// Finds internet gateways.
    DescribeInternetGateways: internet_gateway_ids in internet_gateways, DescribeInternetGatewaysResponse { internet_gateway_set }
}

impl Described for InternetGateway {
    type Answer = InternetGatewayDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("InternetGatewayIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("internet-gateway-id");

    fn describe(&self, scope: Scope<'_>) -> InternetGatewayDescription {
        InternetGatewayDescription::new(self, scope.region)
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }

    fn indexed<'a>(table: &'a Table<Self>, name: &str, value: &str) -> Option<IdsOf<'a, Self>> {
        match name {
            "attachment.vpc-id" => Some(table.ids(&value.parse::<VpcId>().ok()?)),
            _ => None,
        }
    }
}
