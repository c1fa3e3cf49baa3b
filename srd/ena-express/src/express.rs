//! One pair of interfaces, from one side.

use crate::counters::{Counters, DropReason};
use crate::eligibility::{Eligibility, Ordinary};
use crate::flow;
use crate::header::{FrameHeader, HEADER_BYTES, QUEUE_PAIR};
use crate::limits::{EMPTY_TREES_BYTES, LOOK_PAUSE_NANOS, MAX_FRAME_BYTES, MAX_LOOK_PAUSE_NANOS};
use crate::receiver::{Deliver, Receiver};
use crate::sender::Sender;
use bytes::BytesMut;
use eni_srd::{
    Admission, Connection, DropReason as PacketDrop, Event, Incoming, Instant, Message,
    MessageHeader, Transmit,
};

/// Marks the tokens of messages that carry frames; the rest is the flow's place.
const TOKEN_MARK: u64 = 1 << 63;
/// The code of [`Admission::Refuse`] for a message whose header or length breaks the rules.
const REFUSED_MALFORMED: u8 = 1;

/// What became of a frame that was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It waits for SRD. Where it was marked, its flow has so much waiting that its sender should slow down.
    Queued {
        /// Whether it was made to say that it met congestion.
        is_marked: bool,
    },
    /// It is to go the ordinary way.
    Ordinary {
        /// The frame.
        frame: BytesMut,
        /// Why.
        reason: Ordinary,
    },
    /// It was dropped, which its sender takes for congestion.
    Dropped(DropReason),
}

/// One pair of interfaces, from one side. See the [crate] for how to drive it.
pub struct Express {
    eligibility: Eligibility,
    /// When a frame may look for the peer again.
    look_at: Instant,
    look_pause: u64,
    sender: Sender,
    receiver: Receiver,
    counters: Counters,
}

impl Express {
    /// A pair whose connection has said nothing yet. `life` is random: it tells the peer that a new life begins, so two
    /// lives of the same interface must not have the same.
    pub fn new(eligibility: Eligibility, life: u32) -> Self {
        Self {
            eligibility,
            look_at: Instant::default(),
            look_pause: LOOK_PAUSE_NANOS,
            sender: Sender::new(life),
            receiver: Receiver::default(),
            counters: Counters::default(),
        }
    }

    /// What may go over SRD has changed. Frames that wait still go there.
    pub fn set_eligibility(&mut self, eligibility: Eligibility) {
        self.eligibility = eligibility;
    }

    /// Takes a frame that the instance sends to the peer, after the pipeline has let it through.
    ///
    /// The first eligible frame makes `connection` look for the peer; until it answers, frames go the ordinary way, as in
    /// EC2. Later ones look again, with growing pauses. A flow may queue as many bytes as are free of [`MAX_QUEUED_BYTES`](crate::MAX_QUEUED_BYTES), and one frame that
    /// is small at another's cost; what is beyond is dropped, and what comes while more than [`MARK_QUEUED_BYTES`](crate::MARK_QUEUED_BYTES) of its flow wait is
    /// marked where it can be. The frame's buffer is its own, no part of a larger one that it would keep.
    pub fn offer(&mut self, now: Instant, frame: BytesMut, connection: &mut Connection) -> Offered {
        let place = match self.judge(now, &frame, connection) {
            Ok(place) => place,
            Err(reason) => {
                self.counters.count_ordinary(reason);
                return Offered::Ordinary { frame, reason };
            }
        };
        self.counters.eligible_tx_pkts += 1;
        match self.sender.push(place, frame, &mut self.counters) {
            Ok(is_marked) => {
                self.counters.marked += u64::from(is_marked);
                Offered::Queued { is_marked }
            }
            Err(reason) => {
                self.counters.count_drops(reason, 1);
                Offered::Dropped(reason)
            }
        }
    }

    /// The place of the frame's flow, if the frame may go over SRD.
    fn judge(
        &mut self,
        now: Instant,
        frame: &[u8],
        connection: &mut Connection,
    ) -> Result<u16, Ordinary> {
        let (tuple, packet_bytes) = flow::parse(frame)?;
        self.eligibility.allows(tuple.ip_protocol)?;
        let message_bytes = HEADER_BYTES + frame.len();
        if !flow::is_within_mtu(packet_bytes) || message_bytes > connection.max_message_bytes() {
            return Err(Ordinary::TooLarge);
        }
        if !self.has_session(connection) {
            self.look_for_peer(now, connection);
            return Err(Ordinary::NotConnected);
        }
        self.sender.place(now, tuple).ok_or(Ordinary::NoFlow)
    }

    /// Whether frames can be handed over. If not, those that wait are dropped: where they waited for a peer that is
    /// silent, their senders have long sent them again.
    fn has_session(&mut self, connection: &Connection) -> bool {
        let is_open = connection.is_open();
        if !is_open && self.has_queued() {
            let frames = self.sender.drop_queued();
            self.counters.count_drops(DropReason::SessionEnded, frames);
        }
        is_open
    }

    fn look_for_peer(&mut self, now: Instant, connection: &mut Connection) {
        if now >= self.look_at {
            connection.connect(now);
            self.look_at = now.after_nanos(self.look_pause);
            self.look_pause = (self.look_pause * 2).min(MAX_LOOK_PAUSE_NANOS);
        }
    }

