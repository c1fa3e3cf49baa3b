//! `DescribeVolumeStatus` and `DescribeVolumeAttribute`.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::{InstanceId, quota};
use serde::Serialize;

use super::describe::{Volume, named, wanted};
use crate::describe::{Described, Page, Scope, find_among};
use crate::operations::attribute::unknown_attribute;
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, IndexKey, ItemSet, Operation, Row, World};

/// Says how the volumes of instances are: each is the host's file system, which is there.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeVolumeStatus {
    /// Only these.
    #[query(name = "VolumeId")]
    pub volume_ids: Vec<String>,
    /// Whether to list those that AWS services manage: there are none.
    pub include_managed_resources: Option<bool>,
    /// Filters and paging.
    #[query(flatten)]
    pub page: Page,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVolumeStatusResponse {
    volume_status_set: ItemSet<StatusDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusDescription {
    volume_id: String,
    availability_zone: String,
    availability_zone_id: String,
    volume_status: Summary,
    events_set: ItemSet<()>,
    actions_set: ItemSet<()>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Summary {
    status: &'static str,
    details: ItemSet<Detail>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Detail {
    name: &'static str,
    status: &'static str,
}

/// What EC2 looks at. It measures the performance of volumes with provisioned rates only.
const DETAILS: [Detail; 2] = [
    Detail {
        name: "io-enabled",
        status: "passed",
    },
    Detail {
        name: "io-performance",
        status: "not-applicable",
    },
];
const STATUS: &str = "ok";

/// A volume as this call sees and filters it.
struct Health(Volume);

impl Operation for DescribeVolumeStatus {
    const NAME: &'static str = "DescribeVolumeStatus";
    const MUTATES: bool = false;
    type Response = DescribeVolumeStatusResponse;

    fn plan(
        self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let volumes = wanted(&self.volume_ids, world)?;
        let scope = Scope::new(world, context);
        let (found, next_token) = find_among(
            volumes.into_iter().map(Health),
            !self.volume_ids.is_empty(),
            |row| row.0.id.clone(),
            &self.page,
            &quota::PAGE_SIZES,
            scope,
        )?;
        let response = DescribeVolumeStatusResponse {
            volume_status_set: found.iter().map(|row| row.describe(scope)).collect(),
            next_token,
        };
        Ok((ChangeSet::none(), response))
    }
}

impl Health {
    fn describe(&self, scope: Scope<'_>) -> StatusDescription {
        let zone = &self.0.instance.availability_zone;
        StatusDescription {
            volume_id: self.0.id.clone(),
            availability_zone: zone.clone(),
            availability_zone_id: scope.region.availability_zone_id(zone),
            volume_status: Summary {
                status: STATUS,
                details: DETAILS.into_iter().collect(),
            },
            events_set: ItemSet::default(),
            actions_set: ItemSet::default(),
        }
    }
}

impl Row for Health {
    type Id = InstanceId;
    fn id(&self) -> InstanceId {
        self.0.id()
    }
    fn tags(&self) -> &Tags {
        self.0.tags()
    }
    fn index_keys(&self, _add: &mut dyn FnMut(IndexKey)) {}
}

impl Described for Health {
    const FILTERS: &'static [&'static str] = &[
        "action.code",
        "action.description",
        "action.event-id",
        "attachment-status.instance-id",
        "attachment-status.io-performance",
        "availability-zone",
        "availability-zone-id",
        "event.description",
        "event.event-id",
        "event.event-type",
        "event.not-after",
        "event.not-before",
        "operator.managed",
        "operator.principal",
        "volume-status.details-name",
        "volume-status.details-status",
        "volume-status.status",
    ];
    const HAS_TAG_FILTERS: bool = false;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("volumeSet", "maxResults");

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        let instance = &self.0.instance;
        match name {
            "attachment-status.instance-id" => give(instance.instance_id.to_string().into()),
            "availability-zone" => give(instance.availability_zone.as_str().into()),
            "availability-zone-id" => {
                let zone = &instance.availability_zone;
                give(scope.region.availability_zone_id(zone).into());
            }
            "operator.managed" => give("false".into()),
            "volume-status.details-name" => DETAILS.iter().for_each(|one| give(one.name.into())),
            "volume-status.details-status" => {
                DETAILS.iter().for_each(|one| give(one.status.into()));
            }
            "volume-status.status" => give(STATUS.into()),
            // There are no events and no actions.
            _ => {}
        }
    }
}

/// Says one attribute of a volume.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeVolumeAttribute {
    /// The volume.
    pub volume_id: String,
    /// `autoEnableIO` or `productCodes`.
    pub attribute: String,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVolumeAttributeResponse {
    volume_id: String,
    #[serde(rename = "autoEnableIO", skip_serializing_if = "Option::is_none")]
    auto_enable_io: Option<BooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_codes: Option<ItemSet<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct BooleanValue {
    value: bool,
}

impl Operation for DescribeVolumeAttribute {
    const NAME: &'static str = "DescribeVolumeAttribute";
    const MUTATES: bool = false;
    type Response = DescribeVolumeAttributeResponse;

    fn plan(
        self,
        world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let mut response = DescribeVolumeAttributeResponse {
            volume_id: named(&self.volume_id, world)?.id,
            auto_enable_io: None,
            product_codes: None,
        };
        match self.attribute.as_str() {
            "autoEnableIO" => response.auto_enable_io = Some(BooleanValue { value: false }),
            "productCodes" => response.product_codes = Some(ItemSet::default()),
            other => return Err(unknown_attribute(other)),
        }
        Ok((ChangeSet::none(), response))
    }
}
