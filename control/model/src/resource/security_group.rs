//! Security groups and their rules.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

use eni_types::{
    Ipv4Cidr, Ipv6Cidr, SecurityGroupId, SecurityGroupRuleId, VpcId, VpcPeeringConnectionId,
};
use serde::{Deserialize, Serialize};

use crate::Row;
use crate::index::indexes;
use crate::tags::Tags;

/// A security group. Its rules are rows of their own, found by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Its id.
    pub group_id: SecurityGroupId,
    /// Its name, unique in its VPC without regard to case.
    pub group_name: String,
    /// Its description.
    pub description: String,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Its tags.
    pub tags: Tags,
}

impl SecurityGroup {
    /// The name of the group that every VPC has and nobody can delete.
    pub const DEFAULT_NAME: &'static str = "default";

    /// Whether this is its VPC's default group.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.group_name == Self::DEFAULT_NAME
    }
}

impl Row for SecurityGroup {
    type Id = SecurityGroupId;
    fn id(&self) -> SecurityGroupId {
        self.group_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

/// A security group's name: unique in its VPC without regard to case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupName {
    vpc_id: VpcId,
    lower_case: Arc<str>,
}

impl GroupName {
    /// The name `name` in the VPC.
    #[must_use]
    pub fn new(vpc_id: VpcId, name: &str) -> Self {
        Self {
            vpc_id,
            lower_case: name.to_lowercase().into(),
        }
    }
}

indexes! {
    SecurityGroup, SecurityGroupIndexes:
    vpc: VpcId = |group| [group.vpc_id];
    name: GroupName = |group| [GroupName::new(group.vpc_id, &group.group_name)];
}

/// One rule: allows what it matches. Two rules of a group never allow the same protocol, ports and peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// Its id.
    pub security_group_rule_id: SecurityGroupRuleId,
    /// Its group.
    pub group_id: SecurityGroupId,
    /// Whether it applies to what leaves the interface.
    pub is_egress: bool,
    /// The protocol.
    pub ip_protocol: IpProtocol,
    /// First port, or ICMP type; -1 means all.
    pub from_port: i32,
    /// Last port, or ICMP code; -1 means all.
    pub to_port: i32,
    /// The other side.
    pub peer: RulePeer,
    /// Of a group of a peered VPC, where it is, or was: kept, as the group may be deleted and the rule stays. None in rules of
    /// earlier versions, whose group is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peering: Option<RulePeering>,
    /// Its description.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// Where the peer of a rule is, if it is a group of a peered VPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulePeering {
    /// The group's VPC.
    pub vpc_id: VpcId,
    /// By which it was reached last.
    pub vpc_peering_connection_id: Option<VpcPeeringConnectionId>,
}

/// The other side of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RulePeer {
    /// Addresses.
    CidrIpv4(Ipv4Cidr),
    /// IPv6 addresses.
    CidrIpv6(Ipv6Cidr),
    /// The private addresses of the interfaces in a group.
    SecurityGroup(SecurityGroupId),
}

/// A protocol: all of them, or one by its number (IANA, "Protocol Numbers").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IpProtocol {
    /// `-1`.
    All,
    /// A number; 1, 6 and 17 are spelled `icmp`, `tcp` and `udp`.
    Number(u8),
}

impl IpProtocol {
    /// ICMP.
    pub const ICMP: Self = Self::Number(1);
    /// TCP.
    pub const TCP: Self = Self::Number(6);
    /// UDP.
    pub const UDP: Self = Self::Number(17);
    /// ICMP for IPv6.
    pub const ICMPV6: Self = Self::Number(58);

    /// Whether ports mean something to it.
    #[must_use]
    pub fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP)
    }
}

/// The text is neither `-1`, nor a protocol's name that EC2 knows, nor a number up to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a protocol")]
pub struct UnknownProtocol;

impl FromStr for IpProtocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        match text.to_ascii_lowercase().as_str() {
            "-1" | "all" => Ok(Self::All),
            "icmp" => Ok(Self::ICMP),
            "tcp" => Ok(Self::TCP),
            "udp" => Ok(Self::UDP),
            "icmpv6" => Ok(Self::ICMPV6),
            // `parse` alone would take a sign.
            number if number.starts_with('+') => Err(UnknownProtocol),
            number => number
                .parse()
                .map(Self::Number)
                .map_err(|_| UnknownProtocol),
        }
    }
}

/// As security group rules spell it; network ACLs spell all protocols as numbers.
impl fmt::Display for IpProtocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::All => formatter.write_str("-1"),
            Self::ICMP => formatter.write_str("icmp"),
            Self::TCP => formatter.write_str("tcp"),
            Self::UDP => formatter.write_str("udp"),
            Self::ICMPV6 => formatter.write_str("icmpv6"),
            Self::Number(number) => write!(formatter, "{number}"),
        }
    }
}

impl Row for SecurityGroupRule {
    type Id = SecurityGroupRuleId;
    fn id(&self) -> SecurityGroupRuleId {
        self.security_group_rule_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

/// The security group that a rule has for its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerSecurityGroup(pub SecurityGroupId);

indexes! {
    SecurityGroupRule, SecurityGroupRuleIndexes:
    group: SecurityGroupId = |rule| [rule.group_id];
    peer: PeerSecurityGroup = |rule| match rule.peer {
        RulePeer::SecurityGroup(group_id) => Some(PeerSecurityGroup(group_id)),
        RulePeer::CidrIpv4(_) | RulePeer::CidrIpv6(_) => None,
    };
}
