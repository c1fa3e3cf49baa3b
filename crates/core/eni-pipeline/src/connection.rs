//! The life of a tracked connection.

use eni_abi::{Connection, ConnectionState, Direction, Vport};
use eni_wire::tcp_flag::{ACK, FIN, RST, SYN};

/// Idle timeout after the first SYN: Linux' `nf_conntrack_tcp_timeout_syn_sent`. EC2 publishes none.
pub const TCP_SYN_SENT_SECONDS: u32 = 120;
/// Idle timeout after SYN and ACK: Linux' `nf_conntrack_tcp_timeout_syn_recv`.
pub const TCP_SYN_RECEIVED_SECONDS: u32 = 60;
/// Idle timeout after one FIN: Linux' `nf_conntrack_tcp_timeout_fin_wait`.
pub const TCP_CLOSING_SECONDS: u32 = 120;
/// Idle timeout after both FINs or an RST: Linux' `nf_conntrack_tcp_timeout_close`.
pub const TCP_CLOSED_SECONDS: u32 = 10;
/// Idle timeout of ICMP queries: Linux' `nf_conntrack_icmp_timeout`.
const ICMP_SECONDS: u32 = 30;
/// Idle timeout of other protocols: EC2 User Guide, "Security group connection tracking".
const OTHER_SECONDS: u32 = 600;

const NANOSECONDS: u64 = 1_000_000_000;

/// The state after the first packet of a connection; TCP's is a SYN.
#[inline(always)]
pub(crate) fn first_state(protocol: u8) -> ConnectionState {
    match protocol {
        eni_wire::protocol::TCP => ConnectionState::SynSent,
        eni_wire::protocol::UDP => ConnectionState::UdpRequest,
        eni_wire::protocol::ICMP => ConnectionState::Icmp,
        _ => ConnectionState::Other,
    }
}

/// Takes one more packet into account: the next state, with the FINs seen noted in `connection.flags`.
#[inline(always)]
pub(crate) fn next_state(
    connection: &mut Connection,
    direction: Direction,
    tcp_flags: u8,
) -> ConnectionState {
    let state = ConnectionState::from_number(connection.state).unwrap_or(ConnectionState::Other);
    let from_initiator = connection.initiated() == direction;
    match state {
        ConnectionState::UdpRequest if !from_initiator => ConnectionState::UdpAnswered,
        ConnectionState::UdpAnswered if from_initiator => ConnectionState::UdpStream,
        ConnectionState::UdpRequest
        | ConnectionState::UdpAnswered
        | ConnectionState::UdpStream
        | ConnectionState::Icmp
        | ConnectionState::Other => state,
        _ if tcp_flags & RST != 0 => ConnectionState::Closed,
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

#[inline(always)]
fn fin(connection: &mut Connection, direction: Direction) -> ConnectionState {
    connection.flags |= match direction {
        Direction::Egress => Connection::FIN_EGRESS,
        Direction::Ingress => Connection::FIN_INGRESS,
    };
    let both = Connection::FIN_EGRESS | Connection::FIN_INGRESS;
    if connection.flags & both == both {
        ConnectionState::Closed
    } else {
        ConnectionState::Closing
    }
}

/// How long a connection may be idle in `state`, in nanoseconds.
#[inline(always)]
pub(crate) fn timeout_ns(state: ConnectionState, vport: &Vport) -> u64 {
    let seconds = match state {
        ConnectionState::SynSent => TCP_SYN_SENT_SECONDS,
        ConnectionState::SynReceived => TCP_SYN_RECEIVED_SECONDS,
        ConnectionState::Established => vport.tcp_established_seconds,
        ConnectionState::Closing => TCP_CLOSING_SECONDS,
        ConnectionState::Closed => TCP_CLOSED_SECONDS,
        ConnectionState::UdpRequest | ConnectionState::UdpAnswered => vport.udp_single_seconds,
        ConnectionState::UdpStream => vport.udp_stream_seconds,
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
        ConnectionState::SynSent | ConnectionState::SynReceived | ConnectionState::Closed
    )
}
