//! Security groups: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/security_group.toml`.

use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::operations::security_group::permission::PeerBlock;
use crate::tags::{TagItem, TagSpecification};
use crate::{ItemSet, ReturnTrue};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use eni_types::{
    Ipv4Cidr, Ipv6Cidr, SecurityGroupId, SecurityGroupRuleId, VpcId, VpcPeeringConnectionId,
};
use serde::Serialize;

/// What `AuthorizeSecurityGroupEgress` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AuthorizeSecurityGroupEgress {
    pub(crate) group_id: SecurityGroupId,
    #[query(flatten)]
    pub(crate) permissions: PermissionParameters,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
}

impl Action for AuthorizeSecurityGroupEgress {
    const NAME: &'static str = "AuthorizeSecurityGroupEgress";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = AuthorizeSecurityGroupResponse;
}

/// What `AuthorizeSecurityGroupIngress` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct AuthorizeSecurityGroupIngress {
    pub(crate) group_id: Option<SecurityGroupId>,
    pub(crate) group_name: Option<String>,
    #[query(flatten)]
    pub(crate) permissions: PermissionParameters,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
}

impl Action for AuthorizeSecurityGroupIngress {
    const NAME: &'static str = "AuthorizeSecurityGroupIngress";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = AuthorizeSecurityGroupResponse;
}

/// What `CreateSecurityGroup` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateSecurityGroup {
    pub(crate) group_name: String,
    pub(crate) group_description: String,
    pub(crate) vpc_id: Option<VpcId>,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
}

/// What `CreateSecurityGroup` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateSecurityGroupResponse {
    pub(crate) r#return: bool,
    pub(crate) group_id: SecurityGroupId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag_set: Option<ItemSet<TagItem>>,
    pub(crate) security_group_arn: String,
}

impl Action for CreateSecurityGroup {
    const NAME: &'static str = "CreateSecurityGroup";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateSecurityGroupResponse;
}

/// What `DeleteSecurityGroup` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DeleteSecurityGroup {
    pub(crate) group_id: Option<SecurityGroupId>,
    pub(crate) group_name: Option<String>,
}

/// What `DeleteSecurityGroup` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteSecurityGroupResponse {
    pub(crate) r#return: bool,
    pub(crate) group_id: SecurityGroupId,
}

impl Action for DeleteSecurityGroup {
    const NAME: &'static str = "DeleteSecurityGroup";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = DeleteSecurityGroupResponse;
}

/// What `DescribeSecurityGroupReferences` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeSecurityGroupReferences {
    #[query(name = "GroupId")]
    pub(crate) group_ids: Vec<SecurityGroupId>,
}

/// What `DescribeSecurityGroupReferences` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeSecurityGroupReferencesResponse {
    pub(crate) security_group_reference_set: ItemSet<SecurityGroupReference>,
}

impl Action for DescribeSecurityGroupReferences {
    const NAME: &'static str = "DescribeSecurityGroupReferences";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeSecurityGroupReferencesResponse;
}

/// What `DescribeSecurityGroupRules` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeSecurityGroupRules {
    #[query(name = "SecurityGroupRuleId")]
    pub(crate) security_group_rule_ids: Vec<SecurityGroupRuleId>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeSecurityGroupRules` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeSecurityGroupRulesResponse {
    pub(crate) security_group_rule_set: ItemSet<SecurityGroupRuleDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeSecurityGroupRules {
    const NAME: &'static str = "DescribeSecurityGroupRules";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeSecurityGroupRulesResponse;
}

impl Filtered for SecurityGroupRuleDescription {
    const FILTERS: &'static [&'static str] = &["group-id", "security-group-rule-id"];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "group-id" => give(self.group_id.to_string()),
            "security-group-rule-id" => give(self.security_group_rule_id.to_string()),
            _ => {}
        }
    }
}

/// What `DescribeSecurityGroups` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeSecurityGroups {
    #[query(name = "GroupId")]
    pub(crate) group_ids: Vec<SecurityGroupId>,
    #[query(name = "GroupName")]
    pub(crate) group_names: Vec<String>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeSecurityGroups` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeSecurityGroupsResponse {
    pub(crate) security_group_info: ItemSet<SecurityGroupDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeSecurityGroups {
    const NAME: &'static str = "DescribeSecurityGroups";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeSecurityGroupsResponse;
}

impl Filtered for SecurityGroupDescription {
    const FILTERS: &'static [&'static str] = &[
        "description",
        "egress.ip-permission.cidr",
        "egress.ip-permission.from-port",
        "egress.ip-permission.group-id",
        "egress.ip-permission.group-name",
        "egress.ip-permission.ipv6-cidr",
        "egress.ip-permission.prefix-list-id",
        "egress.ip-permission.protocol",
        "egress.ip-permission.to-port",
        "egress.ip-permission.user-id",
        "group-id",
        "group-name",
        "ip-permission.cidr",
        "ip-permission.from-port",
        "ip-permission.group-id",
        "ip-permission.group-name",
        "ip-permission.ipv6-cidr",
        "ip-permission.prefix-list-id",
        "ip-permission.protocol",
        "ip-permission.to-port",
        "ip-permission.user-id",
        "owner-id",
        "primary-vpc-id",
        "vpc-id",
    ];
}

