//! What security groups and network ACLs say about a packet, rule by rule.

use std::net::IpAddr;

use eni_model::World;
use eni_model::resource::{
    IpProtocol, NetworkAclEntry, NetworkInterface, RuleAction, RulePeer, SecurityGroupRule,
};
use eni_types::{IpCidr, SecurityGroupId, SubnetId, VpcId};

use super::flow::{flow_of, is_request, quoted_flow};
use super::life::{Asks, Tracked};
use super::{End, ICMP, ICMPV6, Packet, TCP, UDP, attachment};

/// A packet as one interface's security groups see it.
pub(super) struct Seen<'a> {
    pub(super) packet: &'a Packet,
    pub(super) is_egress: bool,
    pub(super) local: End,
    pub(super) remote: End,
    pub(super) peer: &'a [SecurityGroupId],
    /// Its way leads through an egress-only internet gateway.
    pub(super) by_egress_only: bool,
    /// The VPC of the other end, if it is a peered one.
    pub(super) peer_vpc: Option<VpcId>,
}

/// EC2 User Guide, "Security group connection tracking".
pub(super) fn security_groups_allow(
    world: &World,
    tracked: &mut Tracked,
    eni: &NetworkInterface,
    seen: &Seen<'_>,
) -> bool {
    let packet = seen.packet;
    let attachment = attachment(eni).attachment_id;
    if let Some(about) = quoted_flow(attachment, seen)
        && tracked.contains(&about)
    {
        return true;
    }
    let ports = (packet.source_port, packet.destination_port);
    let ends = (seen.local.0, seen.remote.0);
    let (protocol, peer) = (packet.protocol, seen.peer_vpc);
    let flow = flow_of(attachment, protocol, seen.is_egress, ends, ports, peer);
    // What such a gateway lets in answers what the guest has begun.
    let must_answer = seen.by_egress_only && !seen.is_egress;
    let followed = flow.filter(|flow| !must_answer || tracked.is_begun_by_guest(flow));
    let asks = followed.and_then(|flow| tracked.follow(&flow, seen.is_egress, packet));
    if asks == Some(Asks::Nothing) {
        return true;
    }
    if must_answer {
        return false;
    }
    let rules: Vec<&SecurityGroupRule> = eni
        .group_ids
        .iter()
        .flat_map(|id| world.security_group_rules.by(id))
        .map(AsRef::as_ref)
        .collect();
    let matching = |is_egress: bool, port: u16| {
        rules
            .iter()
            .filter(move |rule| rule.is_egress == is_egress)
            .filter(move |rule| names_port(rule, packet, port))
            .filter(|rule| names_peer(rule, seen.remote.0, seen.peer))
    };
    let all_to_all = |is_egress: bool| {
        rules.iter().any(|rule| {
            rule.is_egress == is_egress
                && is_world(rule)
                && names_peer(rule, seen.remote.0, &[])
                && matches!(packet.protocol, TCP | UDP)
                && names_all_ports(rule, packet.protocol)
        })
    };
    // The answer of a flow that is not tracked: the flow's first packet went the other way, to the port that this one
    // comes from, by a rule for everybody; and this way is open for everything.
    let asked = || matching(!seen.is_egress, packet.source_port).any(|rule| is_world(rule));
    if !packet.opens && !seen.by_egress_only && all_to_all(seen.is_egress) && asked() {
        return true;
    }
    let mut allowed = false;
    let mut for_everybody = false;
    for rule in matching(seen.is_egress, packet.destination_port) {
        allowed = true;
        for_everybody |= is_world(rule);
    }
    tracked.reopened[usize::from(!allowed)] += u64::from(asks == Some(Asks::Anew));
    // A connection that the middle of a flow began would let an untracked one go on after its rule is revoked.
    let begins = match packet.protocol {
        _ if asks == Some(Asks::Once) => false,
        TCP => packet.opens,
        _ if packet.is_icmp() => is_request(packet),
        _ => true,
    };
    let untracked = for_everybody && all_to_all(!seen.is_egress);
    if allowed && begins && (seen.by_egress_only || !untracked) {
        flow.into_iter()
            .for_each(|flow| tracked.begin(flow, seen.is_egress));
    }
    allowed
}

