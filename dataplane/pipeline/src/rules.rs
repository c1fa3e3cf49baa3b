//! Which rules of a policy match: `(remote | identity) & port`.

use eni_abi::{IdentityKey, PolicyKey, Port, RuleBits, RuleProtocol};

use crate::Tables;
use crate::packet::Scratch;

/// Leaves in `scratch.bits` the rules of `policy` that match a packet of `scratch.side` and protocol to `port`; `false`, with
/// nothing left there, where none can.
///
/// `port` is the destination port of the packet in question (ICMP: type and code).
#[inline(never)]
pub(crate) fn match_rules<T: Tables>(
    scratch: &mut Scratch,
    policy: PolicyKey,
    port: Port,
    tables: &T,
) -> bool {
    let Scratch {
        packet, side, bits, ..
    } = scratch;
    let by_address = tables.remote_rules(policy, side.key.remote_address);
    let by_identity = if side.identity == 0 {
        None
    } else {
        tables.identity_rules(&IdentityKey {
            policy,
            identity: side.identity,
        })
    };
    let (remote, more) = match (by_address, by_identity) {
        (Some(remote), Some(more)) => (remote, more),
        (Some(remote), None) | (None, Some(remote)) => (remote, remote),
        (None, None) => return false,
    };
    let protocol = RuleProtocol::number(packet.protocol);
    let port = match tables.port_rules(policy, protocol, port) {
        Some(rules) => rules,
        None => match tables.port_rules(policy, RuleProtocol::ALL, Port(0)) {
            Some(rules) => rules,
            None => return false,
        },
    };
    // Word by word out of all three: a copy or a clearing of so many bytes is a call in BPF, byte by byte.
    for (word, ((remote, more), port)) in bits
        .words
        .iter_mut()
        .zip(remote.words.iter().zip(&more.words).zip(&port.words))
    {
        *word = (remote | more) & port;
    }
    true
}

/// The lowest rule that is in both sets.
#[inline(always)]
pub(crate) fn first_common(a: &RuleBits, b: &RuleBits) -> Option<u32> {
    let mut below = 0;
    for (left, right) in a.words.iter().zip(&b.words) {
        if left & right != 0 {
            return Some(below + lowest_bit(left & right));
        }
        below += u64::BITS;
    }
    None
}

/// The lowest rule in the set.
#[inline(always)]
pub(crate) fn first(bits: &RuleBits) -> Option<u32> {
    first_common(bits, bits)
}

/// The number of the lowest bit of `word`, which is not 0. By halves: BPF counts no zeros, and what LLVM puts in place of it
/// is a table.
#[inline(always)]
fn lowest_bit(mut word: u64) -> u32 {
    let mut number = 0;
    for half in [32, 16, 8, 4, 2, 1] {
        if word & ((1 << half) - 1) == 0 {
            word >>= half;
            number += half;
        }
    }
    number
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_rule_is_found_wherever_it_is() {
        for rule in 0..eni_abi::MAX_RULES {
            let mut bits = RuleBits::EMPTY;
            for above in [rule, rule + 1, rule + 70, eni_abi::MAX_RULES - 1] {
                bits.insert(above);
            }
            assert_eq!(first(&bits), Some(rule as u32));
        }
        assert_eq!(first(&RuleBits::EMPTY), None);
    }
}
