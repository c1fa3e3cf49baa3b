//! A NAT gateway on a packet's way: the network ACL of its subnet, and its translation.
//!
//! Outward a flow gets a port of one of the gateway's addresses; inward only what answers such a flow passes, and comes the way that
//! the flow goes. Ports are given by
//! claiming the inward entry: that none has its key is what makes a port a flow's own. A port serves as many destinations as
//! there are. Which port it is nobody outside foresees (RFC 6056, section 3.3): a few draws find a free one also where most of a
//! destination's are given.
//!
//! How a flow stands follows from its packets as a connection's state does; while it may go on it is idle for
//! [`NatGateway::IDLE_SECONDS`] at most, whatever its protocol (Amazon VPC User Guide, "NAT gateway basics").

use eni_abi::{
    Address, Connection, ConnectionState, Direction, DropReason, Ipv4, NatEntry, NatGateway,
    NatKey, Port, Ports, Route, Vport,
};
use eni_wire::tcp_flag::{ACK, FIN, RST, SYN};
use eni_wire::{FragmentPart, IcmpQuery, protocol};

use crate::packet::{Packet, Scratch};
use crate::{
    Arrival, Frame, Memory, NatInsertion, Tables, admission, connection, nat_reset, network_acl,
};

/// How many ports are drawn for a flow. Of [`NatGateway::PORTS`] at most 85 % are given to flows to one destination: one flow in a
/// billion finds none in so many.
const DRAWS: u32 = 128;
const IDLE_NS: u64 = NatGateway::IDLE_SECONDS as u64 * 1_000_000_000;
/// Odd numbers that spread what they are multiplied with (Fibonacci hashing).
const SPREAD: u32 = 0x9e37_79b1;

/// Reads the gateway that the walk has come to; its subnet.
#[inline(always)]
pub(crate) fn find<T: Tables>(scratch: &mut Scratch, tables: &T) -> Result<u32, DropReason> {
    let gateway = tables
        .nat_gateway(scratch.path.nat_gateway)
        .ok_or(DropReason::Blackhole)?;
    scratch.nat.gateway = *gateway;
    Ok(scratch.nat.gateway.subnet)
}

/// Enters the gateway's subnet, unless the packet comes from there.
#[inline(always)]
pub(crate) fn enter<T: Tables>(scratch: &mut Scratch, tables: &T) -> Result<(), DropReason> {
    if !scratch.path.crosses_subnets {
        return Ok(());
    }
    admission::look_from(scratch, 0, false);
    let policy = scratch.nat.gateway.network_acl_policy;
    if network_acl::allows(scratch, policy, Direction::Ingress, tables) {
        Ok(())
    } else {
        Err(DropReason::NetworkAclIngress)
    }
}

/// Which way the packet's flow leaves the gateway. What comes back comes by the same: in the name of the internet nobody answers
/// from the VPC, nor from a peered one.
///
/// # Errors
/// [`DropReason::NatSource`] of what could not come back to its sender by the routes of the gateway's subnet (RFC 3704, section
/// 2.3), [`DropReason::NoRoute`].
#[inline(never)]
pub(crate) fn find_way<T: Tables>(
    scratch: &mut Scratch,
    sender: &Vport,
    tables: &T,
) -> Result<(), DropReason> {
    let Scratch {
        packet, path, nat, ..
    } = scratch;
    if !path.nat_outward {
        let from_internet = path.by_gateway || sender.has(Vport::UPLINK);
        nat.way = if from_internet {
            NatKey::BY_INTERNET
        } else {
            path.sender_vpc
        };
        return Ok(());
    }
    let route_table = nat.gateway.route_table;
    let back = tables.route(route_table, packet.source);
    if !back.is_some_and(|route| matches!(route.kind, Route::LOCAL | Route::INTERFACE)) {
        return Err(DropReason::NatSource);
    }
    let route = tables
        .route(route_table, packet.destination)
        .ok_or(DropReason::NoRoute)?;
    nat.way = match route.kind {
        Route::INTERNET_GATEWAY => NatKey::BY_INTERNET,
        Route::VPC_PEERING_CONNECTION => route.vpc,
        _ => 0,
    };
    Ok(())
}

