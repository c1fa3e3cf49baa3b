//! The whole way: every stage, in order.

use crate::piece::LONGEST_PIECE;
use eni_abi::{
    DecidingRule, Direction, DropReason, Flow, FlowKey, FlowKeyIpv6, INTERNET_MTU, MappingKey,
    Ports, Route, VPC_MTU, Vport,
};
use eni_wire::{ETHERNET_LENGTH, FragmentPart, IPV4_LENGTH};

use crate::packet::{Packet, Path, Scratch};
use crate::receive::{Received, receive};
use crate::rewrite::{self, Translation};
use crate::{
    Action, AllowingRules, Arrival, Frame, Manner, Memory, Outcome, Record, Tables, Verdict,
    admission, endpoint, fast, hops, icmp, icmpv6, nat, network_acl, service, service_ipv6,
};

/// How long a cached verdict goes unasked: so long a connection's age may lag, and so often a flow pays the slow way.
pub const FLOW_REFRESH_NS: u64 = 1_000_000_000;

/// Decides one frame by all stages, and caches the verdict where it will hold.
#[inline(never)]
pub fn decide<F: Frame, T: Tables, M: Memory>(
    frame: &mut F,
    arrival: Arrival,
    tables: &T,
    memory: &mut M,
    scratch: &mut Scratch,
) -> Verdict {
    scratch.charged_vport = arrival.vport;
    scratch.is_parsed = false;
    scratch.endpoint = 0;
    scratch.path.rules_are_known = false;
    scratch.path.in_pieces = false;
    scratch.path.outside = false;
    if let Err(reason) = forward(frame, arrival, tables, memory, scratch) {
        let vport = scratch.charged_vport;
        let outcome = Outcome::Dropped {
            vport,
            direction: if vport == arrival.vport {
                Direction::Egress
            } else {
                Direction::Ingress
            },
            reason,
            rule: if is_by_rules(reason) {
                scratch.denying_rule
            } else {
                DecidingRule::NONE
            },
        };
        record(frame, arrival, scratch, outcome, memory);
        // A packet that was too large, or of a connection that a NAT gateway knows no more, may have become an answer, which is
        // delivered like any other.
        let may_answer = matches!(reason, DropReason::MtuExceeded | DropReason::NatIdle);
        if !may_answer || scratch.path.target != arrival.vport {
            return Verdict::DROP;
        }
    }
    let target = scratch.path.target;
    let rules = if scratch.path.rules_are_known {
        scratch.path.rules
    } else {
        AllowingRules::default()
    };
    let outcome = Outcome::Delivered { target, rules };
    record(frame, arrival, scratch, outcome, memory);
    let manner = match (scratch.path.in_pieces, scratch.path.outside) {
        (true, _) => Manner::InPieces,
        (false, true) => Manner::Outside,
        (false, false) => Manner::Whole,
    };
    Verdict::new(Action::Deliver {
        vport: target,
        manner,
    })
}

/// Whether rules have denied the packet: then they have said which, or that none allowed it.
#[inline(always)]
const fn is_by_rules(reason: DropReason) -> bool {
    matches!(
        reason,
        DropReason::SecurityGroupEgress
            | DropReason::SecurityGroupIngress
            | DropReason::NetworkAclEgress
            | DropReason::NetworkAclIngress
    )
}

#[inline(always)]
fn record<F: Frame, M: Memory>(
    frame: &F,
    arrival: Arrival,
    scratch: &Scratch,
    outcome: Outcome,
    memory: &mut M,
) {
    let Scratch { packet, path, .. } = scratch;
    memory.record(&Record {
        sender: arrival.vport,
        flow: scratch.is_parsed.then(|| packet.five_tuple()),
        outcome,
        packets: if path.in_pieces {
            packet.fragment_length.div_ceil(LONGEST_PIECE)
        } else {
            frame.packets()
        },
        bytes: frame.length(),
    });
}

