//! `DescribeSecurityGroupReferences` and `GetSecurityGroupsForVpc`.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec;

use crate::api::security_group::{
    DescribeSecurityGroupReferences, DescribeSecurityGroupReferencesResponse,
    GetSecurityGroupsForVpc, GetSecurityGroupsForVpcResponse, SecurityGroupForVpc,
    SecurityGroupReference,
};
use crate::describe::{Filter, Listing, RowListing, Rows, Scope, lists};
use crate::resource::{PeerSecurityGroup, SecurityGroup};
use crate::{ChangeSet, Context, Ec2Error, Operation, Planned, World};

/// Describes the peered VPCs whose groups name these groups.
impl Operation for DescribeSecurityGroupReferences {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut found = BTreeMap::new();
        for group_id in self.group_ids {
            let own = world.security_groups.known(group_id)?.vpc_id;
            for rule in world.security_group_rules.by(&PeerSecurityGroup(group_id)) {
                let referencing = world.security_groups.get(rule.group_id);
                let peered = referencing.and_then(|group| {
                    let connection = world.peering_between(own, group.vpc_id)?;
                    Some((group.vpc_id, connection.vpc_peering_connection_id))
                });
                if let Some((referencing_vpc_id, vpc_peering_connection_id)) = peered {
                    let reference = SecurityGroupReference {
                        group_id,
                        referencing_vpc_id,
                        vpc_peering_connection_id,
                    };
                    found.insert((group_id, referencing_vpc_id), reference);
                }
            }
        }
        ChangeSet::none().answered(DescribeSecurityGroupReferencesResponse {
            security_group_reference_set: found.into_values().collect(),
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
