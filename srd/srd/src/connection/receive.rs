//! What arrives.

use super::{Connection, PendingNack, Session, State, fail};
use crate::config::MAX_NACKS;
use crate::event::{DropReason, Event, Failure};
use crate::frame::{Ack, Frame, Frames, HOLD_UNIT_NANOS, Nack, Verdict, nack_bytes};
use crate::message::{Admission, Incoming, Sink};
use crate::outgoing::Ended;
use crate::received::Novelty;
use crate::sent::NONE;
use crate::time::Instant;
use crate::wire::{
    FLAG_ACK_NOW, FLAG_SEALED, HEADER_BYTES, Header, Hello, Kind, SEAL_BYTES, expand,
};
use alloc::vec::Vec;

/// What a packet's frames came to.
struct Outcome {
    wants_ack: bool,
    /// Something in it was neither taken nor answered: it must not count as arrived.
    is_unfit: bool,
    verdicts: Vec<Verdict>,
}

impl Connection {
    /// Takes a datagram that arrived. It is decrypted in place; messages in it go to `sink` at once.
    ///
    /// # Errors
    /// [`DropReason`] where the datagram was dropped; it has been counted, and changed nothing.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        sink: &mut impl Sink,
    ) -> Result<(), DropReason> {
        let outcome = self.take_packet(now, datagram, sink);
        match outcome {
            Ok(()) => self.counters.packets_received += 1,
            Err(reason) => self.counters.drop(reason),
        }
        outcome
    }

    fn take_packet(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        sink: &mut impl Sink,
    ) -> Result<(), DropReason> {
        if matches!(self.state, State::Ended(_)) || self.closes_left > 0 {
            return Err(DropReason::Closed);
        }
        let (header, body) = Header::parse(datagram).map_err(|_| DropReason::Malformed)?;
        match header.kind {
            Kind::Frames => {
                let outcome = self.handle_frames(now, &header, datagram, sink);
                if outcome == Err(DropReason::Foreign) {
                    // A peer that does not know that this side started anew learns it from a hello.
                    self.connect(now);
                }
                outcome
            }
            Kind::Hello | Kind::Offer => {
                let (hello, _) = Hello::parse(body).map_err(|_| DropReason::Malformed)?;
                self.open_handshake(&header, &hello, datagram)?;
                match header.kind {
                    Kind::Hello => self.handle_hello(&header, &hello),
                    Kind::Offer | Kind::Frames => self.handle_offer(now, &header, &hello),
                }
            }
        }
    }

    fn handle_frames(
        &mut self,
        now: Instant,
        header: &Header,
        datagram: &mut [u8],
        sink: &mut impl Sink,
    ) -> Result<(), DropReason> {
        let length = datagram.len();
        let (session, offered) = self.session_of(header.session_tag)?;
        let number = header.packet_number;
        if offered.is_none() {
            match self.received.novelty(number) {
                Novelty::New => {}
                // Without a seal the repetition is the network's; with one it may be anybody's, and only costs a check.
                Novelty::Repeated => {
                    self.received.tell_again(now, number);
                    return Err(DropReason::Duplicate);
                }
                Novelty::TooOld | Novelty::Beyond => return Err(DropReason::TooOld),
            }
        }
        let body = open(session, header, datagram)?;
        if Frames::new(body).any(|frame| frame.is_err()) {
            return Err(DropReason::Malformed);
        }
        if let Some(place) = offered {
            self.accept_offer(place);
        }
        self.handshake.confirm();
        self.received.see(number);
        self.received.last_path = header.path;
        let outcome = self.take_frames(now, body, sink);
        if outcome.wants_ack && !outcome.is_unfit {
            if outcome.verdicts.is_empty() {
                self.received.take(now, number, header.path, length);
            } else if self.nacks.len() < MAX_NACKS && self.fits_nack(outcome.verdicts.len()) {
                self.nacks.push_back(PendingNack {
                    packet_number: number,
                    verdicts: outcome.verdicts,
                });
            }
            if header.flags & FLAG_ACK_NOW != 0 {
                self.received.hurry(now);
            }
        }
        self.heard(now);
        Ok(())
    }

    /// The session that a packet belongs to: the one that stands, or one on offer at that place.
    fn session_of(&self, session_tag: u64) -> Result<(&Session, Option<usize>), DropReason> {
        if let State::Established(session) = &self.state
            && session.tag_in == session_tag
        {
            return Ok((session, None));
        }
        let place = self.offer_of(session_tag).ok_or(DropReason::Foreign)?;
        let session = self.offered_session(place).ok_or(DropReason::Foreign)?;
        Ok((session, Some(place)))
    }

    fn take_frames(&mut self, now: Instant, body: &[u8], sink: &mut impl Sink) -> Outcome {
        let mut outcome = Outcome {
            wants_ack: false,
            is_unfit: false,
            verdicts: Vec::new(),
        };
        for frame in Frames::new(body).flatten() {
            match frame {
                Frame::Message {
                    sequence,
                    queue_pair,
                    header,
                    payload,
                } => {
                    outcome.wants_ack = true;
                    let message = Incoming {
                        queue_pair,
                        header,
                        payload,
                    };
                    self.take_message(sequence, message, sink, &mut outcome);
                }
                Frame::Cancel { sequence } => {
                    outcome.wants_ack = true;
                    match self.message_novelty(sequence) {
                        (Novelty::New, sequence) => self.taken.take(sequence),
                        (Novelty::Repeated | Novelty::TooOld, _) => {}
                        (Novelty::Beyond, _) => outcome.is_unfit = true,
                    }
                }
                Frame::Ping => outcome.wants_ack = true,
                Frame::Ack(ack) => self.handle_ack(now, &ack),
                Frame::Nack(nack) => self.handle_nack(now, &nack),
                Frame::Close => self.end(Failure::PeerClosed),
            }
        }
        outcome
    }

    /// A peer that packs more than was agreed could be owed an answer that fits no packet.
    fn fits_nack(&self, verdicts: usize) -> bool {
        let State::Established(session) = &self.state else {
            return false;
        };
        let room = session.max_datagram_bytes - HEADER_BYTES - self.seal_bytes();
        nack_bytes(verdicts) <= room
    }

    fn message_novelty(&self, low: u32) -> (Novelty, u64) {
        match expand(low, self.taken.base()) {
            Some(sequence) => (self.taken.novelty(sequence), sequence),
            None => (Novelty::Repeated, 0),
        }
    }

    fn take_message(
        &mut self,
        low: u32,
        message: Incoming<'_>,
        sink: &mut impl Sink,
        outcome: &mut Outcome,
    ) {
        let (novelty, sequence) = self.message_novelty(low);
        match novelty {
            Novelty::New => {}
            Novelty::Repeated | Novelty::TooOld => {
                self.counters.duplicate_messages += 1;
                return;
            }
            Novelty::Beyond => {
                self.counters.dropped_beyond_window += 1;
                outcome.is_unfit = true;
                return;
            }
        }
        let refused = match sink.receive(message) {
            Admission::Accept => {
                self.taken.take(sequence);
                self.counters.messages_delivered += 1;
                return;
            }
            Admission::NotReady => {
                self.counters.not_ready_sent += 1;
                None
            }
            Admission::Refuse(code) => Some(code),
        };
        outcome.verdicts.push(Verdict {
            sequence: low,
            refused,
        });
    }

    fn handle_ack(&mut self, now: Instant, ack: &Ack<'_>) {
        if let State::Established(session) = &mut self.state {
            session.credit_bytes = u64::from(ack.credit_bytes);
        }
        let end = self.sent.next_number();
        for echo in ack.echoes() {
            let packet = expand(echo.packet_number, end).and_then(|number| self.sent.get(number));
            if let Some(packet) =
                packet.filter(|packet| packet.path == echo.path && echo.held != u16::MAX)
            {
                let held = u64::from(echo.held) * HOLD_UNIT_NANOS;
                let sample = now.nanos_since(packet.sent_at).saturating_sub(held).max(1);
                self.paths.measured(now, echo.path, sample);
            }
        }
        let mut touched = 0;
        for word in ack.words() {
            let Some(index) = expand(word.index, end / 64) else {
                continue;
            };
            let mut bits = word.bits;
            while bits != 0 {
                let number = index.saturating_mul(64) + u64::from(bits.trailing_zeros());
                bits &= bits - 1;
                touched |= self.arrived(now, number);
            }
        }
        self.look_for_gaps(now, touched);
    }

    /// The peer has a packet and took its messages. Returns its path as a set.
    fn arrived(&mut self, now: Instant, number: u64) -> u64 {
        let Some(first) = self.land(now, number) else {
            return 0;
        };
        let (path, mut sequence) = first;
        while sequence != NONE {
            let next = self.outgoing.next_in_packet(sequence);
            self.complete(sequence);
            sequence = next;
        }
        1 << path
    }

    /// Takes a packet that arrived off the lists; returns its path and its first message.
    fn land(&mut self, now: Instant, number: u64) -> Option<(u8, u64)> {
        let packet = self.sent.remove(number)?;
        self.paths.landed(packet.path, packet.bytes);
        let turn = self
            .paths
            .acked(now, packet.path, packet.place, packet.bytes);
        self.tell_turn(packet.path, turn);
        Some((packet.path, packet.first_message))
    }

    fn complete(&mut self, sequence: u64) {
        if let Some(Ended { id, token }) = self.outgoing.complete(sequence) {
            self.counters.messages_completed += 1;
            self.events.push_back(Event::Completed { id, token });
        }
    }

    fn handle_nack(&mut self, now: Instant, nack: &Nack<'_>) {
        let number = expand(nack.packet_number, self.sent.next_number());
        let Some((path, mut sequence)) = number.and_then(|number| self.land(now, number)) else {
            return;
        };
        // Verdicts are in the order of the packet's frames.
        let mut verdicts = nack.verdicts().peekable();
        while sequence != NONE {
            let next = self.outgoing.next_in_packet(sequence);
            match verdicts.next_if(|verdict| verdict.sequence == sequence as u32) {
                None => self.complete(sequence),
                Some(Verdict { refused: None, .. }) => {
                    self.counters.not_ready_received += 1;
                    self.outgoing.park(now, sequence);
                }
                Some(Verdict {
                    refused: Some(code),
                    ..
                }) => {
                    if let Some(ended) = self.outgoing.cancel(sequence) {
                        fail(
                            ended,
                            Failure::Refused(code),
                            &mut self.events,
                            &mut self.counters,
                        );
                    }
                }
            }
            sequence = next;
        }
        self.look_for_gaps(now, 1 << path);
    }

    /// Gives up packets that enough later ones of their path have overtaken.
    fn look_for_gaps(&mut self, now: Instant, mut paths: u64) {
        while paths != 0 {
            let path = paths.trailing_zeros() as u8;
            paths &= paths - 1;
            let lost_below = self.paths.path(path).lost_below();
            while let Some((number, packet)) = self.sent.oldest_on(path)
                && packet.place < lost_below
            {
                self.lose(number);
                self.counters.lost_by_gap += 1;
                self.paths.lost_by_gap(now, path);
            }
        }
    }
}

