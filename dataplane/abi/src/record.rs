//! What became of a packet, in the terms of who asks later: flow logs, traces, `openeni status`.

use crate::plain::plain;
use crate::{Address, PolicyKey, Port};

/// The rule of a policy that decided about a packet.
///
/// Zeroed it is no rule: no policy was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct DecidingRule {
    /// The policy and the direction in which it was asked; its number is 0 where none was.
    pub policy: PolicyKey,
    /// One more than the rule's number in the policy; 0 where none matched, which denies (EC2's rule `*`).
    after: u32,
}

impl DecidingRule {
    /// No policy was asked.
    pub const NONE: Self = Self {
        policy: PolicyKey(0),
        after: 0,
    };

    /// Rule number `rule` of `policy`; `None` where none matched.
    #[must_use]
    #[inline(always)]
    pub const fn new(policy: PolicyKey, rule: Option<u32>) -> Self {
        let after = match rule {
            Some(rule) => rule.wrapping_add(1),
            None => 0,
        };
        Self { policy, after }
    }

    /// The rule's number: its bit in the policy's [`crate::RuleBits`]. `None` where none matched.
    #[must_use]
    pub const fn rule(self) -> Option<u32> {
        self.after.checked_sub(1)
    }
}

/// What tells one flow of an interface from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FiveTuple {
    /// Source address, as the sender sent it.
    pub source: Address,
    /// Destination address, as the sender sent it.
    pub destination: Address,
    /// Source port; the identifier for ICMP queries; 0 for protocols without ports.
    pub source_port: Port,
    /// Destination port; ICMP's type and code; 0 for protocols without ports.
    pub destination_port: Port,
    /// IP protocol number.
    pub protocol: u8,
}

plain! {
    DecidingRule { policy: PolicyKey, after: u32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Direction, MAX_RULES};

    #[test]
    fn a_rule_keeps_its_number_and_no_rule_has_one() {
        let policy = PolicyKey::new(7, Direction::Egress);
        for rule in [0, MAX_RULES as u32 - 1] {
            assert_eq!(DecidingRule::new(policy, Some(rule)).rule(), Some(rule));
        }
        assert_eq!(DecidingRule::new(policy, None).rule(), None);
        assert_eq!(DecidingRule::default(), DecidingRule::NONE);
    }
}
