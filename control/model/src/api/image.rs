//! Images: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/image.toml`.

use crate::ItemSet;
use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::tags::TagItem;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use eni_types::ImageId;
use serde::Serialize;

/// What `DescribeImages` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeImages {
    #[query(name = "ImageId")]
    pub(crate) image_ids: Vec<ImageId>,
    #[query(name = "Owner")]
    pub(crate) owners: Vec<String>,
    #[query(name = "ExecutableBy")]
    pub(crate) executable_users: Vec<String>,
    pub(crate) include_deprecated: Option<bool>,
    pub(crate) include_disabled: Option<bool>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeImages` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeImagesResponse {
    pub(crate) images_set: ItemSet<ImageDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeImages {
    const NAME: &'static str = "DescribeImages";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeImagesResponse;
}

impl Filtered for ImageDescription {
    const FILTERS: &'static [&'static str] = &[
        "architecture",
        "block-device-mapping.delete-on-termination",
        "block-device-mapping.device-name",
        "block-device-mapping.encrypted",
        "block-device-mapping.snapshot-id",
        "block-device-mapping.volume-size",
        "block-device-mapping.volume-type",
        "boot-mode",
        "creation-date",
        "description",
        "ena-support",
        "free-tier-eligible",
        "hypervisor",
        "image-allowed",
        "image-id",
        "image-type",
        "image-watermark.source-image-creation-time",
        "image-watermark.source-image-id",
        "image-watermark.source-image-region",
        "image-watermark.watermark-creation-time",
        "image-watermark.watermark-key",
        "instance-type-specification.supported-instance-type",
        "instance-type-specification.unsupported-instance-type",
        "is-public",
        "kernel-id",
        "manifest-location",
        "name",
        "owner-alias",
        "owner-id",
        "platform",
        "product-code",
        "product-code.type",
        "public-ssm-parameter-name",
        "ramdisk-id",
        "root-device-name",
        "root-device-type",
        "scan-result.critical-fix-available-since",
        "scan-result.finding-scan-date",
        "scan-result.high-fix-available-since",
        "scan-result.highest-finding-severity-label",
        "scan-result.informational-fix-available-since",
        "scan-result.low-fix-available-since",
        "scan-result.medium-fix-available-since",
        "source-image-id",
        "source-image-region",
        "source-instance-id",
        "sriov-net-support",
        "state",
        "state-reason-code",
        "state-reason-message",
        "virtualization-type",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "block-device-mapping.device-name" => {
                for one in &self.block_device_mapping.items {
                    give(one.device_name.to_string());
                }
            }
            "block-device-mapping.delete-on-termination" => {
                for one in &self.block_device_mapping.items {
                    give(one.ebs.delete_on_termination.to_string());
                }
            }
            "block-device-mapping.encrypted" => {
                for one in &self.block_device_mapping.items {
                    give(one.ebs.encrypted.to_string());
                }
            }
            "block-device-mapping.volume-size" => {
                for one in &self.block_device_mapping.items {
                    give(one.ebs.volume_size.to_string());
                }
            }
            "block-device-mapping.volume-type" => {
                for one in &self.block_device_mapping.items {
                    give(one.ebs.volume_type.to_string());
                }
            }
            "architecture" => give(self.architecture.to_string()),
            "creation-date" => give(self.creation_date.to_string()),
            "description" => give(self.description.to_string()),
            "ena-support" => give(self.ena_support.to_string()),
            "hypervisor" => give(self.hypervisor.to_string()),
            "image-id" => give(self.image_id.to_string()),
            "manifest-location" => give(self.image_location.to_string()),
            "owner-alias" => give(self.image_owner_alias.to_string()),
            "owner-id" => give(self.image_owner_id.to_string()),
            "state" => give(self.image_state.to_string()),
            "image-type" => give(self.image_type.to_string()),
            "is-public" => give(self.is_public.to_string()),
            "name" => give(self.name.to_string()),
            "root-device-name" => give(self.root_device_name.to_string()),
            "root-device-type" => give(self.root_device_type.to_string()),
            "virtualization-type" => give(self.virtualization_type.to_string()),
            _ => {}
        }
    }
}

/// `BlockDeviceMapping` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockDeviceMappingDescription {
    pub(crate) device_name: &'static str,
    pub(crate) ebs: EbsBlockDeviceDescription,
}

/// `EbsBlockDevice` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EbsBlockDeviceDescription {
    pub(crate) delete_on_termination: bool,
    pub(crate) volume_size: u32,
    pub(crate) volume_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iops: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) throughput: Option<u32>,
    pub(crate) encrypted: bool,
}

/// `Image` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageDescription {
    pub(crate) image_id: ImageId,
    pub(crate) image_location: String,
    pub(crate) image_state: &'static str,
    pub(crate) image_owner_id: &'static str,
    pub(crate) image_owner_alias: &'static str,
    pub(crate) creation_date: &'static str,
    pub(crate) is_public: bool,
    pub(crate) architecture: &'static str,
    pub(crate) image_type: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) platform_details: &'static str,
    pub(crate) usage_operation: &'static str,
    pub(crate) root_device_type: &'static str,
    pub(crate) root_device_name: &'static str,
    pub(crate) block_device_mapping: ItemSet<BlockDeviceMappingDescription>,
    pub(crate) virtualization_type: &'static str,
    pub(crate) hypervisor: &'static str,
    pub(crate) ena_support: bool,
    pub(crate) tag_set: ItemSet<TagItem>,
}