/// Leaves the gateway's subnet, unless the receiver is there.
#[inline(always)]
pub(crate) fn leave<T: Tables>(
    scratch: &mut Scratch,
    target: &Vport,
    tables: &T,
) -> Result<(), DropReason> {
    let path = &mut scratch.path;
    // By an internet gateway the packet may have come, or may go.
    path.crosses_subnets =
        path.nat_outward && path.by_gateway || target.subnet != scratch.nat.gateway.subnet;
    path.sender_identity = 0;
    if !path.crosses_subnets {
        return Ok(());
    }
    admission::look_from(scratch, 0, true);
    let Scratch { path, side, .. } = scratch;
    if !path.nat_outward {
        side.key.remote_address = path.new_destination;
        side.destination_port = path.new_destination_port;
    }
    let policy = scratch.nat.gateway.network_acl_policy;
    if network_acl::allows(scratch, policy, Direction::Egress, tables) {
        Ok(())
    } else {
        Err(DropReason::NetworkAclEgress)
    }
}

/// What a NAT gateway makes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It begins a flow, or follows one: by this port of the remote end.
    Flow(Port, bool),
    /// An error about a flow.
    Error,
}

/// Whether a NAT gateway carries such a packet, and whether it may begin a flow.
#[inline(always)]
fn kind(packet: &Packet) -> Result<Kind, DropReason> {
    if packet.protocol == protocol::UDP {
        return Ok(Kind::Flow(packet.destination_port, true));
    }
    if packet.protocol != protocol::TCP && packet.protocol != protocol::ICMP {
        return Err(DropReason::NatProtocol);
    }
    // Amazon VPC User Guide, "NAT gateway basics": fragments of UDP only.
    if packet.part != FragmentPart::Whole {
        return Err(DropReason::NatFragment);
    }
    if packet.protocol == protocol::TCP {
        let opens = packet.tcp_flags & (SYN | ACK | FIN | RST) == SYN;
        return Ok(Kind::Flow(packet.destination_port, opens));
    }
    if packet.has_embedded {
        return Ok(Kind::Error);
    }
    match query(packet.destination_port) {
        Some(query) => Ok(Kind::Flow(
            Port::icmp(query.request_type, 0),
            !query.is_answer,
        )),
        None => Err(DropReason::NatProtocol),
    }
}

/// The conversation of ICMP that a message of this type and code belongs to.
#[inline(always)]
fn query(type_and_code: Port) -> Option<IcmpQuery> {
    let [icmp_type, _] = type_and_code.0.to_ne_bytes();
    IcmpQuery::of(icmp_type)
}

/// The packet goes on under one of the gateway's addresses.
///
/// # Errors
/// [`DropReason::NatIdle`], with the frame an answer to its sender; [`DropReason::NatPortAllocation`] and the others of NAT
/// gateways.
#[inline(never)]
pub(crate) fn translate_outward<F: Frame, M: Memory>(
    frame: &mut F,
    sender: &Vport,
    arrival: Arrival,
    memory: &mut M,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    let gateway = scratch.path.nat_gateway;
    let Kind::Flow(remote_port, opens) = kind(&scratch.packet)? else {
        return translate_error_outward(arrival, memory, scratch);
    };
    let Scratch { packet, nat, .. } = scratch;
    nat.key = NatKey {
        kind: NatKey::OUTWARD,
        protocol: u32::from(packet.protocol),
        way: nat.way,
        local: packet.source.last_four(),
        remote: packet.destination.last_four(),
        ports: Ports::new(packet.source_port, remote_port),
    };
    if !follow(scratch, gateway, Direction::Egress, arrival, memory) {
        let packet = &scratch.packet;
        if !opens && packet.protocol == protocol::TCP {
            // The services' end takes no answer in an endpoint's name.
            let is_answered =
                scratch.endpoint == 0 && nat_reset::answer(frame, packet, sender).is_some();
            scratch.path.target = if is_answered { arrival.vport } else { 0 };
            return Err(DropReason::NatIdle);
        }
        if !opens {
            return Err(DropReason::NatProtocol);
        }
        begin(scratch, gateway, remote_port, arrival, memory)?;
    }
    let Scratch { path, nat, .. } = scratch;
    path.new_source = Address::v4(nat.entry.address);
    path.new_source_port = nat.entry.port;
    Ok(())
}

