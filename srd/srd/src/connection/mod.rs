//! One connection: the state between a pair of interfaces.

mod handshake;
mod receive;
mod transmit;

use crate::config::{Config, ConfigError};
use crate::event::{Counters, Event, Failure};
use crate::frame::{self, Verdict};
use crate::message::{MAX_PAYLOAD_BYTES, Message, MessageId};
use crate::outgoing::{Ended, Outgoing};
use crate::path::{Paths, Turn};
use crate::received::{ReceivedPackets, TakenMessages};
use crate::seal::{PairKey, Seal};
use crate::sent::{NONE, SentPackets};
use crate::time::{Instant, nanos};
use crate::wire::{HEADER_BYTES, Nonce, SEAL_BYTES};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use handshake::Handshake;

/// How often a silent peer is asked before it counts as dead.
const QUESTIONS_BEFORE_DEATH: u64 = 4;
/// Events beyond which changes of paths are no more told.
const MAX_UNREAD_EVENTS: usize = 1 << 15;

/// Why a message cannot be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// As many messages are under way as the window allows; room comes with [`Event::Completed`].
    #[error("the window is full")]
    WindowFull,
    /// It does not fit into one datagram ([`Connection::max_message_bytes`]) or has more than [`MAX_PAYLOAD_BYTES`].
    #[error("the message does not fit into one datagram")]
    TooLarge,
    /// The connection has ended.
    #[error("the connection has ended: {0}")]
    Closed(Failure),
}

/// A datagram that `poll_transmit` wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The path to send it on: an index from which the owner makes the UDP source port.
    pub path: u8,
    /// Its length at the buffer's start.
    pub length: usize,
}

/// What both ends of one session agreed on.
struct Session {
    local_nonce: Nonce,
    peer_nonce: Nonce,
    peer_handle: u32,
    tag_out: u64,
    tag_in: u64,
    seal_out: Option<Box<dyn Seal>>,
    seal_in: Option<Box<dyn Seal>>,
    max_datagram_bytes: usize,
    window_log2: u8,
    /// Bytes that may be under way to the peer.
    credit_bytes: u64,
}

/// A packet whose messages were not all taken.
struct PendingNack {
    packet_number: u64,
    verdicts: Vec<Verdict>,
}

/// How a connection stands.
enum State {
    /// No session yet: idle, or saying hello.
    Unconnected,
    Established(Box<Session>),
    Ended(Failure),
}

/// The state between a pair of interfaces, shared by all their queue pairs.
///
/// It does no I/O and reads no clock; see the [crate] for how to drive it.
pub struct Connection {
    config: Config,
    key: Option<Arc<dyn PairKey>>,
    handshake: Handshake,
    state: State,
    outgoing: Outgoing,
    sent: SentPackets,
    paths: Paths,
    received: ReceivedPackets,
    taken: TakenMessages,
    nacks: VecDeque<PendingNack>,
    events: VecDeque<Event>,
    counters: Counters,
    credit_to_give: u32,
    /// No packet is silent for too long before; early is possible.
    silence_at: Instant,
    /// When the peer was heard last, or first expected to speak since.
    heard_at: Instant,
    /// When the peer was last asked whether it lives.
    asked_at: Instant,
    /// When the oldest unanswered expectation arose; never while nothing is expected.
    expecting_since: Instant,
    /// A ping shall go out, to have something acknowledged.
    wants_ping: bool,
    closes_left: u8,
}

impl Connection {
    /// A connection that waits for the first message to send or for the peer's hello.
    ///
    /// `seed` is 32 bytes of the operating system's entropy, never used before: session identities come from it.
    /// With a `key`, every packet is sealed and packets that are not are dropped.
    ///
    /// # Errors
    /// [`ConfigError`] where a setting is out of its bounds.
    pub fn new(
        config: Config,
        key: Option<Arc<dyn PairKey>>,
        now: Instant,
        seed: [u8; 32],
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let window_log2 = config.window_log2;
        let credit_to_give = config.receive_credit_bytes;
        let paths = new_paths(&config, config.paths, config.max_datagram_bytes);
        Ok(Self {
            handshake: Handshake::new(seed),
            state: State::Unconnected,
            outgoing: Outgoing::new(0, window_log2),
            sent: SentPackets::new(config.paths, 0),
            paths,
            received: ReceivedPackets::new(),
            taken: TakenMessages::new(window_log2),
            nacks: VecDeque::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
            credit_to_give,
            silence_at: Instant::NEVER,
            heard_at: now,
            asked_at: now,
            expecting_since: Instant::NEVER,
            wants_ping: false,
            closes_left: 0,
            config,
            key,
        })
    }

    /// Queues a message. It goes out with the next [`poll_transmit`](Self::poll_transmit) that has room for it; the first
    /// one opens a session.
    ///
    /// # Errors
    /// [`SendError`], with nothing queued.
    pub fn send(&mut self, now: Instant, message: Message) -> Result<MessageId, SendError> {
        if let State::Ended(failure) = &self.state {
            return Err(SendError::Closed(*failure));
        }
        if self.closes_left > 0 {
            return Err(SendError::Closed(Failure::Closed));
        }
        if self.outgoing.room() == 0 {
            return Err(SendError::WindowFull);
        }
        let bytes = message.header.as_bytes().len() + message.payload.len();
        if message.payload.len() > MAX_PAYLOAD_BYTES || bytes > self.max_message_bytes() {
            return Err(SendError::TooLarge);
        }
        self.connect(now);
        self.expect(now);
        Ok(self.outgoing.push(message))
    }

