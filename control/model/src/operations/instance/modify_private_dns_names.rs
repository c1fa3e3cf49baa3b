//! `ModifyPrivateDnsNameOptions`.

use alloc::format;

use eni_types::InstanceState;

use super::modify_attribute::changeable;
use crate::api::instance::ModifyPrivateDnsNameOptions;
use crate::operations::private_dns_names::Given;
use crate::resource::Instance;
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Changes how an instance's private names are made, and which of them are answered. Its host name changes while it is stopped only.
impl Operation for ModifyPrivateDnsNameOptions {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let instance = changeable(self.instance_id, world)?;
        let subnet = world.subnets.known(instance.subnet_id)?;
        let given = Given {
            parameter: "privateDnsHostnameType",
            hostname_type: self.private_dns_hostname_type.as_deref(),
            a_record: self.enable_resource_name_dns_a_record,
            aaaa_record: self.enable_resource_name_dns_aaaa_record,
        };
        let before = instance.private_dns_names;
        let private_dns_names = given.over(before, subnet)?;
        let renames = private_dns_names.hostname_type != before.hostname_type;
        if renames && instance.state != InstanceState::Stopped {
            let message = format!(
                "The instance '{}' is not in the 'stopped' state.",
                instance.instance_id
            );
            return Err(ErrorCode::IncorrectInstanceState.with(message));
        }
        let changed = Instance {
            private_dns_names,
            ..Instance::clone(instance)
        };
        Ok((ChangeSet::putting(changed), ReturnTrue::default()))
    }
}
