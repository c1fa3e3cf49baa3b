//! `CreateVpcEndpoint`.

use alloc::format;
use alloc::vec::Vec;

use eni_types::{TypedId, VpcEndpointId, quota};

use super::describe::pending;
use super::place::{add_places, check_ip_address_type, check_private_dns};
use crate::api::vpc_endpoint::{CreateVpcEndpoint, CreateVpcEndpointResponse};
use crate::operations::create::{check_quota, create};
use crate::operations::security_group::membership;
use crate::operations::unsupported;
use crate::resource::VpcEndpoint;
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ServedApi, World};

/// Makes an interface endpoint: the region's API at an interface in each of the subnets.
impl Operation for CreateVpcEndpoint {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        let token = self.client_token.clone();
        let answer = |mut vpc_endpoint| {
            pending(&mut vpc_endpoint);
            CreateVpcEndpointResponse {
                vpc_endpoint,
                client_token: token.clone(),
            }
        };
        let make = |context: &mut Context<'_>| self.make(world, context);
        let table = &world.vpc_endpoints;
        create::<Self, _>(table, token.as_deref(), world, context, make, answer)
    }
}

impl CreateVpcEndpoint {
    fn make(
        &self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(VpcEndpoint, ChangeSet), Ec2Error> {
        let service = self.service(&context.region.region)?;
        check_ip_address_type(self.ip_address_type.as_deref())?;
        let vpc = world.vpcs.known(self.vpc_id)?;
        let count = world.vpc_endpoints.count(&vpc.vpc_id);
        let most = quota::INTERFACE_ENDPOINTS_PER_VPC;
        let code = ErrorCode::VpcEndpointLimitExceeded;
        check_quota(count, most, code, "interface VPC endpoints")?;
        let groups = self.security_group_ids.clone();
        let mut endpoint = VpcEndpoint {
            vpc_endpoint_id: VpcEndpointId::generate(context.ids),
            vpc_id: vpc.vpc_id,
            service,
            places: Vec::new(),
            group_ids: membership::check(groups, vpc.vpc_id, world)?,
            private_dns_enabled: self.private_dns_enabled.unwrap_or(true),
            creation_timestamp: context.now,
            tags: Tags::for_created("vpc-endpoint", &self.tag_specifications)?,
        };
        if endpoint.private_dns_enabled {
            check_private_dns(&endpoint, world, context.region)?;
        }
        let mut changes = ChangeSet::none();
        add_places(
            &mut endpoint,
            &self.subnet_ids,
            &mut changes,
            world,
            context,
        )?;
        Ok((endpoint, changes))
    }

    /// What it is to lead to.
    fn service(&self, region: &str) -> Result<ServedApi, Ec2Error> {
        let name = self
            .service_name
            .as_deref()
            .ok_or_else(|| Ec2Error::missing_parameter("serviceName"))?;
        // EC2's default, from before there were others.
        let kind = self.vpc_endpoint_type.as_deref().unwrap_or("Gateway");
        if self
            .service_region
            .as_deref()
            .is_some_and(|other| other != region)
        {
            unsupported::refuse("A VPC endpoint of another region's service", true)?;
        }
        let service = ServedApi::ALL
            .into_iter()
            .find(|service| service.endpoint_service_name(region) == name);
        match (kind, service) {
            ("Interface", Some(service)) => Ok(service),
            ("Gateway", Some(_)) => Err(mismatched(kind, "Interface")),
            ("Interface", None) if is_of_gateways(name, region) => Err(mismatched(kind, "Gateway")),
            ("Gateway", None) if is_of_gateways(name, region) => {
                unsupported::refuse("A gateway endpoint", true)?;
                Err(no_such(name))
            }
            ("Interface" | "Gateway", _) => Err(no_such(name)),
            (other, _) => {
                unsupported::refuse(&format!("A VPC endpoint of type {other}"), true)?;
                Err(no_such(name))
            }
        }
    }
}

/// The services that gateway endpoints lead to.
fn is_of_gateways(name: &str, region: &str) -> bool {
    ["s3", "dynamodb"]
        .iter()
        .any(|service| name == format!("com.amazonaws.{region}.{service}"))
}

/// Of a service that [`DescribeVpcEndpointServices`](crate::api::vpc_endpoint_service::DescribeVpcEndpointServices) lists with
/// another type.
fn mismatched(asked: &str, available: &str) -> Ec2Error {
    let message =
        format!("Endpoint type ({asked}) does not match available service types ([{available}]).");
    ErrorCode::InvalidParameter.with(message)
}

fn no_such(name: &str) -> Ec2Error {
    let message = format!("The Vpc Endpoint Service '{name}' does not exist");
    Ec2Error::new(ErrorCode::of_id("InvalidServiceName"), message)
}
