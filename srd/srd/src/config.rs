//! Settings of a connection, their bounds, and the protocol's constants.

use crate::time::nanos;
use core::time::Duration;

/// Most paths of one connection (SRD is known to use up to 64; a set of them is one `u64`).
pub const MAX_PATHS: u8 = 64;
/// The smallest datagram that carries a full handshake and acknowledgement, with room to spare.
pub const MIN_DATAGRAM_BYTES: usize = 512;
/// The largest datagram: one message of full size with its headers, an acknowledgement beside it, and the seal.
pub const MAX_DATAGRAM_BYTES: usize = 9_216;
/// The smallest window of messages, as a power of two: one word of the bitmap.
pub const MIN_WINDOW_LOG2: u8 = 6;
/// The largest window of messages, as a power of two.
pub const MAX_WINDOW_LOG2: u8 = 15;

/// Most bytes that a connection holds, payloads of messages under way aside: a message's slot and events for each number
/// of the largest window, a record for each packet under way, and 64 KiB for all else; tables double, so twice that.
pub const MAX_MEMORY_BYTES: usize =
    2 * ((256 << MAX_WINDOW_LOG2) + 96 * PACKET_WINDOW as usize + (64 << 10));

/// Packets within which a repeated packet number is told from a new one; older ones are dropped, and a sender keeps no
/// packet under way that far back.
pub(crate) const PACKET_WINDOW: u64 = 16_384;
/// How many packets of one path must be acknowledged past another for it to count as lost (RFC 9002 section 6.1.1).
pub(crate) const GAP_THRESHOLD: u64 = 3;
/// The shortest time after which silence on a path means loss.
pub(crate) const MIN_RETRANSMIT_NANOS: u64 = 250_000;
/// The longest: a path whose round trip is above 25 ms is not one of a data centre.
pub(crate) const MAX_RETRANSMIT_NANOS: u64 = 100_000_000;
/// The time that stands for a path's round trip before any is measured.
pub(crate) const INITIAL_ROUND_TRIP_NANOS: u64 = 250_000;
/// How long an acknowledgement may wait for company.
pub(crate) const ACK_DELAY_NANOS: u64 = 25_000;
/// Packets after which an acknowledgement waits no longer.
pub(crate) const ACK_AFTER_PACKETS: u32 = 16;
/// Full datagrams' worth of bytes after which an acknowledgement waits no longer.
pub(crate) const ACK_AFTER_DATAGRAMS: usize = 2;
/// Probes lost in a row after which a path is down.
pub(crate) const PATH_DOWN_AFTER_PROBES: u8 = 3;
/// The longest pause between two probes of a path that is down, while others live.
pub(crate) const MAX_PROBE_NANOS: u64 = 1_000_000_000;
/// The longest pause between two probes of a path while no path lives.
pub(crate) const MAX_LONELY_PROBE_NANOS: u64 = 10_000_000;
/// The first pause after "not ready".
pub(crate) const MIN_NOT_READY_NANOS: u64 = 50_000;
/// The longest pause after "not ready".
pub(crate) const MAX_NOT_READY_NANOS: u64 = 10_000_000;
/// The first pause between two hellos; it doubles up to [`MAX_HELLO_NANOS`].
pub(crate) const MIN_HELLO_NANOS: u64 = 1_000_000;
/// The longest pause between two hellos.
pub(crate) const MAX_HELLO_NANOS: u64 = 20_000_000;
/// Offers that may be open at once (see `docs/SRD.md`, "Handshake").
pub(crate) const MAX_OFFERS: usize = 4;
/// Negative acknowledgements that wait to be sent; more are dropped, and the peer's timer repeats the question.
pub(crate) const MAX_NACKS: usize = 64;
/// Copies of the last packet, on different paths: nobody acknowledges it.
pub(crate) const CLOSE_COPIES: u8 = 3;

