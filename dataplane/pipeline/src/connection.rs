//! The life of a tracked connection.

use eni_abi::{Connection, ConnectionState, Direction, Vport};
use eni_wire::tcp_flag::{ACK, FIN, RST, SYN};

use crate::packet::Packet;

/// Idle timeout after the first SYN: Linux' `nf_conntrack_tcp_timeout_syn_sent`. EC2 publishes none.
pub const TCP_SYN_SENT_SECONDS: u32 = 120;
/// Idle timeout after SYN and ACK: Linux' `nf_conntrack_tcp_timeout_syn_recv`.
pub const TCP_SYN_RECEIVED_SECONDS: u32 = 60;
/// Idle timeout after one FIN: Linux' `nf_conntrack_tcp_timeout_fin_wait`.
pub const TCP_CLOSING_SECONDS: u32 = 120;
/// How long packets may follow both FINs or an RST that its receiver takes: Linux' `nf_conntrack_tcp_timeout_close`.
pub const TCP_CLOSED_SECONDS: u32 = 10;
/// How long the receiver of an RST that it may not have taken has to say so: as long as after one FIN.
pub const TCP_DOUBTED_SECONDS: u32 = TCP_CLOSING_SECONDS;
/// The largest window that TCP can offer: 65,535 shifted by 14 (RFC 7323 section 2.3), and room up to the power of two.
const LARGEST_WINDOW: u32 = 1 << 30;
/// Idle timeout of ICMP queries: Linux' `nf_conntrack_icmp_timeout`.
const ICMP_SECONDS: u32 = 30;
/// Idle timeout of other protocols: EC2 User Guide, "Security group connection tracking".
const OTHER_SECONDS: u32 = 600;

const NANOSECONDS: u64 = 1_000_000_000;

/// How long connections may be idle that are neither being begun nor ended, in seconds.
pub(crate) trait IdleSeconds {
    /// TCP.
    fn tcp_established(&self) -> u32;
    /// UDP of more than one request and answer.
    fn udp_stream(&self) -> u32;
    /// Other UDP.
    fn udp_single(&self) -> u32;
}

impl IdleSeconds for Vport {
    #[inline(always)]
    fn tcp_established(&self) -> u32 {
        self.tcp_established_seconds
    }

    #[inline(always)]
    fn udp_stream(&self) -> u32 {
        self.udp_stream_seconds
    }

    #[inline(always)]
    fn udp_single(&self) -> u32 {
        self.udp_single_seconds
    }
}

/// The state after the first packet of a connection; TCP's is a SYN.
#[inline(always)]
pub(crate) fn first_state(packet: &Packet) -> ConnectionState {
    match packet.protocol {
        eni_wire::protocol::TCP => ConnectionState::SynSent,
        eni_wire::protocol::UDP => ConnectionState::UdpRequest,
        _ if packet.is_icmp() => ConnectionState::Icmp,
        _ => ConnectionState::Other,
    }
}

/// Takes one more packet into account: state, FINs, acknowledgments, and how long the entry still counts.
///
/// What begins or ends a connection does so once: an entry whose handshake or end is not done is renewed by nothing that
/// leaves it as it is, so that no end keeps it alive alone.
#[inline(always)]
pub(crate) fn advance(
    connection: &mut Connection,
    direction: Direction,
    packet: &Packet,
    idle: &impl IdleSeconds,
    now_ns: u64,
) -> ConnectionState {
    let before = ConnectionState::from_number(connection.state).unwrap_or(ConnectionState::Other);
    let after = next_state(connection, before, direction, packet);
    let ends = matches!(after, ConnectionState::Closed | ConnectionState::Doubted);
    if after != before || is_renewed(connection, after, direction, packet.tcp_flags) {
        let in_handshake = matches!(
            before,
            ConnectionState::SynSent | ConnectionState::SynReceived
        );
        let timeout = if after == ConnectionState::Doubted && in_handshake {
            u64::from(TCP_CLOSED_SECONDS) * NANOSECONDS
        } else {
            timeout_ns(after, idle)
        };
        let expires_ns = now_ns.wrapping_add(timeout);
        // An end never prolongs.
        if !ends || expires_ns < connection.expires_ns {
            connection.expires_ns = expires_ns;
        }
    }
    connection.state = after as u32;
    if packet.tcp_flags & (ACK | RST) == ACK {
        acknowledge(connection, direction, packet.tcp_acknowledgment);
    }
    after
}