/// The packet goes to who began the flow that it answers.
///
/// # Errors
/// [`DropReason::NatUnsolicited`] and others of NAT gateways.
#[inline(never)]
pub(crate) fn translate_inward<M: Memory>(
    arrival: Arrival,
    memory: &mut M,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    let gateway = scratch.path.nat_gateway;
    let Scratch {
        packet, path, nat, ..
    } = scratch;
    let kind = kind(packet)?;
    let is_icmp = packet.protocol == protocol::ICMP;
    let (own_port, remote_port) = match kind {
        // A question is no answer: the gateway itself answers none.
        Kind::Flow(_, true) if is_icmp => return Err(DropReason::NatUnsolicited),
        Kind::Flow(request_type, _) if is_icmp => (packet.source_port, request_type),
        Kind::Flow(..) => (packet.destination_port, packet.source_port),
        Kind::Error => {
            // Only about what has left under this address.
            if packet.embedded.source != packet.destination {
                return Err(DropReason::NatUnsolicited);
            }
            let ports = (
                packet.embedded.source_port,
                packet.embedded.destination_port,
            );
            match query(ports.1) {
                _ if packet.embedded.protocol != protocol::ICMP => ports,
                Some(query) => (ports.0, Port::icmp(query.request_type, 0)),
                None => return Err(DropReason::NatUnsolicited),
            }
        }
    };
    let (protocol, remote) = match kind {
        Kind::Flow(..) => (packet.protocol, path.new_source),
        Kind::Error if packet.embedded.destination == packet.source => {
            (packet.embedded.protocol, path.new_source)
        }
        Kind::Error => (packet.embedded.protocol, packet.embedded.destination),
    };
    nat.key = NatKey {
        kind: NatKey::INWARD,
        protocol: u32::from(protocol),
        way: nat.way,
        local: path.new_destination.last_four(),
        remote: remote.last_four(),
        ports: Ports::new(own_port, remote_port),
    };
    let answered = memory
        .nat_entry(gateway, &nat.key)
        .ok_or(DropReason::NatUnsolicited)?;
    let (local, port) = (answered.address, answered.port);
    nat.key = nat.key.opposite(answered, remote_port);
    let before = path.new_destination.last_four();
    let is_known = if kind == Kind::Error {
        peek(scratch, gateway, arrival, memory)
    } else {
        follow(scratch, gateway, Direction::Ingress, arrival, memory)
    };
    let Scratch {
        packet, path, nat, ..
    } = scratch;
    if !is_known || nat.entry.address.0 != before.0 || nat.entry.port != own_port {
        return Err(DropReason::NatUnsolicited);
    }
    path.new_destination = Address::v4(local);
    if kind == Kind::Error {
        path.translates_quote = true;
        path.quoted_port = own_port;
        packet.embedded.source_port = port;
    } else if is_icmp {
        path.new_source_port = port;
    } else {
        path.new_destination_port = port;
    }
    Ok(())
}

/// An error about what has come inward goes on under the address that this came to.
#[inline(always)]
fn translate_error_outward<M: Memory>(
    arrival: Arrival,
    memory: &mut M,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    let gateway = scratch.path.nat_gateway;
    let Scratch { packet, nat, .. } = scratch;
    let embedded = &packet.embedded;
    let is_icmp = embedded.protocol == protocol::ICMP;
    let (own_port, remote_port) = if is_icmp {
        let query = query(embedded.destination_port).ok_or(DropReason::NatProtocol)?;
        (embedded.source_port, Port::icmp(query.request_type, 0))
    } else {
        (embedded.destination_port, embedded.source_port)
    };
    nat.key = NatKey {
        kind: NatKey::OUTWARD,
        protocol: u32::from(embedded.protocol),
        way: nat.way,
        local: embedded.destination.last_four(),
        remote: embedded.source.last_four(),
        ports: Ports::new(own_port, remote_port),
    };
    if !peek(scratch, gateway, arrival, memory) {
        return Err(DropReason::NatProtocol);
    }
    let Scratch {
        packet, path, nat, ..
    } = scratch;
    path.new_source = Address::v4(nat.entry.address);
    path.translates_quote = true;
    path.quoted_port = own_port;
    if is_icmp {
        packet.embedded.source_port = nat.entry.port;
    } else {
        packet.embedded.destination_port = nat.entry.port;
    }
    Ok(())
}

