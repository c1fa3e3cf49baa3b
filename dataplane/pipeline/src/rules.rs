//! Which rules of a policy match: `(remote | identity) & port`.

use eni_abi::{IdentityKey, PolicyKey, Port, RuleBits, RuleProtocol};

use crate::Tables;
use crate::packet::Scratch;

/// Leaves in `scratch.bits` the rules of `policy` that match a packet of `scratch.side` and protocol to `port`.
///
/// `port` is the destination port of the packet in question (ICMP: type and code).
#[inline(never)]
pub(crate) fn match_rules<T: Tables>(
    scratch: &mut Scratch,
    policy: PolicyKey,
    port: Port,
    tables: &T,
) {
    let Scratch {
        packet, side, bits, ..
    } = scratch;
    match tables.remote_rules(policy, side.key.remote_address) {
        Some(rules) => *bits = *rules,
        None => *bits = RuleBits::EMPTY,
    }
    if side.identity != 0
        && let Some(rules) = tables.identity_rules(&IdentityKey {
            policy,
            identity: side.identity,
        })
    {
        for (word, rule_word) in bits.words.iter_mut().zip(&rules.words) {
            *word |= *rule_word;
        }
    }
    let rules = match tables.port_rules(policy, RuleProtocol::number(packet.protocol), port) {
        Some(rules) => rules,
        None => match tables.port_rules(policy, RuleProtocol::ALL, Port(0)) {
            Some(rules) => rules,
            None => {
                *bits = RuleBits::EMPTY;
                return;
            }
        },
    };
    for (word, rule_word) in bits.words.iter_mut().zip(&rules.words) {
        *word &= *rule_word;
    }
}

/// Whether any rule is in both sets.
#[inline(always)]
pub(crate) fn intersects(a: &RuleBits, b: &RuleBits) -> bool {
    let mut common = 0;
    for (left, right) in a.words.iter().zip(&b.words) {
        common |= left & right;
    }
    common != 0
}

/// Whether any rule is in the set.
#[inline(always)]
pub(crate) fn any(bits: &RuleBits) -> bool {
    let mut union = 0;
    for word in &bits.words {
        union |= word;
    }
    union != 0
}

/// Whether the lowest rule of `matched` is one of `allow`; `false` when none matched (EC2's rule `*`).
#[inline(always)]
pub(crate) fn first_allows(matched: &RuleBits, allow: &RuleBits) -> bool {
    for (word, allow_word) in matched.words.iter().zip(&allow.words) {
        if *word != 0 {
            let lowest = word & word.wrapping_neg();
            return allow_word & lowest != 0;
        }
    }
    false
}
