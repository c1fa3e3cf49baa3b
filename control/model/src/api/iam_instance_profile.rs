//! IAM: instance profiles: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/iam_instance_profile.toml`.

use super::iam_role::{IamTag, RoleDescription};
use crate::Members;
use crate::operation::{Action, ApiService};
use crate::operations::iam::marker::MarkerPage;
use alloc::string::String;
use eni_query::FromQuery;
use eni_types::iam::{EntityPath, InstanceProfileName};
use serde::Serialize;

/// What `CreateInstanceProfile` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateInstanceProfile {
    pub(crate) instance_profile_name: InstanceProfileName,
    pub(crate) path: Option<EntityPath>,
    pub(crate) tags: Members<IamTag>,
}

/// What `CreateInstanceProfile` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateInstanceProfileResponse {
    pub(crate) instance_profile: InstanceProfileDescription,
}

impl Action for CreateInstanceProfile {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "CreateInstanceProfile";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = CreateInstanceProfileResponse;
}

/// What `DeleteInstanceProfile` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteInstanceProfile {
    pub(crate) instance_profile_name: InstanceProfileName,
}

impl Action for DeleteInstanceProfile {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "DeleteInstanceProfile";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `GetInstanceProfile` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct GetInstanceProfile {
    pub(crate) instance_profile_name: InstanceProfileName,
}

/// What `GetInstanceProfile` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetInstanceProfileResponse {
    pub(crate) instance_profile: InstanceProfileDescription,
}

impl Action for GetInstanceProfile {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "GetInstanceProfile";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = GetInstanceProfileResponse;
}

/// What `ListInstanceProfileTags` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ListInstanceProfileTags {
    pub(crate) instance_profile_name: InstanceProfileName,
    #[query(flatten)]
    pub(crate) page: MarkerPage,
}

/// What `ListInstanceProfileTags` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListInstanceProfileTagsResponse {
    pub(crate) tags: Members<IamTag>,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marker: Option<String>,
}

impl Action for ListInstanceProfileTags {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "ListInstanceProfileTags";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = ListInstanceProfileTagsResponse;
}

/// What `ListInstanceProfiles` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct ListInstanceProfiles {
    pub(crate) path_prefix: Option<String>,
    #[query(flatten)]
    pub(crate) page: MarkerPage,
}

/// What `ListInstanceProfiles` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListInstanceProfilesResponse {
    pub(crate) instance_profiles: Members<InstanceProfileDescription>,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marker: Option<String>,
}

impl Action for ListInstanceProfiles {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "ListInstanceProfiles";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = ListInstanceProfilesResponse;
}

/// What `TagInstanceProfile` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct TagInstanceProfile {
    pub(crate) instance_profile_name: InstanceProfileName,
    pub(crate) tags: Members<IamTag>,
}

impl Action for TagInstanceProfile {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "TagInstanceProfile";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `UntagInstanceProfile` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct UntagInstanceProfile {
    pub(crate) instance_profile_name: InstanceProfileName,
    pub(crate) tag_keys: Members<String>,
}

impl Action for UntagInstanceProfile {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "UntagInstanceProfile";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// `InstanceProfile` of IAM's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct InstanceProfileDescription {
    pub(crate) path: EntityPath,
    pub(crate) instance_profile_name: InstanceProfileName,
    pub(crate) instance_profile_id: String,
    pub(crate) arn: String,
    pub(crate) create_date: String,
    pub(crate) roles: Members<RoleDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<Members<IamTag>>,
}
