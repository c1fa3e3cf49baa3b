//! `ModifySecurityGroupRules`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::{Ipv4Cidr, Ipv6Cidr, SecurityGroupId, SecurityGroupRuleId};

use super::permission::{check_peer, no_prefix_list};
use super::protocol::ProtocolPorts;
use super::rule::{Direction, RuleMatch, check_description, rule_of, rules_of};
use crate::operations::lookup;
use crate::resource::{RulePeer, SecurityGroup, SecurityGroupRule};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, ReturnTrue, World};

/// Changes rules in place: their ids, directions and tags stay.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ModifySecurityGroupRules {
    /// The group.
    pub group_id: SecurityGroupId,
    /// What each rule is to be.
    #[query(name = "SecurityGroupRule")]
    pub security_group_rules: Vec<SecurityGroupRuleUpdate>,
}

/// `SecurityGroupRule.N`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct SecurityGroupRuleUpdate {
    /// The rule.
    pub security_group_rule_id: SecurityGroupRuleId,
    /// What it is to be.
    pub security_group_rule: SecurityGroupRuleRequest,
}

/// `SecurityGroupRule.N.SecurityGroupRule`: the whole rule, with one peer.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct SecurityGroupRuleRequest {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub ip_protocol: Option<String>,
    /// First port or ICMP type.
    pub from_port: Option<i32>,
    /// Last port or ICMP code.
    pub to_port: Option<i32>,
    /// The peer, an IPv4 block.
    pub cidr_ipv4: Option<Ipv4Cidr>,
    /// The peer, an IPv6 block.
    pub cidr_ipv6: Option<Ipv6Cidr>,
    /// The peer, a prefix list.
    pub prefix_list_id: Option<String>,
    /// The peer, a group.
    pub referenced_group_id: Option<SecurityGroupId>,
    /// The rule's description.
    pub description: Option<String>,
}

impl Operation for ModifySecurityGroupRules {
    const NAME: &'static str = "ModifySecurityGroupRules";
    type Response = ReturnTrue;

    fn plan(
        self,
        world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let group = lookup::security_group(world, self.group_id)?;
        if self.security_group_rules.is_empty() {
            let message = "The request must contain the parameter SecurityGroupRules";
            return Err(Ec2Error::new(ErrorCode::MissingParameter, message));
        }
        let mut changed: BTreeMap<SecurityGroupRuleId, SecurityGroupRule> = BTreeMap::new();
        for update in self.security_group_rules {
            let id = update.security_group_rule_id;
            let rule = rule_of(id, group, None, world)?;
            let rule = update.security_group_rule.apply(rule, group, world)?;
            if changed.insert(id, rule).is_some() {
                let message =
                    format!("The security group rule ID '{id}' is specified more than once.");
                return Err(Ec2Error::new(ErrorCode::InvalidParameterValue, message));
            }
        }
        check_distinct(group, &changed, world)?;
        let mut changes = ChangeSet::none();
        for (_, rule) in changed {
            changes.put(rule);
        }
        Ok((changes, ReturnTrue::default()))
    }
}

impl SecurityGroupRuleRequest {
    fn apply(
        self,
        rule: &SecurityGroupRule,
        group: &SecurityGroup,
        world: &World,
    ) -> Result<SecurityGroupRule, Ec2Error> {
        let protocol = self.ip_protocol.as_deref().ok_or_else(|| {
            let message = "The request must contain the parameter ipProtocol";
            Ec2Error::new(ErrorCode::MissingParameter, message)
        })?;
        let ports = ProtocolPorts::new(protocol, self.from_port, self.to_port)?;
        check_description(self.description.as_deref())?;
        if let Some(list) = &self.prefix_list_id {
            return Err(no_prefix_list(list));
        }
        let peers: Vec<_> = [
            self.cidr_ipv4.map(RulePeer::CidrIpv4),
            self.cidr_ipv6.map(RulePeer::CidrIpv6),
            self.referenced_group_id.map(RulePeer::SecurityGroup),
        ]
        .into_iter()
        .flatten()
        .collect();
        let [peer] = peers.as_slice() else {
            let message = "A rule must name exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId.";
            return Err(Ec2Error::new(
                ErrorCode::InvalidParameterCombination,
                message,
            ));
        };
        if let RulePeer::SecurityGroup(id) = peer {
            check_peer(*id, group, world)?;
        }
        Ok(SecurityGroupRule {
            ip_protocol: ports.protocol,
            from_port: ports.from_port,
            to_port: ports.to_port,
            peer: *peer,
            description: self.description,
            ..rule.clone()
        })
    }
}

/// Refuses a change after which two rules would say the same.
fn check_distinct(
    group: &SecurityGroup,
    changed: &BTreeMap<SecurityGroupRuleId, SecurityGroupRule>,
    world: &World,
) -> Result<(), Ec2Error> {
    for direction in [Direction::Ingress, Direction::Egress] {
        let mut seen = BTreeSet::new();
        for rule in rules_of(group.group_id, direction, world) {
            let rule = changed.get(&rule.security_group_rule_id).unwrap_or(rule);
            let matched = RuleMatch::of(rule);
            if !seen.insert(matched) {
                return Err(matched.duplicate());
            }
        }
    }
    Ok(())
}