fn is_world(rule: &SecurityGroupRule) -> bool {
    match rule.peer {
        RulePeer::CidrIpv4(block) => block.prefix_length() == 0,
        RulePeer::CidrIpv6(block) => block.prefix_length() == 0,
        RulePeer::SecurityGroup(_) => false,
    }
}

pub(super) fn names_peer(
    rule: &SecurityGroupRule,
    remote: IpAddr,
    peer: &[SecurityGroupId],
) -> bool {
    match rule.peer {
        RulePeer::CidrIpv4(block) => IpCidr::V4(block).contains(remote),
        RulePeer::CidrIpv6(block) => IpCidr::V6(block).contains(remote),
        RulePeer::SecurityGroup(group) => peer.contains(&group),
    }
}

pub(super) fn names_port(rule: &SecurityGroupRule, packet: &Packet, port: u16) -> bool {
    match rule.ip_protocol {
        IpProtocol::All => true,
        IpProtocol::Number(number) if number != packet.protocol => false,
        IpProtocol::Number(TCP | UDP) => {
            rule.from_port == -1 || (rule.from_port..=rule.to_port).contains(&i32::from(port))
        }
        // Types are those of the packet's own family.
        IpProtocol::Number(ICMP | ICMPV6) if !packet.is_icmp() => rule.from_port == -1,
        IpProtocol::Number(ICMP | ICMPV6) => {
            let [icmp_type, code] = port.to_be_bytes();
            rule.from_port == -1
                || (rule.from_port == i32::from(icmp_type)
                    && (rule.to_port == -1 || rule.to_port == i32::from(code)))
        }
        IpProtocol::Number(_) => true,
    }
}

fn names_all_ports(rule: &SecurityGroupRule, protocol: u8) -> bool {
    rule.ip_protocol == IpProtocol::All
        || (rule.ip_protocol == IpProtocol::Number(protocol)
            && (rule.from_port == -1 || (rule.from_port, rule.to_port) == (0, 65_535)))
}

/// The lowest matching entry decides; none means no.
pub(super) fn network_acl_allows(
    world: &World,
    subnet_id: SubnetId,
    egress: bool,
    remote: IpAddr,
    packet: &Packet,
) -> bool {
    let acl = world.network_acls.iter().find(|acl| {
        acl.associations
            .iter()
            .any(|association| association.subnet_id == subnet_id)
    });
    acl.into_iter()
        .flat_map(|acl| &acl.entries)
        .filter(|entry| entry.egress == egress)
        .filter(|entry| entry.cidr_block.contains(remote))
        .filter(|entry| entry_names_port(entry, packet))
        .min_by_key(|entry| entry.rule_number)
        .is_some_and(|entry| entry.rule_action == RuleAction::Allow)
}

fn entry_names_port(entry: &NetworkAclEntry, packet: &Packet) -> bool {
    match entry.protocol {
        IpProtocol::All => true,
        IpProtocol::Number(number) if number != packet.protocol => false,
        IpProtocol::Number(TCP | UDP) => entry
            .port_range
            .is_none_or(|range| (range.from..=range.to).contains(&packet.destination_port)),
        IpProtocol::Number(ICMP | ICMPV6) if !packet.is_icmp() => entry.icmp_type_code.is_none(),
        IpProtocol::Number(ICMP | ICMPV6) => entry.icmp_type_code.is_none_or(|wanted| {
            let [icmp_type, code] = packet.destination_port.to_be_bytes();
            wanted.icmp_type == -1
                || (wanted.icmp_type == i16::from(icmp_type)
                    && (wanted.code == -1 || wanted.code == i16::from(code)))
        }),
        IpProtocol::Number(_) => true,
    }
}
