//! `ModifyVpcAttribute` and `DescribeVpcAttribute`.

use alloc::string::String;

use eni_query::FromQuery;
use eni_types::VpcId;
use serde::Serialize;

use crate::operations::attribute::{AttributeBooleanValue, only_one, unknown_attribute};
use crate::operations::lookup;
use crate::resource::Vpc;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, ReturnTrue, World};

/// Changes one attribute of a VPC.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ModifyVpcAttribute {
    /// The VPC.
    pub vpc_id: VpcId,
    /// Whether Amazon's resolver answers in the VPC.
    pub enable_dns_support: Option<AttributeBooleanValue>,
    /// Whether instances with public addresses get public names. Needs `EnableDnsSupport`.
    pub enable_dns_hostnames: Option<AttributeBooleanValue>,
    /// Described, without effect.
    pub enable_network_address_usage_metrics: Option<AttributeBooleanValue>,
}

impl Operation for ModifyVpcAttribute {
    const NAME: &'static str = "ModifyVpcAttribute";
    const HAS_DRY_RUN: bool = false;
    type Response = ReturnTrue;

    fn plan(
        self,
        world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        only_one(&[
            ("enableDnsSupport", self.enable_dns_support.is_some()),
            ("enableDnsHostnames", self.enable_dns_hostnames.is_some()),
            (
                "enableNetworkAddressUsageMetrics",
                self.enable_network_address_usage_metrics.is_some(),
            ),
        ])?;
        let mut vpc = Vpc::clone(lookup::vpc(world, self.vpc_id)?);
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
            return Err(Ec2Error::new(ErrorCode::InvalidParameterValue, message));
        }
        let mut changes = ChangeSet::none();
        changes.put(vpc);
        Ok((changes, ReturnTrue::default()))
    }
}

/// Says one attribute of a VPC.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeVpcAttribute {
    /// The VPC.
    pub vpc_id: VpcId,
    /// `enableDnsSupport`, `enableDnsHostnames` or `enableNetworkAddressUsageMetrics`.
    pub attribute: String,
}

/// The answer: the VPC and the attribute asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVpcAttributeResponse {
    vpc_id: VpcId,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_dns_support: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_dns_hostnames: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_network_address_usage_metrics: Option<AttributeBooleanValue>,
}

impl Operation for DescribeVpcAttribute {
    const NAME: &'static str = "DescribeVpcAttribute";
    const MUTATES: bool = false;
    type Response = DescribeVpcAttributeResponse;

    fn plan(
        self,
        world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let vpc = lookup::vpc(world, self.vpc_id)?;
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
