//! `DescribeNetworkInterfaces`.

use crate::api::network_interface::{
    DescribeNetworkInterfaces, DescribeNetworkInterfacesResponse, NetworkInterfaceDescription,
};
use crate::describe::{Scope, answer};
use crate::operations::lookup;
use crate::{ChangeSet, Context, Operation, Planned, World};

/// Describes network interfaces.
impl Operation for DescribeNetworkInterfaces {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let (network_interface_set, next_token) = answer(
            &world.network_interfaces,
            &self.network_interface_ids,
            &self.page,
            Scope::new(world, context),
            lookup::no_network_interface,
            NetworkInterfaceDescription::new,
        )?;
        let response = DescribeNetworkInterfacesResponse {
            network_interface_set,
            next_token,
        };
        Ok((ChangeSet::none(), response))
    }
}
