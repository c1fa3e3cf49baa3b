//! IAM: roles: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/iam_role.toml`.

use super::iam_instance_profile::InstanceProfileDescription;
use crate::operation::{Action, ApiService};
use crate::operations::iam::marker::MarkerPage;
use crate::operations::unsupported::refuse;
use crate::{Ec2Error, Members};
use alloc::string::String;
use eni_query::FromQuery;
use eni_types::iam::{EntityPath, InstanceProfileName, PolicyName, RoleName};
use serde::Serialize;

/// What `AddRoleToInstanceProfile` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AddRoleToInstanceProfile {
    pub(crate) instance_profile_name: InstanceProfileName,
    pub(crate) role_name: RoleName,
}

impl Action for AddRoleToInstanceProfile {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "AddRoleToInstanceProfile";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `AttachRolePolicy` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AttachRolePolicy {
    pub(crate) role_name: RoleName,
    pub(crate) policy_arn: String,
}

impl Action for AttachRolePolicy {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "AttachRolePolicy";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `CreateRole` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateRole {
    pub(crate) role_name: RoleName,
    pub(crate) path: Option<EntityPath>,
    pub(crate) assume_role_policy_document: String,
    pub(crate) description: Option<String>,
    pub(crate) max_session_duration: Option<u32>,
    pub(crate) tags: Members<IamTag>,
    pub(crate) permissions_boundary: Option<String>,
}

impl CreateRole {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse(
            "A permissions boundary",
            self.permissions_boundary.is_some(),
        )?;
        Ok(())
    }
}

/// What `CreateRole` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateRoleResponse {
    pub(crate) role: RoleDescription,
}

impl Action for CreateRole {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "CreateRole";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = CreateRoleResponse;
}

/// What `DeleteRole` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteRole {
    pub(crate) role_name: RoleName,
}

impl Action for DeleteRole {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "DeleteRole";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `DeleteRolePolicy` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteRolePolicy {
    pub(crate) role_name: RoleName,
    pub(crate) policy_name: PolicyName,
}

impl Action for DeleteRolePolicy {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "DeleteRolePolicy";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `DetachRolePolicy` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DetachRolePolicy {
    pub(crate) role_name: RoleName,
    pub(crate) policy_arn: String,
}

impl Action for DetachRolePolicy {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "DetachRolePolicy";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `GetRole` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct GetRole {
    pub(crate) role_name: RoleName,
}

/// What `GetRole` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRoleResponse {
    pub(crate) role: RoleDescription,
}

impl Action for GetRole {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "GetRole";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = GetRoleResponse;
}

/// What `GetRolePolicy` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct GetRolePolicy {
    pub(crate) role_name: RoleName,
    pub(crate) policy_name: PolicyName,
}

/// What `GetRolePolicy` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRolePolicyResponse {
    pub(crate) role_name: RoleName,
    pub(crate) policy_name: PolicyName,
    pub(crate) policy_document: String,
}

impl Action for GetRolePolicy {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "GetRolePolicy";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = GetRolePolicyResponse;
}

/// What `ListAttachedRolePolicies` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ListAttachedRolePolicies {
    pub(crate) role_name: RoleName,
    pub(crate) path_prefix: Option<String>,
    #[query(flatten)]
    pub(crate) page: MarkerPage,
}

/// What `ListAttachedRolePolicies` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAttachedRolePoliciesResponse {
    pub(crate) attached_policies: Members<AttachedPolicyDescription>,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marker: Option<String>,
}

impl Action for ListAttachedRolePolicies {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "ListAttachedRolePolicies";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = ListAttachedRolePoliciesResponse;
}

/// What `ListInstanceProfilesForRole` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ListInstanceProfilesForRole {
    pub(crate) role_name: RoleName,
    #[query(flatten)]
    pub(crate) page: MarkerPage,
}

/// What `ListInstanceProfilesForRole` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListInstanceProfilesForRoleResponse {
    pub(crate) instance_profiles: Members<InstanceProfileDescription>,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marker: Option<String>,
}