    /// Most bytes of header and payload together that one message may have. It may shrink once, with
    /// [`Event::Connected`], where the peer takes smaller datagrams.
    pub fn max_message_bytes(&self) -> usize {
        let datagram = match &self.state {
            State::Established(session) => session.max_datagram_bytes,
            State::Unconnected | State::Ended(_) => self.config.max_datagram_bytes,
        };
        datagram - HEADER_BYTES - self.seal_bytes() - frame::MESSAGE_FRAME_BYTES
    }

    /// Messages that [`send`](Self::send) would take now.
    pub fn window_room(&self) -> u64 {
        match &self.state {
            State::Ended(_) => 0,
            State::Established(_) | State::Unconnected => self.outgoing.room(),
        }
    }

    /// Bytes of memory that the connection holds now, without the payloads of messages under way. It is at most
    /// [`MAX_MEMORY_BYTES`](crate::MAX_MEMORY_BYTES) as long as events are drained.
    pub fn memory_bytes(&self) -> usize {
        let nacks = self.nacks.capacity() * size_of::<PendingNack>();
        let verdicts = self
            .nacks
            .iter()
            .map(|nack| nack.verdicts.capacity() * size_of::<Verdict>());
        size_of::<Self>()
            + self.outgoing.memory_bytes()
            + self.sent.memory_bytes()
            + self.received.memory_bytes()
            + self.taken.memory_bytes()
            + self.events.capacity() * size_of::<Event>()
            + nacks
            + verdicts.sum::<usize>()
    }

    /// Opens a session although there is nothing to send; [`send`](Self::send) does it by itself.
    pub fn connect(&mut self, now: Instant) {
        if matches!(self.state, State::Unconnected) {
            self.handshake.want(now);
            self.expect(now);
        }
    }

    /// Lets the peer have `bytes` bytes under way to this side, from the next acknowledgement on. An owner with many
    /// senders divides what its link carries in a round trip among them ([`ReceiveBudget`](crate::ReceiveBudget)).
    pub fn set_receive_credit(&mut self, bytes: u32) {
        self.credit_to_give = bytes;
    }

    /// What happened since the last call; the owner asks until there is nothing.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What was counted since the connection began.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether a session with the peer exists.
    pub fn is_established(&self) -> bool {
        matches!(self.state, State::Established(_))
    }

    /// Whether messages can go to the peer now: a session exists, and this side is not closing it.
    pub fn is_open(&self) -> bool {
        self.is_established() && self.closes_left == 0
    }

    /// Bytes that the next datagram has for further messages, beside those that wait and unless an acknowledgement rides
    /// along; each takes its [`message_cost`](Self::message_cost). An owner that keeps queues of its own, to be fair among
    /// those who fill them, hands over no more than that: what waits here goes out in the order in which it came.
    pub fn datagram_room(&self) -> usize {
        let datagram = self.max_message_bytes() + frame::MESSAGE_FRAME_BYTES;
        datagram.saturating_sub(self.outgoing.waiting_bytes(datagram))
    }

    /// Bytes of a datagram that a message with this header and payload takes.
    pub const fn message_cost(header_bytes: usize, payload_bytes: usize) -> usize {
        frame::message_bytes(header_bytes, payload_bytes)
    }

