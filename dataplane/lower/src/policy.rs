//! Rules as bit vectors: see `eni_abi::RuleBits` for what the rows mean.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use eni_abi::{
    Direction, DirectionPolicy, IdentityKey, MAX_RULES, Policy, PolicyKey, Port, PortKey,
    RemoteKey, RuleBits, RuleProtocol,
};
use eni_model::resource::{
    IpProtocol, NetworkAcl, NetworkAclEntry, RuleAction, RulePeer, SecurityGroupRule,
};
use eni_model::{IndexKey, World};
use eni_types::{Ipv4Cidr, NetworkAclId, SecurityGroupId};

use crate::number::number;
use crate::{Plug, Tables};

/// The groups of an interface, in order and once each: what its rules, and others' rules about it, depend on.
type GroupSet = Vec<SecurityGroupId>;

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
struct Content {
    network_acl: bool,
    rules: Vec<Rule>,
}

/// The policies and identities of all plugged interfaces.
pub(crate) struct Policies<'a> {
    numbers: BTreeMap<Content, u32>,
    of_groups: BTreeMap<GroupSet, Content>,
    of_network_acls: BTreeMap<NetworkAclId, Content>,
    identities: BTreeMap<GroupSet, u32>,
    /// The identities whose sets hold a group.
    identities_with: BTreeMap<SecurityGroupId, Vec<u32>>,
    world: &'a World,
}

impl<'a> Policies<'a> {
    pub(crate) fn new(world: &'a World, plugs: &[Plug<'_>]) -> Self {
        let sets: BTreeSet<GroupSet> = plugs.iter().map(group_set).collect();
        let acls = plugs
            .iter()
            .filter_map(|plug| world.network_acl_of(plug.eni.subnet_id));
        let of_network_acls: BTreeMap<_, _> = acls
            .map(|acl| (acl.network_acl_id, network_acl_content(acl)))
            .collect();
        let of_groups: BTreeMap<_, _> = sets
            .iter()
            .map(|set| (set.clone(), security_content(world, set)))
            .collect();
        let identities = number(sets, |set| alloc::format!("{set:?}"));
        let mut identities_with: BTreeMap<_, Vec<u32>> = BTreeMap::new();
        for (set, identity) in &identities {
            for group in set {
                identities_with.entry(*group).or_default().push(*identity);
            }
        }
        let contents = of_groups.values().chain(of_network_acls.values()).cloned();
        Self {
            numbers: number(contents, |content| alloc::format!("{content:?}")),
            of_groups,
            of_network_acls,
            identities,
            identities_with,
            world,
        }
    }

    /// The policy of an interface's security groups.
    pub(crate) fn security_policy(&self, plug: &Plug<'_>) -> u32 {
        self.of_groups
            .get(&group_set(plug))
            .map_or(0, |content| self.numbers[content])
    }

    /// The policy of its subnet's network ACL.
    pub(crate) fn network_acl_policy(&self, plug: &Plug<'_>) -> u32 {
        let acl = self
            .world
            .network_acl_of(plug.eni.subnet_id)
            .map(|acl| acl.network_acl_id);
        acl.and_then(|id| self.of_network_acls.get(&id))
            .map_or(0, |content| self.numbers[content])
    }

    /// The identity of an interface's set of security groups.
    pub(crate) fn identity(&self, plug: &Plug<'_>) -> u32 {
        self.identities.get(&group_set(plug)).copied().unwrap_or(0)
    }

    /// Adds all rows.
    pub(crate) fn write(&mut self, tables: &mut Tables) {
        for (content, number) in &self.numbers {
            let mut policy = Policy::default();
            for direction in [Direction::Ingress, Direction::Egress] {
                let egress = direction == Direction::Egress;
                let rules: Vec<&Rule> = content
                    .rules
                    .iter()
                    .filter(|rule| rule.egress == egress)
                    .collect();
                let half = match direction {
                    Direction::Ingress => &mut policy.ingress,
                    Direction::Egress => &mut policy.egress,
                };
                *half = direction_policy(content.network_acl, &rules);
                self.write_direction(PolicyKey::new(*number, direction), &rules, tables);
            }
            tables.policies.insert(*number, policy);
        }
    }

    fn write_direction(&self, key: PolicyKey, rules: &[&Rule], tables: &mut Tables) {
        let blocks: BTreeSet<Ipv4Cidr> = rules.iter().filter_map(|rule| rule.block()).collect();
        for block in blocks {
            let bits = bits_of(rules, |rule| {
                rule.block().is_some_and(|own| own.covers(block))
            });
            let row = RemoteKey::prefix(key, block.network().into(), block.prefix_length());
            tables.remote_rules.insert(row, bits);
        }
        for (index, rule) in rules.iter().enumerate().take(MAX_RULES) {
            let Peer::Group(group) = rule.peer else {
                continue;
            };
            for identity in self.identities_with.get(&group).into_iter().flatten() {
                let row = IdentityKey {
                    policy: key,
                    identity: *identity,
                };
                tables.identity_rules.entry(row).or_default().insert(index);
            }
        }
        let protocols: BTreeSet<IpProtocol> = rules.iter().map(|rule| rule.protocol).collect();
        for protocol in protocols {
            write_ports(key, protocol, rules, tables);
        }
    }
}

