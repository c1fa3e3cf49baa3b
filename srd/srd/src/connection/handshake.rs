//! Sessions: how two incarnations of two interfaces find each other, and how a restarted one is told from a late packet.

use super::{Connection, Session, State, fail, new_paths};
use crate::config::{MAX_HELLO_NANOS, MAX_OFFERS, MIN_HELLO_NANOS};
use crate::event::{DropReason, Event, Failure};
use crate::received::{ReceivedPackets, TakenMessages};
use crate::sent::SentPackets;
use crate::time::Instant;
use crate::wire::{
    FLAG_SEALED, HEADER_BYTES, HELLO_BYTES, Header, Hello, Kind, Nonce, SEAL_BYTES, Writer,
    session_tag,
};
use alloc::boxed::Box;

/// A session that was offered to the sender of a hello. It begins with the first packet that shows the offer arrived.
struct Offer {
    session: Box<Session>,
    local_nonce: Nonce,
    next_number: u64,
    is_due: bool,
}

pub(super) struct Handshake {
    seed: [u8; 32],
    drawn: u64,
    /// This side's incarnation while it has no session.
    own: Nonce,
    /// When to say hello; never while there is no need.
    hello_at: Instant,
    pause: u64,
    hellos: u64,
    hello_sent_at: Instant,
    offers: [Option<Offer>; MAX_OFFERS],
    oldest_offer: usize,
    /// The peer repeated the hello of the session that stands.
    repeat_offer: bool,
    /// The peer has shown that it knows the session that stands.
    is_confirmed: bool,
}

impl Handshake {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let mut handshake = Self {
            seed,
            drawn: 0,
            own: 0,
            hello_at: Instant::NEVER,
            pause: MIN_HELLO_NANOS,
            hellos: 0,
            hello_sent_at: Instant::default(),
            offers: [const { None }; MAX_OFFERS],
            oldest_offer: 0,
            repeat_offer: false,
            is_confirmed: false,
        };
        handshake.own = handshake.draw();
        handshake
    }

    fn draw(&mut self) -> Nonce {
        self.drawn += 1;
        crate::nonce::draw(&self.seed, self.drawn)
    }

    /// There is something to send and no session.
    pub(super) fn want(&mut self, now: Instant) {
        if self.hello_at == Instant::NEVER {
            self.hello_at = now;
        }
    }

    pub(super) fn next_hello(&self) -> Instant {
        self.hello_at
    }

    pub(super) fn confirm(&mut self) {
        if !self.is_confirmed {
            self.is_confirmed = true;
            self.hello_at = Instant::NEVER;
        }
    }
}

/// A path for a handshake packet: another for each try and each side, so that no pattern of dead paths meets all tries.
fn any_path(nonce: Nonce, number: u64, paths: u8) -> u8 {
    // Fibonacci hashing.
    let mixed = (nonce as u64)
        .wrapping_add(number)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed >> 32) % u64::from(paths)) as u8
}

impl Connection {
    pub(super) fn handle_hello(
        &mut self,
        header: &Header,
        hello: &Hello,
    ) -> Result<(), DropReason> {
        let is_ours = hello.source_interface == self.config.peer_interface
            && hello.destination_interface == self.config.local_interface
            && header.session_tag == session_tag(hello.nonce, 0);
        if !is_ours {
            return Err(DropReason::Foreign);
        }
        if let State::Established(session) = &self.state
            && session.peer_nonce == hello.nonce
        {
            self.handshake.repeat_offer = true;
            return Ok(());
        }
        let known = self.handshake.offers.iter_mut().flatten();
        if let Some(offer) = known
            .into_iter()
            .find(|offer| offer.session.peer_nonce == hello.nonce)
        {
            offer.is_due = true;
            return Ok(());
        }
        let local_nonce = match self.state {
            State::Unconnected => self.handshake.own,
            State::Established(_) | State::Ended(_) => self.handshake.draw(),
        };
        let session = Box::new(self.session(local_nonce, hello));
        let place = self.handshake.oldest_offer;
        self.handshake.oldest_offer = (place + 1) % MAX_OFFERS;
        self.handshake.offers[place] = Some(Offer {
            session,
            local_nonce,
            next_number: 0,
            is_due: true,
        });
        Ok(())
    }

