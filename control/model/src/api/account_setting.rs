//! Account settings: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/account_setting.toml`.

use crate::operation::Action;
use crate::{ItemSet, ReturnTrue};
use alloc::string::String;
use eni_query::FromQuery;
use serde::Serialize;

/// What `DescribeVpcBlockPublicAccessOptions` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeVpcBlockPublicAccessOptions {}

/// What `DescribeVpcBlockPublicAccessOptions` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVpcBlockPublicAccessOptionsResponse {
    pub(crate) vpc_block_public_access_options: VpcBlockPublicAccessOptions,
}

impl Action for DescribeVpcBlockPublicAccessOptions {
    const NAME: &'static str = "DescribeVpcBlockPublicAccessOptions";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeVpcBlockPublicAccessOptionsResponse;
}

/// What `GetAllowedImagesSettings` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct GetAllowedImagesSettings {}

/// What `GetAllowedImagesSettings` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetAllowedImagesSettingsResponse {
    pub(crate) state: &'static str,
    pub(crate) image_criterion_set: ItemSet<()>,
    pub(crate) managed_by: &'static str,
}

impl Action for GetAllowedImagesSettings {
    const NAME: &'static str = "GetAllowedImagesSettings";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = GetAllowedImagesSettingsResponse;
}

/// What `GetEbsEncryptionByDefault` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct GetEbsEncryptionByDefault {}

/// What `GetEbsEncryptionByDefault` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetEbsEncryptionByDefaultResponse {
    pub(crate) ebs_encryption_by_default: bool,
    pub(crate) sse_type: &'static str,
}

impl Action for GetEbsEncryptionByDefault {
    const NAME: &'static str = "GetEbsEncryptionByDefault";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = GetEbsEncryptionByDefaultResponse;
}

/// What `GetImageBlockPublicAccessState` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct GetImageBlockPublicAccessState {}

/// What `GetImageBlockPublicAccessState` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetImageBlockPublicAccessStateResponse {
    pub(crate) image_block_public_access_state: &'static str,
    pub(crate) managed_by: &'static str,
}

impl Action for GetImageBlockPublicAccessState {
    const NAME: &'static str = "GetImageBlockPublicAccessState";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = GetImageBlockPublicAccessStateResponse;
}

/// What `GetInstanceMetadataDefaults` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct GetInstanceMetadataDefaults {}

/// What `GetInstanceMetadataDefaults` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetInstanceMetadataDefaultsResponse {
    pub(crate) account_level: MetadataDefaultsDescription,
}

impl Action for GetInstanceMetadataDefaults {
    const NAME: &'static str = "GetInstanceMetadataDefaults";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = GetInstanceMetadataDefaultsResponse;
}

/// What `GetSerialConsoleAccessStatus` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct GetSerialConsoleAccessStatus {}

/// What `GetSerialConsoleAccessStatus` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetSerialConsoleAccessStatusResponse {
    pub(crate) serial_console_access_enabled: bool,
    pub(crate) managed_by: &'static str,
}

impl Action for GetSerialConsoleAccessStatus {
    const NAME: &'static str = "GetSerialConsoleAccessStatus";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = GetSerialConsoleAccessStatusResponse;
}

/// What `GetSnapshotBlockPublicAccessState` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct GetSnapshotBlockPublicAccessState {}

/// What `GetSnapshotBlockPublicAccessState` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetSnapshotBlockPublicAccessStateResponse {
    pub(crate) state: &'static str,
    pub(crate) managed_by: &'static str,
}

impl Action for GetSnapshotBlockPublicAccessState {
    const NAME: &'static str = "GetSnapshotBlockPublicAccessState";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = GetSnapshotBlockPublicAccessStateResponse;
}

/// What `ModifyInstanceMetadataDefaults` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct ModifyInstanceMetadataDefaults {
    pub(crate) http_tokens: Option<String>,
    pub(crate) http_put_response_hop_limit: Option<i32>,
    pub(crate) http_endpoint: Option<String>,
    pub(crate) instance_metadata_tags: Option<String>,
    pub(crate) http_tokens_enforced: Option<String>,
}

impl Action for ModifyInstanceMetadataDefaults {
    const NAME: &'static str = "ModifyInstanceMetadataDefaults";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// `InstanceMetadataDefaultsResponse` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetadataDefaultsDescription {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http_tokens: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http_put_response_hop_limit: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_metadata_tags: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) managed_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http_tokens_enforced: Option<String>,
}

/// `VpcBlockPublicAccessOptions` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VpcBlockPublicAccessOptions {
    pub(crate) aws_account_id: String,
    pub(crate) aws_region: String,
    pub(crate) state: &'static str,
    pub(crate) internet_gateway_block_mode: &'static str,
    pub(crate) managed_by: &'static str,
    pub(crate) exclusions_allowed: &'static str,
}