/// Whether the outward entry of `scratch.nat.key` is live: then it is in `scratch.nat.entry`. One of an address that the gateway
/// has no more is not: it may be somebody else's by now.
#[inline(always)]
fn peek<M: Memory>(scratch: &mut Scratch, gateway: u32, arrival: Arrival, memory: &mut M) -> bool {
    let nat = &mut scratch.nat;
    let Some(entry) = memory.nat_entry(gateway, &nat.key) else {
        return false;
    };
    nat.entry.address = entry.address;
    nat.entry.port = entry.port;
    entry.connection.expires_ns > arrival.now_ns && nat.gateway.has(nat.entry.address)
}

/// [`peek`], for a packet of the flow, which is taken into account.
#[inline(always)]
fn follow<M: Memory>(
    scratch: &mut Scratch,
    gateway: u32,
    direction: Direction,
    arrival: Arrival,
    memory: &mut M,
) -> bool {
    let Scratch {
        packet, path, nat, ..
    } = scratch;
    let Some(entry) = memory.nat_entry(gateway, &nat.key) else {
        return false;
    };
    nat.entry.address = entry.address;
    nat.entry.port = entry.port;
    let connection = &mut entry.connection;
    if connection.expires_ns <= arrival.now_ns {
        return false;
    }
    if !nat.gateway.has(nat.entry.address) {
        return false;
    }
    let is_tcp = packet.protocol == protocol::TCP;
    let is_open = connection.state != ConnectionState::Closed as u32;
    // A SYN after the end begins another connection of the same ports (RFC 9293, section 3.6.1).
    let reopens = is_tcp
        && !is_open
        && direction == Direction::Egress
        && packet.tcp_flags & (SYN | ACK | FIN | RST) == SYN;
    if reopens {
        *connection = new_connection(packet, arrival);
        path.steady = false;
        return true;
    }
    let state = connection::advance(connection, direction, packet, &AllTheSame, arrival.now_ns);
    path.steady &= connection::is_steady(state);
    let ends = matches!(
        state,
        ConnectionState::Closing | ConnectionState::Closed | ConnectionState::Doubted
    );
    if !ends && packet.tcp_flags & RST == 0 {
        connection.expires_ns = arrival.now_ns.wrapping_add(IDLE_NS);
    }
    true
}

/// A gateway's flows have the same time whatever they are.
struct AllTheSame;

impl connection::IdleSeconds for AllTheSame {
    #[inline(always)]
    fn tcp_established(&self) -> u32 {
        NatGateway::IDLE_SECONDS
    }

    #[inline(always)]
    fn udp_stream(&self) -> u32 {
        NatGateway::IDLE_SECONDS
    }

    #[inline(always)]
    fn udp_single(&self) -> u32 {
        NatGateway::IDLE_SECONDS
    }
}

/// How a flow stands after the packet that has begun it.
#[inline(always)]
fn new_connection(packet: &Packet, arrival: Arrival) -> Connection {
    Connection {
        expires_ns: arrival.now_ns.wrapping_add(IDLE_NS),
        state: connection::first_state(packet) as u32,
        flags: Connection::INITIATED_EGRESS,
        ..Connection::default()
    }
}

/// Gives the flow of `scratch.nat.key` an address and a port of the gateway's, which are then in `scratch.nat.entry`.
#[inline(never)]
fn begin<M: Memory>(
    scratch: &mut Scratch,
    gateway: u32,
    remote_port: Port,
    arrival: Arrival,
    memory: &mut M,
) -> Result<(), DropReason> {
    forget(scratch, gateway, remote_port, memory);
    let sender = (scratch.nat.key.local, scratch.packet.source_port);
    choose_address(scratch, gateway, remote_port, memory)?;
    let claimed = claim_port(scratch, gateway, remote_port, sender, memory);
    let Scratch { packet, nat, .. } = scratch;
    let inward = nat.key;
    if let Err(reason) = claimed {
        memory.add_nat_flows(gateway, &inward.destination(remote_port), -1);
        return Err(reason);
    }
    let port = inward_port(&inward);
    let outward = NatKey {
        kind: NatKey::OUTWARD,
        local: sender.0,
        ports: Ports::new(sender.1, remote_port),
        ..inward
    };
    nat.entry = NatEntry {
        connection: new_connection(packet, arrival),
        flows: 0,
        address: inward.local,
        port,
        reserved: 0,
    };
    let insertion = memory.insert_nat_entry(gateway, &outward, &nat.entry);
    if insertion == NatInsertion::Done {
        scratch.path.steady &= scratch.packet.protocol != protocol::TCP;
        return Ok(());
    }
    memory.remove_nat_entry(gateway, &inward);
    memory.add_nat_flows(gateway, &inward.destination(remote_port), -1);
    scratch.nat.key = outward;
    // Another processor has begun it for another packet of the flow.
    if insertion == NatInsertion::Taken && peek(scratch, gateway, arrival, memory) {
        scratch.path.steady = false;
        return Ok(());
    }
    Err(DropReason::NatTableFull)
}