/// The frames of a packet, decrypted where the session is sealed.
fn open<'a>(
    session: &Session,
    header: &Header,
    datagram: &'a mut [u8],
) -> Result<&'a [u8], DropReason> {
    let is_sealed = header.flags & FLAG_SEALED != 0;
    let (head, body) = datagram
        .split_at_mut_checked(HEADER_BYTES)
        .ok_or(DropReason::Malformed)?;
    match &session.seal_in {
        None if is_sealed => Err(DropReason::Unauthentic),
        None => Ok(body),
        Some(_) if !is_sealed => Err(DropReason::Unauthentic),
        Some(seal) => {
            let (body, proof) = body
                .split_last_chunk_mut::<SEAL_BYTES>()
                .ok_or(DropReason::Unauthentic)?;
            seal.open(header.packet_number, head, body, proof)
                .map_err(|_| DropReason::Unauthentic)?;
            Ok(body)
        }
    }
}

impl crate::event::Counters {
    fn drop(&mut self, reason: DropReason) {
        *match reason {
            DropReason::Malformed => &mut self.dropped_malformed,
            DropReason::Foreign => &mut self.dropped_foreign,
            DropReason::Unauthentic => &mut self.dropped_unauthentic,
            DropReason::Duplicate => &mut self.dropped_duplicate,
            DropReason::TooOld => &mut self.dropped_too_old,
            DropReason::Closed => &mut self.dropped_closed,
        } += 1;
    }
}
