//! `ModifyVpcAttribute` and `DescribeVpcAttribute`.

use crate::api::vpc::{DescribeVpcAttribute, DescribeVpcAttributeResponse, ModifyVpcAttribute};
use crate::operations::attribute::{AttributeBooleanValue, only_one, unknown_attribute};
use crate::resource::Vpc;
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Changes one attribute of a VPC.
impl Operation for ModifyVpcAttribute {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        only_one(&[
            ("enableDnsSupport", self.enable_dns_support.is_some()),
            ("enableDnsHostnames", self.enable_dns_hostnames.is_some()),
            (
                "enableNetworkAddressUsageMetrics",
                self.enable_network_address_usage_metrics.is_some(),
            ),
        ])?;
        let mut vpc = Vpc::clone(world.vpcs.known(self.vpc_id)?);
        let set = |attribute: &mut bool, given: Option<AttributeBooleanValue>| {
            *attribute = given.map_or(*attribute, |given| given.value);
        };
        set(&mut vpc.enable_dns_support, self.enable_dns_support);
        set(&mut vpc.enable_dns_hostnames, self.enable_dns_hostnames);
        set(
            &mut vpc.enable_network_address_usage_metrics,
            self.enable_network_address_usage_metrics,
        );
        let turned_on = self.enable_dns_hostnames.is_some_and(|given| given.value);
        if turned_on && !vpc.enable_dns_support {
            let message = "You can only enable DNS hostnames if you've enabled DNS support.";
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        Ok((ChangeSet::putting(vpc), ReturnTrue::default()))
    }
}

/// Says one attribute of a VPC.
impl Operation for DescribeVpcAttribute {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let vpc = world.vpcs.known(self.vpc_id)?;
        let mut response = DescribeVpcAttributeResponse {
            vpc_id: vpc.vpc_id,
            enable_dns_support: None,
            enable_dns_hostnames: None,
            enable_network_address_usage_metrics: None,
        };
        let (attribute, value) = match self.attribute.as_str() {
            "enableDnsSupport" => (&mut response.enable_dns_support, vpc.enable_dns_support),
            "enableDnsHostnames" => (&mut response.enable_dns_hostnames, vpc.enable_dns_hostnames),
            "enableNetworkAddressUsageMetrics" => (
                &mut response.enable_network_address_usage_metrics,
                vpc.enable_network_address_usage_metrics,
            ),
            other => return Err(unknown_attribute(other)),
        };
        *attribute = Some(AttributeBooleanValue { value });
        Ok((ChangeSet::none(), response))
    }
}