#[inline(always)]
fn forward<F: Frame, T: Tables, M: Memory>(
    frame: &mut F,
    arrival: Arrival,
    tables: &T,
    memory: &mut M,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    let sender = tables
        .vport(arrival.vport)
        .ok_or(DropReason::UnknownVport)?;
    // Generations are read before what they stand for: a row that changes while the packet is decided makes the cached
    // verdict stale, not the stale verdict valid. See `eni_abi`, "Generations".
    scratch.flow.topology_generation = tables
        .globals()
        .map_or(0, |globals| globals.topology_generation);
    scratch.flow.sender_generation = sender.generation;
    let mut sender = tables.ordered(sender);
    scratch.path.target = arrival.vport;
    match receive(frame, arrival, sender, tables, scratch)? {
        Received::Answered => return Ok(()),
        Received::ForService => {
            return hand_over(frame, arrival, tables, memory, scratch);
        }
        Received::FromService => {
            answer_of_service(frame, tables, scratch)?;
            if scratch.endpoint == 0 {
                return Ok(());
            }
            sender = endpoint::speak(tables, scratch)?;
        }
        Received::Packet => {}
    }
    scratch
        .packet
        .resolve_fragment(memory, sender.instance, arrival)?;
    hops::walk(scratch, sender, tables)?;
    let gateway = scratch.path.nat_gateway;
    let mut target = sender;
    let next_subnet = if gateway == 0 {
        target = find_target(scratch, tables)?;
        target.subnet
    } else {
        nat::find(scratch, tables)?
    };
    let path = &mut scratch.path;
    path.crosses_subnets = path.by_gateway || next_subnet != sender.subnet;
    scratch.path.rules_are_known = true;
    leave(sender, arrival, tables, memory, scratch)?;
    if gateway != 0 {
        nat::enter(scratch, tables)?;
        nat::find_way(scratch, sender, tables)?;
        if scratch.path.nat_outward {
            nat::translate_outward(frame, sender, arrival, memory, scratch)?;
        } else {
            nat::translate_inward(arrival, memory, scratch)?;
        }
        hops::walk_on(scratch, sender, tables)?;
        target = find_target(scratch, tables)?;
        nat::leave(scratch, target, tables)?;
    }
    if scratch.endpoint == 0 {
        check_size(frame, sender, target, scratch)?;
    } else {
        endpoint::check(target)?;
    }
    if target.has(Vport::UPLINK) {
        scratch.path.rules.ingress = DecidingRule::NONE;
    } else {
        scratch.charged_vport = scratch.path.target;
        enter(target, arrival, tables, memory, scratch)?;
        if target.is_endpoint() {
            endpoint::check_source(scratch, arrival, target, tables)?;
            return endpoint::hand_over(frame, arrival, tables, memory, scratch);
        }
        scratch.charged_vport = arrival.vport;
    }
    endpoint::fall_silent(scratch);
    finish(frame, arrival, target, scratch, memory)
}

/// To a service of the fabric, of its family.
#[inline(always)]
fn hand_over<F: Frame, T: Tables, M: Memory>(
    frame: &mut F,
    arrival: Arrival,
    tables: &T,
    memory: &mut M,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    if scratch.packet.is_ipv6 {
        service_ipv6::hand_over(frame, arrival, tables, memory, scratch)
    } else {
        service::hand_over(frame, arrival, tables, memory, scratch)
    }
}

/// From one; by IPv6 none speaks for an endpoint.
#[inline(always)]
fn answer_of_service<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &T,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    if scratch.packet.is_ipv6 {
        service_ipv6::answer(frame, tables, scratch)
    } else {
        service::answer(frame, tables, scratch)
    }
}

/// The sender's security groups, and its subnet's network ACL where the packet leaves the subnet.
#[inline(always)]
fn leave<T: Tables, M: Memory>(
    sender: &Vport,
    arrival: Arrival,
    tables: &T,
    memory: &mut M,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    if sender.has(Vport::UPLINK) {
        scratch.path.rules.egress = DecidingRule::NONE;
    } else {
        if scratch.endpoint == 0 {
            admission::look_from(scratch, arrival.vport, true);
            admission::admit(scratch, sender, arrival.now_ns, tables, memory)?;
            scratch.path.rules.egress = scratch.side.rule;
        } else {
            endpoint::look(scratch);
        }
        if scratch.path.crosses_subnets
            && !network_acl::allows(
                scratch,
                sender.network_acl_policy,
                Direction::Egress,
                tables,
            )
        {
            return Err(DropReason::NetworkAclEgress);
        }
    }
    Ok(())
}

