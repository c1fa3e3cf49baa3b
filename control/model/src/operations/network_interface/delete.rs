//! `DeleteNetworkInterface`.

use alloc::format;

use eni_query::FromQuery;
use eni_types::NetworkInterfaceId;

use crate::operations::address::release;
use crate::operations::lookup;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, IndexKey, Operation, ReturnTrue, World};

/// Deletes a network interface that is not attached. Its Elastic IP addresses stay allocated; routes through it become
/// blackholes.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteNetworkInterface {
    /// The interface.
    pub network_interface_id: NetworkInterfaceId,
}

impl Operation for DeleteNetworkInterface {
    const NAME: &'static str = "DeleteNetworkInterface";
    type Response = ReturnTrue;

    fn plan(
        self,
        world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let id = self.network_interface_id;
        let eni = lookup::network_interface(world, id)?;
        if eni.attachment.is_some() {
            let message = format!("Network interface '{id}' is currently in use.");
            return Err(Ec2Error::new(ErrorCode::InvalidParameterValue, message));
        }
        let mut changes = ChangeSet::none();
        for address in world.addresses.by(&IndexKey::NetworkInterface(id)) {
            release::disassociate(address, &mut changes);
        }
        changes.delete(id);
        Ok((changes, ReturnTrue::default()))
    }
}
