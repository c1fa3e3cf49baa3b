//! `DeleteDhcpOptions`.

use crate::api::dhcp_options::DeleteDhcpOptions;
use crate::operations::lookup::{has_dependencies, not_found};
use crate::resource::DhcpOptions;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

/// The code for a set that does not exist, in this call's spelling (EC2 API reference, "Error codes": it lists both).
const NOT_FOUND: &str = "InvalidDhcpOptionsID.NotFound";

/// Deletes a set of DHCP options that no VPC uses. The account's own stays.
impl Operation for DeleteDhcpOptions {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let id = self.dhcp_options_id;
        if world.vpcs.count(&id) > 0 || id == DhcpOptions::default_id() {
            return Err(has_dependencies("dhcpOptions", id));
        }
        if world.dhcp_options.get(id).is_none() {
            return Err(Ec2Error::new(
                ErrorCode::of_id(NOT_FOUND),
                not_found(id).message,
            ));
        }
        let mut changes = ChangeSet::none();
        changes.delete(id);
        Ok((changes, ReturnTrue::default()))
    }
}
