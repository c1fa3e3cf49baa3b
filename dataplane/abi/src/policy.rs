//! Policies: the rules of one set of security groups, or of one network ACL, as bit vectors.
//!
//! Rule *i* of a policy and direction is bit *i* of every [`RuleBits`] of that policy and direction. A packet's remote
//! address selects one vector by longest prefix, the remote's identity a second, protocol and port a third; the rules
//! that match are `(remote | identity) & port`. So 1 and 1,000 rules cost the same.
//!
//! Each vector in a trie holds the union over all prefixes that contain its own, so that the longest match alone is the
//! answer. Security groups: any matching rule allows. Network ACLs: bits are in rule-number order and the lowest
//! matching bit decides by [`DirectionPolicy::allow`].
//!
//! Rules of security groups may come or go in place (`eni-lower` says when), and a bit means one rule while its number is in
//! use. Any other change gives a policy with a number that no flow or vport knows, written whole before vports flip to it.

use crate::plain::plain;
use crate::prefix::number_of;
use crate::{Address, LpmKey, Port, Prefix};

/// Rules in one direction of one policy: EC2 allows groups × rules ≤ 1,000 on an interface, and 20 (at most 40) entries
/// in a network ACL.
pub const MAX_RULES: usize = 1_024;

/// What a rule says about the protocol: one by its number, or all of them (EC2's `-1`).
///
/// Wider than the protocol field of an IP header (RFC 791), so that "all" is no packet's protocol: all 256 numbers may
/// stand in a packet and in a rule, 255 included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct RuleProtocol(u16);

impl RuleProtocol {
    /// All protocols.
    pub const ALL: Self = Self(1 << u8::BITS);

    /// One protocol.
    #[must_use]
    #[inline(always)]
    pub const fn number(protocol: u8) -> Self {
        Self(protocol as u16)
    }
}

const WORDS: usize = MAX_RULES / 64;

/// A set of rules of one direction of one policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RuleBits {
    /// Bit *i* is bit *i* mod 64 of word *i* / 64.
    pub words: [u64; WORDS],
}

impl RuleBits {
    /// No rule.
    pub const EMPTY: Self = Self { words: [0; WORDS] };

    /// Adds `rule`. Numbers from [`MAX_RULES`] on are left out: the lowering refuses such policies before.
    pub fn insert(&mut self, rule: usize) {
        if let Some(word) = self.words.get_mut(rule / 64) {
            *word |= 1 << (rule % 64);
        }
    }

    /// Whether `rule` is in the set.
    #[must_use]
    pub fn contains(&self, rule: usize) -> bool {
        self.words
            .get(rule / 64)
            .is_some_and(|word| word >> (rule % 64) & 1 == 1)
    }

    /// Adds all rules of `other`.
    pub fn union(&mut self, other: &Self) {
        for (word, more) in self.words.iter_mut().zip(other.words) {
            *word |= more;
        }
    }

    /// Whether no rule is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }
}

/// A packet's direction, seen from the network interface (or from the subnet, for network ACLs).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Direction {
    /// Towards the guest (into the subnet).
    Ingress = 0,
    /// From the guest (out of the subnet).
    Egress = 1,
}

impl Direction {
    /// The other one.
    #[must_use]
    #[inline(always)]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Ingress => Self::Egress,
            Self::Egress => Self::Ingress,
        }
    }
}

/// What one direction of a policy says about its rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct DirectionPolicy {
    /// [`DirectionPolicy::ALL_OPEN_TCP`] and the others below. Security groups only.
    pub flags: u64,
    /// Rules whose source or destination is 0.0.0.0/0 or ::/0: flows they allow may be untracked. Security groups only.
    pub world_open: RuleBits,
    /// Rules that allow; the others deny. Network ACLs only.
    pub allow: RuleBits,
}

impl DirectionPolicy {
    /// A rule allows all TCP ports from or to 0.0.0.0/0 (a rule for all protocols does).
    pub const ALL_OPEN_TCP: u64 = 1;
    /// A rule allows all UDP ports from or to 0.0.0.0/0 (a rule for all protocols does).
    pub const ALL_OPEN_UDP: u64 = 1 << 1;
    /// A rule allows all TCP ports from or to ::/0.
    pub const ALL_OPEN_TCP_IPV6: u64 = 1 << 2;
    /// A rule allows all UDP ports from or to ::/0.
    pub const ALL_OPEN_UDP_IPV6: u64 = 1 << 3;
}

/// Value of [`crate::map::POLICIES`], keyed by the policy's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Policy {
    /// Towards the guest.
    pub ingress: DirectionPolicy,
    /// From the guest.
    pub egress: DirectionPolicy,
}

