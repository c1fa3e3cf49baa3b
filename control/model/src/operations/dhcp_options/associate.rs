//! `AssociateDhcpOptions`.

use eni_query::read_id;

use crate::api::dhcp_options::AssociateDhcpOptions;
use crate::resource::{DhcpOptions, Vpc};
use crate::{ChangeSet, Context, Operation, Planned, ReturnTrue, World};

/// What stands for no set in place of an id.
pub(crate) const NO_SET: &str = "default";

/// Has a VPC's instances use a set of DHCP options, or none.
impl Operation for AssociateDhcpOptions {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let vpc = world.vpcs.known(self.vpc_id)?;
        let dhcp_options_id = match self.dhcp_options_id.as_str() {
            NO_SET => None,
            id => Some(read_id(id)?),
        };
        if let Some(id) = dhcp_options_id.filter(|id| *id != DhcpOptions::default_id()) {
            world.dhcp_options.known(id)?;
        }
        let mut changes = ChangeSet::none();
        changes.put(Vpc {
            dhcp_options_id,
            ..Vpc::clone(vpc)
        });
        Ok((changes, ReturnTrue::default()))
    }
}
