//! `DescribeSecurityGroups`.

use crate::tags::Tags;
use alloc::borrow::Cow;
use alloc::string::ToString;

use eni_types::{MalformedId, VpcId};

use super::description::split;
use super::named::in_default_vpc;
use super::rule::{Direction, rules_of};
use crate::api::security_group::{
    DescribeSecurityGroups, DescribeSecurityGroupsResponse, SecurityGroupDescription,
};
use crate::describe::{Described, Listing, RowListing, Rows, Scope, lists, refused_value};
use crate::resource::{SecurityGroup, SecurityGroupRule};
use crate::{Ec2Error, IdsOf, Table, World};

impl DescribeSecurityGroups {
    fn listed(
        &self,
        world: &World,
    ) -> Result<impl Listing<DescribeSecurityGroupsResponse> + use<>, Ec2Error> {
        let mut ids = self.group_ids.clone();
        for name in &self.group_names {
            ids.push(in_default_vpc(name, world)?.group_id);
        }
        Ok(RowListing {
            rows: Rows::asked_for(&world.security_groups, &ids, &self.page)?,
            table: |world| &world.security_groups,
            member: |group, scope| Some(group.describe(scope)),
            answer: |security_group_info, next_token| DescribeSecurityGroupsResponse {
                security_group_info,
                next_token,
            },
        })
    }
}

lists! {
    /// Describes security groups with their rules.
    DescribeSecurityGroups
}

impl Described for SecurityGroup {
    type Answer = SecurityGroupDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("GroupIds", "MaxResults");
    const PLURAL: Option<&'static str> = Some("security groups");
    const ID_FILTER: Option<&'static str> = Some("group-id");

    fn describe(&self, scope: Scope<'_>) -> SecurityGroupDescription {
        SecurityGroupDescription::new(self, scope)
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        let (direction, rule_member) = match name.strip_prefix("egress.") {
            Some(rest) => (Direction::Egress, rest),
            None => (Direction::Ingress, name),
        };
        if let Some(member) = rule_member.strip_prefix("ip-permission.") {
            for rule in rules_of(self.group_id, direction, scope.world) {
                if let Some(value) = rule_value(rule, member, scope) {
                    give(value);
                }
            }
            return;
        }
        give(match name {
            "description" => self.description.as_str().into(),
            "group-id" => self.group_id.to_string().into(),
            "group-name" => self.group_name.as_str().into(),
            "owner-id" => scope.region.account_id.as_str().into(),
            _ => self.vpc_id.to_string().into(),
        });
    }

    /// This call, unlike the others, refuses what cannot be the id of a VPC.
    fn check_filter_value(name: &str, value: &str) -> Result<(), Ec2Error> {
        match (name, value.parse::<VpcId>()) {
            ("vpc-id", Err(MalformedId::Prefix { .. } | MalformedId::Digits)) => {
                Err(refused_value(name))
            }
            _ => Ok(()),
        }
    }

    fn indexed<'a>(table: &'a Table<Self>, name: &str, value: &str) -> Option<IdsOf<'a, Self>> {
        match name {
            "vpc-id" | "primary-vpc-id" => Some(table.ids(&value.parse::<VpcId>().ok()?)),
            _ => None,
        }
    }
}

/// The value of a filter on permissions for one rule. No rule has a prefix list.
fn rule_value<'a>(
    rule: &'a SecurityGroupRule,
    member: &str,
    scope: Scope<'a>,
) -> Option<Cow<'a, str>> {
    let (ipv4, ipv6, group_id) = split(rule.peer);
    match member {
        "cidr" => ipv4.map(|block| block.to_string().into()),
        "ipv6-cidr" => ipv6.map(|block| block.to_string().into()),
        "from-port" => Some(rule.from_port.to_string().into()),
        "to-port" => Some(rule.to_port.to_string().into()),
        "protocol" => Some(rule.ip_protocol.to_string().into()),
        "group-id" => group_id.map(|id| id.to_string().into()),
        "group-name" => {
            let group = scope.world.security_groups.get(group_id?)?;
            Some(group.group_name.as_str().into())
        }
        "user-id" => group_id.map(|_| scope.region.account_id.as_str().into()),
        _ => None,
    }
}