    /// The next datagram, in place of [`Connection::poll_transmit`]: frames are handed over first, as many as fill a
    /// datagram with what waits in the connection. What cannot go out yet waits here, where flows take turns and have
    /// their shares.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        connection: &mut Connection,
        buffer: &mut [u8],
    ) -> Option<Transmit> {
        if self.has_session(connection) {
            self.hand_over(now, connection);
        }
        connection.poll_transmit(now, buffer)
    }

    /// Hands over what one datagram holds.
    fn hand_over(&mut self, now: Instant, connection: &mut Connection) {
        let mut room = connection.datagram_room();
        while let Some(bytes) = self.sender.peek() {
            if HEADER_BYTES + bytes > connection.max_message_bytes() {
                // The peer of a new session takes smaller ones. It has no number yet, so nobody waits for it.
                self.sender.drop_next();
                self.counters.count_drops(DropReason::MessageFailed, 1);
                continue;
            }
            let cost = Connection::message_cost(HEADER_BYTES, bytes);
            if cost > room || connection.window_room() == 0 {
                return;
            }
            room -= cost;
            let Some((header, payload)) = self.sender.pop(now) else {
                return;
            };
            let place = header.place;
            let header = MessageHeader::new(&header.to_bytes()).unwrap_or(MessageHeader::EMPTY);
            let message = Message {
                queue_pair: QUEUE_PAIR,
                token: TOKEN_MARK | u64::from(place),
                header,
                payload,
            };
            match connection.send(now, message) {
                Ok(_) => self.counters.tx_pkts += 1,
                Err(_) => {
                    self.sender.ended(place);
                    self.counters.count_drops(DropReason::MessageFailed, 1);
                }
            }
        }
    }

    /// Takes a datagram for `connection`, in place of [`Connection::handle_packet`].
    ///
    /// # Errors
    /// Why the connection dropped it.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        connection: &mut Connection,
        out: &mut impl Deliver,
    ) -> Result<(), PacketDrop> {
        let mut sink = |message: Incoming<'_>| self.receive(now, &message, out);
        connection.handle_packet(now, datagram, &mut sink)
    }

    /// Takes a message of a connection that carries other things too; it is for [`QUEUE_PAIR`]. A frame is taken whether
    /// this side's settings would send one or not: the sender's did, and settings do not change everywhere at once.
    pub fn receive(
        &mut self,
        now: Instant,
        message: &Incoming<'_>,
        out: &mut impl Deliver,
    ) -> Admission {
        let header = FrameHeader::parse(message.header);
        let is_frame = message.queue_pair == QUEUE_PAIR
            && (flow::MIN_FRAME_BYTES..=MAX_FRAME_BYTES).contains(&message.payload.len());
        let Some(header) = header.filter(|_| is_frame) else {
            self.counters.count_drops(DropReason::Malformed, 1);
            return Admission::Refuse(REFUSED_MALFORMED);
        };
        self.receiver
            .take(now, header, message.payload, out, &mut self.counters);
        Admission::Accept
    }

    /// Notes what the connection told; to be called with every event, before the next call of
    /// [`offer`](Self::offer) or [`poll_transmit`](Self::poll_transmit): frames would else go to a new session with numbers of
    /// the old one, and the peer would wait for those before them.
    pub fn handle_event(&mut self, event: &Event) {
        match event {
            Event::Connected => {
                self.sender.begin_anew();
                (self.look_at, self.look_pause) = (Instant::default(), LOOK_PAUSE_NANOS);
            }
            Event::Completed { token, .. } => {
                self.message_ended(*token);
            }
            Event::Failed { token, .. } => {
                if self.message_ended(*token) {
                    self.counters.count_drops(DropReason::MessageFailed, 1);
                }
            }
            Event::PeerReset => self.sender.begin_anew(),
            Event::Closed { .. } | Event::PathDown { .. } | Event::PathUp { .. } => {}
        }
    }

    /// Whether the token was one of this pair's frames.
    fn message_ended(&mut self, token: u64) -> bool {
        if token & TOKEN_MARK == 0 {
            return false;
        }
        if let Ok(place) = u16::try_from(token & !TOKEN_MARK) {
            self.sender.ended(place);
        }
        true
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.receiver.next_due(), self.sender.next_expiry()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what has become due: delivers what was held for long enough, forgets flows that are idle.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl Deliver) {
        self.receiver.handle_timeout(now, out, &mut self.counters);
        self.sender.expire(now);
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether frames wait for SRD.
    pub fn has_queued(&self) -> bool {
        self.sender.has_queued()
    }

    /// Flows that are remembered on the sending side.
    pub fn flows(&self) -> usize {
        self.sender.flows()
    }

    /// Bytes that are held for frames before them, each with [`FRAME_OVERHEAD_BYTES`](crate::FRAME_OVERHEAD_BYTES). At
    /// most [`MAX_HELD_BYTES`](crate::MAX_HELD_BYTES).
    pub fn held_bytes(&self) -> usize {
        self.receiver.held_bytes()
    }

    /// Bytes of memory that the pair holds now, the connection aside; at most
    /// [`MAX_MEMORY_BYTES`](crate::MAX_MEMORY_BYTES). Of it and the connections' `ena_srd_resource_utilization` is made.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + EMPTY_TREES_BYTES
            + self.sender.memory_bytes()
            + self.receiver.memory_bytes()
    }
}
