//! What a rule allows, apart from its id.

use alloc::format;
use alloc::string::{String, ToString};

use eni_types::{SecurityGroupId, SecurityGroupRuleId, quota};

use super::protocol::ProtocolPorts;
use crate::operations::lookup;
use crate::resource::{RulePeer, RulePeering, SecurityGroup, SecurityGroupRule};
use crate::tags::Tags;
use crate::{Ec2Error, ErrorCode, World};

/// The direction of a rule, seen from the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    pub(crate) fn is_egress(self) -> bool {
        self == Self::Egress
    }
}

/// What makes two rules of one group and direction the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RuleMatch {
    pub(crate) ports: ProtocolPorts,
    pub(crate) peer: RulePeer,
}

/// A rule that a call names by what it allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedRule {
    pub(crate) matched: RuleMatch,
    pub(crate) description: Option<String>,
}

impl RuleMatch {
    pub(crate) fn of(rule: &SecurityGroupRule) -> Self {
        Self {
            ports: ProtocolPorts {
                protocol: rule.ip_protocol,
                from_port: rule.from_port,
                to_port: rule.to_port,
            },
            peer: rule.peer,
        }
    }

    /// The row of such a rule of `group`.
    pub(crate) fn into_rule(
        self,
        id: SecurityGroupRuleId,
        group: &SecurityGroup,
        direction: Direction,
        world: &World,
    ) -> SecurityGroupRule {
        SecurityGroupRule {
            security_group_rule_id: id,
            group_id: group.group_id,
            is_egress: direction.is_egress(),
            ip_protocol: self.ports.protocol,
            from_port: self.ports.from_port,
            to_port: self.ports.to_port,
            peer: self.peer,
            peering: peering(self.peer, group, world),
            description: None,
            tags: Tags::default(),
        }
    }

    /// The error for a rule that the group has already.
    pub(crate) fn duplicate(self) -> Ec2Error {
        let peer = match self.peer {
            RulePeer::CidrIpv4(block) => block.to_string(),
            RulePeer::CidrIpv6(block) => block.to_string(),
            RulePeer::SecurityGroup(id) => id.to_string(),
        };
        let protocol = match self.ports.protocol.to_string().as_str() {
            "-1" => "ALL".into(),
            name => name.to_ascii_uppercase(),
        };
        let ports = match self.ports.shown_ports() {
            Some((from, to)) if self.ports.protocol.has_ports() => {
                format!(", from port: {from}, to port: {to}")
            }
            Some((icmp_type, code)) => format!(", type: {icmp_type}, code: {code}"),
            None => String::new(),
        };
        let message =
            format!("the specified rule \"peer: {peer}, {protocol}{ports}, ALLOW\" already exists");
        ErrorCode::InvalidPermissionDuplicate.with(message)
    }
}

/// Where the peer of a rule of `group` is, if that is a group of another VPC.
pub(crate) fn peering(peer: RulePeer, group: &SecurityGroup, world: &World) -> Option<RulePeering> {
    let RulePeer::SecurityGroup(id) = peer else {
        return None;
    };
    let vpc_id = world.security_groups.get(id)?.vpc_id;
    let connection = world.peering_between(group.vpc_id, vpc_id);
    (vpc_id != group.vpc_id).then(|| RulePeering {
        vpc_id,
        vpc_peering_connection_id: connection.map(|found| found.vpc_peering_connection_id),
    })
}

/// The rules of a group in one direction, by id.
pub(crate) fn rules_of(
    group_id: SecurityGroupId,
    direction: Direction,
    world: &World,
) -> impl Iterator<Item = &SecurityGroupRule> {
    world
        .security_group_rules
        .by(&group_id)
        .map(|rule| &**rule)
        .filter(move |rule| rule.is_egress == direction.is_egress())
}

/// The rule `id`, which must belong to `group` and, where one is given, to the direction.
///
/// # Errors
/// `InvalidSecurityGroupRuleId.NotFound`.
pub(crate) fn rule_of<'a>(
    id: SecurityGroupRuleId,
    group: &SecurityGroup,
    direction: Option<Direction>,
    world: &'a World,
) -> Result<&'a SecurityGroupRule, Ec2Error> {
    let rule = world.security_group_rules.known(id)?;
    let is_meant = rule.group_id == group.group_id
        && direction.is_none_or(|direction| direction.is_egress() == rule.is_egress);
    if is_meant {
        Ok(rule)
    } else {
        Err(lookup::not_found(id))
    }
}

/// Refuses a description that EC2 does not take.
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn check_description(description: Option<&str>) -> Result<(), Ec2Error> {
    if description.is_none_or(is_text) {
        return Ok(());
    }
    let message = format!("Invalid rule description. Valid descriptions are {VALID_TEXTS}");
    Err(ErrorCode::InvalidParameterValue.with(message))
}

/// What EC2's texts say of the texts that it takes.
pub(crate) const VALID_TEXTS: &str =
    "strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";

/// Whether EC2 takes `text` as the name or description of a group or rule in a VPC.
pub(crate) fn is_text(text: &str) -> bool {
    text.len() <= quota::SECURITY_GROUP_TEXT_CHARACTERS
        && text.chars().all(|character| {
            character.is_ascii_alphanumeric() || ". _-:/()#,@[]+=&;{}!$*".contains(character)
        })
}
