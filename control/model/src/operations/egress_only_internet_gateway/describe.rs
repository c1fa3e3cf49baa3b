//! `DescribeEgressOnlyInternetGateways`.

use crate::api::egress_only_internet_gateway::{
    DescribeEgressOnlyInternetGateways, DescribeEgressOnlyInternetGatewaysResponse,
    EgressOnlyInternetGatewayDescription,
};
use crate::api::internet_gateway::InternetGatewayAttachment;
use crate::describe::{Described, Filtered, Scope, describes};
use crate::resource::EgressOnlyInternetGateway;
use crate::tags::Tags;

/// The state of every attachment (EC2 API reference, `InternetGatewayAttachment`).
const ATTACHED: &str = "attached";

describes! {
    /// Finds egress-only internet gateways.
    DescribeEgressOnlyInternetGateways: egress_only_internet_gateway_ids in egress_only_internet_gateways,
        DescribeEgressOnlyInternetGatewaysResponse { egress_only_internet_gateway_set }
}

/// EC2 documents no filters of this listing besides those of tags.
impl Filtered for EgressOnlyInternetGatewayDescription {
    const FILTERS: &'static [&'static str] = &[];
}

impl Described for EgressOnlyInternetGateway {
    type Answer = EgressOnlyInternetGatewayDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) =
        ("EgressOnlyInternetGatewayIds", "MaxResults");

    fn describe(&self, _: Scope<'_>) -> EgressOnlyInternetGatewayDescription {
        EgressOnlyInternetGatewayDescription {
            egress_only_internet_gateway_id: self.egress_only_internet_gateway_id,
            attachment_set: [InternetGatewayAttachment {
                vpc_id: self.vpc_id,
                state: ATTACHED,
            }]
            .into_iter()
            .collect(),
            tag_set: self.tags.to_items(),
        }
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }
}
