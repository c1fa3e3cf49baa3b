//! Volumes as calls see them: those that instances are said to have.

mod describe;
mod launch;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use describe::check_known;
pub(crate) use launch::block_devices;

use alloc::string::ToString;

use eni_types::Timestamp;

use crate::api::volume::{
    EbsInstanceBlockDeviceDescription, InstanceBlockDeviceMappingDescription,
};
use crate::resource::{BlockDevice, Instance, volume_id};
use crate::{ItemSet, World};

/// The volumes of an instance that has not been terminated, each with its number.
pub(crate) fn devices_of(instance: &Instance) -> impl Iterator<Item = (usize, &BlockDevice)> {
    let devices = instance.block_devices.iter().enumerate();
    devices.filter(|_| !instance.is_terminated())
}

/// What the instance's own description says of its volumes.
pub(crate) fn mapping_of(
    instance: &Instance,
    world: &World,
) -> ItemSet<InstanceBlockDeviceMappingDescription> {
    let attach_time = attached_at(instance, world).to_string();
    devices_of(instance)
        .map(|(number, device)| InstanceBlockDeviceMappingDescription {
            device_name: device.device_name.clone(),
            ebs: EbsInstanceBlockDeviceDescription {
                volume_id: volume_id(instance.instance_id, number),
                status: "attached",
                attach_time: attach_time.clone(),
                delete_on_termination: device.delete_on_termination,
            },
        })
        .collect()
}

/// When the instance's volumes were made and attached: at its launch, as its primary interface was.
fn attached_at(instance: &Instance, world: &World) -> Timestamp {
    world
        .primary_network_interface(instance.instance_id)
        .and_then(|eni| eni.attachment.as_ref())
        .map_or(instance.launch_time, |attachment| attachment.attach_time)
}
