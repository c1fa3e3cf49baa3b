//! `DescribeVolumes`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::{self, Vec};

use eni_types::{InstanceId, Timestamp};

use super::{attached_at, devices_of};
use crate::api::network_interface::OperatorDescription;
use crate::api::volume::{
    DescribeVolumes, DescribeVolumesResponse, VolumeAttachmentDescription, VolumeDescription,
};
use crate::describe::{Cursor, Described, Listing, Made, MadeListing, Maker, Scope, lists};
use crate::resource::{BlockDevice, Instance, parse_volume_id, volume_id};
use crate::tags::Tags;
use crate::{Ec2Error, ErrorCode, World};

/// A volume: what its instance says of it.
#[derive(Clone, Debug)]
pub(super) struct Volume {
    pub(super) id: String,
    pub(super) instance: Arc<Instance>,
    device: BlockDevice,
    since: Timestamp,
}

/// Goes over volumes, by their ids.
pub(super) enum Volumes {
    /// All: the first of each instance, then the second of each, as [`volume_id`] makes their ids.
    All {
        /// Which of each instance's list.
        number: usize,
        /// The instances, for this number.
        cursor: Cursor<InstanceId>,
        /// Whether one of them has a volume of the next number.
        has_more: bool,
    },
    /// Those that a call names.
    Named(vec::IntoIter<Volume>),
}

impl Volumes {
    /// The volumes with these ids, each once, or all.
    ///
    /// # Errors
    /// `InvalidVolume.NotFound`.
    pub(super) fn over(ids: &[String], world: &World) -> Result<Self, Ec2Error> {
        if ids.is_empty() {
            return Ok(Self::All {
                number: 0,
                cursor: Cursor::After(None),
                has_more: false,
            });
        }
        let named = ids.iter().map(|id| named(id, world));
        let mut volumes = named.collect::<Result<Vec<_>, _>>()?;
        volumes.sort_by(|a, b| a.id.cmp(&b.id));
        volumes.dedup_by(|a, b| a.id == b.id);
        Ok(Self::Named(volumes.into_iter()))
    }
}

impl Maker for Volumes {
    type Row = Volume;

    fn look(&mut self, scope: Scope<'_>) -> Option<Option<Volume>> {
        let world = scope.world;
        let (number, cursor, has_more) = match self {
            Self::All {
                number,
                cursor,
                has_more,
            } => (number, cursor, has_more),
            Self::Named(volumes) => return volumes.next().map(Some),
        };
        if let Some(instance) = cursor.next(&world.instances) {
            let mut volumes = volumes_of(instance, world).skip(*number);
            let volume = volumes.next();
            *has_more |= volumes.next().is_some();
            return Some(volume);
        }
        if !*has_more {
            return None;
        }
        (*number, *cursor, *has_more) = (*number + 1, Cursor::After(None), false);
        Some(None)
    }
}

impl DescribeVolumes {
    fn listed(
        &self,
        world: &World,
    ) -> Result<impl Listing<DescribeVolumesResponse> + use<>, Ec2Error> {
        let volumes = Volumes::over(&self.volume_ids, world)?;
        let has_ids = !self.volume_ids.is_empty();
        MadeListing::asked_for(volumes, has_ids, &self.page, |volume_set, next_token| {
            DescribeVolumesResponse {
                volume_set,
                next_token,
            }
        })
    }
}

lists! {
    /// Describes the volumes of instances; there are no others.
    DescribeVolumes
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

impl Made for Volume {
    fn key(&self) -> String {
        self.id.clone()
    }
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