    /// Whether nothing is queued or under way.
    pub fn is_idle(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// The smoothed round trip of a path in nanoseconds, for reports.
    pub fn path_round_trip_nanos(&self, path: u8) -> Option<u64> {
        (path < self.paths.count()).then(|| self.paths.path(path).round_trip())
    }

    /// Ends the connection: every message fails with [`Failure::Closed`], and the peer is told as far as one can.
    pub fn close(&mut self) {
        if self.is_established() {
            self.closes_left = crate::config::CLOSE_COPIES;
        }
        self.fail_messages(Failure::Closed);
        if !matches!(self.state, State::Ended(_)) && self.closes_left == 0 {
            self.state = State::Ended(Failure::Closed);
        }
    }

    /// Does what has become due; to be called when [`poll_timeout`](Self::poll_timeout)'s moment has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if matches!(self.state, State::Ended(_)) {
            return;
        }
        if now.nanos_since(self.expecting_since) >= nanos(self.config.peer_dead_after) {
            self.end(Failure::PeerDead);
            return;
        }
        self.look_for_silence(now);
        self.paths.tick(now);
        let limit = nanos(self.config.not_ready_limit);
        let (events, counters) = (&mut self.events, &mut self.counters);
        self.outgoing.try_again(now, limit, |ended| {
            fail(ended, Failure::NotReady, events, counters);
        });
        if self.next_question() <= now {
            self.asked_at = now;
            self.wants_ping = true;
            self.expect(now);
        }
    }

    /// When to ask a silent peer whether it lives: seldom while nothing is expected of it; else a few times before it is
    /// given up, because the answer that is missing may be on a path that is dead.
    fn next_question(&self) -> Instant {
        if !self.is_established() {
            return Instant::NEVER;
        }
        let quiet_since = self.heard_at.max(self.asked_at);
        let urgent = nanos(self.config.peer_dead_after) / QUESTIONS_BEFORE_DEATH;
        match self.config.keepalive_after.map(nanos) {
            Some(pause) if self.expecting_since == Instant::NEVER => quiet_since.after_nanos(pause),
            None if self.expecting_since == Instant::NEVER => Instant::NEVER,
            Some(_) | None => quiet_since.after_nanos(urgent),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) and [`poll_transmit`](Self::poll_transmit) want to be called next,
    /// unless something else happens before; nothing where only the outside can make anything happen. A moment that has
    /// passed means at once.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let mut at = match &self.state {
            State::Ended(_) => return None,
            State::Unconnected => self.handshake.next_hello(),
            State::Established(session) => {
                let received = self.received.due(session.max_datagram_bytes);
                let gate = if self.outgoing.has_waiting() {
                    self.paths.next_gate()
                } else {
                    Instant::NEVER
                };
                let received = if self.received.has_news() {
                    received
                } else {
                    Instant::NEVER
                };
                received
                    .min(self.next_question())
                    .min(self.handshake.next_hello())
                    .min(gate)
                    .min(self.silence_at)
                    .min(self.paths.next_probe())
                    .min(self.outgoing.next_try())
            }
        };
        if self.expecting_since != Instant::NEVER {
            at = at.min(self.expecting_since + self.config.peer_dead_after);
        }
        (at != Instant::NEVER).then_some(at)
    }

    fn seal_bytes(&self) -> usize {
        if self.key.is_some() { SEAL_BYTES } else { 0 }
    }

    /// From now on the peer owes an answer.
    fn expect(&mut self, now: Instant) {
        if self.expecting_since == Instant::NEVER {
            self.expecting_since = now;
        }
    }

    /// The peer lives. While messages are unfinished it owes the next answer.
    fn heard(&mut self, now: Instant) {
        self.heard_at = now;
        self.expecting_since = if self.outgoing.is_empty() {
            Instant::NEVER
        } else {
            now
        };
    }

    /// Gives up packets that were not answered in time.
    fn look_for_silence(&mut self, now: Instant) {
        if now < self.silence_at {
            return;
        }
        self.silence_at = Instant::NEVER;
        for path in 0..self.paths.count() {
            let patience = self.paths.path(path).patience();
            while let Some((number, packet)) = self.sent.oldest_on(path) {
                let sent_at = packet.sent_at;
                let deadline = sent_at.after_nanos(patience);
                if deadline > now {
                    self.silence_at = self.silence_at.min(deadline);
                    break;
                }
                self.lose(number);
                self.counters.lost_by_timeout += 1;
                let turn = self.paths.lost_by_silence(now, path, sent_at);
                self.tell_turn(path, turn);
            }
        }
    }

    /// Takes a lost packet off and queues its messages again.
    fn lose(&mut self, number: u64) {
        let Some(packet) = self.sent.remove(number) else {
            return;
        };
        self.paths.landed(packet.path, packet.bytes);
        let mut sequence = packet.first_message;
        while sequence != NONE {
            let next = self.outgoing.next_in_packet(sequence);
            self.outgoing.lose(sequence, packet.path);
            sequence = next;
        }
    }

    fn tell_turn(&mut self, path: u8, turn: Option<Turn>) {
        // News of paths is for people; an owner that does not listen loses it first.
        match turn.filter(|_| self.events.len() < MAX_UNREAD_EVENTS) {
            Some(Turn::Down) => self.events.push_back(Event::PathDown { path }),
            Some(Turn::Up) => self.events.push_back(Event::PathUp { path }),
            None => {}
        }
    }

    fn fail_messages(&mut self, reason: Failure) {
        let first_id = self.outgoing.next_id();
        let fresh = Outgoing::new(first_id, self.config.window_log2);
        let outgoing = core::mem::replace(&mut self.outgoing, fresh);
        let (events, counters) = (&mut self.events, &mut self.counters);
        outgoing.fail_all(|ended| fail(ended, reason, events, counters));
    }

    fn end(&mut self, reason: Failure) {
        if matches!(self.state, State::Ended(_)) {
            return;
        }
        self.fail_messages(reason);
        self.state = State::Ended(reason);
        self.events.push_back(Event::Closed { reason });
    }
}

fn fail(ended: Ended, reason: Failure, events: &mut VecDeque<Event>, counters: &mut Counters) {
    counters.messages_failed += 1;
    let Ended { id, token } = ended;
    events.push_back(Event::Failed { id, token, reason });
}

fn new_paths(config: &Config, count: u8, datagram_bytes: usize) -> Paths {
    Paths::new(
        count,
        datagram_bytes,
        nanos(config.target_queueing),
        config.path_burst,
        config.avoid_slow_paths,
    )
}
