//! Security groups with connection tracking, at one end of a packet's way.
//!
//! EC2 User Guide, "Security group connection tracking": a TCP or UDP flow is *not* tracked when a rule allows it from
//! or to 0.0.0.0/0 and the other direction allows all ports from or to 0.0.0.0/0. Such a flow has no entry: each packet,
//! in both directions, is asked of the rules as they are now. All other flows are tracked and outlive their rule.

use eni_abi::{
    Connection, ConnectionKey, ConnectionState, DecidingRule, Direction, DirectionPolicy,
    DropReason, PolicyKey, Port, Vport,
};
use eni_wire::tcp_flag::{ACK, FIN, RST, SYN};
use eni_wire::{IcmpQuery, icmp_type, icmpv6_type, protocol};

use crate::packet::{Embedded, FlowPart, Scratch, Side};
use crate::rules::{first, first_common, match_rules};
use crate::{Insertion, Memory, Tables, connection};

/// What tells the types of requests apart in a connection's key, which has a bit for something else.
const SEVEN_BITS: u8 = 0x7f;

/// Asks `vport`'s security groups about the packet of `scratch.side`, which then names the rule that allows it.
///
/// # Errors
/// [`DropReason::SecurityGroupEgress`] or its ingress twin; [`DropReason::ConntrackAllowanceExceeded`];
/// [`DropReason::ConnectionTableFull`]; [`DropReason::EgressOnly`].
#[inline(never)]
pub(crate) fn admit<T: Tables, M: Memory>(
    scratch: &mut Scratch,
    vport: &Vport,
    now_ns: u64,
    tables: &T,
    memory: &mut M,
) -> Result<(), DropReason> {
    if scratch.packet.has_embedded && is_related(scratch, vport.instance, now_ns, memory) {
        return Ok(());
    }
    if scratch.side.part != FlowPart::None && follow(scratch, vport, now_ns, memory) {
        return Ok(());
    }
    if scratch.path.must_answer && !scratch.side.egress {
        return Err(DropReason::EgressOnly);
    }
    if !judge(scratch, vport, tables)? {
        return Ok(());
    }
    let state = connection::first_state(&scratch.packet);
    scratch.path.steady &= connection::is_steady(state);
    let entry = Connection {
        expires_ns: now_ns.wrapping_add(connection::timeout_ns(state, vport)),
        state: state as u32,
        flags: if scratch.side.egress {
            Connection::INITIATED_EGRESS
        } else {
            0
        },
        rule: scratch.side.rule,
        ..Connection::default()
    };
    match memory.insert_connection(vport.instance, &scratch.side.key, &entry) {
        Insertion::Done => Ok(()),
        Insertion::AllowanceExceeded => Err(DropReason::ConntrackAllowanceExceeded),
        Insertion::NoRoom => Err(DropReason::ConnectionTableFull),
    }
}

/// Asks the ingress rules of `vport`'s security groups about the packet of `scratch.side`, whatever came before: an endpoint
/// begins no connection, so that each packet for it is of one that somebody else has begun.
///
/// # Errors
/// [`DropReason::SecurityGroupIngress`].
#[inline(never)]
pub(crate) fn admit_untracked<T: Tables>(
    scratch: &mut Scratch,
    vport: &Vport,
    tables: &T,
) -> Result<(), DropReason> {
    let key = PolicyKey::new(vport.security_policy, Direction::Ingress);
    let port = scratch.side.destination_port;
    let is_there = tables.policy(vport.security_policy).is_some();
    let rule = if is_there && match_rules(scratch, key, port, tables) {
        first(&scratch.bits)
    } else {
        None
    };
    scratch.side.rule = DecidingRule::new(key, rule);
    if rule.is_some() {
        return Ok(());
    }
    scratch.denying_rule = scratch.side.rule;
    Err(DropReason::SecurityGroupIngress)
}

