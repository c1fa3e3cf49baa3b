//! Volumes: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/volume.toml`.

use super::network_interface::OperatorDescription;
use crate::ItemSet;
use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::operations::attribute::AttributeBooleanValue;
use crate::tags::TagItem;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use eni_types::InstanceId;
use serde::Serialize;

/// What `DescribeVolumeAttribute` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeVolumeAttribute {
    pub(crate) volume_id: String,
    pub(crate) attribute: String,
}

/// What `DescribeVolumeAttribute` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVolumeAttributeResponse {
    pub(crate) volume_id: String,
    #[serde(rename = "autoEnableIO", skip_serializing_if = "Option::is_none")]
    pub(crate) auto_enable_io: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) product_codes: Option<ItemSet<()>>,
}

impl Action for DescribeVolumeAttribute {
    const NAME: &'static str = "DescribeVolumeAttribute";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeVolumeAttributeResponse;
}

/// What `DescribeVolumeStatus` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeVolumeStatus {
    #[query(name = "VolumeId")]
    pub(crate) volume_ids: Vec<String>,
    pub(crate) include_managed_resources: Option<bool>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeVolumeStatus` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVolumeStatusResponse {
    pub(crate) volume_status_set: ItemSet<VolumeStatusDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeVolumeStatus {
    const NAME: &'static str = "DescribeVolumeStatus";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeVolumeStatusResponse;
}

impl Filtered for VolumeStatusDescription {
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
        "volume-status.details-name",
        "volume-status.details-status",
        "volume-status.status",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "volume-status.details-name" => {
                for one in &self.volume_status.details.items {
                    give(one.name.to_string());
                }
            }
            "volume-status.details-status" => {
                for one in &self.volume_status.details.items {
                    give(one.status.to_string());
                }
            }
            "operator.managed" => give("false".into()),
            "availability-zone" => give(self.availability_zone.to_string()),
            "availability-zone-id" => give(self.availability_zone_id.to_string()),
            "volume-status.status" => give(self.volume_status.status.to_string()),
            _ => {}
        }
    }
}

/// What `DescribeVolumes` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeVolumes {
    #[query(name = "VolumeId")]
    pub(crate) volume_ids: Vec<String>,
    pub(crate) include_managed_resources: Option<bool>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeVolumes` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVolumesResponse {
    pub(crate) volume_set: ItemSet<VolumeDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeVolumes {
    const NAME: &'static str = "DescribeVolumes";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeVolumesResponse;
}

impl Filtered for VolumeDescription {
    const FILTERS: &'static [&'static str] = &[
        "attachment.attach-time",
        "attachment.delete-on-termination",
        "attachment.device",
        "attachment.instance-id",
        "attachment.status",
        "availability-zone",
        "availability-zone-id",
        "create-time",
        "encrypted",
        "fast-restored",
        "multi-attach-enabled",
        "operator.managed",
        "operator.principal",
        "size",
        "snapshot-id",
        "status",
        "volume-id",
        "volume-type",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "attachment.attach-time" => {
                for one in &self.attachment_set.items {
                    give(one.attach_time.to_string());
                }
            }
            "attachment.delete-on-termination" => {
                for one in &self.attachment_set.items {
                    give(one.delete_on_termination.to_string());
                }
            }
            "attachment.device" => {
                for one in &self.attachment_set.items {
                    give(one.device.to_string());
                }
            }
            "attachment.instance-id" => {
                for one in &self.attachment_set.items {
                    give(one.instance_id.to_string());
                }
            }
            "attachment.status" => {
                for one in &self.attachment_set.items {
                    give(one.status.to_string());
                }
            }
            "fast-restored" => give("false".into()),
            "availability-zone" => give(self.availability_zone.to_string()),
            "availability-zone-id" => give(self.availability_zone_id.to_string()),
            "create-time" => give(self.create_time.to_string()),
            "encrypted" => give(self.encrypted.to_string()),
            "multi-attach-enabled" => give(self.multi_attach_enabled.to_string()),
            "operator.managed" => give(self.operator.managed.to_string()),
            "size" => give(self.size.to_string()),
            "status" => give(self.status.to_string()),
            "volume-id" => give(self.volume_id.to_string()),
            "volume-type" => give(self.volume_type.to_string()),
            _ => {}
        }
    }
}

/// `EbsInstanceBlockDevice` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EbsInstanceBlockDeviceDescription {
    pub(crate) volume_id: String,
    pub(crate) status: &'static str,
    pub(crate) attach_time: String,
    pub(crate) delete_on_termination: bool,
}

/// `InstanceBlockDeviceMapping` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceBlockDeviceMappingDescription {
    pub(crate) device_name: String,
    pub(crate) ebs: EbsInstanceBlockDeviceDescription,
}

/// `VolumeAttachment` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeAttachmentDescription {
    pub(crate) volume_id: String,
    pub(crate) instance_id: InstanceId,
    pub(crate) device: String,
    pub(crate) status: &'static str,
    pub(crate) attach_time: String,
    pub(crate) delete_on_termination: bool,
}

/// `Volume` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeDescription {
    pub(crate) volume_id: String,
    pub(crate) size: u32,
    pub(crate) snapshot_id: &'static str,
    pub(crate) availability_zone: String,
    pub(crate) availability_zone_id: String,
    pub(crate) status: &'static str,
    pub(crate) create_time: String,
    pub(crate) attachment_set: ItemSet<VolumeAttachmentDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag_set: Option<ItemSet<TagItem>>,
    pub(crate) volume_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iops: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) throughput: Option<u32>,
    pub(crate) encrypted: bool,
    pub(crate) multi_attach_enabled: bool,
    pub(crate) operator: OperatorDescription,
}

/// `VolumeStatusItem` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeStatusDescription {
    pub(crate) volume_id: String,
    pub(crate) availability_zone: String,
    pub(crate) availability_zone_id: String,
    pub(crate) volume_status: VolumeStatusInfo,
    pub(crate) events_set: ItemSet<()>,
    pub(crate) actions_set: ItemSet<()>,
}

/// `VolumeStatusDetails` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct VolumeStatusDetails {
    pub(crate) name: &'static str,
    pub(crate) status: &'static str,
}

/// `VolumeStatusInfo` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct VolumeStatusInfo {
    pub(crate) status: &'static str,
    pub(crate) details: ItemSet<VolumeStatusDetails>,
}
