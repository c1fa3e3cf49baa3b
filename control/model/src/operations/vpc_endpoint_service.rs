//! `DescribeVpcEndpointServices`: those that the region serves, by interface endpoints, and those of gateways.

use alloc::format;
use alloc::string::String;
use alloc::vec;

use crate::api::vpc_endpoint_service::{
    DescribeVpcEndpointServices, DescribeVpcEndpointServicesResponse, EndpointService,
    PrivateDnsDetails, ServiceType,
};
use crate::describe::listed;
use crate::describe::{Described, Scope};
use crate::{
    ChangeSet, Context, Ec2Error, ErrorCode, ItemSet, Operation, Planned, RegionSettings,
    ServedApi, World,
};

/// The services that gateway endpoints lead to on EC2, by name.
const OF_GATEWAYS: [&str; 2] = ["dynamodb", "s3"];
/// The page sizes that the model gives no bounds for.
const PAGE_SIZES: core::ops::RangeInclusive<u32> = 1..=1000;

impl EndpointService {
    fn gateways(service: &str, region: &RegionSettings) -> Self {
        let name = format!("com.amazonaws.{}.{service}", region.region);
        let base = format!("{service}.{}.amazonaws.com", region.region);
        Self::new(name, "Gateway", base, region)
    }

    fn interfaces(service: ServedApi, region: &RegionSettings) -> Self {
        let region_name = &region.region;
        let private = service.private_dns_name(region_name);
        let names = [PrivateDnsDetails {
            private_dns_name: private.clone(),
        }];
        let name = service.endpoint_service_name(region_name);
        let base = service.endpoint_zone(region_name);
        Self {
            private_dns_name: Some(private),
            private_dns_name_set: Some(names.into_iter().collect()),
            private_dns_name_verification_state: Some("verified"),
            ..Self::new(name, "Interface", base, region)
        }
    }

    fn new(name: String, kind: &'static str, base: String, region: &RegionSettings) -> Self {
        let zones = &region.availability_zones;
        Self {
            service_name: name,
            service_type: vec![ServiceType { service_type: kind }].into(),
            service_region: region.region.clone(),
            availability_zone_id_set: zones
                .iter()
                .map(|zone| region.availability_zone_id(zone))
                .collect(),
            availability_zone_set: zones.clone().into(),
            owner: "amazon",
            base_endpoint_dns_name_set: vec![base].into(),
            private_dns_name: None,
            private_dns_name_set: None,
            private_dns_name_verification_state: None,
            // Of a gateway's the pattern is as EC2 says; no policy of an interface endpoint is taken here.
            vpc_endpoint_policy_supported: kind == "Gateway",
            acceptance_required: false,
            manages_vpc_endpoints: false,
            tag_set: ItemSet::default(),
            supported_ip_address_type_set: vec!["ipv4"].into(),
        }
    }
}

/// Finds services that VPC endpoints can lead to.
impl Operation for DescribeVpcEndpointServices {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let region = context.region;
        let here = self.service_regions.is_empty() || self.service_regions.contains(&region.region);
        let gateways = OF_GATEWAYS.iter();
        let gateways = gateways.map(|service| EndpointService::gateways(service, region));
        let interfaces = ServedApi::ALL.into_iter();
        let interfaces = interfaces.map(|service| EndpointService::interfaces(service, region));
        let services = gateways.chain(interfaces).filter(|_| here);
        let (found, next_token) = listed(
            services,
            &self.service_names,
            |service| service.service_name.clone(),
            no_service,
            &self.page,
            &PAGE_SIZES,
            Scope::new(world, context),
        )?;
        ChangeSet::none().answered(DescribeVpcEndpointServicesResponse {
            service_name_set: found
                .items
                .iter()
                .map(|one| one.service_name.clone())
                .collect(),
            service_detail_set: found,
            next_token,
        })
    }
}

fn no_service(name: &str) -> Ec2Error {
    let message = format!("The Vpc Endpoint Service '{name}' does not exist");
    Ec2Error::new(ErrorCode::of_id("InvalidServiceName"), message)
}

impl Described for EndpointService {
    type Answer = Self;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("ServiceNames", "MaxResults");

    fn describe(&self, _: Scope<'_>) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::TestWorld;

    #[test]
    fn services_are_found_by_name_and_type() {
        let mut region = TestWorld::bootstrapped();
        let s3 = "com.amazonaws.us-east-1.s3";
        let filter = |name, value| [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        for (parameters, want) in [
            (&[][..], 5),
            (&[("ServiceName.1", s3)], 1),
            (&[("ServiceRegion.1", "eu-west-1")], 0),
            (&filter("service-name", s3), 1),
            (&[("ServiceName.1", "com.amazonaws.us-east-1.ec2")], 1),
            (&filter("service-type", "Gateway"), 2),
            (&filter("service-type", "Interface"), 3),
        ] {
            let answer = region.must("DescribeVpcEndpointServices", parameters);
            let names = TestWorld::texts(&answer, "/serviceDetailSet", "/serviceName");
            assert_eq!(names.len(), want, "{parameters:?}");
            assert_eq!(
                answer["serviceNameSet"]["item"].as_array().unwrap().len(),
                want
            );
        }
        assert_eq!(
            region.refused("DescribeVpcEndpointServices", &[("ServiceName.1", "mine")]),
            "InvalidServiceName: The Vpc Endpoint Service 'mine' does not exist"
        );
    }
}