impl Action for ListInstanceProfilesForRole {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "ListInstanceProfilesForRole";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = ListInstanceProfilesForRoleResponse;
}

/// What `ListRolePolicies` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ListRolePolicies {
    pub(crate) role_name: RoleName,
    #[query(flatten)]
    pub(crate) page: MarkerPage,
}

/// What `ListRolePolicies` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRolePoliciesResponse {
    pub(crate) policy_names: Members<PolicyName>,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marker: Option<String>,
}

impl Action for ListRolePolicies {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "ListRolePolicies";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = ListRolePoliciesResponse;
}

/// What `ListRoleTags` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ListRoleTags {
    pub(crate) role_name: RoleName,
    #[query(flatten)]
    pub(crate) page: MarkerPage,
}

/// What `ListRoleTags` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRoleTagsResponse {
    pub(crate) tags: Members<IamTag>,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marker: Option<String>,
}

impl Action for ListRoleTags {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "ListRoleTags";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = ListRoleTagsResponse;
}

/// What `ListRoles` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct ListRoles {
    pub(crate) path_prefix: Option<String>,
    #[query(flatten)]
    pub(crate) page: MarkerPage,
}

/// What `ListRoles` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRolesResponse {
    pub(crate) roles: Members<RoleDescription>,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marker: Option<String>,
}

impl Action for ListRoles {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "ListRoles";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = ListRolesResponse;
}

/// What `PutRolePolicy` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct PutRolePolicy {
    pub(crate) role_name: RoleName,
    pub(crate) policy_name: PolicyName,
    pub(crate) policy_document: String,
}

impl Action for PutRolePolicy {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "PutRolePolicy";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `RemoveRoleFromInstanceProfile` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct RemoveRoleFromInstanceProfile {
    pub(crate) instance_profile_name: InstanceProfileName,
    pub(crate) role_name: RoleName,
}

impl Action for RemoveRoleFromInstanceProfile {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "RemoveRoleFromInstanceProfile";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `TagRole` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct TagRole {
    pub(crate) role_name: RoleName,
    pub(crate) tags: Members<IamTag>,
}

impl Action for TagRole {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "TagRole";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `UntagRole` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct UntagRole {
    pub(crate) role_name: RoleName,
    pub(crate) tag_keys: Members<String>,
}

impl Action for UntagRole {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "UntagRole";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `UpdateAssumeRolePolicy` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct UpdateAssumeRolePolicy {
    pub(crate) role_name: RoleName,
    pub(crate) policy_document: String,
}

impl Action for UpdateAssumeRolePolicy {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "UpdateAssumeRolePolicy";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ();
}

/// What `UpdateRole` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct UpdateRole {
    pub(crate) role_name: RoleName,
    #[query(keep_empty)]
    pub(crate) description: Option<String>,
    pub(crate) max_session_duration: Option<u32>,
}

/// What `UpdateRole` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpdateRoleResponse {}

impl Action for UpdateRole {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "UpdateRole";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = UpdateRoleResponse;
}

/// What `UpdateRoleDescription` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct UpdateRoleDescription {
    pub(crate) role_name: RoleName,
    pub(crate) description: String,
}

/// What `UpdateRoleDescription` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateRoleDescriptionResponse {
    pub(crate) role: RoleDescription,
}

impl Action for UpdateRoleDescription {
    const SERVICE: ApiService = ApiService::Iam;
    const NAME: &'static str = "UpdateRoleDescription";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = UpdateRoleDescriptionResponse;
}

/// `AttachedPolicy` of IAM's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AttachedPolicyDescription {
    pub(crate) policy_name: String,
    pub(crate) policy_arn: String,
}

/// `Tag` of IAM's model.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct IamTag {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// `Role` of IAM's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RoleDescription {
    pub(crate) path: EntityPath,
    pub(crate) role_name: RoleName,
    pub(crate) role_id: String,
    pub(crate) arn: String,
    pub(crate) create_date: String,
    pub(crate) assume_role_policy_document: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) max_session_duration: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<Members<IamTag>>,
}