impl Policy {
    /// The half of `direction`.
    #[must_use]
    #[inline(always)]
    pub const fn direction(&self, direction: Direction) -> &DirectionPolicy {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

/// A policy and a direction in one word: the fixed part of the rule tables' keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct PolicyKey(pub u32);

impl PolicyKey {
    /// `policy` must be below 2³⁰: the highest bit is the family's where tries begin with the key.
    #[must_use]
    #[inline(always)]
    pub const fn new(policy: u32, direction: Direction) -> Self {
        Self(policy << 1 | direction as u32)
    }

    /// The policy's number.
    #[must_use]
    pub const fn policy(self) -> u32 {
        number_of(self.0) >> 1
    }

    /// The direction.
    #[must_use]
    pub const fn direction(self) -> Direction {
        if self.0 & 1 == 0 {
            Direction::Ingress
        } else {
            Direction::Egress
        }
    }
}

/// Key of [`crate::map::REMOTE_RULES`]; always inside an [`LpmKey`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct RemoteKey {
    /// Policy and direction, and the family of the remote network.
    pub policy: PolicyKey,
    /// The source of an ingress packet, the destination of an egress packet.
    pub remote: Address,
}

impl RemoteKey {
    /// The trie key of a remote network.
    #[must_use]
    #[inline(always)]
    pub const fn prefix(policy: PolicyKey, remote: Prefix) -> LpmKey<Self> {
        LpmKey {
            prefix_length: 32 + remote.length as u32,
            data: Self {
                policy: PolicyKey(remote.in_family(policy.0)),
                remote: remote.address,
            },
        }
    }
}

/// Key of [`crate::map::IDENTITY_RULES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct IdentityKey {
    /// Policy and direction.
    pub policy: PolicyKey,
    /// Identity of the remote interface.
    pub identity: u32,
}

/// Key of [`crate::map::PORT_RULES`]; always inside an [`LpmKey`].
///
/// The vector under a protocol holds the rules for all protocols too. A packet that finds nothing under its own
/// protocol is looked up under [`RuleProtocol::ALL`] with port 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct PortKey {
    /// Policy and direction.
    pub policy: PolicyKey,
    /// Part of every prefix.
    pub protocol: RuleProtocol,
    /// Destination port; ICMP's type and code ([`Port::icmp`]); 0 for other protocols.
    pub port: Port,
}

impl PortKey {
    /// The trie key of all ports that share the first `prefix_length` (0 to 16) bits of `port`.
    #[must_use]
    #[inline(always)]
    pub const fn prefix(
        policy: PolicyKey,
        protocol: RuleProtocol,
        port: Port,
        prefix_length: u8,
    ) -> LpmKey<Self> {
        LpmKey {
            prefix_length: 48 + prefix_length as u32,
            data: Self {
                policy,
                protocol,
                port,
            },
        }
    }
}

plain! {
    RuleBits { words: [u64; WORDS] }
    DirectionPolicy { flags: u64, world_open: RuleBits, allow: RuleBits }
    Policy { ingress: DirectionPolicy, egress: DirectionPolicy }
    RemoteKey { policy: PolicyKey, remote: Address }
    IdentityKey { policy: PolicyKey, identity: u32 }
    PortKey { policy: PolicyKey, protocol: RuleProtocol, port: Port }
}

/// For those who write rules.
impl RuleBits {
    /// Takes `rule` out.
    pub fn remove(&mut self, rule: usize) {
        if let Some(word) = self.words.get_mut(rule / 64) {
            *word &= !(1 << (rule % 64));
        }
    }

    /// The rules in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        let words = (0..).step_by(64).zip(self.words);
        words.flat_map(|(first, mut word)| {
            core::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
                word &= word - 1;
                Some(first + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_sets_hold_the_first_and_the_last_rule_and_nothing_beyond() {
        let mut bits = RuleBits::EMPTY;
        for rule in [0, 63, 64, MAX_RULES - 1, MAX_RULES] {
            bits.insert(rule);
        }
        let held: [bool; 6] =
            [0, 1, 63, 64, MAX_RULES - 1, MAX_RULES].map(|rule| bits.contains(rule));
        assert_eq!(held, [true, false, true, true, true, false]);
        assert!(bits.iter().eq([0, 63, 64, MAX_RULES - 1]));
        bits.remove(64);
        bits.remove(MAX_RULES);
        assert!(bits.contains(63) && !bits.contains(64));
    }

    #[test]
    fn all_protocols_are_no_protocol() {
        for protocol in 0..=u8::MAX {
            assert_ne!(RuleProtocol::number(protocol), RuleProtocol::ALL);
        }
    }

    #[test]
    fn policy_keys_keep_policy_and_direction() {
        for direction in [Direction::Ingress, Direction::Egress] {
            let key = PolicyKey::new(77, direction);
            assert_eq!((key.policy(), key.direction()), (77, direction));
        }
    }
}
