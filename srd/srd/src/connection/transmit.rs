//! What goes out.

use super::{Connection, Session, State, Transmit};
use crate::event::Failure;
use crate::frame::{self, MAX_ACK_FRAME_BYTES, PING_FRAME_BYTES};
use crate::sent::NONE;
use crate::time::Instant;
use crate::wire::{FLAG_ACK_NOW, FLAG_SEALED, HEADER_BYTES, Header, Kind, SEAL_BYTES, Writer};

/// With less than this many datagrams under way, waiting for company would stop the sender.
const FEW_DATAGRAMS: u64 = 4;
/// The flags' place in the header.
const FLAGS_OFFSET: usize = 2;

/// What must be left beside the first message for an acknowledgement to ride along.
const ROOM_FOR_ACK: usize = MAX_ACK_FRAME_BYTES + PING_FRAME_BYTES;

/// What the next packet is to hold.
struct Plan {
    path: u8,
    /// Bytes that messages may take, or nothing where there shall be none.
    messages: Option<usize>,
    ping: bool,
}

impl Connection {
    /// Writes the next datagram into `buffer`, which holds at least [`Config::max_datagram_bytes`], and says how long it
    /// is and which path it takes. To be called until there is none, after every other call that takes `now`.
    ///
    /// [`Config::max_datagram_bytes`]: crate::Config::max_datagram_bytes
    pub fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        debug_assert!(buffer.len() >= self.config.max_datagram_bytes);
        if buffer.len() < self.config.max_datagram_bytes || matches!(self.state, State::Ended(_)) {
            return None;
        }
        if let Some(transmit) = self.transmit_handshake(now, buffer) {
            return Some(transmit);
        }
        let State::Established(session) = &self.state else {
            return None;
        };
        let limit = session.max_datagram_bytes - self.seal_bytes();
        let credit = session.credit_bytes;
        if self.closes_left > 0 {
            return self.transmit_close(now, &mut buffer[..limit + self.seal_bytes()]);
        }
        let plan = self.plan(now, credit, limit)?;
        self.write_packet(now, &plan, buffer, limit)
    }

    fn plan(&mut self, now: Instant, credit: u64, limit: usize) -> Option<Plan> {
        let room = limit - HEADER_BYTES;
        let first = match self.outgoing.peek() {
            Some((sequence, avoid)) => Some((self.outgoing.frame_bytes(sequence), avoid)),
            None => None,
        };
        let allowance = if self.paths.in_flight == 0 {
            room
        } else {
            let left = credit.saturating_sub(self.paths.in_flight + HEADER_BYTES as u64);
            room.min(usize::try_from(left).unwrap_or(room))
        };
        let sendable = first.filter(|(bytes, _)| *bytes <= allowance && self.sent.has_room());
        if let Some(path) = self.paths.due_probe(now) {
            // While no path lives, probes carry what there is.
            let messages = sendable
                .filter(|_| !self.paths.any_live())
                .map(|_| allowance);
            return Some(Plan {
                path,
                messages,
                ping: true,
            });
        }
        let datagram_bytes = limit + self.seal_bytes();
        let ack_is_due = self.received.has_news() && self.received.due(datagram_bytes) <= now;
        if let Some((bytes, avoid)) = sendable
            && !(ack_is_due && bytes + ROOM_FOR_ACK > room)
            && let Some(path) = self.paths.choose(now, avoid)
        {
            return Some(Plan {
                path,
                messages: Some(allowance),
                ping: false,
            });
        }
        if ack_is_due || self.wants_ping || !self.nacks.is_empty() {
            let wished = self.received.last_path;
            let (path, is_doubtful) = self.paths.choose_unacknowledged(now, wished);
            return Some(Plan {
                path,
                messages: None,
                ping: self.wants_ping || is_doubtful,
            });
        }
        None
    }

    fn write_packet(
        &mut self,
        now: Instant,
        plan: &Plan,
        buffer: &mut [u8],
        limit: usize,
    ) -> Option<Transmit> {
        let number = self.sent.next_number();
        let mut writer = Writer::new(&mut buffer[..limit]);
        self.header(plan.path, number)?.write(&mut writer);
        while let Some(nack) = self.nacks.front()
            && plan.messages.is_none()
            && frame::nack_bytes(nack.verdicts.len()) <= writer.room()
        {
            frame::write_nack(nack.packet_number as u32, &nack.verdicts, &mut writer);
            self.nacks.pop_front();
        }
        let first = match plan.messages {
            Some(_) => self
                .outgoing
                .peek()
                .map_or(0, |(sequence, _)| self.outgoing.frame_bytes(sequence)),
            None => 0,
        };
        if first + ROOM_FOR_ACK <= writer.room() {
            self.received
                .write_ack(now, self.credit_to_give, &mut writer);
        }
        let first_message = match plan.messages {
            Some(allowance) => self.write_messages(allowance, &mut writer),
            None => NONE,
        };
        let mut is_acknowledged = first_message != NONE;
        if plan.ping && writer.room() >= PING_FRAME_BYTES {
            frame::write_ping(&mut writer);
            is_acknowledged = true;
        }
        if is_acknowledged {
            // A probe of a dead path says nothing about the peer while others live.
            let is_asking = self.paths.is_live(plan.path) || !self.paths.any_live();
            if is_asking {
                self.wants_ping = false;
            }
            let bytes = (writer.written() + self.seal_bytes()) as u64;
            let place = self.paths.sent(now, plan.path, bytes);
            self.sent.push(now, plan.path, place, bytes, first_message);
            let patience = self.paths.path(plan.path).patience();
            self.silence_at = self.silence_at.min(now.after_nanos(patience));
            let few = FEW_DATAGRAMS * limit as u64;
            if plan.ping || (self.paths.in_flight < few && !self.paths.has_room()) {
                writer.set_byte(FLAGS_OFFSET, self.flags() | FLAG_ACK_NOW);
            }
            if is_asking {
                self.expect(now);
            }
        } else {
            self.sent.skip();
        }
        let written = writer.written();
        let length = self.seal(number, buffer, written);
        self.count_transmit(Transmit {
            path: plan.path,
            length,
        })
    }

    fn write_messages(&mut self, allowance: usize, writer: &mut Writer<'_>) -> u64 {
        let start = writer.written();
        let (mut first, mut last) = (NONE, NONE);
        while let Some((sequence, _)) = self.outgoing.peek() {
            let bytes = self.outgoing.frame_bytes(sequence);
            if bytes > writer.room() || writer.written() - start + bytes > allowance {
                break;
            }
            if self.outgoing.write(sequence, writer) {
                self.counters.messages_retransmitted += 1;
            }
            if first == NONE {
                first = sequence;
            } else {
                self.outgoing.link(last, sequence);
            }
            last = sequence;
        }
        first
    }

    fn transmit_close(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.closes_left -= 1;
        let number = self.sent.next_number();
        let path = self
            .paths
            .choose(now, None)
            .unwrap_or(self.received.last_path % self.paths.count());
        let mut writer = Writer::new(buffer);
        self.header(path, number)?.write(&mut writer);
        frame::write_close(&mut writer);
        let written = writer.written();
        let length = self.seal(number, buffer, written);
        self.sent.skip();
        if self.closes_left == 0 {
            self.state = State::Ended(Failure::Closed);
        }
        self.count_transmit(Transmit { path, length })
    }

    fn flags(&self) -> u8 {
        if self.key.is_some() { FLAG_SEALED } else { 0 }
    }

    fn header(&self, path: u8, packet_number: u64) -> Option<Header> {
        let session = self.session_standing()?;
        Some(Header {
            kind: Kind::Frames,
            flags: self.flags(),
            path,
            handle: session.peer_handle,
            session_tag: session.tag_out,
            packet_number,
        })
    }

    fn session_standing(&self) -> Option<&Session> {
        match &self.state {
            State::Established(session) => Some(session),
            State::Unconnected | State::Ended(_) => None,
        }
    }

    /// Seals the `written` bytes at the buffer's start, where the session is sealed; returns the packet's length.
    fn seal(&self, packet_number: u64, buffer: &mut [u8], written: usize) -> usize {
        let seal = self
            .session_standing()
            .and_then(|session| session.seal_out.as_ref());
        let Some(seal) = seal else { return written };
        let (packet, rest) = buffer.split_at_mut(written);
        let (head, body) = packet.split_at_mut(HEADER_BYTES);
        let proof = seal.seal(packet_number, head, body);
        rest[..SEAL_BYTES].copy_from_slice(&proof);
        written + SEAL_BYTES
    }

    pub(super) fn count_transmit(&mut self, transmit: Transmit) -> Option<Transmit> {
        self.counters.packets_sent += 1;
        self.counters.bytes_sent += transmit.length as u64;
        Some(transmit)
    }
}
