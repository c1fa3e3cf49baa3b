//! `DescribeSecurityGroupReferences` and `GetSecurityGroupsForVpc`.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::{SecurityGroupId, VpcId};
use serde::Serialize;

use crate::describe::{Filter, Page, Scope, find};
use crate::operations::lookup;
use crate::resource::SecurityGroup;
use crate::tags::TagItem;
use crate::{ChangeSet, Context, Ec2Error, ItemSet, Operation, World};

/// Describes the peered VPCs whose groups name these groups. There is no peering, so there are none.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeSecurityGroupReferences {
    /// The groups.
    #[query(name = "GroupId")]
    pub group_ids: Vec<SecurityGroupId>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeSecurityGroupReferencesResponse {
    security_group_reference_set: ItemSet<String>,
}

impl Operation for DescribeSecurityGroupReferences {
    const NAME: &'static str = "DescribeSecurityGroupReferences";
    const MUTATES: bool = false;
    type Response = DescribeSecurityGroupReferencesResponse;

    fn plan(
        self,
        world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        for id in self.group_ids {
            lookup::security_group(world, id)?;
        }
        let response = DescribeSecurityGroupReferencesResponse {
            security_group_reference_set: ItemSet::default(),
        };
        Ok((ChangeSet::none(), response))
    }
}

/// Finds the groups that interfaces in a VPC can have.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct GetSecurityGroupsForVpc {
    /// The VPC.
    pub vpc_id: VpcId,
    /// Filters and paging.
    #[query(flatten)]
    pub page: Page,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetSecurityGroupsForVpcResponse {
    security_group_for_vpc_set: ItemSet<SecurityGroupForVpc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SecurityGroupForVpc {
    description: String,
    group_name: String,
    owner_id: String,
    group_id: SecurityGroupId,
    tag_set: ItemSet<TagItem>,
    primary_vpc_id: VpcId,
}

impl Operation for GetSecurityGroupsForVpc {
    const NAME: &'static str = "GetSecurityGroupsForVpc";
    const MUTATES: bool = false;
    type Response = GetSecurityGroupsForVpcResponse;

    fn plan(
        mut self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let vpc_id = lookup::vpc(world, self.vpc_id)?.vpc_id;
        self.page.filters.push(Filter {
            name: "vpc-id".into(),
            values: vec![vpc_id.to_string()],
        });
        let scope = Scope::new(world, context);
        let groups = &world.security_groups;
        let found = find(groups, &[], &self.page, scope, lookup::no_security_group)?;
        let describe = |group: &SecurityGroup| SecurityGroupForVpc {
            description: group.description.clone(),
            group_name: group.group_name.clone(),
            owner_id: scope.region.account_id.clone(),
            group_id: group.group_id,
            tag_set: group.tags.to_items(),
            primary_vpc_id: group.vpc_id,
        };
        let response = GetSecurityGroupsForVpcResponse {
            security_group_for_vpc_set: found.rows.iter().map(|group| describe(group)).collect(),
            next_token: found.next_token,
        };
        Ok((ChangeSet::none(), response))
    }
}
