//! Network ACLs.

use alloc::vec::Vec;
use core::fmt;

use eni_types::{IpCidr, NetworkAclAssociationId, NetworkAclId, SubnetId, VpcId};
use serde::{Deserialize, Serialize};

use crate::Row;
use crate::index::indexes;
use crate::resource::IpProtocol;
use crate::tags::Tags;

/// A network ACL with its entries and associations. The final deny (rule 32767) is described, not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAcl {
    /// Its id.
    pub network_acl_id: NetworkAclId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Whether it is the VPC's default.
    pub is_default: bool,
    /// Entries; (direction, number) is unique.
    pub entries: Vec<NetworkAclEntry>,
    /// The subnets that use it: every subnet uses exactly one.
    pub associations: Vec<NetworkAclAssociation>,
    /// Its tags.
    pub tags: Tags,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAclEntry {
    /// 1 to 32766; the lowest matching rule decides.
    pub rule_number: u16,
    /// Whether it applies to packets that leave the subnet.
    pub egress: bool,
    /// The protocol.
    pub protocol: IpProtocol,
    /// What a match means.
    pub rule_action: RuleAction,
    /// The remote block: source of entering, destination of leaving packets.
    pub cidr_block: IpCidr,
    /// Destination ports, for TCP and UDP; `None` means all.
    pub port_range: Option<PortRange>,
    /// Type and code, for ICMP and ICMPv6; -1 means all.
    pub icmp_type_code: Option<IcmpTypeCode>,
}

/// Ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRange {
    /// The first.
    pub from: u16,
    /// The last.
    pub to: u16,
}

/// An ICMP type and code; -1 means all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IcmpTypeCode {
    /// -1 to 255.
    #[serde(rename = "type")]
    pub icmp_type: i16,
    /// -1 to 255.
    pub code: i16,
}

/// What a matching rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleAction {
    /// Let it pass.
    Allow,
    /// Drop it.
    Deny,
}

impl RuleAction {
    /// The action as EC2 spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for RuleAction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The use of a network ACL by a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAclAssociation {
    /// Its id.
    pub association_id: NetworkAclAssociationId,
    /// The subnet.
    pub subnet_id: SubnetId,
}

impl Row for NetworkAcl {
    type Id = NetworkAclId;
    fn id(&self) -> NetworkAclId {
        self.network_acl_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

indexes! {
    NetworkAcl, NetworkAclIndexes:
    vpc: VpcId = |acl| [acl.vpc_id];
    association: NetworkAclAssociationId = |acl| acl.associations.iter().map(|association| association.association_id);
    subnet: SubnetId = |acl| acl.associations.iter().map(|association| association.subnet_id);
}
