//! What can be tagged.

use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_types::{AllocationId, ResourceId};

use crate::operations::lookup;
use crate::resource::Address;
use crate::tags::{Tag, Tags};
use crate::{Ec2Error, ErrorCode, Indexed, Resource, Row, Table, World};

/// The tags of one resource, with its id and its kind as EC2 names it.
pub(super) struct Tagged<'a> {
    pub(super) resource_id: ResourceId,
    pub(super) resource_type: &'static str,
    pub(super) tags: &'a Tags,
}

macro_rules! taggable {
    ($($id:ident, $lookup:path, $table:ident, $kind:literal;)*) => {
        /// The resource `id` with its tags changed.
        ///
        /// # Errors
        /// The kind's own error for a resource that does not exist, `InvalidID` for a kind that has no tags, and what
        /// `change` gives.
        pub(super) fn with_tags(
            world: &World,
            id: ResourceId,
            change: impl FnOnce(&mut Tags) -> Result<(), Ec2Error>,
        ) -> Result<Resource, Ec2Error> {
            match id {
                $(ResourceId::$id(id) => {
                    let mut row = (**$lookup(world, id)?).clone();
                    change(&mut row.tags)?;
                    Ok(row.into())
                })*
                _ => Err(not_taggable(&id.to_string())),
            }
        }

        /// Gives the tags of `id`, or of everything that has one of some tags, or of everything.
        pub(super) fn for_each_tagged<'a>(
            world: &'a World,
            which: &Which,
            give: &mut dyn FnMut(Tagged<'a>),
        ) {
            $(
                let own = |id: ResourceId| match id {
                    ResourceId::$id(id) => Some(id),
                    _ => None,
                };
                each(&world.$table, which, own, &mut |row: &'a _| give(Tagged {
                    resource_id: row.id().into(),
                    resource_type: $kind,
                    tags: row.tags(),
                }));
            )*
        }
    };
}

/// Where to look for tags: by the best index that the filters offer.
pub(super) enum Which {
    /// These resources.
    Resources(Vec<ResourceId>),
    /// Resources with one of these tags.
    WithTag(Vec<Tag>),
    /// All.
    All,
}

taggable! {
    AllocationId, shown_address, addresses, "elastic-ip";
    InstanceId, lookup::instance, instances, "instance";
    InternetGatewayId, lookup::internet_gateway, internet_gateways, "internet-gateway";
    NetworkAclId, lookup::network_acl, network_acls, "network-acl";
    NetworkInterfaceId, lookup::network_interface, network_interfaces, "network-interface";
    RouteTableId, lookup::route_table, route_tables, "route-table";
    SecurityGroupId, lookup::security_group, security_groups, "security-group";
    SecurityGroupRuleId, lookup::security_group_rule, security_group_rules, "security-group-rule";
    SubnetId, lookup::subnet, subnets, "subnet";
    VpcId, lookup::vpc, vpcs, "vpc";
}

/// The address, unless EC2 lent it: what no call shows cannot be tagged.
fn shown_address(world: &World, id: AllocationId) -> Result<&Arc<Address>, Ec2Error> {
    let address = world.addresses.get(id).filter(|address| !address.lent);
    address.ok_or_else(|| lookup::no_address(id))
}

/// Gives the rows of one table among `which`; `own` picks the ids of the table's kind.
fn each<'a, R: Indexed>(
    table: &'a Table<R>,
    which: &Which,
    own: impl Fn(ResourceId) -> Option<R::Id>,
    give: &mut dyn FnMut(&'a R),
) {
    match which {
        Which::Resources(ids) => {
            for row in ids.iter().filter_map(|id| table.get(own(*id)?)) {
                give(row);
            }
        }
        Which::WithTag(tags) => {
            for row in tags.iter().flat_map(|tag| table.by(tag)) {
                give(row);
            }
        }
        Which::All => table.iter().for_each(|row| give(row)),
    }
}

/// EC2's error for a text that names nothing that has tags.
pub(super) fn not_taggable(id: &str) -> Ec2Error {
    let message = format!("The ID '{id}' is not valid");
    ErrorCode::InvalidId.with(message)
}
