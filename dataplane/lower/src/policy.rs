//! Rules as bit vectors: see `eni_abi::RuleBits` for what the rows mean.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use eni_abi::{
    Direction, DirectionPolicy, IdentityKey, MAX_RULES, Policy, PolicyKey, Port, PortKey,
    RemoteKey, RuleBits, RuleProtocol,
};
use eni_model::World;
use eni_model::resource::{
    IpProtocol, NetworkAcl, NetworkAclEntry, RuleAction, RulePeer, SecurityGroupRule,
};
use eni_types::{Ipv4Cidr, SecurityGroupId};

use crate::{TableChange, prefix};

const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// Bits of a port, or of an ICMP type and code.
const PORT_BITS: u8 = 16;

/// One rule, without what does not matter to packets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rule {
    egress: bool,
    /// Orders the entries of a network ACL; 0 in security groups.
    number: u16,
    protocol: IpProtocol,
    /// First and last port, or ICMP type and code as one number.
    ports: (u16, u16),
    peer: Peer,
    allow: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Peer {
    Block(Ipv4Cidr),
    Group(SecurityGroupId),
}

/// The rules of a set of groups or of a network ACL, each once, in order: equal contents are one policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Content {
    network_acl: bool,
    rules: Vec<Rule>,
}

impl Content {
    /// The rules of a set of security groups.
    pub(crate) fn of_groups(world: &World, groups: &[SecurityGroupId]) -> Self {
        let rules: BTreeSet<Rule> = groups
            .iter()
            .flat_map(|group| world.security_group_rules.by(group))
            .filter_map(|rule| security_rule(rule))
            .collect();
        Self {
            network_acl: false,
            rules: rules.into_iter().collect(),
        }
    }

    /// The entries of a network ACL.
    pub(crate) fn of_network_acl(acl: &NetworkAcl) -> Self {
        // The number stands before everything but the direction in the order of rules: the first bit is the first rule.
        let rules: BTreeSet<Rule> = acl.entries.iter().filter_map(network_acl_rule).collect();
        Self {
            network_acl: true,
            rules: rules.into_iter().collect(),
        }
    }

    /// The groups that rules name as peers.
    pub(crate) fn peer_groups(&self) -> BTreeSet<SecurityGroupId> {
        self.rules.iter().filter_map(Rule::peer_group).collect()
    }

    /// Adds the policy's row, and those by remote address and by port.
    pub(crate) fn rows(&self, number: u32, rows: &mut Vec<TableChange>) {
        let mut policy = Policy::default();
        for direction in DIRECTIONS {
            let rules = self.direction(direction);
            let half = match direction {
                Direction::Ingress => &mut policy.ingress,
                Direction::Egress => &mut policy.egress,
            };
            *half = direction_policy(self.network_acl, rules);
            let key = PolicyKey::new(number, direction);
            remote_rows(key, rules, rows);
            port_rows(key, rules, rows);
        }
        rows.push(TableChange::Policy(number, Some(policy)));
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
        bits_of(self.direction(direction), named)
    }

    /// The rules of a direction. They are in order, ingress before egress.
    fn direction(&self, direction: Direction) -> &[Rule] {
        let (ingress, egress) = self
            .rules
            .split_at(self.rules.partition_point(|rule| !rule.egress));
        match direction {
            Direction::Ingress => ingress,
            Direction::Egress => egress,
        }
    }
}