/// The receiver that the walk has found, if it takes packets.
#[inline(always)]
fn find_target<'a, T: Tables>(
    scratch: &mut Scratch,
    tables: &'a T,
) -> Result<&'a Vport, DropReason> {
    let target = tables
        .vport(scratch.path.target)
        .ok_or(DropReason::ReceiverBlocked)?;
    // Nothing that the verdict rests on was read of this row before.
    scratch.flow.target_generation = target.generation;
    let target = tables.ordered(target);
    if !target.has(Vport::PRESENT) || target.has(Vport::BLOCKED) {
        return Err(DropReason::ReceiverBlocked);
    }
    Ok(target)
}

/// The receiver's subnet, its destination check, its security groups.
#[inline(always)]
fn enter<T: Tables, M: Memory>(
    target: &Vport,
    arrival: Arrival,
    tables: &T,
    memory: &mut M,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    let target_vport = scratch.path.target;
    admission::look_from(scratch, target_vport, false);
    if scratch.path.crosses_subnets
        && !network_acl::allows(
            scratch,
            target.network_acl_policy,
            Direction::Ingress,
            tables,
        )
    {
        return Err(DropReason::NetworkAclIngress);
    }
    // Who was looked for by the address has been found to own it.
    if target.has(Vport::SOURCE_DEST_CHECK) && !scratch.path.reaches_owner {
        let key = MappingKey {
            vpc: target.vpc,
            address: scratch.path.new_destination,
        };
        let owner = tables.mapping(&key);
        if owner.and_then(|owner| owner.location.vport_here()) != Some(target_vport) {
            return Err(DropReason::DestinationCheck);
        }
    }
    if scratch.path.from_internet {
        enter_from_internet(target, tables, scratch)?;
    }
    scratch.side.identity = scratch.path.sender_identity;
    if target.is_endpoint() {
        admission::admit_untracked(scratch, target, tables)?;
        scratch.path.rules.ingress = scratch.side.rule;
        return Ok(());
    }
    admission::admit(scratch, target, arrival.now_ns, tables, memory)?;
    scratch.path.rules.ingress = scratch.side.rule;
    Ok(())
}

/// By which of its gateways a packet of IPv6 enters the receiver's VPC: the egress-only one where the receiver's subnet answers by
/// that, which then lets answers in alone; else the internet gateway, to whatever address of the VPC.
#[inline(always)]
fn enter_from_internet<T: Tables>(
    target: &Vport,
    tables: &T,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    let Scratch { packet, path, .. } = scratch;
    let back = tables.route(target.route_table, packet.source);
    path.must_answer = back.is_some_and(|route| route.kind == Route::EGRESS_ONLY_INTERNET_GATEWAY);
    if path.must_answer || path.internet_takes_all {
        Ok(())
    } else {
        Err(DropReason::EgressOnly)
    }
}

/// A packet too large for its way is dropped; one that may not be fragmented becomes the router's answer to its sender,
/// marked by the path's target. What may be is, at the internet gateway: a VPC's own routers cut nothing.
#[inline(always)]
fn check_size<F: Frame>(
    frame: &mut F,
    sender: &Vport,
    target: &Vport,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    let Scratch { packet, path, .. } = scratch;
    path.mtu = target.mtu;
    if path.by_gateway && path.mtu > INTERNET_MTU {
        path.mtu = INTERNET_MTU;
    }
    if fast::largest_packet(frame, packet.headers_length) <= path.mtu {
        return Ok(());
    }
    if packet.is_ipv6 {
        let mtu = path.mtu;
        scratch.path.target = match icmpv6::packet_too_big(frame, &scratch.packet, sender, mtu) {
            Some(()) => scratch.charged_vport,
            None => 0,
        };
        return Err(DropReason::MtuExceeded);
    }
    let plain = packet.transport_offset == ETHERNET_LENGTH + IPV4_LENGTH;
    let cut = path.by_gateway && !packet.dont_fragment && plain && frame.segment_size() == 0;
    if cut && IPV4_LENGTH + packet.fragment_length <= VPC_MTU {
        path.in_pieces = true;
        return Ok(());
    }
    let mtu = path.mtu;
    scratch.path.target = match icmp::fragmentation_needed(frame, &scratch.packet, sender, mtu) {
        Some(()) => scratch.charged_vport,
        None => 0,
    };
    Err(DropReason::MtuExceeded)
}

