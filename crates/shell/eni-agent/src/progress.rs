//! What the region does not know yet: states it waits for that the machine has reached.

use eni_model::resource::{Attachment, Instance};
use eni_model::{Transition, World};
use eni_plan::{Observed, VportNumbers};
use eni_types::{AttachmentStatus, InstanceState};

/// The transitions that bring `world` up to what is `observed`.
pub(crate) fn transitions(
    world: &World,
    observed: &Observed,
    numbers: &VportNumbers,
) -> Vec<Transition> {
    let mut transitions = Vec::new();
    for eni in world.network_interfaces.iter() {
        if let Some(attachment) = &eni.attachment {
            let instance = world.instances.get(attachment.instance_id);
            let state = instance.map(|instance| instance.state);
            transitions.extend(of_attachment(attachment, state, observed, numbers));
        }
    }
    let instances = world.instances.iter();
    transitions.extend(instances.filter_map(|instance| {
        let mut vports = world
            .network_interfaces_of(instance.instance_id)
            .filter_map(|eni| {
                let attachment = eni.attachment.as_ref()?;
                numbers.get(attachment.attachment_id)
            });
        let cut = !vports.any(|vport| observed.passes(vport));
        of_instance(instance, cut, observed)
    }));
    transitions
}

fn of_attachment(
    attachment: &Attachment,
    instance: Option<InstanceState>,
    observed: &Observed,
    numbers: &VportNumbers,
) -> Option<Transition> {
    let attachment_id = attachment.attachment_id;
    let vport = numbers.get(attachment_id);
    let passes = vport.is_some_and(|vport| observed.passes(vport));
    match attachment.status {
        // Into a stopped instance: there is nothing to do before it starts.
        AttachmentStatus::Attaching if passes || instance == Some(InstanceState::Stopped) => {
            Some(Transition::AttachmentAttached { attachment_id })
        }
        AttachmentStatus::Detaching if !passes => {
            Some(Transition::AttachmentDetached { attachment_id })
        }
        _ => None,
    }
}

fn of_instance(instance: &Instance, cut: bool, observed: &Observed) -> Option<Transition> {
    let Instance {
        instance_id,
        boot_count,
        ..
    } = *instance;
    let found = observed.instances.get(&instance_id);
    let gone = cut && found.is_none_or(|found| !found.alive);
    match instance.state {
        InstanceState::Pending if found.is_some_and(|f| f.boot_count == Some(boot_count)) => {
            Some(Transition::InstanceRunning {
                instance_id,
                boot_count,
            })
        }
        InstanceState::Stopping if gone => Some(Transition::InstanceStopped {
            instance_id,
            boot_count,
        }),
        InstanceState::ShuttingDown if gone => Some(Transition::InstanceTerminated { instance_id }),
        _ => None,
    }
}
