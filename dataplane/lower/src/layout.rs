//! Rules as bit vectors: see `eni_abi::RuleBits` for what the rows mean.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_abi::{
    Direction, DirectionPolicy, IdentityKey, LpmKey, MAX_RULES, Policy, PolicyKey, Port, PortKey,
    RemoteKey, RuleBits, RuleProtocol,
};
use eni_model::resource::IpProtocol;
use eni_types::{IpCidr, Ipv4Cidr, Ipv6Cidr, SecurityGroupId};

use crate::policy::{Content, Peer, PortPrefix, Rule, port_prefixes};
use crate::{TableChange, prefix};

pub(crate) const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// The rules of a policy, and which bit stands for each as long as the policy has its number.
///
/// A policy begins with its rules in their order, which a network ACL needs. Where rules come later while it keeps its number
/// ([`Layout::edit`]) they get bits that none had: a bit of a number means one rule for good, whoever remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    content: Arc<Content>,
    /// In the order of the content's rules.
    pub(super) bits: Vec<usize>,
    /// By direction: from here on no bit has stood for a rule.
    pub(super) unused: [usize; 2],
}

/// A rule with its bit.
pub(crate) type Numbered<'a> = (usize, &'a Rule);

impl Layout {
    /// A policy that gets a number. Rules for which there is no bit are left out: the quotas of EC2 let no policy have so
    /// many.
    pub(crate) fn new(content: Arc<Content>) -> Self {
        let counts = DIRECTIONS.map(|direction| content.direction(direction).len());
        Self {
            content,
            bits: counts.into_iter().flat_map(|count| 0..count).collect(),
            unused: counts,
        }
    }

    /// Rules that have these bits, among them all that have ever been given.
    pub(crate) fn with_bits(content: Arc<Content>, bits: Vec<usize>) -> Self {
        Self {
            content,
            bits,
            unused: [MAX_RULES; 2],
        }
    }

    pub(super) fn with(content: Arc<Content>, bits: Vec<usize>, unused: [usize; 2]) -> Self {
        Self {
            content,
            bits,
            unused,
        }
    }

    /// The rules.
    pub(crate) fn content(&self) -> &Arc<Content> {
        &self.content
    }

    /// The rules of a direction that have a bit.
    pub(crate) fn numbered(&self, direction: Direction) -> Vec<Numbered<'_>> {
        let ingress = self.content.direction(Direction::Ingress).len();
        let (ingress, egress) = self.bits.split_at(ingress);
        let bits = match direction {
            Direction::Ingress => ingress,
            Direction::Egress => egress,
        };
        let rules = bits.iter().copied().zip(self.content.direction(direction));
        rules.filter(|(bit, _)| *bit < MAX_RULES).collect()
    }

    /// The policy's own row.
    pub(crate) fn policy(&self) -> Policy {
        let half = |direction| {
            let rules = self.numbered(direction);
            direction_policy(self.content.network_acl, &rules)
        };
        Policy {
            ingress: half(Direction::Ingress),
            egress: half(Direction::Egress),
        }
    }

    /// Adds the policy's row, and those by remote address and by port.
    pub(crate) fn rows(&self, number: u32, rows: &mut Vec<TableChange>) {
        for direction in DIRECTIONS {
            rows.append(&mut self.direction_rows(PolicyKey::new(number, direction)));
        }
        rows.push(TableChange::Policy(number, Some(self.policy())));
    }

    /// The rows of a direction, by remote address and by port.
    pub(crate) fn direction_rows(&self, policy: PolicyKey) -> Vec<TableChange> {
        let (rules, mut rows) = (self.numbered(policy.direction()), Vec::new());
        remote_rows(policy, &rules, &mut rows);
        port_rows(policy, &rules, &mut rows);
        rows
    }

    /// Adds the rows about peers with this identity, which the interfaces in `groups` have.
    pub(crate) fn identity_rows(
        &self,
        number: u32,
        groups: &[SecurityGroupId],
        identity: u32,
        rows: &mut Vec<TableChange>,
    ) {
        for direction in DIRECTIONS {
            let bits = self.identity_bits(direction, groups);
            if !bits.is_empty() {
                let policy = PolicyKey::new(number, direction);
                let key = IdentityKey { policy, identity };
                rows.push(TableChange::IdentityRule(key, Some(bits)));
            }
        }
    }

    /// The rules about peers in these groups.
    pub(crate) fn identity_bits(
        &self,
        direction: Direction,
        groups: &[SecurityGroupId],
    ) -> RuleBits {
        let named = |rule: &Rule| rule.peer_group().is_some_and(|peer| groups.contains(&peer));
        bits_of(&self.numbered(direction), named)
    }
}

