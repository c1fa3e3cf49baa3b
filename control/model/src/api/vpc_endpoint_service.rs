//! Endpoint services: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/vpc_endpoint_service.toml`.

use crate::ItemSet;
use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::tags::TagItem;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use serde::Serialize;

/// What `DescribeVpcEndpointServices` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeVpcEndpointServices {
    #[query(name = "ServiceName")]
    pub(crate) service_names: Vec<String>,
    #[query(name = "ServiceRegion")]
    pub(crate) service_regions: Vec<String>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeVpcEndpointServices` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVpcEndpointServicesResponse {
    pub(crate) service_name_set: ItemSet<String>,
    pub(crate) service_detail_set: ItemSet<EndpointService>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeVpcEndpointServices {
    const NAME: &'static str = "DescribeVpcEndpointServices";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeVpcEndpointServicesResponse;
}

impl Filtered for EndpointService {
    const FILTERS: &'static [&'static str] = &[
        "owner",
        "service-name",
        "service-region",
        "service-type",
        "supported-ip-address-types",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "service-type" => {
                for one in &self.service_type.items {
                    give(one.service_type.to_string());
                }
            }
            "supported-ip-address-types" => {
                for one in &self.supported_ip_address_type_set.items {
                    give(one.to_string());
                }
            }
            "owner" => give(self.owner.to_string()),
            "service-name" => give(self.service_name.to_string()),
            "service-region" => give(self.service_region.to_string()),
            _ => {}
        }
    }
}

/// `ServiceDetail` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointService {
    pub(crate) service_name: String,
    pub(crate) service_type: ItemSet<ServiceType>,
    pub(crate) service_region: String,
    pub(crate) availability_zone_id_set: ItemSet<String>,
    pub(crate) availability_zone_set: ItemSet<String>,
    pub(crate) owner: &'static str,
    pub(crate) base_endpoint_dns_name_set: ItemSet<String>,
    pub(crate) vpc_endpoint_policy_supported: bool,
    pub(crate) acceptance_required: bool,
    pub(crate) manages_vpc_endpoints: bool,
    pub(crate) tag_set: ItemSet<TagItem>,
    pub(crate) supported_ip_address_type_set: ItemSet<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_dns_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_dns_name_set: Option<ItemSet<PrivateDnsDetails>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_dns_name_verification_state: Option<&'static str>,
}

/// `PrivateDnsDetails` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PrivateDnsDetails {
    pub(crate) private_dns_name: String,
}

/// `ServiceTypeDetail` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceType {
    pub(crate) service_type: &'static str,
}
