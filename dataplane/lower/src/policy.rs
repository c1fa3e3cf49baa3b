//! What the rules of security groups and network ACLs say to packets.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use eni_abi::Direction;
use eni_model::World;
use eni_model::resource::{
    IpProtocol, NetworkAcl, NetworkAclEntry, RuleAction, RulePeer, SecurityGroupRule,
};
use eni_types::{IpCidr, Ipv4Cidr, Ipv6Cidr, SecurityGroupId};

/// Bits of a port, or of an ICMP type and code.
const PORT_BITS: u8 = 16;

/// One rule, without what does not matter to packets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    pub(crate) egress: bool,
    /// Orders the entries of a network ACL; 0 in security groups.
    pub(crate) number: u16,
    pub(crate) protocol: IpProtocol,
    /// First and last port, or ICMP type and code as one number.
    pub(crate) ports: (u16, u16),
    pub(crate) peer: Peer,
    pub(crate) allow: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    Block(IpCidr),
    Group(SecurityGroupId),
}

/// The rules of a set of groups or of a network ACL, each once, in order: equal contents are one policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Content {
    pub(crate) network_acl: bool,
    pub(crate) rules: Vec<Rule>,
}

impl Content {
    /// The rules of a set of security groups.
    pub(crate) fn of_groups(world: &World, groups: &[SecurityGroupId]) -> Self {
        let rules = groups
            .iter()
            .flat_map(|group| world.security_group_rules.by(group))
            .filter_map(|rule| security_rule(rule));
        let mut rules: Vec<Rule> = rules.collect();
        rules.sort_unstable();
        rules.dedup();
        Self {
            network_acl: false,
            rules,
        }
    }

    /// The entries of a network ACL.
    pub(crate) fn of_network_acl(acl: &NetworkAcl) -> Self {
        // The number stands before everything but the direction in the order of rules: the first bit is the first rule.
        let rules: BTreeSet<Rule> = acl.entries.iter().map(network_acl_rule).collect();
        Self {
            network_acl: true,
            rules: rules.into_iter().collect(),
        }
    }

    /// The groups that rules name as peers.
    pub(crate) fn peer_groups(&self) -> BTreeSet<SecurityGroupId> {
        self.rules.iter().filter_map(Rule::peer_group).collect()
    }

    /// The rules of a direction. They are in order, ingress before egress.
    pub(crate) fn direction(&self, direction: Direction) -> &[Rule] {
        let (ingress, egress) = self
            .rules
            .split_at(self.rules.partition_point(|rule| !rule.egress));
        match direction {
            Direction::Ingress => ingress,
            Direction::Egress => egress,
        }
    }
}

impl Rule {
    pub(crate) fn peer_group(&self) -> Option<SecurityGroupId> {
        match self.peer {
            Peer::Block(_) => None,
            Peer::Group(group) => Some(group),
        }
    }

    /// The block that the peer is in.
    pub(crate) fn block(&self) -> Option<IpCidr> {
        match self.peer {
            Peer::Block(block) => Some(block),
            Peer::Group(_) => None,
        }
    }

    /// Whether its peers are all addresses of a family.
    pub(crate) fn is_world_open(&self) -> bool {
        self.is_open_to_all_of(IpCidr::V4(Ipv4Cidr::ANY))
            || self.is_open_to_all_of(IpCidr::V6(Ipv6Cidr::ANY))
    }

    pub(crate) fn is_open_to_all_of(&self, family: IpCidr) -> bool {
        self.peer == Peer::Block(family)
    }
}

/// Whether the rules before and after say the same to packets, and to Elastic Fabric Adapters.
pub(crate) fn is_same_rule(before: &SecurityGroupRule, after: &SecurityGroupRule) -> bool {
    before.group_id == after.group_id && security_rule(before) == security_rule(after)
}

/// A rule as packets meet it; `None` for types of ICMP for IPv6 from or to IPv4 blocks, which no packet has.
fn security_rule(rule: &SecurityGroupRule) -> Option<Rule> {
    let peer = match rule.peer {
        RulePeer::CidrIpv4(block) => Peer::Block(block.into()),
        RulePeer::CidrIpv6(block) => Peer::Block(block.into()),
        RulePeer::SecurityGroup(group) => Peer::Group(group),
    };
    let ports = match rule.ip_protocol {
        IpProtocol::ICMPV6
            if rule.from_port != -1 && matches!(peer, Peer::Block(IpCidr::V4(_))) =>
        {
            return None;
        }
        IpProtocol::ICMP | IpProtocol::ICMPV6 => icmp_range(rule.from_port, rule.to_port),
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

/// An entry as packets meet it.
fn network_acl_rule(entry: &NetworkAclEntry) -> Rule {
    let ports = match (entry.protocol, entry.icmp_type_code, entry.port_range) {
        (IpProtocol::ICMP | IpProtocol::ICMPV6, Some(icmp), _) => {
            icmp_range(i32::from(icmp.icmp_type), i32::from(icmp.code))
        }
        (protocol, _, Some(range)) if protocol.has_ports() => (range.from, range.to),
        _ => (0, u16::MAX),
    };
    Rule {
        egress: entry.egress,
        number: entry.rule_number,
        protocol: entry.protocol,
        ports,
        peer: Peer::Block(entry.cidr_block),
        allow: entry.rule_action == RuleAction::Allow,
    }
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
pub(crate) struct PortPrefix {
    pub(crate) first: u16,
    /// How many bits, 0 to 16.
    pub(crate) length: u8,
}

impl PortPrefix {
    pub(crate) fn last(self) -> u16 {
        self.first | low_bits(PORT_BITS - self.length)
    }

    pub(crate) fn covers(self, other: Self) -> bool {
        self.first <= other.first && other.last() <= self.last()
    }
}

/// The fewest prefixes that make up a range, at most 30 of them. Whatever other prefix lies in the range lies in one of
/// them.
pub(crate) fn port_prefixes((first, last): (u16, u16)) -> Vec<PortPrefix> {
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

    #[test]
    fn icmp_types_and_codes_are_ranges_of_one_number() {
        assert_eq!(icmp_range(-1, -1), (0, u16::MAX));
        assert_eq!(icmp_range(8, -1), (0x0800, 0x08ff));
        assert_eq!(icmp_range(3, 4), (0x0304, 0x0304));
    }
}
