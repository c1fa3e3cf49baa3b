//! Security groups and their rules as answers show them.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::{Ipv4Cidr, Ipv6Cidr, SecurityGroupId, VpcId, VpcPeeringConnectionId};

use super::protocol::ProtocolPorts;
use super::rule::{Direction, RuleMatch, rules_of};
use crate::api::security_group::{
    IpPermissionDescription, IpRangeDescription, Ipv6RangeDescription, ReferencedGroupInfo,
    SecurityGroupDescription, SecurityGroupRuleDescription, UserIdGroupPairDescription,
};
use crate::describe::Scope;
use crate::resource::{
    PeerSecurityGroup, RulePeer, RulePeering, SecurityGroup, SecurityGroupRule,
    VpcPeeringConnectionStatus,
};
use crate::{ItemSet, World};

impl SecurityGroupDescription {
    pub(crate) fn new(group: &SecurityGroup, scope: Scope<'_>) -> Self {
        let permissions = |direction| {
            permissions(
                rules_of(group.group_id, direction, scope.world)
                    .map(|rule| (RuleMatch::of(rule), rule.description.clone())),
                group.vpc_id,
                scope,
            )
        };
        Self {
            owner_id: scope.region.account_id.clone(),
            group_id: group.group_id,
            security_group_arn: scope.region.arn("security-group", group.group_id),
            group_name: group.group_name.clone(),
            group_description: group.description.clone(),
            vpc_id: group.vpc_id,
            ip_permissions: permissions(Direction::Ingress),
            ip_permissions_egress: permissions(Direction::Egress),
            tag_set: group.tags.to_items_if_any(),
        }
    }
}

/// Rules as permissions: one for each protocol and range of ports, in the order of their first rules.
pub(crate) fn permissions(
    rules: impl Iterator<Item = (RuleMatch, Option<String>)>,
    vpc_id: VpcId,
    scope: Scope<'_>,
) -> ItemSet<IpPermissionDescription> {
    let mut places: BTreeMap<ProtocolPorts, usize> = BTreeMap::new();
    let mut grouped: Vec<(ProtocolPorts, Vec<_>)> = Vec::new();
    for (matched, description) in rules {
        let place = *places.entry(matched.ports).or_insert(grouped.len());
        if place == grouped.len() {
            grouped.push((matched.ports, Vec::new()));
        }
        grouped[place].1.push((matched.peer, description));
    }
    grouped
        .into_iter()
        .map(|(ports, peers)| IpPermissionDescription::new(ports, peers, vpc_id, scope))
        .collect()
}

impl IpPermissionDescription {
    fn new(
        ports: ProtocolPorts,
        peers: Vec<(RulePeer, Option<String>)>,
        vpc_id: VpcId,
        scope: Scope<'_>,
    ) -> Self {
        let (from_port, to_port) = ports.shown_ports().unzip();
        let mut made = Self {
            ip_protocol: ports.protocol.to_string(),
            from_port,
            to_port,
            groups: ItemSet::default(),
            ip_ranges: ItemSet::default(),
            ipv6_ranges: ItemSet::default(),
            prefix_list_ids: ItemSet::default(),
        };
        for (peer, description) in peers {
            match peer {
                RulePeer::CidrIpv4(cidr_ip) => made.ip_ranges.items.push(IpRangeDescription {
                    cidr_ip,
                    description,
                }),
                RulePeer::CidrIpv6(cidr_ipv6) => {
                    made.ipv6_ranges.items.push(Ipv6RangeDescription {
                        cidr_ipv6,
                        description,
                    })
                }
                RulePeer::SecurityGroup(group_id) => {
                    let peered = Peered::of(group_id, vpc_id, scope.world);
                    made.groups.items.push(UserIdGroupPairDescription {
                        user_id: scope.region.account_id.clone(),
                        group_id,
                        vpc_id: peered.map(|peered| peered.vpc_id),
                        vpc_peering_connection_id: peered.and_then(|peered| peered.connection),
                        peering_status: peered.map(|peered| peered.status()),
                        description,
                    });
                }
            }
        }
        made
    }
}

