//! What a connection tells its owner, and counts.

use crate::message::MessageId;

/// Something that happened. The owner drains [`poll_event`](crate::Connection::poll_event) after every call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer answered; messages flow.
    Connected,
    /// The peer has taken the message.
    Completed {
        /// The message.
        id: MessageId,
        /// Its token.
        token: u64,
    },
    /// The message did not reach the peer, or nobody can tell whether it did.
    Failed {
        /// The message.
        id: MessageId,
        /// Its token.
        token: u64,
        /// Why.
        reason: Failure,
    },
    /// The peer has started anew. What was under way has failed; later messages go to the new peer.
    PeerReset,
    /// The connection is over: every message has failed, and the owner may drop it.
    Closed {
        /// Why.
        reason: Failure,
    },
    /// A path answers no more; messages take the others.
    PathDown {
        /// The path.
        path: u8,
    },
    /// A path that was down answers again.
    PathUp {
        /// The path.
        path: u8,
    },
}

/// Why a message failed or a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing was heard of the peer for [`Config::peer_dead_after`](crate::Config::peer_dead_after).
    #[error("the peer does not answer")]
    PeerDead,
    /// The peer started anew while the message was under way.
    #[error("the peer started anew")]
    PeerReset,
    /// The peer closed the connection.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// This side closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// The peer's queue pair had no buffer for [`Config::not_ready_limit`](crate::Config::not_ready_limit).
    #[error("the receiver was not ready in time")]
    NotReady,
    /// The peer takes smaller datagrams than this side knew when the message was queued.
    #[error("the peer takes no message of this size")]
    TooLarge,
    /// The peer's sink refused the message.
    #[error("the receiver refused the message with code {0}")]
    Refused(u8),
}

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DropReason {
    /// It is no packet of this protocol.
    #[error("the packet is malformed")]
    Malformed,
    /// It belongs to no session of this connection: it is late, or its sender is not (yet) known.
    #[error("the packet is of another session")]
    Foreign,
    /// It was not sealed by the peer, or is sealed where no key was given.
    #[error("the packet is not authentic")]
    Unauthentic,
    /// Its number was seen before.
    #[error("the packet was seen before")]
    Duplicate,
    /// Its number is older than the window in which repetition is told.
    #[error("the packet is too old")]
    TooOld,
    /// The connection has ended.
    #[error("the connection has ended")]
    Closed,
}

/// What a connection has counted since it began. Every datagram that is dropped has a reason here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams written by `poll_transmit`.
    pub packets_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Datagrams taken by `handle_packet` and not dropped.
    pub packets_received: u64,
    /// Messages that the peer has taken.
    pub messages_completed: u64,
    /// Messages that failed.
    pub messages_failed: u64,
    /// Messages that the sink accepted.
    pub messages_delivered: u64,
    /// Messages sent again.
    pub messages_retransmitted: u64,
    /// Packets given up because later ones on their path were acknowledged.
    pub lost_by_gap: u64,
    /// Packets given up because their path was silent for too long.
    pub lost_by_timeout: u64,
    /// Messages that arrived again.
    pub duplicate_messages: u64,
    /// Messages answered with "not ready" by this side.
    pub not_ready_sent: u64,
    /// Messages answered with "not ready" by the peer.
    pub not_ready_received: u64,
    /// Drops: packets that are not well formed.
    pub dropped_malformed: u64,
    /// Drops: packets of another session (a late packet, or of a peer not yet known).
    pub dropped_foreign: u64,
    /// Drops: packets that did not open under the session's key, or were not sealed as they must be.
    pub dropped_unauthentic: u64,
    /// Drops: packet numbers seen before.
    pub dropped_duplicate: u64,
    /// Drops: packet numbers older than the window in which duplicates are told.
    pub dropped_too_old: u64,
    /// Messages dropped from packets: their sequence numbers are beyond the agreed window.
    pub dropped_beyond_window: u64,
    /// Drops: packets that came after the connection had ended.
    pub dropped_closed: u64,
}
