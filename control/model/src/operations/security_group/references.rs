//! `DescribeSecurityGroupReferences` and `GetSecurityGroupsForVpc`.

use alloc::string::ToString;
use alloc::vec;

use crate::api::security_group::{
    DescribeSecurityGroupReferences, DescribeSecurityGroupReferencesResponse,
    GetSecurityGroupsForVpc, GetSecurityGroupsForVpcResponse, SecurityGroupForVpc,
};
use crate::describe::{Filter, Listing, RowListing, Rows, Scope, lists};
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

impl GetSecurityGroupsForVpc {
    fn listed(
        &self,
        world: &World,
    ) -> Result<impl Listing<GetSecurityGroupsForVpcResponse> + use<>, Ec2Error> {
        let vpc_id = world.vpcs.known(self.vpc_id)?.vpc_id;
        let mut page = self.page.clone();
        page.filters.push(Filter {
            name: "vpc-id".into(),
            values: vec![vpc_id.to_string()],
        });
        Ok(RowListing {
            rows: Rows::asked_for(&world.security_groups, &[], &page)?,
            table: |world| &world.security_groups,
            member: |group, scope| Some(SecurityGroupForVpc::new(group, scope)),
            answer: |security_group_for_vpc_set, next_token| GetSecurityGroupsForVpcResponse {
                security_group_for_vpc_set,
                next_token,
            },
        })
    }
}

lists! {
    /// Finds the groups that interfaces in a VPC can have.
    GetSecurityGroupsForVpc
}

impl SecurityGroupForVpc {
    fn new(group: &SecurityGroup, scope: Scope<'_>) -> Self {
        Self {
            description: group.description.clone(),
            group_name: group.group_name.clone(),
            owner_id: scope.region.account_id.clone(),
            group_id: group.group_id,
            tag_set: group.tags.to_items(),
            primary_vpc_id: group.vpc_id,
        }
    }
}
