//! `ModifySecurityGroupRules`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;

use eni_types::SecurityGroupRuleId;

use super::permission::{Naming, check_peer, no_prefix_list};
use super::protocol::ProtocolPorts;
use super::rule::{Direction, RuleMatch, check_description, peering, rule_of, rules_of};
use crate::api::security_group::{ModifySecurityGroupRules, SecurityGroupRuleRequest};
use crate::resource::{IpProtocol, RulePeer, SecurityGroup, SecurityGroupRule};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Changes rules in place: their ids, directions and tags stay.
impl Operation for ModifySecurityGroupRules {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let group = world.security_groups.known(self.group_id)?;
        if self.security_group_rules.is_empty() {
            return Err(Ec2Error::missing_parameter("SecurityGroupRules"));
        }
        let mut changed: BTreeMap<SecurityGroupRuleId, SecurityGroupRule> = BTreeMap::new();
        for update in self.security_group_rules {
            let id = update.security_group_rule_id;
            let rule = rule_of(id, group, None, world)?;
            let rule = update.security_group_rule.apply(rule, group, world)?;
            if changed.insert(id, rule).is_some() {
                let message =
                    format!("The security group rule ID '{id}' is specified more than once.");
                return Err(ErrorCode::InvalidParameterValue.with(message));
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
        let ports = self.ports()?;
        let peer = self.peer()?;
        check_description(self.description.as_deref())?;
        if let RulePeer::SecurityGroup(id) = peer {
            check_peer(id, group, Naming::ForNew, world)?;
        }
        Ok(SecurityGroupRule {
            ip_protocol: ports.protocol,
            from_port: ports.from_port,
            to_port: ports.to_port,
            peer,
            peering: peering(peer, group, world),
            description: self.description,
            ..rule.clone()
        })
    }
}

impl SecurityGroupRuleRequest {
    fn ports(&self) -> Result<ProtocolPorts, Ec2Error> {
        let protocol = self.ip_protocol.as_deref();
        let has_ports = || {
            let parsed = protocol.and_then(|text| text.parse::<IpProtocol>().ok());
            parsed.is_some_and(IpProtocol::has_ports)
        };
        if (self.from_port.is_none() || self.to_port.is_none()) && has_ports() {
            let message =
                "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.";
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        ProtocolPorts::new(protocol, self.from_port, self.to_port)
    }

    /// The one peer that must be named.
    fn peer(&self) -> Result<RulePeer, Ec2Error> {
        let peers = [
            self.cidr_ipv4.map(|block| Ok(RulePeer::CidrIpv4(block.0))),
            self.cidr_ipv6.map(|block| Ok(RulePeer::CidrIpv6(block.0))),
            self.prefix_list_id
                .as_deref()
                .map(|list| Err(no_prefix_list(list))),
            self.referenced_group_id
                .map(|id| Ok(RulePeer::SecurityGroup(id))),
        ];
        let mut peers = peers.into_iter().flatten();
        let (code, message) = match (peers.next(), peers.next()) {
            (Some(peer), None) => return peer,
            (None, _) => (
                ErrorCode::MissingParameter,
                "The request must contain exactly one of: cidrIp, cidrIpv6, prefixListId, or referencedGroupId",
            ),
            (Some(_), Some(_)) => (
                ErrorCode::InvalidParameterCombination,
                "Only one of cidrIp, cidrIpv6, prefixListId, or referencedGroupId can be specified",
            ),
        };
        Err(Ec2Error::new(code, message))
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