/// Caches the verdict and writes it into the frame.
#[inline(always)]
fn finish<F: Frame, M: Memory>(
    frame: &mut F,
    arrival: Arrival,
    target: &Vport,
    scratch: &mut Scratch,
    memory: &mut M,
) -> Result<(), DropReason> {
    let Scratch { packet, path, .. } = scratch;
    path.outside = target.has(Vport::UPLINK);
    let translated = path.new_source != packet.source
        || path.new_destination != packet.destination
        || path.new_source_port != packet.source_port
        || path.new_destination_port != packet.destination_port;
    if path.steady && packet.is_cacheable() {
        remember(arrival, target, translated, scratch, memory);
    }
    let Scratch { packet, path, .. } = scratch;
    // Also when the packet itself is none that the fast way reads.
    if path.forget_opposite {
        forget_opposite(packet, path, memory);
    }
    if path.routed {
        rewrite::route(frame, target.mac, target.router_mac).ok_or(DropReason::RewriteFailed)?;
    }
    if translated {
        translate(frame, scratch).ok_or(DropReason::RewriteFailed)?;
    }
    Ok(())
}

/// The opposite direction is to be decided again.
#[inline(always)]
fn forget_opposite<M: Memory>(packet: &Packet, path: &Path, memory: &mut M) {
    let (vport, protocol) = (path.target, u32::from(packet.protocol));
    let ports = Ports::new(path.new_destination_port, path.new_source_port);
    let (source, destination) = (path.new_destination, path.new_source);
    if packet.is_ipv6 {
        memory.forget_flow_ipv6(&FlowKeyIpv6 {
            vport,
            source,
            destination,
            ports,
            protocol,
        });
        return;
    }
    memory.forget_flow(&FlowKey {
        vport,
        source: source.last_four(),
        destination: destination.last_four(),
        ports,
        protocol,
    });
}

/// Caches the verdict.
#[inline(always)]
fn remember<M: Memory>(
    arrival: Arrival,
    target: &Vport,
    translated: bool,
    scratch: &mut Scratch,
    memory: &mut M,
) {
    let Scratch {
        packet, path, flow, ..
    } = scratch;
    *flow = Flow {
        refresh_ns: arrival.now_ns.wrapping_add(FLOW_REFRESH_NS),
        target_vport: path.target,
        mtu: path.mtu,
        flags: if path.routed { Flow::ROUTED } else { 0 }
            | if translated { Flow::TRANSLATE } else { 0 }
            | if path.outside { Flow::OUTSIDE } else { 0 },
        expected_destination_mac: packet.destination_mac,
        expected_source_mac: packet.source_mac,
        new_destination_mac: target.mac,
        new_source_mac: target.router_mac,
        new_source: path.new_source.last_four(),
        new_destination: path.new_destination.last_four(),
        new_ports: Ports::new(path.new_source_port, path.new_destination_port),
        ..*flow
    };
    let ports = Ports::new(packet.source_port, packet.destination_port);
    let (vport, protocol) = (arrival.vport, u32::from(packet.protocol));
    if packet.is_ipv6 {
        let key = FlowKeyIpv6 {
            vport,
            source: packet.source,
            destination: packet.destination,
            ports,
            protocol,
        };
        memory.remember_flow_ipv6(&key, flow);
        return;
    }
    let key = FlowKey {
        vport,
        source: packet.source.last_four(),
        destination: packet.destination.last_four(),
        ports,
        protocol,
    };
    memory.remember_flow(&key, flow);
}

#[inline(always)]
pub(crate) fn translate<F: Frame>(frame: &mut F, scratch: &Scratch) -> Option<()> {
    let Scratch { packet, path, .. } = scratch;
    if packet.has_embedded {
        rewrite::translate_embedded(frame, scratch)?;
    }
    rewrite::translate(
        frame,
        &Translation {
            source: packet.source.last_four(),
            new_source: path.new_source.last_four(),
            destination: packet.destination.last_four(),
            new_destination: path.new_destination.last_four(),
            ports: Ports::new(packet.source_port, packet.destination_port),
            new_ports: Ports::new(path.new_source_port, path.new_destination_port),
            transport_offset: if packet.part == FragmentPart::Later {
                0
            } else {
                packet.transport_offset
            },
            protocol: packet.protocol,
        },
    )
}
