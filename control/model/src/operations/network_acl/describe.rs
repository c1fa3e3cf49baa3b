//! `DescribeNetworkAcls`.

use crate::tags::Tags;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::string::ToString;

use super::description::{described_entries, number_of};
use crate::IndexKey;
use crate::api::network_acl::{
    DescribeNetworkAcls, DescribeNetworkAclsResponse, NetworkAclDescription,
};
use crate::describe::{Described, Filtered, Scope, describes};
use crate::resource::NetworkAcl;

describes! {
    /// Finds network ACLs.
    DescribeNetworkAcls: network_acl_ids in network_acls, DescribeNetworkAclsResponse { network_acl_set }
}

impl Described for NetworkAcl {
    type Answer = NetworkAclDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("NetworkAclIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("network-acl-id");

    fn describe(&self, scope: Scope<'_>) -> NetworkAclDescription {
        NetworkAclDescription::new(self, scope.region)
    }

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        for entry in described_entries(self) {
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

    fn index_key(name: &str, value: &str) -> Option<IndexKey> {
        match name {
            "association.association-id" => value.parse().ok().map(IndexKey::NetworkAclAssociation),
            "association.subnet-id" => value.parse().ok().map(IndexKey::Subnet),
            "vpc-id" => value.parse().ok().map(IndexKey::Vpc),
            _ => None,
        }
    }
}
