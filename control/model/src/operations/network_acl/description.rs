//! A network ACL as answers show it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::{IpCidr, Ipv4Cidr};

use crate::RegionSettings;
use crate::api::network_acl::{
    NetworkAclAssociationDescription, NetworkAclDescription, NetworkAclEntryDescription,
};
use crate::resource::{IpProtocol, NetworkAcl, NetworkAclEntry, RuleAction};

/// The number of the last rule, which denies what no other matched: shown by EC2 as `*`, and not to be changed.
pub(super) const LAST_RULE_NUMBER: u16 = 32767;

impl NetworkAclDescription {
    pub(super) fn new(acl: &NetworkAcl, region: &RegionSettings) -> Self {
        Self {
            network_acl_id: acl.network_acl_id,
            vpc_id: acl.vpc_id,
            owner_id: region.account_id.clone(),
            default: acl.is_default,
            entry_set: described_entries(acl)
                .map(|entry| NetworkAclEntryDescription {
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
                .map(|association| NetworkAclAssociationDescription {
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
