//! `AttachNetworkInterface`.

use alloc::format;
use alloc::vec::Vec;

use eni_types::{
    AttachmentId, AttachmentStatus, InstanceId, InstanceState, NetworkInterfaceId, TypedId,
};

use super::{efa, limits};
use crate::api::network_interface::{AttachNetworkInterface, AttachNetworkInterfaceResponse};
use crate::operations::{lookup, unsupported};
use crate::resource::{Attachment, Instance, NetworkInterface};
use crate::{Await, ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Plugs a network interface into an instance that runs (hot) or is stopped (warm); one with an Elastic Fabric Adapter
/// only into a stopped one. The answer comes when packets cross, or after a bounded wait.
impl Operation for AttachNetworkInterface {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        if let Some(specification) = &self.ena_srd_specification {
            specification.refuse()?;
        }
        unsupported::refuse(
            "Setting the number of ENA queues",
            self.ena_queue_count.is_some(),
        )?;
        let eni = lookup::own_interface(world, self.network_interface_id)?;
        let instance = world.instances.known(self.instance_id)?;
        let status = status_at(instance)?;
        efa::check_stopped(eni, instance)?;
        check_interface(eni, instance)?;
        let network_card_index = self.check_place(eni, instance, world)?;
        let attachment = Attachment {
            attachment_id: AttachmentId::generate(context.ids),
            instance_id: self.instance_id,
            device_index: self.device_index,
            network_card_index,
            attach_time: context.now,
            status,
            delete_on_termination: false,
        };
        let response = AttachNetworkInterfaceResponse {
            attachment_id: attachment.attachment_id,
            network_card_index,
        };
        Ok((
            ChangeSet::putting(NetworkInterface {
                attachment: Some(attachment),
                ..NetworkInterface::clone(eni)
            }),
            response,
        ))
    }

    fn response_awaits(response: &Self::Response) -> Option<Await> {
        Some(Await::Attachment(response.attachment_id))
    }
}

/// On a running instance the agent has to bring the attachment about; a stopped one has it at once.
fn status_at(instance: &Instance) -> Result<AttachmentStatus, Ec2Error> {
    match instance.state {
        InstanceState::Running => Ok(AttachmentStatus::Attaching),
        InstanceState::Stopped => Ok(AttachmentStatus::Attached),
        InstanceState::Pending
        | InstanceState::ShuttingDown
        | InstanceState::Stopping
        | InstanceState::Terminated => {
            let message = format!(
                "The instance '{}' is '{}'. It must be 'running' or 'stopped'.",
                instance.instance_id, instance.state
            );
            Err(ErrorCode::IncorrectState.with(message))
        }
    }
}

fn check_interface(eni: &NetworkInterface, instance: &Instance) -> Result<(), Ec2Error> {
    if eni.attachment.is_some() {
        return Err(in_use(eni.network_interface_id));
    }
    if eni.availability_zone != instance.availability_zone {
        let message = "You may not attach a network interface to an instance if they are not in the same availability zone";
        return Err(ErrorCode::InvalidParameterCombination.with(message));
    }
    Ok(())
}

/// The error for an interface that is attached already.
pub(crate) fn in_use(id: NetworkInterfaceId) -> Ec2Error {
    let message = format!("Interface: [{id}] in use.");
    ErrorCode::InvalidNetworkInterfaceInUse.with(message)
}

impl AttachNetworkInterface {
    /// Checks that the place is there and free, and gives its card.
    fn check_place(
        &self,
        eni: &NetworkInterface,
        instance: &Instance,
        world: &World,
    ) -> Result<u8, Ec2Error> {
        let instance_type = instance.instance_type;
        let card_index = self
            .network_card_index
            .unwrap_or(instance_type.default_network_card_index);
        let card = instance_type
            .network_card(card_index)
            .ok_or_else(|| limits::no_card(card_index, instance_type))?;
        let (mut on_instance, mut on_card) = (1, 1);
        let mut adapters = Vec::new();
        for other in world.network_interfaces_of(instance.instance_id) {
            let Some(attachment) = &other.attachment else {
                continue;
            };
            on_instance += 1;
            if other.interface_type.has_efa() {
                adapters.push(attachment.network_card_index);
            }
            if attachment.network_card_index == card_index {
                on_card += 1;
                if attachment.device_index == self.device_index {
                    return Err(occupied(instance.instance_id, self.device_index));
                }
            }
        }
        let card_limit = card.maximum_network_interfaces;
        limits::check_interfaces(instance_type, on_instance, on_card, card_limit)?;
        limits::check_addresses(
            instance_type,
            limits::short_name(eni),
            [eni.ipv4_slots(), eni.ipv6_slots()],
        )?;
        let is_ipv6_native = world.subnets.known(eni.subnet_id)?.is_ipv6_native();
        limits::check_hypervisor(instance_type, is_ipv6_native, eni.has_blocks())?;
        if eni.interface_type.has_efa() {
            adapters.push(card_index);
            efa::check_adapters(instance_type, adapters)?;
        }
        Ok(card_index)
    }
}

fn occupied(instance_id: InstanceId, device_index: u8) -> Ec2Error {
    let message = format!(
        "Instance '{instance_id}' already has an interface attached at device index '{device_index}'."
    );
    ErrorCode::InvalidParameterValue.with(message)
}
