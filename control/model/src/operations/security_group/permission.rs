//! Rules as calls name them: `IpPermissions.N`, and the parameters of a single rule from EC2's first versions.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::str::FromStr;

use eni_query::{FromQuery, QueryError, QueryNode, read_id};
use eni_types::{SecurityGroupId, VpcId, VpcPeeringConnectionId};

use super::protocol::ProtocolPorts;
use super::rule::{NamedRule, RuleMatch, check_description};
use crate::api::security_group::{IpPermission, IpRange, PermissionParameters, UserIdGroupPair};
use crate::operations::{lookup, prefix_list};
use crate::resource::{GroupName, RulePeer, SecurityGroup};
use crate::{Context, Ec2Error, ErrorCode, World};

/// What rules are named for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// To make them.
    ForNew,
    /// To find those there are, whatever has become of the groups that they name.
    OfExisting,
}

/// What rules are named in.
#[derive(Clone, Copy)]
struct Of<'a, 'c> {
    group: &'a SecurityGroup,
    naming: Naming,
    world: &'a World,
    context: &'a Context<'c>,
}

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
        naming: Naming,
        world: &World,
        context: &Context<'_>,
    ) -> Result<Vec<NamedRule>, Ec2Error> {
        let of = Of {
            group,
            naming,
            world,
            context,
        };
        let permissions = self.into_permissions()?;
        let mut named = Vec::new();
        for permission in permissions {
            permission.resolve(of, &mut named)?;
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
    fn resolve(self, of: Of<'_, '_>, named: &mut Vec<NamedRule>) -> Result<(), Ec2Error> {
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
            let peer = pair.resolve(of)?;
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
    fn resolve(&self, of: Of<'_, '_>) -> Result<SecurityGroupId, Ec2Error> {
        let Of { group, world, .. } = of;
        let account = self.user_id.as_deref();
        let is_foreign = account.is_some_and(|account| account != of.context.region.account_id);
        match (self.group_id, &self.group_name) {
            (Some(id), _) if is_foreign => Err(lookup::not_found(id)),
            (Some(id), _) => {
                if is_named(id, group, of.naming, world) {
                    return Ok(id);
                }
                self.check_place(id, group, world)?;
                check_peer(id, group, of.naming, world)
            }
            (None, Some(name)) => {
                let key = GroupName::new(group.vpc_id, name);
                let found = world.security_groups.one(&key).filter(|_| !is_foreign);
                let found =
                    found.ok_or_else(|| lookup::no_security_group_named(name, group.vpc_id))?;
                self.check_place(found.group_id, group, world)?;
                Ok(found.group_id)
            }
            (None, None) => {
                let message = "Source group ID missing.";
                Err(ErrorCode::MissingParameter.with(message))
            }
        }
    }

    /// The VPC of a group, and the connection by which it is reached, follow from its id; what is said of them must be so.
    fn check_place(
        &self,
        id: SecurityGroupId,
        group: &SecurityGroup,
        world: &World,
    ) -> Result<(), Ec2Error> {
        let peer = world.security_groups.known(id)?;
        if let Some(vpc_id) = &self.vpc_id {
            let vpc_id: VpcId = read_id(vpc_id)?;
            if world.vpcs.known(vpc_id)?.vpc_id != peer.vpc_id {
                return Err(different_networks());
            }
        }
        if let Some(id) = &self.vpc_peering_connection_id {
            let id: VpcPeeringConnectionId = read_id(id)?;
            let connection = world.vpc_peering_connections.known(id)?;
            if connection.peer_of(group.vpc_id) != Some(peer.vpc_id) {
                return Err(different_networks());
            }
        }
        Ok(())
    }
}

/// Refuses a peer that does not exist or lies in another VPC that is not peered (VPC Peering Guide, "Update your security
/// groups to reference peer security groups"). What a rule names already may be named to revoke or describe the rule.
///
/// # Errors
/// `InvalidGroup.NotFound`.
pub(crate) fn check_peer(
    id: SecurityGroupId,
    group: &SecurityGroup,
    naming: Naming,
    world: &World,
) -> Result<SecurityGroupId, Ec2Error> {
    if is_named(id, group, naming, world) {
        return Ok(id);
    }
    let vpc_id = world.security_groups.known(id)?.vpc_id;
    if vpc_id != group.vpc_id && world.peering_between(group.vpc_id, vpc_id).is_none() {
        return Err(different_networks());
    }
    Ok(id)
}

/// Whether rules are named that there are, and one of them has this peer.
fn is_named(id: SecurityGroupId, group: &SecurityGroup, naming: Naming, world: &World) -> bool {
    let mut rules = world.security_group_rules.by(&group.group_id);
    naming == Naming::OfExisting && rules.any(|rule| rule.peer == RulePeer::SecurityGroup(id))
}

fn different_networks() -> Ec2Error {
    let message = "You have specified two resources that belong to different networks.";
    ErrorCode::InvalidGroupNotFound.with(message)
}

/// The error for a prefix list: rules take none.
pub(crate) fn no_prefix_list(id: &str) -> Ec2Error {
    prefix_list::refused_in_rules(id)
}
