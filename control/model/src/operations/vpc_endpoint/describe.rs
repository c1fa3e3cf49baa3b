//! `DescribeVpcEndpoints`: an endpoint as answers show it.

use alloc::string::ToString;

use crate::ItemSet;
use crate::api::vpc_endpoint::{
    DescribeVpcEndpoints, DescribeVpcEndpointsResponse, DnsEntryDescription, DnsOptionsDescription,
    VpcEndpointDescription,
};
use crate::describe::{Described, Scope, describes};
use crate::operations::network_interface::description::group_identifiers;
use crate::resource::VpcEndpoint;
use crate::tags::Tags;

/// The policy of an endpoint that was given none (AWS PrivateLink Guide, "Default endpoint policy").
const DEFAULT_POLICY: &str =
    r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}"#;
/// The zone that EC2's names of endpoints are in, in us-east-1. Nothing is looked up by it.
const HOSTED_ZONE_ID: &str = "Z7HUB22UULQXV";

describes! {
    /// Finds VPC endpoints.
    DescribeVpcEndpoints: vpc_endpoint_ids in vpc_endpoints, DescribeVpcEndpointsResponse { vpc_endpoint_set }
}

/// As the call's answer shows it that has made it.
pub(super) fn pending(description: &mut VpcEndpointDescription) {
    description.state = "pending";
}

impl Described for VpcEndpoint {
    type Answer = VpcEndpointDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("VpcEndpointIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("vpc-endpoint-id");

    fn describe(&self, scope: Scope<'_>) -> VpcEndpointDescription {
        let region = &scope.region.region;
        let private = self.private_dns_enabled;
        let private = private.then(|| self.service.private_dns_name(region));
        let names = self.dns_names(region).into_iter().chain(private);
        let names = names.map(|dns_name| DnsEntryDescription {
            dns_name,
            hosted_zone_id: HOSTED_ZONE_ID,
        });
        VpcEndpointDescription {
            vpc_endpoint_id: self.vpc_endpoint_id,
            vpc_endpoint_type: "Interface",
            vpc_id: self.vpc_id,
            service_name: self.service.endpoint_service_name(region),
            state: "available",
            policy_document: DEFAULT_POLICY,
            route_table_id_set: ItemSet::default(),
            subnet_id_set: self.places.iter().map(|place| place.subnet_id).collect(),
            group_set: group_identifiers(&self.group_ids, scope),
            ip_address_type: "ipv4",
            dns_options: DnsOptionsDescription {
                dns_record_ip_type: "ipv4",
            },
            private_dns_enabled: self.private_dns_enabled,
            requester_managed: false,
            network_interface_id_set: self
                .places
                .iter()
                .map(|place| place.network_interface_id)
                .collect(),
            dns_entry_set: names.collect(),
            creation_timestamp: self.creation_timestamp.to_string(),
            tag_set: self.tags.to_items(),
            owner_id: scope.region.account_id.clone(),
            service_region: region.clone(),
        }
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }
}