/// Whether a packet that leaves the state as it is renews the connection.
#[inline(always)]
fn is_renewed(
    connection: &Connection,
    state: ConnectionState,
    direction: Direction,
    tcp_flags: u8,
) -> bool {
    match state {
        ConnectionState::SynSent
        | ConnectionState::SynReceived
        | ConnectionState::Closed
        | ConnectionState::Doubted => false,
        // An RST outside the window and a SYN change nothing at their receiver (RFC 5961).
        ConnectionState::Established => tcp_flags & (SYN | RST) == 0,
        // Only the end that may still send.
        ConnectionState::Closing => {
            tcp_flags & (SYN | RST) == 0 && connection.flags & fin_flag(direction) == 0
        }
        ConnectionState::UdpRequest
        | ConnectionState::UdpAnswered
        | ConnectionState::UdpStream
        | ConnectionState::Icmp
        | ConnectionState::Other => true,
    }
}

/// The state after one more packet, with the FINs seen noted in `connection.flags`.
#[inline(always)]
fn next_state(
    connection: &mut Connection,
    state: ConnectionState,
    direction: Direction,
    packet: &Packet,
) -> ConnectionState {
    let tcp_flags = packet.tcp_flags;
    let from_initiator = connection.initiated() == direction;
    match state {
        ConnectionState::UdpRequest if !from_initiator => ConnectionState::UdpAnswered,
        ConnectionState::UdpAnswered if from_initiator => ConnectionState::UdpStream,
        ConnectionState::UdpRequest
        | ConnectionState::UdpAnswered
        | ConnectionState::UdpStream
        | ConnectionState::Icmp
        | ConnectionState::Other
        | ConnectionState::Closed => state,
        _ if tcp_flags & RST != 0 => reset(connection, state, direction, packet.tcp_sequence),
        ConnectionState::Doubted => doubted(connection, direction, tcp_flags),
        _ if tcp_flags & FIN != 0 => fin(connection, direction),
        ConnectionState::SynSent if tcp_flags & (SYN | ACK) == SYN | ACK && !from_initiator => {
            ConnectionState::SynReceived
        }
        ConnectionState::SynReceived if tcp_flags & (SYN | ACK) == ACK && from_initiator => {
            ConnectionState::Established
        }
        _ => state,
    }
}

/// What an RST of `sequence` does. Its receiver takes it if it has exactly the number that is expected, answers it if it
/// lies in the window, and ignores it else (RFC 5961 section 3.2).
///
/// The number expected is the receiver's last acknowledgment, of which only those that went the slow way are known: up to
/// a second's may be missing, and the window is not known at all. So an RST beyond the largest window there is does
/// nothing, the exact one closes, and any other leaves a doubt that the receiver clears.
#[inline(always)]
fn reset(
    connection: &mut Connection,
    state: ConnectionState,
    direction: Direction,
    sequence: u32,
) -> ConnectionState {
    let (known, expected) = match direction {
        Direction::Egress => (
            Connection::ACKNOWLEDGED_INGRESS,
            connection.ingress_acknowledgment,
        ),
        Direction::Ingress => (
            Connection::ACKNOWLEDGED_EGRESS,
            connection.egress_acknowledgment,
        ),
    };
    if connection.flags & known != 0 {
        let beyond = sequence.wrapping_sub(expected);
        if beyond == 0 {
            return ConnectionState::Closed;
        }
        if beyond >= LARGEST_WINDOW {
            return state;
        }
    }
    let by_guest = direction == Direction::Egress;
    let doubted_by_guest = connection.flags & Connection::RESET_EGRESS != 0;
    if state == ConnectionState::Doubted && by_guest != doubted_by_guest {
        return ConnectionState::Closed;
    }
    if by_guest {
        connection.flags |= Connection::RESET_EGRESS;
    } else {
        connection.flags &= !Connection::RESET_EGRESS;
    }
    ConnectionState::Doubted
}

