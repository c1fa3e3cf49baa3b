//! A network ACL as answers show it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::{
    IpCidr, Ipv4Cidr, Ipv6Cidr, NetworkAclAssociationId, NetworkAclId, SubnetId, VpcId,
};
use serde::Serialize;

use crate::resource::{
    IcmpTypeCode, IpProtocol, NetworkAcl, NetworkAclEntry, PortRange, RuleAction,
};
use crate::tags::TagItem;
use crate::{ItemSet, RegionSettings};

/// The number of the last rule, which denies what no other matched: shown by EC2 as `*`, and not to be changed.
pub(super) const LAST_RULE_NUMBER: u16 = 32767;

/// `networkAcl` in answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkAclDescription {
    network_acl_id: NetworkAclId,
    vpc_id: VpcId,
    owner_id: String,
    default: bool,
    entry_set: ItemSet<EntryDescription>,
    association_set: ItemSet<AssociationDescription>,
    tag_set: ItemSet<TagItem>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryDescription {
    rule_number: u16,
    protocol: String,
    rule_action: RuleAction,
    egress: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr_block: Option<Ipv4Cidr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_cidr_block: Option<Ipv6Cidr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_type_code: Option<IcmpTypeCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port_range: Option<PortRange>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct AssociationDescription {
    network_acl_association_id: NetworkAclAssociationId,
    network_acl_id: NetworkAclId,
    subnet_id: SubnetId,
}

impl NetworkAclDescription {
    pub(super) fn new(acl: &NetworkAcl, region: &RegionSettings) -> Self {
        Self {
            network_acl_id: acl.network_acl_id,
            vpc_id: acl.vpc_id,
            owner_id: region.account_id.clone(),
            default: acl.is_default,
            entry_set: described_entries(acl)
                .map(|entry| EntryDescription {
                    rule_number: entry.rule_number,
                    protocol: number_of(entry.protocol),
                    rule_action: entry.rule_action,
                    egress: entry.egress,
                    cidr_block: entry.cidr_block.ipv4(),
                    ipv6_cidr_block: entry.cidr_block.ipv6(),
                    icmp_type_code: entry.icmp_type_code,
                    port_range: entry.port_range,
                })
                .collect(),
            association_set: acl
                .associations
                .iter()
                .map(|association| AssociationDescription {
                    network_acl_association_id: association.association_id,
                    network_acl_id: acl.network_acl_id,
                    subnet_id: association.subnet_id,
                })
                .collect(),
            tag_set: acl.tags.to_items(),
        }
    }
}

/// What is stored and the last rule of each direction: as EC2 does, egress first, each direction by number.
pub(super) fn described_entries(acl: &NetworkAcl) -> impl Iterator<Item = NetworkAclEntry> {
    [true, false].into_iter().flat_map(|egress| {
        let mut entries: Vec<_> = acl
            .entries
            .iter()
            .filter(|entry| entry.egress == egress)
            .cloned()
            .collect();
        entries.sort_by_key(|entry| entry.rule_number);
        entries.push(NetworkAclEntry {
            rule_number: LAST_RULE_NUMBER,
            egress,
            protocol: IpProtocol::All,
            rule_action: RuleAction::Deny,
            cidr_block: IpCidr::V4(Ipv4Cidr::ANY),
            port_range: None,
            icmp_type_code: None,
        });
        entries
    })
}

/// A protocol as network ACLs spell it: always by number.
pub(super) fn number_of(protocol: IpProtocol) -> String {
    match protocol {
        IpProtocol::All => "-1".into(),
        IpProtocol::Number(number) => number.to_string(),
    }
}
