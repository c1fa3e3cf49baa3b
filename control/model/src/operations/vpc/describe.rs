//! `DescribeVpcs`.

use alloc::borrow::Cow;
use alloc::string::ToString;

use eni_types::VpcState;

use crate::api::vpc::{DescribeVpcs, DescribeVpcsResponse, VpcDescription};
use crate::describe::{Described, Scope, answer};
use crate::operations::dhcp_options::DEFAULT_DHCP_OPTIONS_ID;
use crate::operations::lookup;
use crate::resource::Vpc;
use crate::{ChangeSet, Context, Operation, Planned, World};

/// Finds VPCs.
impl Operation for DescribeVpcs {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
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