/// The rows of one protocol: a prefix for each part of each range, with the rules of all ranges that hold the part.
fn write_ports(key: PolicyKey, protocol: IpProtocol, rules: &[&Rule], tables: &mut Tables) {
    let concerned = |rule: &Rule| rule.protocol == protocol || rule.protocol == IpProtocol::All;
    let prefixes: BTreeSet<(u16, u8)> = rules
        .iter()
        .filter(|rule| rule.protocol == protocol)
        .flat_map(|rule| port_prefixes(rule.ports))
        .collect();
    let wire_protocol = match protocol {
        IpProtocol::All => RuleProtocol::ALL,
        IpProtocol::Number(number) => RuleProtocol::number(number),
    };
    for (first, length) in prefixes {
        let last = first | low_bits(PORT_BITS - length);
        let bits = bits_of(rules, |rule| {
            concerned(rule) && rule.ports.0 <= first && last <= rule.ports.1
        });
        tables.port_rules.insert(
            PortKey::prefix(key, wire_protocol, Port::new(first), length),
            bits,
        );
    }
}

fn direction_policy(network_acl: bool, rules: &[&Rule]) -> DirectionPolicy {
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

fn bits_of(rules: &[&Rule], wanted: impl Fn(&Rule) -> bool) -> RuleBits {
    let mut bits = RuleBits::EMPTY;
    for (index, rule) in rules.iter().enumerate().take(MAX_RULES) {
        if wanted(rule) {
            bits.insert(index);
        }
    }
    bits
}

impl Rule {
    fn block(&self) -> Option<Ipv4Cidr> {
        match self.peer {
            Peer::Block(block) => Some(block),
            Peer::Group(_) => None,
        }
    }

    fn is_world_open(&self) -> bool {
        self.peer == Peer::Block(Ipv4Cidr::ANY)
    }
}

fn group_set(plug: &Plug<'_>) -> GroupSet {
    let set: BTreeSet<SecurityGroupId> = plug.eni.group_ids.iter().copied().collect();
    set.into_iter().collect()
}

fn security_content(world: &World, groups: &[SecurityGroupId]) -> Content {
    let rules: BTreeSet<Rule> = groups
        .iter()
        .flat_map(|group| {
            world
                .security_group_rules
                .by(&IndexKey::SecurityGroup(*group))
        })
        .filter_map(|rule| security_rule(rule))
        .collect();
    Content {
        network_acl: false,
        rules: rules.into_iter().collect(),
    }
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

fn network_acl_content(acl: &NetworkAcl) -> Content {
    // The number stands before everything but the direction in the order of rules: the first bit is the first rule.
    let rules: BTreeSet<Rule> = acl.entries.iter().filter_map(network_acl_rule).collect();
    Content {
        network_acl: true,
        rules: rules.into_iter().collect(),
    }
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

/// The fewest prefixes that make up a range: first port and length, at most 30 of them.
fn port_prefixes((first, last): (u16, u16)) -> Vec<(u16, u8)> {
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
        let (Ok(start), Ok(free)) = (u16::try_from(from), u8::try_from(bits)) else {
            break;
        };
        prefixes.push((start, PORT_BITS - free));
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
            for (first, length) in prefixes {
                assert_eq!(u32::from(first), next, "{range:?}");
                next = u32::from(first | low_bits(PORT_BITS - length)) + 1;
            }
            assert_eq!(next, u32::from(range.1) + 1, "{range:?}");
        }
    }

    #[test]
    fn icmp_types_and_codes_are_ranges_of_one_number() {
        assert_eq!(icmp_range(-1, -1), (0, u16::MAX));
        assert_eq!(icmp_range(8, -1), (0x0800, 0x08ff));
        assert_eq!(icmp_range(3, 4), (0x0304, 0x0304));
    }
}
