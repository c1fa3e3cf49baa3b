//! `DescribeNetworkAcls`.

use alloc::borrow::Cow;
use alloc::string::ToString;

use super::description::{described_entries, number_of};
use crate::api::network_acl::{
    DescribeNetworkAcls, DescribeNetworkAclsResponse, NetworkAclDescription,
};
use crate::describe::{Described, Scope, answer};
use crate::operations::lookup;
use crate::resource::{NetworkAcl, NetworkAclEntry};
use crate::{ChangeSet, Context, IndexKey, Operation, Planned, World};

/// Finds network ACLs.
impl Operation for DescribeNetworkAcls {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let (network_acl_set, next_token) = answer(
            &world.network_acls,
            &self.network_acl_ids,
            &self.page,
            Scope::new(world, context),
            lookup::no_network_acl,
            |acl, scope| NetworkAclDescription::new(acl, scope.region),
        )?;
        let response = DescribeNetworkAclsResponse {
            network_acl_set,
            next_token,
        };
        Ok((ChangeSet::none(), response))
    }
}

impl Described for NetworkAcl {
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
    const IDS_AND_PAGE: (&'static str, &'static str) = ("NetworkAclIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("network-acl-id");

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        match name {
            "default" => give(self.is_default.to_string().into()),
            "network-acl-id" => give(self.network_acl_id.to_string().into()),
            "owner-id" => give(scope.region.account_id.as_str().into()),
            "vpc-id" => give(self.vpc_id.to_string().into()),
            _ if name.starts_with("entry.") => {
                for entry in described_entries(self) {
                    entry_values(&entry, name, give);
                }
            }
            _ => {
                for association in &self.associations {
                    give(match name {
                        "association.association-id" => {
                            association.association_id.to_string().into()
                        }
                        "association.subnet-id" => association.subnet_id.to_string().into(),
                        _ => self.network_acl_id.to_string().into(),
                    });
                }
            }
        }
    }

    fn index_key(name: &str, value: &str) -> Option<IndexKey> {
        match name {
            "association.association-id" => value.parse().ok().map(IndexKey::NetworkAclAssociation),
            "association.subnet-id" => value.parse().ok().map(IndexKey::Subnet),
            "vpc-id" => value.parse().ok().map(IndexKey::Vpc),
            _ => None,
        }
    }
}

fn entry_values<'a>(entry: &NetworkAclEntry, name: &str, give: &mut dyn FnMut(Cow<'a, str>)) {
    let value = match name {
        "entry.cidr" => entry.cidr_block.ipv4().map(|block| block.to_string()),
        "entry.ipv6-cidr" => entry.cidr_block.ipv6().map(|block| block.to_string()),
        "entry.egress" => Some(entry.egress.to_string()),
        "entry.icmp.code" => entry.icmp_type_code.map(|icmp| icmp.code.to_string()),
        "entry.icmp.type" => entry.icmp_type_code.map(|icmp| icmp.icmp_type.to_string()),
        "entry.port-range.from" => entry.port_range.map(|ports| ports.from.to_string()),
        "entry.port-range.to" => entry.port_range.map(|ports| ports.to.to_string()),
        "entry.protocol" => {
            // By number, or by name where it has one.
            give(entry.protocol.to_string().into());
            Some(number_of(entry.protocol))
        }
        "entry.rule-action" => Some(entry.rule_action.as_str().into()),
        "entry.rule-number" => Some(entry.rule_number.to_string()),
        _ => None,
    };
    if let Some(value) = value {
        give(value.into());
    }
}
