//! `DescribeVolumeStatus` and `DescribeVolumeAttribute`.

use alloc::borrow::Cow;
use alloc::string::ToString;

use eni_types::quota;

use super::describe::{Volume, named, wanted};
use crate::api::volume::{
    DescribeVolumeAttribute, DescribeVolumeAttributeResponse, DescribeVolumeStatus,
    DescribeVolumeStatusResponse, VolumeStatusDescription, VolumeStatusDetails, VolumeStatusInfo,
};
use crate::describe::{Described, Filtered, Scope, answer_among};
use crate::operations::attribute::{AttributeBooleanValue, unknown_attribute};
use crate::{ChangeSet, Context, ItemSet, Operation, Planned, World};

/// What EC2 looks at. It measures the performance of volumes with provisioned rates only.
const DETAILS: [VolumeStatusDetails; 2] = [
    VolumeStatusDetails {
        name: "io-enabled",
        status: "passed",
    },
    VolumeStatusDetails {
        name: "io-performance",
        status: "not-applicable",
    },
];
const STATUS: &str = "ok";

/// A volume as this call sees and filters it.
struct Health(Volume);

/// Says how the volumes of instances are: each is the host's file system, which is there.
impl Operation for DescribeVolumeStatus {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let volumes = wanted(&self.volume_ids, world)?;
        let (volume_status_set, next_token) = answer_among(
            volumes.into_iter().map(Health),
            !self.volume_ids.is_empty(),
            |row| row.0.id.clone(),
            &self.page,
            &quota::PAGE_SIZES,
            Scope::new(world, context),
        )?;
        ChangeSet::none().answered(DescribeVolumeStatusResponse {
            volume_status_set,
            next_token,
        })
    }
}

impl Described for Health {
    type Answer = VolumeStatusDescription;
    const HAS_TAG_FILTERS: bool = false;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("volumeSet", "maxResults");

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        match name {
            "attachment-status.instance-id" => give(self.0.instance.instance_id.to_string().into()),
            _ => self
                .describe(scope)
                .filter_values(name, &mut |value| give(value.into())),
        }
    }

    fn describe(&self, scope: Scope<'_>) -> VolumeStatusDescription {
        let zone = &self.0.instance.availability_zone;
        VolumeStatusDescription {
            volume_id: self.0.id.clone(),
            availability_zone: zone.clone(),
            availability_zone_id: scope.region.availability_zone_id(zone),
            volume_status: VolumeStatusInfo {
                status: STATUS,
                details: DETAILS.into_iter().collect(),
            },
            events_set: ItemSet::default(),
            actions_set: ItemSet::default(),
        }
    }
}

/// Says one attribute of a volume.
impl Operation for DescribeVolumeAttribute {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut response = DescribeVolumeAttributeResponse {
            volume_id: named(&self.volume_id, world)?.id,
            auto_enable_io: None,
            product_codes: None,
        };
        match self.attribute.as_str() {
            "autoEnableIO" => {
                response.auto_enable_io = Some(AttributeBooleanValue { value: false })
            }
            "productCodes" => response.product_codes = Some(ItemSet::default()),
            other => return Err(unknown_attribute(other)),
        }
        Ok((ChangeSet::none(), response))
    }
}