/// A packet of a doubted connection. If the RST's receiver still acknowledges, it has not taken the RST. Should its other
/// end really have gone, that answers with an RST of just the number acknowledged (RFC 9293 section 3.5.2), which closes.
#[inline(always)]
fn doubted(connection: &mut Connection, direction: Direction, tcp_flags: u8) -> ConnectionState {
    let reset_by_guest = connection.flags & Connection::RESET_EGRESS != 0;
    let from_receiver = reset_by_guest != (direction == Direction::Egress);
    if !from_receiver || tcp_flags & (SYN | ACK) != ACK {
        ConnectionState::Doubted
    } else if tcp_flags & FIN != 0 {
        fin(connection, direction)
    } else if connection.flags & (Connection::FIN_EGRESS | Connection::FIN_INGRESS) != 0 {
        ConnectionState::Closing
    } else {
        ConnectionState::Established
    }
}

#[inline(always)]
fn acknowledge(connection: &mut Connection, direction: Direction, acknowledgment: u32) {
    match direction {
        Direction::Egress => {
            connection.egress_acknowledgment = acknowledgment;
            connection.flags |= Connection::ACKNOWLEDGED_EGRESS;
        }
        Direction::Ingress => {
            connection.ingress_acknowledgment = acknowledgment;
            connection.flags |= Connection::ACKNOWLEDGED_INGRESS;
        }
    }
}

#[inline(always)]
const fn fin_flag(direction: Direction) -> u32 {
    match direction {
        Direction::Egress => Connection::FIN_EGRESS,
        Direction::Ingress => Connection::FIN_INGRESS,
    }
}

#[inline(always)]
fn fin(connection: &mut Connection, direction: Direction) -> ConnectionState {
    connection.flags |= fin_flag(direction);
    let both = Connection::FIN_EGRESS | Connection::FIN_INGRESS;
    if connection.flags & both == both {
        ConnectionState::Closed
    } else {
        ConnectionState::Closing
    }
}

/// How long a connection may be idle in `state`, in nanoseconds.
#[inline(always)]
pub(crate) fn timeout_ns(state: ConnectionState, idle: &impl IdleSeconds) -> u64 {
    let seconds = match state {
        ConnectionState::SynSent => TCP_SYN_SENT_SECONDS,
        ConnectionState::SynReceived => TCP_SYN_RECEIVED_SECONDS,
        ConnectionState::Established => idle.tcp_established(),
        ConnectionState::Closing => TCP_CLOSING_SECONDS,
        ConnectionState::Closed => TCP_CLOSED_SECONDS,
        ConnectionState::Doubted => TCP_DOUBTED_SECONDS,
        ConnectionState::UdpRequest | ConnectionState::UdpAnswered => idle.udp_single(),
        ConnectionState::UdpStream => idle.udp_stream(),
        ConnectionState::Icmp => ICMP_SECONDS,
        ConnectionState::Other => OTHER_SECONDS,
    };
    u64::from(seconds) * NANOSECONDS
}

/// Whether more packets like this one change nothing but the time: then the flow may go the fast way.
///
/// SYN, FIN and RST never do. An answer to a UDP request ends the steadiness of the request's direction, see
/// [`crate::packet::Path::forget_opposite`].
#[inline(always)]
pub(crate) fn is_steady(state: ConnectionState) -> bool {
    !matches!(
        state,
        ConnectionState::SynSent
            | ConnectionState::SynReceived
            | ConnectionState::Closed
            | ConnectionState::Doubted
    )
}
