//! Fills the rule tables from plain rules: slowly, and by the letter of `eni_abi`'s docs.

use alloc::collections::BTreeSet;
use eni_abi::{
    Address, Direction, DirectionPolicy, IdentityKey, Ipv4, PolicyKey, Port, PortKey, Prefix,
    RemoteKey, RuleProtocol,
};

use super::MemoryTables;

/// Whom a rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// A network: its first address and prefix length.
    Network(Ipv4, u8),
    /// A network of IPv6: its first address and prefix length.
    NetworkIpv6(Address, u8),
    /// All interfaces of an identity.
    Identity(u32),
}

/// One rule of a security group or network ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The packets' direction.
    pub direction: Direction,
    /// Source of ingress, destination of egress.
    pub remote: Remote,
    /// One protocol, or all.
    pub protocol: RuleProtocol,
    /// A port (ICMP: type and code) and how many of its first bits count: 0 for all ports, 16 for one.
    pub ports: (u16, u8),
    /// Allows or, in a network ACL, denies.
    pub allow: bool,
}

impl Rule {
    /// All traffic with everybody, in `direction`.
    #[must_use]
    pub const fn everything(direction: Direction) -> Self {
        let remote = Remote::Network(Ipv4::UNSPECIFIED, 0);
        Self {
            direction,
            remote,
            protocol: RuleProtocol::ALL,
            ports: (0, 0),
            allow: true,
        }
    }

    /// [`Rule::everything`] of IPv6.
    #[must_use]
    pub const fn everything_ipv6(direction: Direction) -> Self {
        Self {
            remote: Remote::NetworkIpv6(Address::NONE, 0),
            ..Self::everything(direction)
        }
    }

    /// Allows `protocol` to one port from or to `remote`.
    #[must_use]
    pub const fn port(direction: Direction, remote: Remote, protocol: u8, port: u16) -> Self {
        Self {
            direction,
            remote,
            protocol: RuleProtocol::number(protocol),
            ports: (port, 16),
            allow: true,
        }
    }
}

/// Adds `rules`, in order, as policy number `policy`.
pub fn add_policy(tables: &mut MemoryTables, policy: u32, rules: &[Rule]) {
    tables.policies.insert(policy, eni_abi::Policy::default());
    for direction in [Direction::Ingress, Direction::Egress] {
        let rules: alloc::vec::Vec<Rule> = rules
            .iter()
            .filter(|rule| rule.direction == direction)
            .copied()
            .collect();
        let row = tables.policies.entry(policy).or_default();
        let half = match direction {
            Direction::Ingress => &mut row.ingress,
            Direction::Egress => &mut row.egress,
        };
        describe(half, &rules);
        add_remotes(tables, PolicyKey::new(policy, direction), &rules);
        add_ports(tables, PolicyKey::new(policy, direction), &rules);
    }
}

fn describe(half: &mut DirectionPolicy, rules: &[Rule]) {
    for (number, rule) in rules.iter().enumerate() {
        let is_ipv6 = matches!(rule.remote, Remote::NetworkIpv6(..));
        let world = matches!(
            rule.remote,
            Remote::Network(_, 0) | Remote::NetworkIpv6(_, 0)
        );
        if world {
            half.world_open.insert(number);
        }
        if rule.allow {
            half.allow.insert(number);
        }
        let all_ports = world && rule.ports.1 == 0;
        if all_ports && names(rule, eni_wire::protocol::TCP) {
            half.flags |= if is_ipv6 {
                DirectionPolicy::ALL_OPEN_TCP_IPV6
            } else {
                DirectionPolicy::ALL_OPEN_TCP
            };
        }
        if all_ports && names(rule, eni_wire::protocol::UDP) {
            half.flags |= if is_ipv6 {
                DirectionPolicy::ALL_OPEN_UDP_IPV6
            } else {
                DirectionPolicy::ALL_OPEN_UDP
            };
        }
    }
}

/// The network that is named.
fn prefix_of(remote: Remote) -> Option<Prefix> {
    match remote {
        Remote::Network(network, length) => Some(Prefix::v4(network, length)),
        Remote::NetworkIpv6(network, length) => Some(Prefix::around(network, length)),
        Remote::Identity(_) => None,
    }
}

fn names(rule: &Rule, protocol: u8) -> bool {
    rule.protocol == RuleProtocol::ALL || rule.protocol == RuleProtocol::number(protocol)
}

fn add_remotes(tables: &mut MemoryTables, policy: PolicyKey, rules: &[Rule]) {
    for rule in rules {
        match rule.remote {
            Remote::Network(..) | Remote::NetworkIpv6(..) => {
                let Some(prefix) = prefix_of(rule.remote) else {
                    continue;
                };
                let bits = tables
                    .remote_rules
                    .entry(RemoteKey::prefix(policy, prefix))
                    .or_default();
                for (number, other) in rules.iter().enumerate() {
                    if prefix_of(other.remote).is_some_and(|other| other.contains(&prefix)) {
                        bits.insert(number);
                    }
                }
            }
            Remote::Identity(identity) => {
                let bits = tables
                    .identity_rules
                    .entry(IdentityKey { policy, identity })
                    .or_default();
                for (number, other) in rules.iter().enumerate() {
                    if other.remote == rule.remote {
                        bits.insert(number);
                    }
                }
            }
        }
    }
}

fn add_ports(tables: &mut MemoryTables, policy: PolicyKey, rules: &[Rule]) {
    let protocols: BTreeSet<RuleProtocol> = rules.iter().map(|rule| rule.protocol).collect();
    for protocol in protocols {
        let under = |rule: &&Rule| rule.protocol == protocol || rule.protocol == RuleProtocol::ALL;
        for rule in rules.iter().filter(under) {
            let (port, length) = rule.ports;
            let first = Port::new(first_of_prefix(port, length));
            let bits = tables
                .port_rules
                .entry(PortKey::prefix(policy, protocol, first, length))
                .or_default();
            for (number, other) in rules.iter().enumerate().filter(|(_, rule)| under(rule)) {
                let (other_port, other_length) = other.ports;
                let contains = first_of_prefix(port, other_length)
                    == first_of_prefix(other_port, other_length);
                if other_length <= length && contains {
                    bits.insert(number);
                }
            }
        }
    }
}

/// The first port that shares the first `length` bits of `port`.
pub(super) fn first_of_prefix(port: u16, length: u8) -> u16 {
    match length {
        0 => 0,
        1..=16 => port & u16::MAX << (16 - u32::from(length)),
        _ => port,
    }
}