    fn session(&self, local: Nonce, hello: &Hello) -> Session {
        let seal = |source, destination| {
            self.key
                .as_ref()
                .map(|key| key.session(source, destination))
        };
        Session {
            local_nonce: local,
            peer_nonce: hello.nonce,
            peer_handle: hello.handle,
            tag_out: session_tag(local, hello.nonce),
            tag_in: session_tag(hello.nonce, local),
            seal_out: seal(local, hello.nonce),
            seal_in: seal(hello.nonce, local),
            max_datagram_bytes: self
                .config
                .max_datagram_bytes
                .min(usize::from(hello.max_datagram_bytes)),
            window_log2: self.config.window_log2.min(hello.window_log2),
            credit_bytes: u64::from(hello.credit_bytes),
        }
    }

    /// Checks the proof of a handshake packet, whose bytes are all authenticated and none hidden.
    pub(super) fn open_handshake(
        &self,
        header: &Header,
        hello: &Hello,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let Some(key) = &self.key else {
            return if header.flags & FLAG_SEALED == 0 {
                Ok(())
            } else {
                Err(DropReason::Unauthentic)
            };
        };
        let (associated, rest) = datagram
            .split_at_checked(HEADER_BYTES + HELLO_BYTES)
            .ok_or(DropReason::Malformed)?;
        let proof = rest
            .first_chunk::<SEAL_BYTES>()
            .ok_or(DropReason::Unauthentic)?;
        if header.flags & FLAG_SEALED == 0 {
            return Err(DropReason::Unauthentic);
        }
        key.session(hello.nonce, hello.peer_nonce)
            .open(header.packet_number, associated, &mut [], proof)
            .map_err(|_| DropReason::Unauthentic)
    }

    /// The peer answered our hello.
    pub(super) fn handle_offer(
        &mut self,
        now: Instant,
        header: &Header,
        hello: &Hello,
    ) -> Result<(), DropReason> {
        if header.session_tag != session_tag(hello.nonce, hello.peer_nonce)
            || hello.peer_nonce != self.handshake.own
            || hello.source_interface != self.config.peer_interface
            || hello.destination_interface != self.config.local_interface
        {
            return Err(DropReason::Foreign);
        }
        if let State::Established(session) = &self.state {
            if session.peer_nonce == hello.nonce {
                self.wants_ping = true; // it does not know that its offer arrived
                return Ok(());
            }
            if self.handshake.is_confirmed {
                return Err(DropReason::Foreign);
            }
        }
        let own = self.handshake.own;
        let same =
            |offer: &Offer| offer.session.peer_nonce == hello.nonce && offer.local_nonce == own;
        let offered = self
            .handshake
            .offers
            .iter_mut()
            .find(|offer| offer.as_ref().is_some_and(same));
        let (session, next_number) = match offered.and_then(Option::take) {
            Some(offer) => (offer.session, offer.next_number),
            None => (Box::new(self.session(own, hello)), 0),
        };
        self.install(session, next_number);
        self.heard(now);
        // One hello, one answer: that was a round trip. With more, nobody knows which was answered.
        if self.handshake.hellos == 1 {
            self.paths
                .assume_round_trip(now.nanos_since(self.handshake.hello_sent_at).max(1));
        }
        self.handshake.hello_at = now.after_nanos(MAX_HELLO_NANOS);
        self.wants_ping = true;
        self.expect(now);
        Ok(())
    }

    /// The offer whose packets carry `session_tag`.
    pub(super) fn offer_of(&self, session_tag: u64) -> Option<usize> {
        let is_of = |offer: &Option<Offer>| {
            offer
                .as_ref()
                .is_some_and(|o| o.session.tag_in == session_tag)
        };
        self.handshake.offers.iter().position(is_of)
    }

    pub(super) fn offered_session(&self, place: usize) -> Option<&Session> {
        Some(&self.handshake.offers.get(place)?.as_ref()?.session)
    }

    /// A packet within the offered session arrived: it stands from now on.
    pub(super) fn accept_offer(&mut self, place: usize) {
        let offer = self.handshake.offers.get_mut(place).and_then(Option::take);
        if let Some(offer) = offer {
            self.install(offer.session, offer.next_number);
            self.handshake.confirm();
        }
    }

