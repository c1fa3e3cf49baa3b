//! `DetachNetworkInterface`.

use alloc::format;

use eni_types::{AttachmentStatus, InstanceState};

use super::efa;
use crate::api::network_interface::DetachNetworkInterface;
use crate::operations::lookup;
use crate::resource::NetworkInterface;
use crate::{Await, ChangeSet, Context, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Unplugs a network interface from its instance, which must be stopped if the interface has an Elastic Fabric Adapter
/// (EC2 User Guide, "Detach and delete an EFA"). The answer comes when packets are cut, or after a bounded wait.
impl Operation for DetachNetworkInterface {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut changes = ChangeSet::none();
        let mut eni = NetworkInterface::clone(lookup::attached(world, self.attachment_id)?);
        if let Some(attachment) = &mut eni.attachment {
            let place = (attachment.device_index, attachment.network_card_index);
            if place == (0, 0) {
                let (device_index, card_index) = place;
                let message = format!(
                    "The network interface at device index {device_index} and networkCard index {card_index} cannot be detached."
                );
                return Err(ErrorCode::OperationNotPermitted.with(message));
            }
            attachment.status = AttachmentStatus::Detaching;
            let instance = world.instances.known(attachment.instance_id)?;
            efa::check_stopped(&eni, instance)?;
            if instance.state == InstanceState::Stopped {
                eni.leave();
            }
            changes.put(eni);
        }
        Ok((changes, ReturnTrue::default()))
    }

    fn awaits(&self) -> Option<Await> {
        Some(Await::Attachment(self.attachment_id))
    }
}