/// Whether the packet belongs to a live connection, which then takes it into account.
#[inline(always)]
fn follow<M: Memory>(scratch: &mut Scratch, vport: &Vport, now_ns: u64, memory: &mut M) -> bool {
    let Scratch {
        packet, path, side, ..
    } = scratch;
    let Some(connection) = memory.connection(vport.instance, &side.key) else {
        return false;
    };
    let answers = !path.must_answer || side.egress || connection.initiated() == Direction::Egress;
    if connection.expires_ns <= now_ns || !answers {
        return false;
    }
    // A SYN on a closed connection opens another one of the same ports (RFC 9293 section 3.6.1): ask the rules anew. So on a
    // doubted one, but that stays what it is, in case the SYN is as false as the RST.
    if packet.tcp_flags & (SYN | ACK) == SYN {
        if connection.state == ConnectionState::Closed as u32 {
            return false;
        }
        if connection.state == ConnectionState::Doubted as u32 {
            side.part = FlowPart::Follower;
            path.steady = false;
            return false;
        }
    }
    side.rule = connection.rule;
    let before = connection.state;
    let state = connection::advance(connection, side.direction(), packet, vport, now_ns);
    path.steady &= connection::is_steady(state);
    path.forget_opposite |=
        before == ConnectionState::UdpRequest as u32 && before != connection.state;
    true
}

/// Whether the rules allow the packet of no connection, and if so whether its flow is tracked.
#[inline(always)]
fn judge<T: Tables>(scratch: &mut Scratch, vport: &Vport, tables: &T) -> Result<bool, DropReason> {
    let direction = scratch.side.direction();
    let denied = match direction {
        Direction::Egress => DropReason::SecurityGroupEgress,
        Direction::Ingress => DropReason::SecurityGroupIngress,
    };
    let key = PolicyKey::new(vport.security_policy, direction);
    let Some(policy) = tables.policy(vport.security_policy) else {
        scratch.denying_rule = DecidingRule::new(key, None);
        return Err(denied);
    };
    let opposite = direction.opposite();
    let all_open = match (scratch.packet.protocol, scratch.packet.is_ipv6) {
        (protocol::TCP, false) => DirectionPolicy::ALL_OPEN_TCP,
        (protocol::UDP, false) => DirectionPolicy::ALL_OPEN_UDP,
        (protocol::TCP, true) => DirectionPolicy::ALL_OPEN_TCP_IPV6,
        (protocol::UDP, true) => DirectionPolicy::ALL_OPEN_UDP_IPV6,
        _ => 0,
    };
    // What leaves by an egress-only internet gateway comes back by what is remembered of it, and so what leaves by a NAT gateway
    // (EC2 User Guide, "Automatically tracked connections").
    let is_remembered =
        scratch.side.egress && (scratch.path.by_egress_only || scratch.path.nat_outward);
    // An answer of an untracked flow has no entry to follow: it is one if its flow's first packet would be allowed and
    // left untracked now. A SYN answers nothing.
    let may_answer = scratch.packet.tcp_flags & (SYN | ACK) != SYN && !is_remembered;
    if may_answer && policy.direction(direction).flags & all_open != 0 {
        let port = scratch.side.opposite_port;
        let key = PolicyKey::new(vport.security_policy, opposite);
        let rule = if match_rules(scratch, key, port, tables) {
            first_common(&scratch.bits, &policy.direction(opposite).world_open)
        } else {
            None
        };
        if rule.is_some() {
            scratch.side.rule = DecidingRule::new(key, rule);
            return Ok(false);
        }
    }
    let port = scratch.side.destination_port;
    let rule = if match_rules(scratch, key, port, tables) {
        first(&scratch.bits)
    } else {
        None
    };
    scratch.side.rule = DecidingRule::new(key, rule);
    if rule.is_none() {
        scratch.denying_rule = scratch.side.rule;
        return Err(denied);
    }
    if scratch.side.part != FlowPart::Opener {
        return Ok(false);
    }
    let untracked = !is_remembered
        && policy.direction(opposite).flags & all_open != 0
        && first_common(&scratch.bits, &policy.direction(direction).world_open).is_some();
    Ok(!untracked)
}

