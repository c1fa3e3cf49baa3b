//! Which security groups an interface may have.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use eni_types::{SecurityGroupId, VpcId, quota};

use crate::{Ec2Error, ErrorCode, World};

/// The security groups of an interface in the VPC `vpc_id` that asks for `group_ids`: those, each once, or the VPC's
/// default group where it asks for none.
///
/// # Errors
/// `InvalidGroup.NotFound` for a group that does not exist or belongs to another VPC,
/// `SecurityGroupsPerInterfaceLimitExceeded`, `RulesPerSecurityGroupLimitExceeded`.
pub(crate) fn check(
    group_ids: Vec<SecurityGroupId>,
    vpc_id: VpcId,
    world: &World,
) -> Result<Vec<SecurityGroupId>, Ec2Error> {
    let mut seen = BTreeSet::new();
    let mut distinct: Vec<_> = group_ids
        .into_iter()
        .filter(|id| seen.insert(*id))
        .collect();
    for group_id in &distinct {
        if world.security_groups.known(*group_id)?.vpc_id != vpc_id {
            let message = "You have specified two resources that belong to different networks.";
            return Err(ErrorCode::InvalidGroupNotFound.with(message));
        }
    }
    if distinct.is_empty() {
        let default = world.default_security_group(vpc_id);
        distinct.extend(default.map(|group| group.group_id));
    }
    if distinct.len() > quota::SECURITY_GROUPS_PER_NETWORK_INTERFACE {
        let message = "The maximum number of security groups per interface has been reached.";
        return Err(ErrorCode::SecurityGroupsPerInterfaceLimitExceeded.with(message));
    }
    check_rules(&distinct, None, world)?;
    Ok(distinct)
}

/// Refuses groups that together have more rules in one direction than an interface may have ("Amazon VPC quotas": the
/// product of both quotas is at most 1,000). `more` is the number of rules that a group is about to get in addition.
///
/// # Errors
/// `RulesPerSecurityGroupLimitExceeded`.
pub(crate) fn check_rules(
    group_ids: &[SecurityGroupId],
    more: Option<NewRules>,
    world: &World,
) -> Result<(), Ec2Error> {
    let more_of = |egress| {
        more.filter(|more| more.is_egress == egress)
            .map_or(0, |more| more.number)
    };
    let limit = quota::RULES_PER_NETWORK_INTERFACE;
    let both: usize = group_ids
        .iter()
        .map(|id| world.security_group_rules.count(id))
        .sum();
    if both + more_of(false).max(more_of(true)) <= limit {
        return Ok(());
    }
    for egress in [false, true] {
        let rules = group_ids
            .iter()
            .flat_map(|id| world.security_group_rules.by(id))
            .filter(|rule| rule.is_egress == egress)
            .count();
        if rules + more_of(egress) > limit {
            return Err(too_many_rules());
        }
    }
    Ok(())
}

/// Rules that a group is about to get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewRules {
    /// Their direction.
    pub(crate) is_egress: bool,
    /// How many.
    pub(crate) number: usize,
}

/// The error for more rules than a group, or an interface over all its groups, may have.
pub(crate) fn too_many_rules() -> Ec2Error {
    let message = "The maximum number of rules per security group has been reached.";
    ErrorCode::RulesPerSecurityGroupLimitExceeded.with(message)
}
