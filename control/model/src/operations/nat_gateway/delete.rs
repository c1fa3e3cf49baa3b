//! `DeleteNatGateway`.

use super::describe::addresses_of;
use crate::api::nat_gateway::{DeleteNatGateway, DeleteNatGatewayResponse};
use crate::operations::address::release;
use crate::resource::{NatGateway, NatGatewayStatus};
use crate::{ChangeSet, Context, Operation, Planned, World};

/// Deletes a NAT gateway with its interface: what goes through it is cut. Its Elastic IP addresses stay allocated; routes to it
/// become blackholes. One that is not there any more is left as it is.
impl Operation for DeleteNatGateway {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let id = self.nat_gateway_id;
        let gateway = world.nat_gateways.known(id)?;
        let mut changes = ChangeSet::none();
        if let Some(eni) = gateway.interface() {
            for address in world.addresses.by(&eni) {
                release::disassociate(address, &mut changes);
            }
            changes.delete(eni);
            changes.put(NatGateway {
                status: NatGatewayStatus::Deleted,
                network_interface_id: None,
                end_time: Some(context.now),
                last_addresses: addresses_of(gateway, world),
                ..NatGateway::clone(gateway)
            });
        }
        changes.answered(DeleteNatGatewayResponse { nat_gateway_id: id })
    }
}
