//! Network ACLs: stateless, in rule order, at the boundary of a subnet only.

use eni_abi::{Direction, PolicyKey};

use crate::Tables;
use crate::packet::Scratch;
use crate::rules::{first_allows, match_rules};

/// Whether the network ACL `policy` lets the packet of `scratch.side` pass in `direction`.
#[inline(never)]
pub(crate) fn allows<T: Tables>(
    scratch: &mut Scratch,
    policy: u32,
    direction: Direction,
    tables: &T,
) -> bool {
    // Group-sourced rules do not exist in network ACLs.
    scratch.side.identity = 0;
    let port = scratch.packet.destination_port;
    match_rules(scratch, PolicyKey::new(policy, direction), port, tables);
    match tables.policy(policy) {
        Some(policy) => first_allows(&scratch.bits, &policy.direction(direction).allow),
        None => false,
    }
}
