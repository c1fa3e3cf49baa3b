//! `DescribeVolumeStatus` and `DescribeVolumeAttribute`.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};

use super::describe::{Volume, Volumes, named};
use crate::api::volume::{
    DescribeVolumeAttribute, DescribeVolumeAttributeResponse, DescribeVolumeStatus,
    DescribeVolumeStatusResponse, VolumeStatusDescription, VolumeStatusDetails, VolumeStatusInfo,
};
use crate::describe::{Described, Filtered, Listing, Made, MadeListing, Maker, Scope, lists};
use crate::operations::attribute::{AttributeBooleanValue, unknown_attribute};
use crate::{ChangeSet, Context, Ec2Error, ItemSet, Operation, Planned, World};

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

/// Goes over how volumes are.
struct Healths(Volumes);

impl Maker for Healths {
    type Row = Health;

    fn look(&mut self, scope: Scope<'_>) -> Option<Option<Health>> {
        Some(self.0.look(scope)?.map(Health))
    }
}

impl DescribeVolumeStatus {
    fn listed(
        &self,
        world: &World,
    ) -> Result<impl Listing<DescribeVolumeStatusResponse> + use<>, Ec2Error> {
        let healths = Healths(Volumes::over(&self.volume_ids, world)?);
        let has_ids = !self.volume_ids.is_empty();
        MadeListing::asked_for(
            healths,
            has_ids,
            &self.page,
            |volume_status_set, next_token| DescribeVolumeStatusResponse {
                volume_status_set,
                next_token,
            },
        )
    }
}

lists! {
    /// Says how the volumes of instances are: each is the host's file system, which is there.
    DescribeVolumeStatus
}

impl Made for Health {
    fn key(&self) -> String {
        self.0.key()
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
