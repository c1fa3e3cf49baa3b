//! `DescribeVpcs`.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::{VpcId, VpcState};
use serde::Serialize;

use super::description::VpcDescription;
use crate::describe::{Described, Page, Scope, answer};
use crate::operations::dhcp_options::DEFAULT_DHCP_OPTIONS_ID;
use crate::operations::lookup;
use crate::resource::Vpc;
use crate::{ChangeSet, Context, Ec2Error, ItemSet, Operation, World};

/// Finds VPCs.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeVpcs {
    /// Only these.
    #[query(name = "VpcId")]
    pub vpc_ids: Vec<VpcId>,
    /// Filters and paging.
    #[query(flatten)]
    pub page: Page,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVpcsResponse {
    vpc_set: ItemSet<VpcDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for DescribeVpcs {
    const NAME: &'static str = "DescribeVpcs";
    const MUTATES: bool = false;
    type Response = DescribeVpcsResponse;

    fn plan(
        self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let (vpc_set, next_token) = answer(
            &world.vpcs,
            &self.vpc_ids,
            &self.page,
            Scope::new(world, context),
            lookup::no_vpc,
            |vpc, scope| VpcDescription::new(vpc, VpcState::Available, scope.region),
        )?;
        let response = DescribeVpcsResponse {
            vpc_set,
            next_token,
        };
        Ok((ChangeSet::none(), response))
    }
}

impl Described for Vpc {
    // The spellings without hyphens are EC2's own, kept from its first versions.
    const FILTERS: &'static [&'static str] = &[
        "cidr",
        "cidr-block",
        "cidr-block-association.association-id",
        "cidr-block-association.cidr-block",
        "cidr-block-association.state",
        "cidrBlock",
        "dhcp-options-id",
        "dhcpOptionsId",
        "ipv6-cidr-block-association.association-id",
        "ipv6-cidr-block-association.ipv6-cidr-block",
        "ipv6-cidr-block-association.ipv6-pool",
        "ipv6-cidr-block-association.state",
        "is-default",
        "isDefault",
        "owner-id",
        "state",
        "vpc-id",
    ];
    const IDS_AND_PAGE: (&'static str, &'static str) = ("VpcIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("vpc-id");

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        give(match name {
            "cidr" | "cidr-block" | "cidrBlock" | "cidr-block-association.cidr-block" => {
                self.cidr_block.to_string().into()
            }
            "cidr-block-association.association-id" => self.cidr_association_id.to_string().into(),
            "cidr-block-association.state" => "associated".into(),
            "dhcp-options-id" | "dhcpOptionsId" => DEFAULT_DHCP_OPTIONS_ID.into(),
            "is-default" | "isDefault" => self.is_default.to_string().into(),
            "owner-id" => scope.region.account_id.as_str().into(),
            "state" => VpcState::Available.as_str().into(),
            "vpc-id" => self.vpc_id.to_string().into(),
            _ => return,
        });
    }
}
