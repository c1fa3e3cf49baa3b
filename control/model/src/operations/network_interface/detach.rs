//! `DetachNetworkInterface`.

use alloc::format;

use eni_query::FromQuery;
use eni_types::{AttachmentId, AttachmentStatus, InstanceState};

use super::efa;
use crate::operations::lookup;
use crate::resource::NetworkInterface;
use crate::{Await, ChangeSet, Context, Ec2Error, ErrorCode, Operation, ReturnTrue, World};

/// Unplugs a network interface from its instance, which must be stopped if the interface has an Elastic Fabric Adapter
/// (EC2 User Guide, "Detach and delete an EFA"). The answer comes when packets are cut, or after a bounded wait.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DetachNetworkInterface {
    /// The attachment.
    pub attachment_id: AttachmentId,
    /// Whether to detach without the guest's consent. Without effect: the interface is always cut on the fabric's side
    /// first, which needs no consent.
    pub force: Option<bool>,
}

impl Operation for DetachNetworkInterface {
    const NAME: &'static str = "DetachNetworkInterface";
    type Response = ReturnTrue;

    fn plan(
        self,
        world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let mut changes = ChangeSet::none();
        let mut eni = NetworkInterface::clone(lookup::attached(world, self.attachment_id)?);
        if let Some(attachment) = &mut eni.attachment {
            let place = (attachment.device_index, attachment.network_card_index);
            if place == (0, 0) {
                let (device_index, card_index) = place;
                let message = format!(
                    "The network interface at device index {device_index} and networkCard index {card_index} cannot be detached."
                );
                return Err(Ec2Error::new(ErrorCode::OperationNotPermitted, message));
            }
            attachment.status = AttachmentStatus::Detaching;
            let instance = lookup::instance(world, attachment.instance_id)?;
            efa::check_stopped(&eni, instance)?;
            if instance.state == InstanceState::Stopped {
                eni.attachment = None;
            }
            changes.put(eni);
        }
        Ok((changes, ReturnTrue::default()))
    }

    fn awaits(&self) -> Option<Await> {
        Some(Await::Attachment(self.attachment_id))
    }
}
