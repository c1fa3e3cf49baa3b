//! IAM: managed policies: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/iam_policy.toml`.

use super::iam_role::IamTag;
use crate::Members;
use crate::operation::{Action, ApiService};
use crate::operations::iam::marker::MarkerPage;
use alloc::string::String;
use eni_query::FromQuery;
use eni_types::iam::{EntityPath, PolicyName};
use serde::Serialize;

/// What `CreatePolicy` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreatePolicy {
    pub(crate) policy_name: PolicyName,
    pub(crate) path: Option<EntityPath>,
    pub(crate) policy_document: String,
    pub(crate) description: Option<String>,
    pub(crate) tags: Members<IamTag>,
}

/// What `CreatePolicy` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreatePolicyResponse {
    pub(crate) policy: PolicyDescription,
}

impl Action for CreatePolicy {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "CreatePolicy";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = CreatePolicyResponse;
}

/// What `CreatePolicyVersion` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreatePolicyVersion {
    pub(crate) policy_arn: String,
    pub(crate) policy_document: String,
    pub(crate) set_as_default: Option<bool>,
}

/// What `CreatePolicyVersion` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreatePolicyVersionResponse {
    pub(crate) policy_version: PolicyVersionDescription,
}

impl Action for CreatePolicyVersion {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "CreatePolicyVersion";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = CreatePolicyVersionResponse;
}

/// What `DeletePolicy` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeletePolicy {
    pub(crate) policy_arn: String,
}

impl Action for DeletePolicy {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "DeletePolicy";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `DeletePolicyVersion` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeletePolicyVersion {
    pub(crate) policy_arn: String,
    pub(crate) version_id: String,
}

impl Action for DeletePolicyVersion {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "DeletePolicyVersion";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `GetPolicy` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct GetPolicy {
    pub(crate) policy_arn: String,
}

/// What `GetPolicy` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPolicyResponse {
    pub(crate) policy: PolicyDescription,
}

impl Action for GetPolicy {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "GetPolicy";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = GetPolicyResponse;
}

/// What `GetPolicyVersion` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct GetPolicyVersion {
    pub(crate) policy_arn: String,
    pub(crate) version_id: String,
}

/// What `GetPolicyVersion` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPolicyVersionResponse {
    pub(crate) policy_version: PolicyVersionDescription,
}

impl Action for GetPolicyVersion {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "GetPolicyVersion";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = GetPolicyVersionResponse;
}

/// What `ListPolicies` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct ListPolicies {
    pub(crate) scope: Option<String>,
    pub(crate) only_attached: Option<bool>,
    pub(crate) path_prefix: Option<String>,
    pub(crate) policy_usage_filter: Option<String>,
    #[query(flatten)]
    pub(crate) page: MarkerPage,
}

/// What `ListPolicies` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListPoliciesResponse {
    pub(crate) policies: Members<PolicyDescription>,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marker: Option<String>,
}

impl Action for ListPolicies {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "ListPolicies";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = ListPoliciesResponse;
}

/// What `ListPolicyTags` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ListPolicyTags {
    pub(crate) policy_arn: String,
    #[query(flatten)]
    pub(crate) page: MarkerPage,
}

/// What `ListPolicyTags` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListPolicyTagsResponse {
    pub(crate) tags: Members<IamTag>,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marker: Option<String>,
}

impl Action for ListPolicyTags {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "ListPolicyTags";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = ListPolicyTagsResponse;
}

/// What `ListPolicyVersions` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ListPolicyVersions {
    pub(crate) policy_arn: String,
    #[query(flatten)]
    pub(crate) page: MarkerPage,
}

/// What `ListPolicyVersions` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListPolicyVersionsResponse {
    pub(crate) versions: Members<PolicyVersionDescription>,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marker: Option<String>,
}

impl Action for ListPolicyVersions {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "ListPolicyVersions";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = ListPolicyVersionsResponse;
}

/// What `SetDefaultPolicyVersion` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct SetDefaultPolicyVersion {
    pub(crate) policy_arn: String,
    pub(crate) version_id: String,
}

impl Action for SetDefaultPolicyVersion {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "SetDefaultPolicyVersion";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `TagPolicy` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct TagPolicy {
    pub(crate) policy_arn: String,
    pub(crate) tags: Members<IamTag>,
}

impl Action for TagPolicy {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "TagPolicy";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `UntagPolicy` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct UntagPolicy {
    pub(crate) policy_arn: String,
    pub(crate) tag_keys: Members<String>,
}

impl Action for UntagPolicy {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "UntagPolicy";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// `Policy` of IAM's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PolicyDescription {
    pub(crate) policy_name: PolicyName,
    pub(crate) policy_id: String,
    pub(crate) arn: String,
    pub(crate) path: EntityPath,
    pub(crate) default_version_id: String,
    pub(crate) attachment_count: u32,
    pub(crate) permissions_boundary_usage_count: u32,
    pub(crate) is_attachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) create_date: String,
    pub(crate) update_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<Members<IamTag>>,
}

/// `PolicyVersion` of IAM's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PolicyVersionDescription {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) document: Option<String>,
    pub(crate) version_id: String,
    pub(crate) is_default_version: bool,
    pub(crate) create_date: String,
}