/// Whether an ICMP error is about a connection that this end tracks, and goes to who sent the packet it quotes.
///
/// Without the second an end could tell anybody anything, quoting a connection with somebody else. Linux asks the same
/// (`nf_conntrack_inet_error`: the error's destination is the quoted source). Who sends the error does not matter: any
/// router on the way may.
#[inline(always)]
fn is_related<M: Memory>(
    scratch: &mut Scratch,
    instance: u32,
    now_ns: u64,
    memory: &mut M,
) -> bool {
    let Scratch {
        packet, path, side, ..
    } = scratch;
    let Embedded {
        source,
        destination,
        source_port,
        destination_port,
        protocol,
        ..
    } = packet.embedded;
    if source != packet.destination {
        return false;
    }
    // As the receiver sees it, the embedded datagram has been translated back like the error around it.
    let (local_address, remote_address) = if side.egress {
        (destination, source)
    } else if destination == packet.source {
        (path.new_destination, path.new_source)
    } else {
        (path.new_destination, destination)
    };
    let mut key = ConnectionKey {
        vport: side.key.vport,
        local_address,
        remote_address,
        protocol: u32::from(protocol),
        peer_vpc: side.key.peer_vpc,
        ..ConnectionKey::default()
    };
    // The quoted packet went the other way.
    if name_ports(&mut key, source_port, destination_port, !side.egress) == FlowPart::None {
        return false;
    }
    let Some(connection) = memory.connection(instance, &key) else {
        return false;
    };
    side.rule = connection.rule;
    connection.expires_ns > now_ns
}

impl Side {
    #[inline(always)]
    fn direction(&self) -> Direction {
        if self.egress {
            Direction::Egress
        } else {
            Direction::Ingress
        }
    }
}

/// Sets `scratch.side` to the sender's (`egress`) or the receiver's view of the packet.
#[inline(always)]
pub(crate) fn look_from(scratch: &mut Scratch, vport: u32, egress: bool) {
    let Scratch {
        packet, path, side, ..
    } = scratch;
    let key = &mut side.key;
    side.egress = egress;
    key.vport = vport;
    key.protocol = u32::from(packet.protocol);
    if egress {
        side.identity = path.target_identity;
        side.opposite_port = packet.source_port;
        side.destination_port = packet.destination_port;
        key.local_address = packet.source;
        key.remote_address = packet.destination;
        key.peer_vpc = path.receiver_vpc;
    } else {
        side.identity = path.sender_identity;
        side.opposite_port = path.new_source_port;
        side.destination_port = path.new_destination_port;
        key.local_address = path.new_destination;
        key.remote_address = path.new_source;
        key.peer_vpc = path.sender_vpc;
    }
    side.part = name_ports(key, side.opposite_port, side.destination_port, egress);
    // Did others begin TCP connections, the server of an untracked flow would keep it alive after its rule is revoked:
    // what it sends is allowed by the other direction, and would be tracked now. With FIN or RST a SYN opens nothing at its
    // receiver either.
    if packet.protocol == protocol::TCP && packet.tcp_flags & (SYN | ACK | FIN | RST) != SYN {
        side.part = FlowPart::Follower;
    }
}

/// Fills in the ports of `key`, whose protocol is set, for a packet that leaves its guest (`egress`) or arrives there;
/// what the packet may be to the flow.
#[inline(always)]
fn name_ports(
    key: &mut ConnectionKey,
    source_port: Port,
    destination_port: Port,
    egress: bool,
) -> FlowPart {
    let is_ipv6 = key.remote_address.as_v4().is_none();
    let icmp = if is_ipv6 {
        protocol::ICMPV6
    } else {
        protocol::ICMP
    };
    if key.protocol != u32::from(icmp) {
        (key.local_port, key.remote_port) = if egress {
            (source_port, destination_port)
        } else {
            (destination_port, source_port)
        };
        return FlowPart::Opener;
    }
    let [icmp_type, code] = destination_port.0.to_ne_bytes();
    let query = if is_ipv6 {
        IcmpQuery::of_ipv6(icmp_type)
    } else {
        IcmpQuery::of(icmp_type)
    };
    let Some(query) = query else {
        return FlowPart::None;
    };
    // A Linux host answers with the code it was asked with; an extended echo's answers have codes of their own
    // (RFC 8335 section 3).
    let code = match query.request_type {
        icmp_type::EXTENDED_ECHO_REQUEST | icmpv6_type::EXTENDED_ECHO_REQUEST => 0,
        _ => code,
    };
    let guest_asks = egress != query.is_answer;
    key.local_port = source_port;
    key.remote_port = ConnectionKey::icmp_query(query.request_type & SEVEN_BITS, guest_asks, code);
    if query.is_answer {
        FlowPart::Follower
    } else {
        FlowPart::Opener
    }
}