    fn install(&mut self, session: Box<Session>, next_number: u64) {
        let was_established = self.is_established();
        if was_established {
            self.fail_messages(Failure::PeerReset);
        }
        self.handshake.offers = [const { None }; MAX_OFFERS];
        self.handshake.repeat_offer = false;
        self.handshake.is_confirmed = false;
        self.paths = new_paths(&self.config, self.config.paths, session.max_datagram_bytes);
        self.sent = SentPackets::new(self.config.paths, next_number);
        self.received = ReceivedPackets::new();
        self.taken = TakenMessages::new(session.window_log2);
        self.nacks.clear();
        self.silence_at = Instant::NEVER;
        let window_log2 = session.window_log2;
        self.state = State::Established(session);
        let most_bytes = self.max_message_bytes();
        let (events, counters) = (&mut self.events, &mut self.counters);
        self.outgoing.agree(window_log2, most_bytes, |ended| {
            fail(ended, Failure::TooLarge, events, counters);
        });
        let event = if was_established {
            Event::PeerReset
        } else {
            Event::Connected
        };
        self.events.push_back(event);
    }

    /// A hello or an offer, if one is due.
    pub(super) fn transmit_handshake(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
    ) -> Option<super::Transmit> {
        if self.handshake.repeat_offer {
            self.handshake.repeat_offer = false;
            if let State::Established(session) = &self.state {
                let number = self.sent.next_number();
                let transmit = self.write_offer(session, session.local_nonce, number, buffer);
                self.sent.skip();
                return self.count_transmit(transmit);
            }
        }
        let is_due = |offer: &Option<Offer>| offer.as_ref().is_some_and(|offer| offer.is_due);
        if let Some(place) = self.handshake.offers.iter().position(is_due)
            && let Some(mut offer) = self.handshake.offers[place].take()
        {
            let transmit =
                self.write_offer(&offer.session, offer.local_nonce, offer.next_number, buffer);
            offer.next_number += 1;
            offer.is_due = false;
            self.handshake.offers[place] = Some(offer);
            return self.count_transmit(transmit);
        }
        if now < self.handshake.hello_at {
            return None;
        }
        let handshake = &mut self.handshake;
        let (own, number) = (handshake.own, handshake.hellos);
        handshake.hellos += 1;
        handshake.hello_sent_at = now;
        handshake.hello_at = now.after_nanos(handshake.pause);
        handshake.pause = (handshake.pause * 2).min(MAX_HELLO_NANOS);
        let header = Header {
            kind: Kind::Hello,
            flags: 0,
            path: any_path(own, number, self.paths.count()),
            handle: 0,
            session_tag: session_tag(own, 0),
            packet_number: number,
        };
        let seal = self.key.as_ref().map(|key| key.session(own, 0));
        let transmit = self.write_hello(header, own, 0, seal.as_deref(), buffer);
        self.count_transmit(transmit)
    }

    fn write_offer(
        &self,
        session: &Session,
        local: Nonce,
        number: u64,
        buffer: &mut [u8],
    ) -> super::Transmit {
        let header = Header {
            kind: Kind::Offer,
            flags: 0,
            path: any_path(local, number, self.paths.count()),
            handle: session.peer_handle,
            session_tag: session.tag_out,
            packet_number: number,
        };
        self.write_hello(
            header,
            local,
            session.peer_nonce,
            session.seal_out.as_deref(),
            buffer,
        )
    }

    fn write_hello(
        &self,
        mut header: Header,
        nonce: Nonce,
        peer_nonce: Nonce,
        seal: Option<&dyn crate::seal::Seal>,
        buffer: &mut [u8],
    ) -> super::Transmit {
        let (path, number) = (header.path, header.packet_number);
        header.flags = if seal.is_some() { FLAG_SEALED } else { 0 };
        let mut writer = Writer::new(buffer);
        header.write(&mut writer);
        let hello = Hello {
            nonce,
            peer_nonce,
            source_interface: self.config.local_interface,
            destination_interface: self.config.peer_interface,
            handle: self.config.local_handle,
            credit_bytes: self.credit_to_give,
            max_datagram_bytes: self.config.max_datagram_bytes as u16,
            window_log2: self.config.window_log2,
            paths: self.config.paths,
        };
        hello.write(&mut writer);
        let mut length = writer.written();
        if let Some(seal) = seal {
            let (associated, rest) = buffer.split_at_mut(length);
            let proof = seal.seal(number, associated, &mut []);
            rest[..SEAL_BYTES].copy_from_slice(&proof);
            length += SEAL_BYTES;
        }
        super::Transmit { path, length }
    }
}