/// A row for each block that a rule names, with the rules of all blocks that it lies in.
fn remote_rows(key: PolicyKey, rules: &[Numbered<'_>], rows: &mut Vec<TableChange>) {
    let mut blocks = BTreeMap::<IpCidr, RuleBits>::new();
    for (bit, rule) in rules {
        if let Peer::Block(block) = rule.peer {
            blocks.entry(block).or_default().insert(*bit);
        }
    }
    let united = unite(blocks, |outer, inner| outer.covers(*inner));
    rows.extend(united.into_iter().map(|(block, bits)| {
        let key = RemoteKey::prefix(key, prefix(block));
        TableChange::RemoteRule(key, Some(bits))
    }));
}

/// For each protocol that a rule names, a row for each prefix that its ranges of ports are made up of, with the rules of
/// all ranges that hold the whole prefix, those for all protocols among them.
fn port_rows(key: PolicyKey, rules: &[Numbered<'_>], rows: &mut Vec<TableChange>) {
    let mut protocols = BTreeMap::<IpProtocol, BTreeMap<PortPrefix, RuleBits>>::new();
    let mut of_all = RuleBits::EMPTY;
    for (bit, rule) in rules {
        if rule.protocol == IpProtocol::All {
            of_all.insert(*bit);
        }
        let prefixes = protocols.entry(rule.protocol).or_default();
        for prefix in port_prefixes(rule.ports) {
            prefixes.entry(prefix).or_default().insert(*bit);
        }
    }
    for (protocol, prefixes) in protocols {
        for (prefix, mut bits) in unite(prefixes, |outer, inner| outer.covers(*inner)) {
            bits.union(&of_all);
            rows.push(TableChange::PortRule(
                port_key(key, protocol, prefix),
                Some(bits),
            ));
        }
    }
}

/// Adds to the rules of each prefix those of the prefixes that it lies in. In the order of `prefixes`, one comes after
/// all that it lies in, and these come in the order from the widest to the narrowest.
fn unite<P: Ord>(
    prefixes: BTreeMap<P, RuleBits>,
    covers: impl Fn(&P, &P) -> bool,
) -> Vec<(P, RuleBits)> {
    let mut united: Vec<(P, RuleBits)> = Vec::with_capacity(prefixes.len());
    // Places in `united` of the prefixes that the last one lies in, and of itself.
    let mut around: Vec<usize> = Vec::new();
    for (prefix, mut bits) in prefixes {
        while around
            .pop_if(|outer| !covers(&united[*outer].0, &prefix))
            .is_some()
        {}
        if let Some(outer) = around.last() {
            bits.union(&united[*outer].1);
        }
        around.push(united.len());
        united.push((prefix, bits));
    }
    united
}

/// Where the row of a protocol and of ports is.
pub(crate) fn port_key(
    key: PolicyKey,
    protocol: IpProtocol,
    prefix: PortPrefix,
) -> LpmKey<PortKey> {
    let protocol = match protocol {
        IpProtocol::All => RuleProtocol::ALL,
        IpProtocol::Number(number) => RuleProtocol::number(number),
    };
    PortKey::prefix(key, protocol, Port::new(prefix.first), prefix.length)
}

fn direction_policy(network_acl: bool, rules: &[Numbered<'_>]) -> DirectionPolicy {
    if network_acl {
        return DirectionPolicy {
            allow: bits_of(rules, |rule| rule.allow),
            ..DirectionPolicy::default()
        };
    }
    let opens = |family: IpCidr, protocol: IpProtocol| {
        rules.iter().any(|(_, rule)| {
            rule.is_open_to_all_of(family)
                && rule.ports == (0, u16::MAX)
                && (rule.protocol == protocol || rule.protocol == IpProtocol::All)
        })
    };
    let (ipv4, ipv6) = (IpCidr::V4(Ipv4Cidr::ANY), IpCidr::V6(Ipv6Cidr::ANY));
    let flags = [
        (ipv4, IpProtocol::TCP, DirectionPolicy::ALL_OPEN_TCP),
        (ipv4, IpProtocol::UDP, DirectionPolicy::ALL_OPEN_UDP),
        (ipv6, IpProtocol::TCP, DirectionPolicy::ALL_OPEN_TCP_IPV6),
        (ipv6, IpProtocol::UDP, DirectionPolicy::ALL_OPEN_UDP_IPV6),
    ];
    let set = flags
        .iter()
        .filter(|(family, protocol, _)| opens(*family, *protocol));
    DirectionPolicy {
        flags: set.fold(0, |flags, (_, _, flag)| flags | flag),
        world_open: bits_of(rules, Rule::is_world_open),
        ..DirectionPolicy::default()
    }
}

pub(crate) fn bits_of(rules: &[Numbered<'_>], wanted: impl Fn(&Rule) -> bool) -> RuleBits {
    let mut bits = RuleBits::EMPTY;
    for (bit, _) in rules.iter().filter(|(_, rule)| wanted(rule)) {
        bits.insert(*bit);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TableKey;
    use proptest::prelude::*;

    fn any_rule() -> impl Strategy<Value = Rule> {
        let block = (any::<u32>(), 0..=4_u8, any::<bool>());
        let block = block.prop_map(|(bits, length, is_ipv6)| {
            // Few bits and short prefixes, so that blocks lie in each other.
            let ipv4 = Ipv4Cidr::new((bits & 0xf000_0000).into(), length).unwrap();
            let ipv6 = Ipv6Cidr::new((u128::from(bits & 0xf000_0000) << 96).into(), length);
            match is_ipv6 {
                true => IpCidr::V6(ipv6.unwrap()),
                false => IpCidr::V4(ipv4),
            }
        });
        let ports = (0..32_u16, 0..32_u16).prop_map(|(one, other)| {
            let (first, last) = (one.min(other), one.max(other));
            (first << 11, last << 11 | 0x7ff)
        });
        let protocol = prop::sample::select(&[IpProtocol::All, IpProtocol::TCP][..]);
        (any::<bool>(), protocol, ports, block).prop_map(|(egress, protocol, ports, block)| Rule {
            egress,
            number: 0,
            protocol,
            ports: match protocol {
                IpProtocol::All => (0, u16::MAX),
                IpProtocol::Number(_) => ports,
            },
            peer: Peer::Block(block),
            allow: true,
        })
    }

    /// Every block and prefix against every rule.
    fn rows_by_definition(content: &Content) -> BTreeMap<TableKey, TableChange> {
        let mut rows = Vec::new();
        for direction in DIRECTIONS {
            let policy = PolicyKey::new(1, direction);
            let rules: Vec<_> = content.direction(direction).iter().enumerate().collect();
            let covers = |rule: &Rule, block| match rule.peer {
                Peer::Block(own) => own.covers(block),
                Peer::Group(_) => false,
            };
            for (_, rule) in &rules {
                let Peer::Block(block) = rule.peer else {
                    continue;
                };
                let bits = bits_of(&rules, |rule| covers(rule, block));
                let key = RemoteKey::prefix(policy, prefix(block));
                rows.push(TableChange::RemoteRule(key, Some(bits)));
                let (protocol, is_all) = match rule.protocol {
                    IpProtocol::All => (RuleProtocol::ALL, true),
                    IpProtocol::Number(number) => (RuleProtocol::number(number), false),
                };
                for prefix in port_prefixes(rule.ports) {
                    let bits = bits_of(&rules, |rule| {
                        (rule.protocol == IpProtocol::All || !is_all)
                            && rule.ports.0 <= prefix.first
                            && prefix.last() <= rule.ports.1
                    });
                    let port = Port::new(prefix.first);
                    let key = PortKey::prefix(policy, protocol, port, prefix.length);
                    rows.push(TableChange::PortRule(key, Some(bits)));
                }
            }
        }
        rows.into_iter().map(|row| (row.key(), row)).collect()
    }

    proptest! {
        #[test]
        fn a_row_holds_the_rules_whose_block_or_range_it_lies_in_and_no_others(
            rules in prop::collection::btree_set(any_rule(), 0..40),
        ) {
            let rules = rules.into_iter().collect();
            let content = Content { network_acl: false, rules };
            let mut rows = Vec::new();
            Layout::new(Arc::new(content.clone())).rows(1, &mut rows);
            let of_policy = |row: &TableChange| matches!(row, TableChange::Policy(1, _));
            rows.retain(|row| !of_policy(row));
            let count = rows.len();
            let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.key(), row)).collect();
            prop_assert_eq!(rows.len(), count, "a row twice");
            prop_assert_eq!(rows, rows_by_definition(&content));
        }
    }
}
