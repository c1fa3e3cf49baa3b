//! Network ACLs: stateless, in rule order, at the boundary of a subnet only.

use eni_abi::{DecidingRule, Direction, PolicyKey};

use crate::Tables;
use crate::packet::Scratch;
use crate::rules::{first, first_allows, match_rules};

/// Whether the network ACL `policy` lets the packet of `scratch.side` pass in `direction`.
#[inline(never)]
pub(crate) fn allows<T: Tables>(
    scratch: &mut Scratch,
    policy: u32,
    direction: Direction,
    tables: &T,
) -> bool {
    let key = PolicyKey::new(policy, direction);
    // Group-sourced rules do not exist in network ACLs.
    scratch.side.identity = 0;
    let port = scratch.side.destination_port;
    if !match_rules(scratch, key, port, tables) {
        scratch.denying_rule = DecidingRule::new(key, None);
        return false;
    }
    let allowed = match tables.policy(policy) {
        Some(policy) => first_allows(&scratch.bits, &policy.direction(direction).allow),
        None => false,
    };
    if !allowed {
        scratch.denying_rule = DecidingRule::new(key, first(&scratch.bits));
    }
    allowed
}
