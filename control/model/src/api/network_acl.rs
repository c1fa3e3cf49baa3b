//! Network ACLs: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/network_acl.toml`.

use crate::describe::{Filtered, Page};
use crate::operation::Action;
use crate::resource::{IcmpTypeCode, PortRange, RuleAction};
use crate::tags::{TagItem, TagSpecification};
use crate::{ItemSet, ReturnTrue};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use eni_types::{Ipv4Cidr, Ipv6Cidr, NetworkAclAssociationId, NetworkAclId, SubnetId, VpcId};
use serde::Serialize;

/// What `CreateNetworkAcl` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateNetworkAcl {
    pub(crate) vpc_id: VpcId,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
    pub(crate) client_token: Option<String>,
}

/// What `CreateNetworkAcl` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateNetworkAclResponse {
    pub(crate) network_acl: NetworkAclDescription,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_token: Option<String>,
}

impl Action for CreateNetworkAcl {
    const NAME: &'static str = "CreateNetworkAcl";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = CreateNetworkAclResponse;
}

/// What `CreateNetworkAclEntry` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateNetworkAclEntry {
    pub(crate) network_acl_id: NetworkAclId,
    #[query(flatten)]
    pub(crate) entry: NetworkAclEntryParameters,
}

impl Action for CreateNetworkAclEntry {
    const NAME: &'static str = "CreateNetworkAclEntry";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DeleteNetworkAcl` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteNetworkAcl {
    pub(crate) network_acl_id: NetworkAclId,
}

impl Action for DeleteNetworkAcl {
    const NAME: &'static str = "DeleteNetworkAcl";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DeleteNetworkAclEntry` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DeleteNetworkAclEntry {
    pub(crate) network_acl_id: NetworkAclId,
    pub(crate) rule_number: i32,
    pub(crate) egress: bool,
}

impl Action for DeleteNetworkAclEntry {
    const NAME: &'static str = "DeleteNetworkAclEntry";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `DescribeNetworkAcls` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeNetworkAcls {
    #[query(name = "NetworkAclId")]
    pub(crate) network_acl_ids: Vec<NetworkAclId>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeNetworkAcls` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeNetworkAclsResponse {
    pub(crate) network_acl_set: ItemSet<NetworkAclDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeNetworkAcls {
    const NAME: &'static str = "DescribeNetworkAcls";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeNetworkAclsResponse;
}

impl Filtered for NetworkAclDescription {
    const FILTERS: &'static [&'static str] = &[
        "association.association-id",
        "association.network-acl-id",
        "association.subnet-id",
        "default",
        "entry.cidr",
        "entry.egress",
        "entry.icmp.code",
        "entry.icmp.type",
        "entry.ipv6-cidr",
        "entry.port-range.from",
        "entry.port-range.to",
        "entry.protocol",
        "entry.rule-action",
        "entry.rule-number",
        "network-acl-id",
        "owner-id",
        "vpc-id",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "association.association-id" => {
                for one in &self.association_set.items {
                    give(one.network_acl_association_id.to_string());
                }
            }
            "association.network-acl-id" => {
                for one in &self.association_set.items {
                    give(one.network_acl_id.to_string());
                }
            }
            "association.subnet-id" => {
                for one in &self.association_set.items {
                    give(one.subnet_id.to_string());
                }
            }
            "entry.egress" => {
                for one in &self.entry_set.items {
                    give(one.egress.to_string());
                }
            }
            "entry.rule-action" => {
                for one in &self.entry_set.items {
                    give(one.rule_action.to_string());
                }
            }
            "entry.rule-number" => {
                for one in &self.entry_set.items {
                    give(one.rule_number.to_string());
                }
            }
            "entry.cidr" => {
                for one in &self.entry_set.items {
                    if let Some(one) = &one.cidr_block {
                        give(one.to_string());
                    }
                }
            }
            "entry.ipv6-cidr" => {
                for one in &self.entry_set.items {
                    if let Some(one) = &one.ipv6_cidr_block {
                        give(one.to_string());
                    }
                }
            }
            "default" => give(self.default.to_string()),
            "network-acl-id" => give(self.network_acl_id.to_string()),
            "owner-id" => give(self.owner_id.to_string()),
            "vpc-id" => give(self.vpc_id.to_string()),
            _ => {}
        }
    }
}

/// What `ReplaceNetworkAclAssociation` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ReplaceNetworkAclAssociation {
    pub(crate) association_id: NetworkAclAssociationId,
    pub(crate) network_acl_id: NetworkAclId,
}

/// What `ReplaceNetworkAclAssociation` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplaceNetworkAclAssociationResponse {
    pub(crate) new_association_id: NetworkAclAssociationId,
}

impl Action for ReplaceNetworkAclAssociation {
    const NAME: &'static str = "ReplaceNetworkAclAssociation";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReplaceNetworkAclAssociationResponse;
}

/// What `ReplaceNetworkAclEntry` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ReplaceNetworkAclEntry {
    pub(crate) network_acl_id: NetworkAclId,
    #[query(flatten)]
    pub(crate) entry: NetworkAclEntryParameters,
}

impl Action for ReplaceNetworkAclEntry {
    const NAME: &'static str = "ReplaceNetworkAclEntry";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// `IcmpTypeCode` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQuery)]
pub(crate) struct IcmpParameters {
    #[query(name = "Type")]
    pub(crate) icmp_type: i32,
    pub(crate) code: i32,
}

/// `NetworkAclAssociation` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkAclAssociationDescription {
    pub(crate) network_acl_association_id: NetworkAclAssociationId,
    pub(crate) network_acl_id: NetworkAclId,
    pub(crate) subnet_id: SubnetId,
}

/// `NetworkAcl` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkAclDescription {
    pub(crate) network_acl_id: NetworkAclId,
    pub(crate) vpc_id: VpcId,
    pub(crate) owner_id: String,
    pub(crate) default: bool,
    pub(crate) entry_set: ItemSet<NetworkAclEntryDescription>,
    pub(crate) association_set: ItemSet<NetworkAclAssociationDescription>,
    pub(crate) tag_set: ItemSet<TagItem>,
}

/// `NetworkAclEntry` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkAclEntryDescription {
    pub(crate) rule_number: u16,
    pub(crate) protocol: String,
    pub(crate) rule_action: RuleAction,
    pub(crate) egress: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cidr_block: Option<Ipv4Cidr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv6_cidr_block: Option<Ipv6Cidr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) icmp_type_code: Option<IcmpTypeCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port_range: Option<PortRange>,
}

/// `CreateNetworkAclEntryRequest`, `ReplaceNetworkAclEntryRequest` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub(crate) struct NetworkAclEntryParameters {
    pub(crate) rule_number: i32,
    pub(crate) egress: bool,
    pub(crate) protocol: String,
    pub(crate) rule_action: String,
    pub(crate) cidr_block: Option<Ipv4Cidr>,
    pub(crate) ipv6_cidr_block: Option<Ipv6Cidr>,
    pub(crate) port_range: Option<PortRangeParameters>,
    pub(crate) icmp: Option<IcmpParameters>,
}

/// `PortRange` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQuery)]
pub(crate) struct PortRangeParameters {
    pub(crate) from: i32,
    pub(crate) to: i32,
}
