//! Images: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/image.toml`.

use crate::ItemSet;
use crate::describe::Page;
use crate::operation::Action;
use crate::tags::TagItem;
use alloc::string::String;
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
