//! `DescribeVolumes`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_types::{Timestamp, quota};

use super::{attached_at, devices_of};
use crate::api::network_interface::OperatorDescription;
use crate::api::volume::{
    DescribeVolumes, DescribeVolumesResponse, VolumeAttachmentDescription, VolumeDescription,
};
use crate::describe::{Described, Scope, answer_among};
use crate::resource::{BlockDevice, Instance, parse_volume_id, volume_id};
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// A volume: what its instance says of it.
#[derive(Clone, Debug)]
pub(super) struct Volume {
    pub(super) id: String,
    pub(super) instance: Arc<Instance>,
    device: BlockDevice,
    since: Timestamp,
}

/// Describes the volumes of instances; there are no others.
impl Operation for DescribeVolumes {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let volumes = wanted(&self.volume_ids, world)?;
        let (volume_set, next_token) = answer_among(
            volumes.into_iter(),
            !self.volume_ids.is_empty(),
            |volume| volume.id.clone(),
            &self.page,
            &quota::PAGE_SIZES,
            Scope::new(world, context),
        )?;
        ChangeSet::none().answered(DescribeVolumesResponse {
            volume_set,
            next_token,
        })
    }
}

/// The volumes with these ids, or all, in the order of their ids.
///
/// # Errors
/// `InvalidVolume.NotFound`.
pub(super) fn wanted(ids: &[String], world: &World) -> Result<Vec<Volume>, Ec2Error> {
    let mut volumes: Vec<Volume> = if ids.is_empty() {
        world
            .instances
            .iter()
            .flat_map(|instance| volumes_of(instance, world))
            .collect()
    } else {
        let named = ids.iter().map(|id| named(id, world));
        named.collect::<Result<_, _>>()?
    };
    volumes.sort_by(|a, b| a.id.cmp(&b.id));
    volumes.dedup_by(|a, b| a.id == b.id);
    Ok(volumes)
}

fn volumes_of<'a>(
    instance: &'a Arc<Instance>,
    world: &'a World,
) -> impl Iterator<Item = Volume> + 'a {
    devices_of(instance).map(|(number, device)| Volume {
        id: volume_id(instance.instance_id, number),
        instance: Arc::clone(instance),
        device: device.clone(),
        since: attached_at(instance, world),
    })
}

/// Refuses an id that no volume has.
///
/// # Errors
/// `InvalidVolume.NotFound`.
pub(crate) fn check_known(id: &str, world: &World) -> Result<(), Ec2Error> {
    named(id, world).map(|_| ())
}

pub(super) fn named(id: &str, world: &World) -> Result<Volume, Ec2Error> {
    parse_volume_id(id)
        .and_then(|(instance, _)| world.instances.get(instance))
        .and_then(|instance| volumes_of(instance, world).find(|volume| volume.id == id))
        .ok_or_else(|| {
            let message = format!("The volume '{id}' does not exist.");
            ErrorCode::InvalidVolumeNotFound.with(message)
        })
}

impl Described for Volume {
    type Answer = VolumeDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("volumeSet", "maxResults");

    fn describe(&self, scope: Scope<'_>) -> VolumeDescription {
        let Self {
            id,
            instance,
            device,
            since,
        } = self;
        let zone = &instance.availability_zone;
        VolumeDescription {
            volume_id: id.clone(),
            size: device.size_gib,
            snapshot_id: "",
            availability_zone: zone.clone(),
            availability_zone_id: scope.region.availability_zone_id(zone),
            status: "in-use",
            create_time: since.to_string(),
            attachment_set: [VolumeAttachmentDescription {
                volume_id: id.clone(),
                instance_id: instance.instance_id,
                device: device.device_name.clone(),
                status: "attached",
                attach_time: since.to_string(),
                delete_on_termination: device.delete_on_termination,
            }]
            .into_iter()
            .collect(),
            tag_set: device.tags.to_items_if_any(),
            volume_type: device.volume_type.clone(),
            iops: device.iops,
            throughput: device.throughput,
            encrypted: device.encrypted,
            multi_attach_enabled: false,
            operator: OperatorDescription { managed: false },
        }
    }

    fn tag_set(&self) -> &Tags {
        &self.device.tags
    }
}
