//! `DescribeSecurityGroupReferences` and `GetSecurityGroupsForVpc`.

use alloc::string::ToString;
use alloc::vec;

use crate::api::security_group::{
    DescribeSecurityGroupReferences, DescribeSecurityGroupReferencesResponse,
    GetSecurityGroupsForVpc, GetSecurityGroupsForVpcResponse, SecurityGroupForVpc,
};
use crate::describe::{Filter, Scope, find};
use crate::resource::SecurityGroup;
use crate::{ChangeSet, Context, Ec2Error, ItemSet, Operation, Planned, World};

/// Describes the peered VPCs whose groups name these groups. There is no peering, so there are none.
impl Operation for DescribeSecurityGroupReferences {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        for id in self.group_ids {
            world.security_groups.known(id)?;
        }
        ChangeSet::none().answered(DescribeSecurityGroupReferencesResponse {
            security_group_reference_set: ItemSet::default(),
        })
    }
}

/// Finds the groups that interfaces in a VPC can have.
impl Operation for GetSecurityGroupsForVpc {
    fn plan(
        mut self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let vpc_id = world.vpcs.known(self.vpc_id)?.vpc_id;
        self.page.filters.push(Filter {
            name: "vpc-id".into(),
            values: vec![vpc_id.to_string()],
        });
        let scope = Scope::new(world, context);
        let groups = &world.security_groups;
        let found = find(groups, &[], &self.page, scope)?;
        let describe = |group: &SecurityGroup| SecurityGroupForVpc {
            description: group.description.clone(),
            group_name: group.group_name.clone(),
            owner_id: scope.region.account_id.clone(),
            group_id: group.group_id,
            tag_set: group.tags.to_items(),
            primary_vpc_id: group.vpc_id,
        };
        ChangeSet::none().answered(GetSecurityGroupsForVpcResponse {
            security_group_for_vpc_set: found.rows.iter().map(|group| describe(group)).collect(),
            next_token: found.next_token,
        })
    }
}