/// What `DescribeStaleSecurityGroups` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeStaleSecurityGroups {
    pub(crate) vpc_id: VpcId,
    pub(crate) max_results: Option<u32>,
    pub(crate) next_token: Option<String>,
}

/// What `DescribeStaleSecurityGroups` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeStaleSecurityGroupsResponse {
    pub(crate) stale_security_group_set: ItemSet<StaleSecurityGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeStaleSecurityGroups {
    const NAME: &'static str = "DescribeStaleSecurityGroups";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeStaleSecurityGroupsResponse;
}

/// What `GetSecurityGroupsForVpc` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct GetSecurityGroupsForVpc {
    pub(crate) vpc_id: VpcId,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `GetSecurityGroupsForVpc` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetSecurityGroupsForVpcResponse {
    pub(crate) security_group_for_vpc_set: ItemSet<SecurityGroupForVpc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for GetSecurityGroupsForVpc {
    const NAME: &'static str = "GetSecurityGroupsForVpc";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = GetSecurityGroupsForVpcResponse;
}

impl Filtered for SecurityGroupForVpc {
    const FILTERS: &'static [&'static str] = &[
        "description",
        "group-id",
        "group-name",
        "owner-id",
        "primary-vpc-id",
    ];
}

/// What `ModifySecurityGroupRules` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ModifySecurityGroupRules {
    pub(crate) group_id: SecurityGroupId,
    #[query(name = "SecurityGroupRule")]
    pub(crate) security_group_rules: Vec<SecurityGroupRuleUpdate>,
}

impl Action for ModifySecurityGroupRules {
    const NAME: &'static str = "ModifySecurityGroupRules";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `RevokeSecurityGroupEgress` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct RevokeSecurityGroupEgress {
    pub(crate) group_id: SecurityGroupId,
    #[query(flatten)]
    pub(crate) permissions: PermissionParameters,
    #[query(name = "SecurityGroupRuleId")]
    pub(crate) security_group_rule_ids: Vec<SecurityGroupRuleId>,
}

impl Action for RevokeSecurityGroupEgress {
    const NAME: &'static str = "RevokeSecurityGroupEgress";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = RevokeSecurityGroupResponse;
}

/// What `RevokeSecurityGroupIngress` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct RevokeSecurityGroupIngress {
    pub(crate) group_id: Option<SecurityGroupId>,
    pub(crate) group_name: Option<String>,
    #[query(flatten)]
    pub(crate) permissions: PermissionParameters,
    #[query(name = "SecurityGroupRuleId")]
    pub(crate) security_group_rule_ids: Vec<SecurityGroupRuleId>,
}

impl Action for RevokeSecurityGroupIngress {
    const NAME: &'static str = "RevokeSecurityGroupIngress";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = RevokeSecurityGroupResponse;
}

/// What `UpdateSecurityGroupRuleDescriptionsEgress` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct UpdateSecurityGroupRuleDescriptionsEgress {
    pub(crate) group_id: Option<SecurityGroupId>,
    pub(crate) group_name: Option<String>,
    pub(crate) ip_permissions: Vec<IpPermission>,
    #[query(name = "SecurityGroupRuleDescription")]
    pub(crate) security_group_rule_descriptions: Vec<SecurityGroupRuleDescriptionUpdate>,
}

