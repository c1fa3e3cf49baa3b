//! `DescribeNetworkAcls`: a network ACL as answers show it.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::{IpCidr, Ipv4Cidr, Ipv6Cidr, NetworkAclAssociationId, SubnetId, VpcId};

use crate::api::network_acl::{
    DescribeNetworkAcls, DescribeNetworkAclsResponse, NetworkAclAssociationDescription,
    NetworkAclDescription, NetworkAclEntryDescription,
};
use crate::describe::{Described, Filtered, Scope, describes};
use crate::resource::{IpProtocol, NetworkAcl, NetworkAclEntry, RuleAction};
use crate::tags::Tags;
use crate::{IdsOf, Table, World};

describes! {
    /// Finds network ACLs.
    DescribeNetworkAcls: network_acl_ids in network_acls, DescribeNetworkAclsResponse { network_acl_set }
}

impl Described for NetworkAcl {
    type Answer = NetworkAclDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("NetworkAclIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("network-acl-id");

    fn describe(&self, scope: Scope<'_>) -> NetworkAclDescription {
        NetworkAclDescription::new(self, scope)
    }

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        for entry in described_entries(self, scope.world) {
            let value = match name {
                "entry.icmp.code" => entry.icmp_type_code.map(|icmp| icmp.code.to_string()),
                "entry.icmp.type" => entry.icmp_type_code.map(|icmp| icmp.icmp_type.to_string()),
                "entry.port-range.from" => entry.port_range.map(|ports| ports.from.to_string()),
                "entry.port-range.to" => entry.port_range.map(|ports| ports.to.to_string()),
                "entry.protocol" => {
                    // By number, or by name where it has one.
                    give(entry.protocol.to_string().into());
                    Some(number_of(entry.protocol))
                }
                _ => break,
            };
            value.into_iter().for_each(|value| give(value.into()));
        }
        let give = &mut |value: String| give(value.into());
        self.describe(scope).filter_values(name, give);
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }

    fn indexed<'a>(table: &'a Table<Self>, name: &str, value: &str) -> Option<IdsOf<'a, Self>> {
        match name {
            "association.association-id" => {
                Some(table.ids(&value.parse::<NetworkAclAssociationId>().ok()?))
            }
            "association.subnet-id" => Some(table.ids(&value.parse::<SubnetId>().ok()?)),
            "vpc-id" => Some(table.ids(&value.parse::<VpcId>().ok()?)),
            _ => None,
        }
    }
}

/// The number of the last rule, which denies what no other matched: shown by EC2 as `*`, and not to be changed.
pub(super) const LAST_RULE_NUMBER: u16 = 32767;
/// The same for IPv6, shown where the VPC has IPv6 blocks.
const LAST_IPV6_RULE_NUMBER: u16 = 32768;

impl NetworkAclDescription {
    pub(super) fn new(acl: &NetworkAcl, scope: Scope<'_>) -> Self {
        Self {
            network_acl_id: acl.network_acl_id,
            vpc_id: acl.vpc_id,
            owner_id: scope.region.account_id.clone(),
            default: acl.is_default,
            entry_set: described_entries(acl, scope.world)
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

/// What is stored and the last rules of each direction: as EC2 does, egress first, each direction by number.
pub(super) fn described_entries(
    acl: &NetworkAcl,
    world: &World,
) -> impl Iterator<Item = NetworkAclEntry> {
    let vpc = world.vpcs.get(acl.vpc_id);
    let has_ipv6 = vpc.is_some_and(|vpc| vpc.has_ipv6());
    [true, false].into_iter().flat_map(move |egress| {
        let mut entries: Vec<_> = acl
            .entries
            .iter()
            .filter(|entry| entry.egress == egress)
            .cloned()
            .collect();
        entries.sort_by_key(|entry| entry.rule_number);
        entries.push(last_rule(LAST_RULE_NUMBER, egress, Ipv4Cidr::ANY.into()));
        let ipv6 = has_ipv6.then(|| last_rule(LAST_IPV6_RULE_NUMBER, egress, Ipv6Cidr::ANY.into()));
        entries.extend(ipv6);
        entries
    })
}

fn last_rule(rule_number: u16, egress: bool, everyone: IpCidr) -> NetworkAclEntry {
    NetworkAclEntry {
        rule_number,
        egress,
        protocol: IpProtocol::All,
        rule_action: RuleAction::Deny,
        cidr_block: everyone,
        port_range: None,
        icmp_type_code: None,
    }
}

/// A protocol as network ACLs spell it: always by number.
pub(super) fn number_of(protocol: IpProtocol) -> String {
    match protocol {
        IpProtocol::All => "-1".into(),
        IpProtocol::Number(number) => number.to_string(),
    }
}