/// The gateway's port of an inward key.
#[inline(always)]
fn inward_port(key: &NatKey) -> Port {
    let [port, _] = Ipv4(key.ports.0).to_words();
    Port(port)
}

/// Takes away what is left of an expired flow of `scratch.nat.key`.
#[inline(always)]
fn forget<M: Memory>(scratch: &mut Scratch, gateway: u32, remote_port: Port, memory: &mut M) {
    let nat = &mut scratch.nat;
    let Some(entry) = memory.nat_entry(gateway, &nat.key) else {
        return;
    };
    let inward = nat.key.opposite(entry, remote_port);
    memory.remove_nat_entry(gateway, &nat.key);
    memory.remove_nat_entry(gateway, &inward);
    memory.add_nat_flows(gateway, &inward.destination(remote_port), -1);
}

/// Makes `scratch.nat.key` an inward one of an address of the gateway's that has room for another flow to the destination, and
/// counts that. Those of one sender begin with the same address (RFC 4787, REQ-2).
#[inline(always)]
fn choose_address<M: Memory>(
    scratch: &mut Scratch,
    gateway: u32,
    remote_port: Port,
    memory: &mut M,
) -> Result<(), DropReason> {
    let nat = &mut scratch.nat;
    let count = nat.gateway.address_count;
    let hash = nat.key.local.0.wrapping_mul(SPREAD);
    let first = ((u64::from(hash) * u64::from(count)) >> 32) as u32;
    for turn in 0..NatGateway::MOST_ADDRESSES as u32 {
        if turn >= count {
            break;
        }
        let place = first.wrapping_add(turn);
        let place = if place >= count {
            place.wrapping_sub(count)
        } else {
            place
        };
        nat.key.kind = NatKey::INWARD;
        nat.key.local = nat.gateway.address(place);
        let destination = nat.key.destination(remote_port);
        let flows = match memory.add_nat_flows(gateway, &destination, 1) {
            Some(flows) => flows,
            None => {
                let entry = NatEntry {
                    flows: 1,
                    ..NatEntry::default()
                };
                match memory.insert_nat_entry(gateway, &destination, &entry) {
                    NatInsertion::Done => 0,
                    NatInsertion::NoRoom => return Err(DropReason::NatTableFull),
                    NatInsertion::Taken => memory
                        .add_nat_flows(gateway, &destination, 1)
                        .ok_or(DropReason::NatTableFull)?,
                }
            }
        };
        if flows < NatGateway::FLOWS_TO_DESTINATION {
            return Ok(());
        }
        memory.add_nat_flows(gateway, &destination, -1);
    }
    Err(DropReason::NatPortAllocation)
}

/// Makes `scratch.nat.key` that of a port that no flow to the destination has, and the entry under it the sender's.
#[inline(always)]
fn claim_port<M: Memory>(
    scratch: &mut Scratch,
    gateway: u32,
    remote_port: Port,
    sender: (Ipv4, Port),
    memory: &mut M,
) -> Result<(), DropReason> {
    let nat = &mut scratch.nat;
    nat.entry = NatEntry {
        address: sender.0,
        port: sender.1,
        ..NatEntry::default()
    };
    let mut drawn = memory.random();
    for _ in 0..DRAWS {
        let place = (u64::from(drawn) * u64::from(NatGateway::PORTS)) >> 32;
        let port = Port::new((NatGateway::FIRST_PORT as u64 + place) as u16);
        nat.key.ports = Ports::new(port, remote_port);
        match memory.insert_nat_entry(gateway, &nat.key, &nat.entry) {
            NatInsertion::Done => return Ok(()),
            NatInsertion::NoRoom => return Err(DropReason::NatTableFull),
            NatInsertion::Taken => {}
        }
        // The next number of a generator whose period is 2³² (L'Ecuyer 1999, table 4).
        drawn = drawn.wrapping_mul(2_891_336_453).wrapping_add(1);
    }
    Err(DropReason::NatPortAllocation)
}