impl Action for UpdateSecurityGroupRuleDescriptionsEgress {
    const NAME: &'static str = "UpdateSecurityGroupRuleDescriptionsEgress";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `UpdateSecurityGroupRuleDescriptionsIngress` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct UpdateSecurityGroupRuleDescriptionsIngress {
    pub(crate) group_id: Option<SecurityGroupId>,
    pub(crate) group_name: Option<String>,
    pub(crate) ip_permissions: Vec<IpPermission>,
    #[query(name = "SecurityGroupRuleDescription")]
    pub(crate) security_group_rule_descriptions: Vec<SecurityGroupRuleDescriptionUpdate>,
}

impl Action for UpdateSecurityGroupRuleDescriptionsIngress {
    const NAME: &'static str = "UpdateSecurityGroupRuleDescriptionsIngress";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// `AuthorizeSecurityGroupEgressResult`, `AuthorizeSecurityGroupIngressResult` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizeSecurityGroupResponse {
    pub(crate) r#return: bool,
    pub(crate) security_group_rule_set: ItemSet<SecurityGroupRuleDescription>,
}

/// `IpPermission` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct IpPermission {
    pub(crate) ip_protocol: Option<String>,
    pub(crate) from_port: Option<i32>,
    pub(crate) to_port: Option<i32>,
    pub(crate) groups: Vec<UserIdGroupPair>,
    pub(crate) ip_ranges: Vec<IpRange>,
    pub(crate) ipv6_ranges: Vec<Ipv6Range>,
    pub(crate) prefix_list_ids: Vec<PrefixListId>,
}

/// `IpPermission` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IpPermissionDescription {
    pub(crate) ip_protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_port: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to_port: Option<i32>,
    pub(crate) groups: ItemSet<UserIdGroupPairDescription>,
    pub(crate) ip_ranges: ItemSet<IpRangeDescription>,
    pub(crate) ipv6_ranges: ItemSet<Ipv6RangeDescription>,
    pub(crate) prefix_list_ids: ItemSet<String>,
}

/// `IpRange` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub(crate) struct IpRange {
    pub(crate) cidr_ip: PeerBlock<Ipv4Cidr>,
    pub(crate) description: Option<String>,
}

/// `IpRange` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IpRangeDescription {
    pub(crate) cidr_ip: Ipv4Cidr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

/// `Ipv6Range` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub(crate) struct Ipv6Range {
    pub(crate) cidr_ipv6: PeerBlock<Ipv6Cidr>,
    pub(crate) description: Option<String>,
}

/// `Ipv6Range` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ipv6RangeDescription {
    pub(crate) cidr_ipv6: Ipv6Cidr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

/// `AuthorizeSecurityGroupEgressRequest`, `AuthorizeSecurityGroupIngressRequest`, `RevokeSecurityGroupEgressRequest`, `RevokeSecurityGroupIngressRequest` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct PermissionParameters {
    pub(crate) ip_permissions: Vec<IpPermission>,
    pub(crate) ip_protocol: Option<String>,
    pub(crate) from_port: Option<i32>,
    pub(crate) to_port: Option<i32>,
    pub(crate) cidr_ip: Option<PeerBlock<Ipv4Cidr>>,
    pub(crate) source_security_group_name: Option<String>,
    pub(crate) source_security_group_owner_id: Option<String>,
}

/// `PrefixListId` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub(crate) struct PrefixListId {
    pub(crate) prefix_list_id: String,
    pub(crate) description: Option<String>,
}

/// `ReferencedSecurityGroup` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReferencedGroupInfo {
    pub(crate) group_id: SecurityGroupId,
    pub(crate) user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vpc_id: Option<VpcId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vpc_peering_connection_id: Option<VpcPeeringConnectionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peering_status: Option<&'static str>,
}

/// `RevokeSecurityGroupEgressResult`, `RevokeSecurityGroupIngressResult` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokeSecurityGroupResponse {
    pub(crate) r#return: bool,
    pub(crate) unknown_ip_permission_set: ItemSet<IpPermissionDescription>,
    pub(crate) revoked_security_group_rule_set: ItemSet<RevokedSecurityGroupRule>,
}

/// `RevokedSecurityGroupRule` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevokedSecurityGroupRule {
    pub(crate) security_group_rule_id: SecurityGroupRuleId,
    pub(crate) group_id: SecurityGroupId,
    pub(crate) is_egress: bool,
    pub(crate) ip_protocol: String,
    pub(crate) from_port: i32,
    pub(crate) to_port: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cidr_ipv4: Option<Ipv4Cidr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cidr_ipv6: Option<Ipv6Cidr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) referenced_group_id: Option<SecurityGroupId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