/// A group of another VPC, as a rule that names it is shown.
#[derive(Clone, Copy)]
pub(super) struct Peered {
    vpc_id: VpcId,
    /// By which it is reached, or was last.
    connection: Option<VpcPeeringConnectionId>,
    is_reached: bool,
    is_deleted: bool,
}

impl Peered {
    /// `None` for a group of the same VPC.
    pub(super) fn of(group_id: SecurityGroupId, vpc_id: VpcId, world: &World) -> Option<Self> {
        let kept = kept_peering(group_id, vpc_id, world);
        let group = world.security_groups.get(group_id);
        let peer =
            group.map_or_else(|| kept.map(|kept| kept.vpc_id), |group| Some(group.vpc_id))?;
        let live = world.peering_between(vpc_id, peer);
        let live = live.map(|connection| connection.vpc_peering_connection_id);
        (peer != vpc_id).then(|| Self {
            vpc_id: peer,
            connection: live.or_else(|| kept?.vpc_peering_connection_id),
            is_reached: live.is_some(),
            is_deleted: group.is_none(),
        })
    }

    /// Whether a rule that names it matches nothing: it is deleted, or its VPC is not peered any more.
    pub(super) fn is_stale(self) -> bool {
        self.is_deleted || !self.is_reached
    }

    fn status(self) -> &'static str {
        let status = match self.is_reached {
            true => VpcPeeringConnectionStatus::Active,
            false => VpcPeeringConnectionStatus::Deleted,
        };
        status.as_str()
    }
}

/// Where a group is or was, as rules of the VPC that name it have kept it.
fn kept_peering(group_id: SecurityGroupId, vpc_id: VpcId, world: &World) -> Option<RulePeering> {
    let mut rules = world
        .security_group_rules
        .by(&PeerSecurityGroup(group_id))
        .filter(|rule| {
            let own = world.security_groups.get(rule.group_id);
            own.is_some_and(|own| own.vpc_id == vpc_id)
        });
    rules.find_map(|rule| rule.peering)
}

impl SecurityGroupRuleDescription {
    pub(crate) fn new(rule: &SecurityGroupRule, scope: Scope<'_>) -> Self {
        let account = &scope.region.account_id;
        let groups = &scope.world.security_groups;
        let referenced = |group_id| {
            let own = groups.get(rule.group_id);
            let peered = own.and_then(|own| Peered::of(group_id, own.vpc_id, scope.world));
            ReferencedGroupInfo {
                group_id,
                user_id: account.clone(),
                vpc_id: peered
                    .map(|peered| peered.vpc_id)
                    .or_else(|| Some(groups.get(group_id)?.vpc_id)),
                vpc_peering_connection_id: peered.and_then(|peered| peered.connection),
                peering_status: peered.map(|peered| peered.status()),
            }
        };
        let (cidr_ipv4, cidr_ipv6, group_id) = split(rule.peer);
        Self {
            security_group_rule_id: rule.security_group_rule_id,
            group_id: rule.group_id,
            group_owner_id: account.clone(),
            is_egress: rule.is_egress,
            ip_protocol: rule.ip_protocol.to_string(),
            from_port: rule.from_port,
            to_port: rule.to_port,
            cidr_ipv4,
            cidr_ipv6,
            referenced_group_info: group_id.map(referenced),
            description: rule.description.clone(),
            tag_set: rule.tags.to_items(),
            security_group_rule_arn: scope.region.arn(
                "security-group-rule",
                rule.security_group_rule_id.to_string(),
            ),
        }
    }
}

/// The peer as the members of an answer, of which one is there.
pub(crate) fn split(
    peer: RulePeer,
) -> (Option<Ipv4Cidr>, Option<Ipv6Cidr>, Option<SecurityGroupId>) {
    match peer {
        RulePeer::CidrIpv4(block) => (Some(block), None, None),
        RulePeer::CidrIpv6(block) => (None, Some(block), None),
        RulePeer::SecurityGroup(id) => (None, None, Some(id)),
    }
}
