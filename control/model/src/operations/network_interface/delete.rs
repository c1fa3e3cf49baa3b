//! `DeleteNetworkInterface`.

use alloc::format;

use crate::api::network_interface::DeleteNetworkInterface;
use crate::operations::address::release;
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Deletes a network interface that is not attached. Its Elastic IP addresses stay allocated; routes through it become
/// blackholes.
impl Operation for DeleteNetworkInterface {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let id = self.network_interface_id;
        let eni = world.network_interfaces.known(id)?;
        if eni.attachment.is_some() || eni.is_managed() {
            let message = format!("Network interface '{id}' is currently in use.");
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        let mut changes = ChangeSet::none();
        for address in world.addresses.by(&id) {
            release::disassociate(address, &mut changes);
        }
        changes.delete(id);
        Ok((changes, ReturnTrue::default()))
    }
}