/// A row for each block that a rule names, with the rules of all blocks that it lies in.
fn remote_rows(key: PolicyKey, rules: &[Rule], rows: &mut Vec<TableChange>) {
    let mut blocks = BTreeMap::<Ipv4Cidr, RuleBits>::new();
    for (index, rule) in numbered(rules) {
        if let Peer::Block(block) = rule.peer {
            blocks.entry(block).or_default().insert(index);
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
fn port_rows(key: PolicyKey, rules: &[Rule], rows: &mut Vec<TableChange>) {
    let mut protocols = BTreeMap::<IpProtocol, BTreeMap<PortPrefix, RuleBits>>::new();
    let mut of_all = RuleBits::EMPTY;
    for (index, rule) in numbered(rules) {
        if rule.protocol == IpProtocol::All {
            of_all.insert(index);
        }
        let prefixes = protocols.entry(rule.protocol).or_default();
        for prefix in port_prefixes(rule.ports) {
            prefixes.entry(prefix).or_default().insert(index);
        }
    }
    for (protocol, prefixes) in protocols {
        let wire_protocol = match protocol {
            IpProtocol::All => RuleProtocol::ALL,
            IpProtocol::Number(number) => RuleProtocol::number(number),
        };
        for (prefix, mut bits) in unite(prefixes, |outer, inner| outer.covers(*inner)) {
            bits.union(&of_all);
            let port = Port::new(prefix.first);
            let key = PortKey::prefix(key, wire_protocol, port, prefix.length);
            rows.push(TableChange::PortRule(key, Some(bits)));
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

/// Rules with their bits. Those that have none are left out: the quotas of EC2 let no policy have so many.
fn numbered(rules: &[Rule]) -> impl Iterator<Item = (usize, &Rule)> {
    rules.iter().enumerate().take(MAX_RULES)
}

fn direction_policy(network_acl: bool, rules: &[Rule]) -> DirectionPolicy {
    if network_acl {
        return DirectionPolicy {
            allow: bits_of(rules, |rule| rule.allow),
            ..DirectionPolicy::default()
        };
    }
    let opens = |protocol: IpProtocol| {
        rules.iter().any(|rule| {
            rule.is_world_open()
                && rule.ports == (0, u16::MAX)
                && (rule.protocol == protocol || rule.protocol == IpProtocol::All)
        })
    };
    let flag = |set: bool, flag: u64| if set { flag } else { 0 };
    DirectionPolicy {
        flags: flag(opens(IpProtocol::TCP), DirectionPolicy::ALL_OPEN_TCP)
            | flag(opens(IpProtocol::UDP), DirectionPolicy::ALL_OPEN_UDP),
        world_open: bits_of(rules, Rule::is_world_open),
        ..DirectionPolicy::default()
    }
}

fn bits_of(rules: &[Rule], wanted: impl Fn(&Rule) -> bool) -> RuleBits {
    let mut bits = RuleBits::EMPTY;
    for (index, _) in numbered(rules).filter(|(_, rule)| wanted(rule)) {
        bits.insert(index);
    }
    bits
}

impl Rule {
    fn peer_group(&self) -> Option<SecurityGroupId> {
        match self.peer {
            Peer::Block(_) => None,
            Peer::Group(group) => Some(group),
        }
    }

    fn is_world_open(&self) -> bool {
        self.peer == Peer::Block(Ipv4Cidr::ANY)
    }
}

/// Whether the rules before and after say the same to packets, and to Elastic Fabric Adapters.
pub(crate) fn is_same_rule(before: &SecurityGroupRule, after: &SecurityGroupRule) -> bool {
    before.group_id == after.group_id && security_rule(before) == security_rule(after)
}

/// A rule as packets meet it; `None` for what no IPv4 packet has: IPv6 peers, and types of ICMP for IPv6.
fn security_rule(rule: &SecurityGroupRule) -> Option<Rule> {
    let peer = match rule.peer {
        RulePeer::CidrIpv4(block) => Peer::Block(block),
        RulePeer::SecurityGroup(group) => Peer::Group(group),
        RulePeer::CidrIpv6(_) => return None,
    };
    let ports = match rule.ip_protocol {
        IpProtocol::ICMPV6 if rule.from_port != -1 => return None,
        IpProtocol::ICMP => icmp_range(rule.from_port, rule.to_port),
        protocol if protocol.has_ports() => port_range(rule.from_port, rule.to_port),
        _ => (0, u16::MAX),
    };
    Some(Rule {
        egress: rule.is_egress,
        number: 0,
        protocol: rule.ip_protocol,
        ports,
        peer,
        allow: true,
    })
}

/// An entry as packets meet it; `None` for IPv6 blocks, in which no IPv4 packet's address lies.
fn network_acl_rule(entry: &NetworkAclEntry) -> Option<Rule> {
    let block = entry.cidr_block.ipv4()?;
    let ports = match (entry.protocol, entry.icmp_type_code, entry.port_range) {
        (IpProtocol::ICMP, Some(icmp), _) => {
            icmp_range(i32::from(icmp.icmp_type), i32::from(icmp.code))
        }
        (protocol, _, Some(range)) if protocol.has_ports() => (range.from, range.to),
        _ => (0, u16::MAX),
    };
    Some(Rule {
        egress: entry.egress,
        number: entry.rule_number,
        protocol: entry.protocol,
        ports,
        peer: Peer::Block(block),
        allow: entry.rule_action == RuleAction::Allow,
    })
}

/// Ports of a TCP or UDP rule; -1 means all.
fn port_range(from: i32, to: i32) -> (u16, u16) {
    match (u16::try_from(from), u16::try_from(to)) {
        (Ok(from), Ok(to)) => (from, to),
        _ => (0, u16::MAX),
    }
}

/// Type and code of an ICMP rule as the range of `type << 8 | code`; -1 means all.
fn icmp_range(icmp_type: i32, code: i32) -> (u16, u16) {
    match (u8::try_from(icmp_type), u8::try_from(code)) {
        (Ok(icmp_type), Ok(code)) => {
            let both = u16::from_be_bytes([icmp_type, code]);
            (both, both)
        }
        (Ok(icmp_type), Err(_)) => (
            u16::from_be_bytes([icmp_type, 0]),
            u16::from_be_bytes([icmp_type, u8::MAX]),
        ),
        (Err(_), _) => (0, u16::MAX),
    }
}

/// All ports that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PortPrefix {
    first: u16,
    /// How many bits, 0 to 16.
    length: u8,
}

impl PortPrefix {
    fn last(self) -> u16 {
        self.first | low_bits(PORT_BITS - self.length)
    }

    fn covers(self, other: Self) -> bool {
        self.first <= other.first && other.last() <= self.last()
    }
}

/// The fewest prefixes that make up a range, at most 30 of them. Whatever other prefix lies in the range lies in one of
/// them.
fn port_prefixes((first, last): (u16, u16)) -> Vec<PortPrefix> {
    let (mut from, last) = (u32::from(first), u32::from(last));
    let mut prefixes = Vec::new();
    while from <= last {
        let aligned = if from == 0 {
            u32::from(PORT_BITS)
        } else {
            from.trailing_zeros()
        };
        let fitting = (last - from + 1).ilog2();
        let bits = aligned.min(fitting);
        // `from` is at most 65,535 and `bits` at most 16.
        let (Ok(first), Ok(free)) = (u16::try_from(from), u8::try_from(bits)) else {
            break;
        };
        let length = PORT_BITS - free;
        prefixes.push(PortPrefix { first, length });
        from += 1 << bits;
    }
    prefixes
}

/// A number whose lowest `count` bits are set, at most 16 of them.
fn low_bits(count: u8) -> u16 {
    u16::try_from((1_u32 << count) - 1).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TableKey;
    use proptest::prelude::*;

    #[test]
    fn a_range_is_made_up_of_its_prefixes_and_nothing_else() {
        for range in [
            (0, u16::MAX),
            (22, 22),
            (1, 65_534),
            (1_024, 65_535),
            (80, 443),
            (0, 0),
            (65_535, 65_535),
        ] {
            let prefixes = port_prefixes(range);
            assert!(prefixes.len() <= 30, "{range:?} {prefixes:?}");
            let mut next = u32::from(range.0);
            for prefix in prefixes {
                assert_eq!(u32::from(prefix.first), next, "{range:?}");
                next = u32::from(prefix.last()) + 1;
            }
            assert_eq!(next, u32::from(range.1) + 1, "{range:?}");
        }
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let block = (any::<u32>(), 0..=4_u8).prop_map(|(bits, length)| {
            // Few bits and short prefixes, so that blocks lie in each other.
            Ipv4Cidr::new((bits & 0xf000_0000).into(), length).unwrap()
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
            let (policy, rules) = (PolicyKey::new(1, direction), content.direction(direction));
            let covers = |rule: &Rule, block| match rule.peer {
                Peer::Block(own) => own.covers(block),
                Peer::Group(_) => false,
            };
            for rule in rules {
                let Peer::Block(block) = rule.peer else {
                    continue;
                };
                let bits = bits_of(rules, |rule| covers(rule, block));
                let key = RemoteKey::prefix(policy, prefix(block));
                rows.push(TableChange::RemoteRule(key, Some(bits)));
                let (protocol, is_all) = match rule.protocol {
                    IpProtocol::All => (RuleProtocol::ALL, true),
                    IpProtocol::Number(number) => (RuleProtocol::number(number), false),
                };
                for prefix in port_prefixes(rule.ports) {
                    let bits = bits_of(rules, |rule| {
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
            content.rows(1, &mut rows);
            let of_policy = |row: &TableChange| matches!(row, TableChange::Policy(1, _));
            rows.retain(|row| !of_policy(row));
            let count = rows.len();
            let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.key(), row)).collect();
            prop_assert_eq!(rows.len(), count, "a row twice");
            prop_assert_eq!(rows, rows_by_definition(&content));
        }
    }

    #[test]
    fn icmp_types_and_codes_are_ranges_of_one_number() {
        assert_eq!(icmp_range(-1, -1), (0, u16::MAX));
        assert_eq!(icmp_range(8, -1), (0x0800, 0x08ff));
        assert_eq!(icmp_range(3, 4), (0x0304, 0x0304));
    }
}