/// Settings of one connection.
#[derive(Clone, Debug)]
pub struct Config {
    /// The interface on this side, as the handshake names it (a GID, say).
    pub local_interface: [u8; 16],
    /// The interface on the other side.
    pub peer_interface: [u8; 16],
    /// What the peer's packets carry, so that this side finds the connection ([`addressee`](crate::addressee)).
    pub local_handle: u32,
    /// Paths, 1 to [`MAX_PATHS`].
    pub paths: u8,
    /// Largest datagram in bytes (UDP payload), [`MIN_DATAGRAM_BYTES`] to [`MAX_DATAGRAM_BYTES`]. The smaller of both
    /// sides' is used.
    pub max_datagram_bytes: usize,
    /// Messages under way at most, as a power of two. The smaller of both sides' is used.
    pub window_log2: u8,
    /// Bytes that the peer may have under way to this side, until [`Connection::set_receive_credit`] says otherwise.
    ///
    /// [`Connection::set_receive_credit`]: crate::Connection::set_receive_credit
    pub receive_credit_bytes: u32,
    /// Packets in a row on one path before the next is chosen, 1 to 64: more than one lets the kernel take them as one
    /// buffer (UDP segmentation offload).
    pub path_burst: u8,
    /// Queueing delay that a path may show before its window shrinks.
    pub target_queueing: Duration,
    /// Whether messages keep off paths that are much slower than the fastest. For owners who restore an order: to them the
    /// slowest path's time is everybody's. Others get more out of a slow path than out of none.
    pub avoid_slow_paths: bool,
    /// How long a peer may be silent, while something is expected of it, before it is dead.
    pub peer_dead_after: Duration,
    /// After how much silence an idle peer is asked whether it lives; nothing for never.
    pub keepalive_after: Option<Duration>,
    /// How long a queue pair may be not ready before messages to it fail.
    pub not_ready_limit: Duration,
}

impl Config {
    /// Ordinary settings between two interfaces.
    pub fn new(local_interface: [u8; 16], peer_interface: [u8; 16], local_handle: u32) -> Self {
        Self {
            local_interface,
            peer_interface,
            local_handle,
            paths: 16,
            max_datagram_bytes: MAX_DATAGRAM_BYTES,
            window_log2: 12,
            receive_credit_bytes: 4 << 20,
            path_burst: 1,
            target_queueing: Duration::from_micros(50),
            avoid_slow_paths: false,
            peer_dead_after: Duration::from_secs(3),
            keepalive_after: Some(Duration::from_secs(1)),
            not_ready_limit: Duration::from_secs(5),
        }
    }

    /// Checks the bounds that the fields state.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !(1..=MAX_PATHS).contains(&self.paths) {
            return Err(ConfigError::Paths);
        }
        if !(MIN_DATAGRAM_BYTES..=MAX_DATAGRAM_BYTES).contains(&self.max_datagram_bytes) {
            return Err(ConfigError::Datagram);
        }
        if !(MIN_WINDOW_LOG2..=MAX_WINDOW_LOG2).contains(&self.window_log2) {
            return Err(ConfigError::Window);
        }
        if !(1..=64).contains(&self.path_burst) {
            return Err(ConfigError::Burst);
        }
        let shortest = nanos(self.peer_dead_after).min(nanos(self.not_ready_limit));
        if shortest < MAX_RETRANSMIT_NANOS || self.target_queueing.is_zero() {
            return Err(ConfigError::Time);
        }
        Ok(())
    }
}

/// Settings that are out of their bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// [`Config::paths`].
    #[error("between 1 and {MAX_PATHS} paths are possible")]
    Paths,
    /// [`Config::max_datagram_bytes`].
    #[error("a datagram has {MIN_DATAGRAM_BYTES} to {MAX_DATAGRAM_BYTES} bytes")]
    Datagram,
    /// [`Config::window_log2`].
    #[error("the window is 2^{MIN_WINDOW_LOG2} to 2^{MAX_WINDOW_LOG2} messages")]
    Window,
    /// [`Config::path_burst`].
    #[error("1 to 64 packets may follow one another on a path")]
    Burst,
    /// A time that is zero, or too short to tell silence from delay.
    #[error("a limit of time is too short")]
    Time,
}
