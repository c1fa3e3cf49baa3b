//! `DescribeSubnets`.

use alloc::borrow::Cow;
use alloc::string::ToString;

use eni_types::SubnetState;

use super::description::arn;
use crate::api::subnet::{DescribeSubnets, DescribeSubnetsResponse, SubnetDescription};
use crate::describe::{Described, Scope, answer};
use crate::operations::lookup;
use crate::resource::Subnet;
use crate::{ChangeSet, Context, IndexKey, Operation, Planned, World};

/// Finds subnets.
impl Operation for DescribeSubnets {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let (subnet_set, next_token) = answer(
            &world.subnets,
            &self.subnet_ids,
            &self.page,
            Scope::new(world, context),
            lookup::no_subnet,
            SubnetDescription::new,
        )?;
        let response = DescribeSubnetsResponse {
            subnet_set,
            next_token,
        };
        Ok((ChangeSet::none(), response))
    }
}

impl Described for Subnet {
    // The spellings without hyphens are EC2's own, kept from its first versions.
    const FILTERS: &'static [&'static str] = &[
        "availability-zone",
        "availability-zone-id",
        "availabilityZone",
        "availabilityZoneId",
        "available-ip-address-count",
        "cidr",
        "cidr-block",
        "cidrBlock",
        "customer-owned-ipv4-pool",
        "default-for-az",
        "defaultForAz",
        "enable-dns64",
        "enable-lni-at-device-index",
        "ipv6-cidr-block-association.association-id",
        "ipv6-cidr-block-association.ipv6-cidr-block",
        "ipv6-cidr-block-association.state",
        "ipv6-native",
        "map-customer-owned-ip-on-launch",
        "map-public-ip-on-launch",
        "outpost-arn",
        "owner-id",
        "private-dns-name-options-on-launch.enable-resource-name-dns-a-record",
        "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record",
        "private-dns-name-options-on-launch.hostname-type",
        "state",
        "subnet-arn",
        "subnet-id",
        "vpc-id",
    ];
    const IDS_AND_PAGE: (&'static str, &'static str) = ("SubnetIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("subnet-id");

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        give(match name {
            "availability-zone" | "availabilityZone" => self.availability_zone.as_str().into(),
            "availability-zone-id" | "availabilityZoneId" => scope
                .region
                .availability_zone_id(&self.availability_zone)
                .into(),
            "available-ip-address-count" => scope
                .world
                .available_ip_address_count(self)
                .to_string()
                .into(),
            "cidr" | "cidr-block" | "cidrBlock" => self.cidr_block.to_string().into(),
            "default-for-az" | "defaultForAz" => self.default_for_az.to_string().into(),
            "map-public-ip-on-launch" => self.map_public_ip_on_launch.to_string().into(),
            "enable-dns64"
            | "ipv6-native"
            | "map-customer-owned-ip-on-launch"
            | "private-dns-name-options-on-launch.enable-resource-name-dns-a-record"
            | "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record" => {
                "false".into()
            }
            "private-dns-name-options-on-launch.hostname-type" => "ip-name".into(),
            "owner-id" => scope.region.account_id.as_str().into(),
            "state" => SubnetState::Available.as_str().into(),
            "subnet-arn" => arn(self, scope.region).into(),
            "subnet-id" => self.subnet_id.to_string().into(),
            "vpc-id" => self.vpc_id.to_string().into(),
            _ => return,
        });
    }

    fn index_key(name: &str, value: &str) -> Option<IndexKey> {
        match name {
            "vpc-id" => value.parse().ok().map(IndexKey::Vpc),
            _ => None,
        }
    }
}
