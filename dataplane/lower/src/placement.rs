//! Where an interface of whatever kind is: what it uses there as long as it has rows, and the numbers of that.

use eni_model::World;
use eni_model::resource::NetworkInterface;
use eni_types::{NetworkAclId, RouteTableId, SubnetId, VpcId};

use crate::networks::Networks;
use crate::numbers::Numbers;
use crate::policies::Policies;

/// See [the module](self).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    vpc_id: VpcId,
    subnet_id: SubnetId,
    route_table_id: Option<RouteTableId>,
    network_acl_id: Option<NetworkAclId>,
}

/// The numbers of a [`Placement`]; 0 for what there is none of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacementNumbers {
    pub(crate) vpc: u32,
    pub(crate) subnet: u32,
    pub(crate) route_table: u32,
    pub(crate) network_acl_policy: u32,
}

impl Placement {
    /// The interface begins to use what is where it is.
    pub(crate) fn begin(
        eni: &NetworkInterface,
        world: &World,
        networks: &mut Networks,
        policies: &mut Policies,
        numbers: &mut Numbers,
    ) -> (Self, PlacementNumbers) {
        let subnet = world.subnets.get(eni.subnet_id);
        let route_table = subnet.and_then(|subnet| world.route_table_of(subnet));
        let acl = world.network_acl_of(eni.subnet_id);
        let placement = Self {
            vpc_id: eni.vpc_id,
            subnet_id: eni.subnet_id,
            route_table_id: route_table.map(|table| table.route_table_id),
            network_acl_id: acl.map(|acl| acl.network_acl_id),
        };
        let policy = acl.map(|acl| policies.use_network_acl(acl, numbers));
        let route_table = placement.route_table_id;
        let route_table = route_table.map(|id| networks.use_route_table(id, numbers));
        let named = PlacementNumbers {
            vpc: networks.use_vpc(eni.vpc_id, numbers),
            subnet: networks.use_subnet(eni.subnet_id, numbers),
            route_table: route_table.unwrap_or(0),
            network_acl_policy: policy.unwrap_or(0),
        };
        (placement, named)
    }

    /// It ceases to use that.
    pub(crate) fn end(self, networks: &mut Networks, policies: &mut Policies) {
        if let Some(acl) = self.network_acl_id {
            policies.leave_network_acl(acl);
        }
        networks.leave(self.vpc_id, self.subnet_id, self.route_table_id);
    }
}