/// `SecurityGroup` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecurityGroupDescription {
    pub(crate) owner_id: String,
    pub(crate) group_id: SecurityGroupId,
    pub(crate) security_group_arn: String,
    pub(crate) group_name: String,
    pub(crate) group_description: String,
    pub(crate) vpc_id: VpcId,
    pub(crate) ip_permissions: ItemSet<IpPermissionDescription>,
    pub(crate) ip_permissions_egress: ItemSet<IpPermissionDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag_set: Option<ItemSet<TagItem>>,
}

/// `SecurityGroupForVpc` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecurityGroupForVpc {
    pub(crate) description: String,
    pub(crate) group_name: String,
    pub(crate) owner_id: String,
    pub(crate) group_id: SecurityGroupId,
    pub(crate) tag_set: ItemSet<TagItem>,
    pub(crate) primary_vpc_id: VpcId,
}

/// `SecurityGroupReference` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecurityGroupReference {
    pub(crate) group_id: SecurityGroupId,
    pub(crate) referencing_vpc_id: VpcId,
    pub(crate) vpc_peering_connection_id: VpcPeeringConnectionId,
}

/// `SecurityGroupRule` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecurityGroupRuleDescription {
    pub(crate) security_group_rule_id: SecurityGroupRuleId,
    pub(crate) group_id: SecurityGroupId,
    pub(crate) group_owner_id: String,
    pub(crate) is_egress: bool,
    pub(crate) ip_protocol: String,
    pub(crate) from_port: i32,
    pub(crate) to_port: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cidr_ipv4: Option<Ipv4Cidr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cidr_ipv6: Option<Ipv6Cidr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) referenced_group_info: Option<ReferencedGroupInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) tag_set: ItemSet<TagItem>,
    pub(crate) security_group_rule_arn: String,
}

/// `SecurityGroupRuleDescription` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub(crate) struct SecurityGroupRuleDescriptionUpdate {
    pub(crate) security_group_rule_id: SecurityGroupRuleId,
    pub(crate) description: Option<String>,
}

/// `SecurityGroupRuleRequest` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct SecurityGroupRuleRequest {
    pub(crate) ip_protocol: Option<String>,
    pub(crate) from_port: Option<i32>,
    pub(crate) to_port: Option<i32>,
    pub(crate) cidr_ipv4: Option<PeerBlock<Ipv4Cidr>>,
    pub(crate) cidr_ipv6: Option<PeerBlock<Ipv6Cidr>>,
    pub(crate) prefix_list_id: Option<String>,
    pub(crate) referenced_group_id: Option<SecurityGroupId>,
    pub(crate) description: Option<String>,
}

/// `SecurityGroupRuleUpdate` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub(crate) struct SecurityGroupRuleUpdate {
    pub(crate) security_group_rule_id: SecurityGroupRuleId,
    pub(crate) security_group_rule: SecurityGroupRuleRequest,
}

/// `StaleIpPermission` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StaleIpPermission {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_port: Option<i32>,
    pub(crate) ip_protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to_port: Option<i32>,
    pub(crate) groups: ItemSet<UserIdGroupPairDescription>,
}

/// `StaleSecurityGroup` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StaleSecurityGroup {
    pub(crate) description: String,
    pub(crate) group_id: SecurityGroupId,
    pub(crate) group_name: String,
    pub(crate) stale_ip_permissions: ItemSet<StaleIpPermission>,
    pub(crate) stale_ip_permissions_egress: ItemSet<StaleIpPermission>,
    pub(crate) vpc_id: VpcId,
}

/// `UserIdGroupPair` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct UserIdGroupPair {
    pub(crate) group_id: Option<SecurityGroupId>,
    pub(crate) group_name: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) vpc_id: Option<String>,
    pub(crate) vpc_peering_connection_id: Option<String>,
    pub(crate) peering_status: Option<String>,
    pub(crate) description: Option<String>,
}

/// `UserIdGroupPair` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserIdGroupPairDescription {
    pub(crate) user_id: String,
    pub(crate) group_id: SecurityGroupId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vpc_id: Option<VpcId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vpc_peering_connection_id: Option<VpcPeeringConnectionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peering_status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}
