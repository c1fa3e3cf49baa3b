//! Rules as calls name them: `IpPermissions.N`, and the parameters of a single rule from EC2's first versions.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::str::FromStr;

use eni_query::{FromQuery, QueryError, QueryNode, read_id};
use eni_types::{SecurityGroupId, VpcPeeringConnectionId};

use super::protocol::ProtocolPorts;
use super::rule::{NamedRule, RuleMatch, check_description};
use crate::api::security_group::{IpPermission, IpRange, PermissionParameters, UserIdGroupPair};
use crate::operations::{lookup, prefix_list};
use crate::resource::{GroupName, RulePeer, SecurityGroup};
use crate::{Context, Ec2Error, ErrorCode, World};

/// A block as the peer of a rule, for which EC2 has words of its own where it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerBlock<C>(pub(crate) C);

impl<C: FromStr> FromQuery for PeerBlock<C> {
    fn from_query(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
        let text = String::from_query(node, path)?;
        let message = || format!("CIDR block {text} is malformed");
        let read = text.parse().map(Self);
        read.map_err(|_| QueryError::Worded { message: message() })
    }
}

impl PermissionParameters {
    /// Whether nothing is named.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The rules that are named, for `group`.
    ///
    /// # Errors
    /// EC2's for what is malformed, for peers that do not exist, and for a rule named twice.
    pub(crate) fn resolve(
        self,
        group: &SecurityGroup,
        world: &World,
        context: &Context<'_>,
    ) -> Result<Vec<NamedRule>, Ec2Error> {
        let permissions = self.into_permissions()?;
        let mut named = Vec::new();
        for permission in permissions {
            permission.resolve(group, world, context, &mut named)?;
        }
        let mut seen = BTreeSet::new();
        if !named.iter().all(|rule| seen.insert(rule.matched)) {
            let message = "The same permission must not appear multiple times";
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        Ok(named)
    }

    fn into_permissions(self) -> Result<Vec<IpPermission>, Ec2Error> {
        let single = Self {
            ip_permissions: Vec::new(),
            ..self.clone()
        };
        if single.is_empty() {
            return Ok(self.ip_permissions);
        }
        let message = if !self.ip_permissions.is_empty() {
            "The parameter 'ipPermissions' may not be used in combination with the parameters of a single rule"
        } else if self.cidr_ip.is_some() && self.source_security_group_name.is_some() {
            "The parameter 'cidrIp' may not be used in combination with 'sourceSecurityGroupName'"
        } else {
            return Ok(single.into_single());
        };
        Err(ErrorCode::InvalidParameterCombination.with(message))
    }

    /// The single rule, or the three that a group's name without a protocol stands for.
    fn into_single(self) -> Vec<IpPermission> {
        let groups = self.source_security_group_name.map(|name| UserIdGroupPair {
            group_name: Some(name),
            user_id: self.source_security_group_owner_id,
            ..UserIdGroupPair::default()
        });
        let ip_ranges = self.cidr_ip.map(|cidr_ip| IpRange {
            cidr_ip,
            description: None,
        });
        let permission = IpPermission {
            ip_protocol: self.ip_protocol,
            from_port: self.from_port,
            to_port: self.to_port,
            groups: groups.into_iter().collect(),
            ip_ranges: ip_ranges.into_iter().collect(),
            ..IpPermission::default()
        };
        if permission.ip_protocol.is_some() || permission.groups.is_empty() {
            return vec![permission];
        }
        [("tcp", 0, 65_535), ("udp", 0, 65_535), ("icmp", -1, -1)]
            .map(|(protocol, from, to)| IpPermission {
                ip_protocol: Some(protocol.into()),
                from_port: Some(from),
                to_port: Some(to),
                ..permission.clone()
            })
            .into()
    }
}

impl IpPermission {
    fn resolve(
        self,
        group: &SecurityGroup,
        world: &World,
        context: &Context<'_>,
        named: &mut Vec<NamedRule>,
    ) -> Result<(), Ec2Error> {
        let protocol = self.ip_protocol.as_deref();
        let ports = ProtocolPorts::new(protocol, self.from_port, self.to_port)?;
        let before = named.len();
        let mut add = |peer, description: Option<String>| {
            check_description(description.as_deref())?;
            named.push(NamedRule {
                matched: RuleMatch { ports, peer },
                description,
            });
            Ok::<(), Ec2Error>(())
        };
        for range in self.ip_ranges {
            add(RulePeer::CidrIpv4(range.cidr_ip.0), range.description)?;
        }
        for range in self.ipv6_ranges {
            add(RulePeer::CidrIpv6(range.cidr_ipv6.0), range.description)?;
        }
        if let Some(list) = self.prefix_list_ids.first() {
            return Err(no_prefix_list(&list.prefix_list_id));
        }
        for pair in self.groups {
            let peer = pair.resolve(group, world, context)?;
            add(RulePeer::SecurityGroup(peer), pair.description)?;
        }
        if named.len() == before {
            let message = "A permission must name a CIDR block, a prefix list or a security group.";
            return Err(ErrorCode::InvalidPermissionMalformed.with(message));
        }
        Ok(())
    }
}

impl UserIdGroupPair {
    fn resolve(
        &self,
        group: &SecurityGroup,
        world: &World,
        context: &Context<'_>,
    ) -> Result<SecurityGroupId, Ec2Error> {
        let account = self.user_id.as_deref();
        let is_foreign = account.is_some_and(|account| account != context.region.account_id);
        let peer = match (self.group_id, &self.group_name) {
            (Some(id), _) if is_foreign => return Err(lookup::not_found(id)),
            (Some(id), _) => {
                self.check_peering(world)?;
                return check_peer(id, group, world);
            }
            (None, Some(name)) => {
                let key = GroupName::new(group.vpc_id, name);
                let found = world.security_groups.one(&key).filter(|_| !is_foreign);
                found.ok_or_else(|| lookup::no_security_group_named(name, group.vpc_id))?
            }
            (None, None) => {
                let message = "Source group ID missing.";
                return Err(ErrorCode::MissingParameter.with(message));
            }
        };
        Ok(peer.group_id)
    }

    /// The connection that the group is reached by follows from the group; one that is named must exist.
    fn check_peering(&self, world: &World) -> Result<(), Ec2Error> {
        if let Some(id) = &self.vpc_peering_connection_id {
            let id: VpcPeeringConnectionId = read_id(id)?;
            world.vpc_peering_connections.known(id)?;
        }
        Ok(())
    }
}

/// Refuses a peer that does not exist or lies in another VPC that is not peered (VPC Peering Guide, "Update your security
/// groups to reference peer security groups"). What a rule names already it may go on naming, so that it can be revoked.
///
/// # Errors
/// `InvalidGroup.NotFound`.
pub(crate) fn check_peer(
    id: SecurityGroupId,
    group: &SecurityGroup,
    world: &World,
) -> Result<SecurityGroupId, Ec2Error> {
    let vpc_id = world.security_groups.known(id)?.vpc_id;
    let is_named = || {
        let mut rules = world.security_group_rules.by(&group.group_id);
        rules.any(|rule| rule.peer == RulePeer::SecurityGroup(id))
    };
    if vpc_id != group.vpc_id
        && world.peering_between(group.vpc_id, vpc_id).is_none()
        && !is_named()
    {
        let message = "You have specified two resources that belong to different networks.";
        return Err(ErrorCode::InvalidGroupNotFound.with(message));
    }
    Ok(id)
}

/// The error for a prefix list: rules take none.
pub(crate) fn no_prefix_list(id: &str) -> Ec2Error {
    prefix_list::refused_in_rules(id)
}
