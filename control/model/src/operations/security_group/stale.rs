//! `DescribeStaleSecurityGroups`.

use alloc::string::ToString;
use alloc::vec::Vec;

use eni_types::VpcId;

use super::description::{Peered, permissions};
use super::rule::{Direction, RuleMatch, rules_of};
use crate::ItemSet;
use crate::api::security_group::{
    DescribeStaleSecurityGroups, DescribeStaleSecurityGroupsResponse, IpPermissionDescription,
    StaleIpPermission, StaleSecurityGroup,
};
use crate::describe::{Filter, Listing, Page, RowListing, Rows, Scope, lists};
use crate::resource::{RulePeer, SecurityGroup, SecurityGroupRule};
use crate::{Ec2Error, World};

impl DescribeStaleSecurityGroups {
    fn listed(
        &self,
        world: &World,
    ) -> Result<impl Listing<DescribeStaleSecurityGroupsResponse> + use<>, Ec2Error> {
        let vpc_id = world.vpcs.known(self.vpc_id)?.vpc_id;
        let page = Page {
            filters: Vec::from([Filter {
                name: "vpc-id".into(),
                values: Vec::from([vpc_id.to_string()]),
            }]),
            max_results: self.max_results,
            next_token: self.next_token.clone(),
        };
        Ok(RowListing {
            rows: Rows::asked_for(&world.security_groups, &[], &page)?,
            table: |world| &world.security_groups,
            member: |group, scope| StaleSecurityGroup::of(group, scope),
            answer: |stale_security_group_set, next_token| DescribeStaleSecurityGroupsResponse {
                stale_security_group_set,
                next_token,
            },
        })
    }
}

lists! {
    /// Finds the groups of a VPC with rules that name groups which are deleted, or in VPCs that are not peered any more.
    DescribeStaleSecurityGroups
}

impl StaleSecurityGroup {
    fn of(group: &SecurityGroup, scope: Scope<'_>) -> Option<Self> {
        let stale = |direction| {
            let rules = rules_of(group.group_id, direction, scope.world)
                .filter(|rule| is_stale(rule, group.vpc_id, scope.world))
                .map(|rule| (RuleMatch::of(rule), rule.description.clone()));
            let permissions = permissions(rules, group.vpc_id, scope);
            let permissions = permissions.items.into_iter();
            ItemSet::from(permissions.map(StaleIpPermission::from).collect::<Vec<_>>())
        };
        let [ingress, egress] = [Direction::Ingress, Direction::Egress].map(stale);
        let is_stale = !ingress.items.is_empty() || !egress.items.is_empty();
        is_stale.then(|| Self {
            description: group.description.clone(),
            group_id: group.group_id,
            group_name: group.group_name.clone(),
            stale_ip_permissions: ingress,
            stale_ip_permissions_egress: egress,
            vpc_id: group.vpc_id,
        })
    }
}

fn is_stale(rule: &SecurityGroupRule, vpc_id: VpcId, world: &World) -> bool {
    match rule.peer {
        RulePeer::SecurityGroup(id) => Peered::of(id, vpc_id, world).is_some_and(Peered::is_stale),
        RulePeer::CidrIpv4(_) | RulePeer::CidrIpv6(_) => false,
    }
}

impl From<IpPermissionDescription> for StaleIpPermission {
    fn from(permission: IpPermissionDescription) -> Self {
        Self {
            from_port: permission.from_port,
            ip_protocol: permission.ip_protocol,
            to_port: permission.to_port,
            groups: permission.groups,
        }
    }
}
