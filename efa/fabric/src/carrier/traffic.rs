//! A turn's traffic: datagrams to rings, rings to connections, connections to datagrams.

use std::net::IpAddr;

use eni_efa_abi::record::{Outcome, ROUTE, kind};
use eni_efa_abi::unread::NUDGE_AFTER;
use eni_efa_abi::{Gid, Route};
use eni_srd::{Addressee, Instant, MAX_DATAGRAM_BYTES, SendError, addressee};

use super::endpoints::Delivery;
use super::message::to_message;
use super::metrics::DropReason;
use super::{Carrier, Report};

/// Calls to receive before others have their turn.
const RECEIVES_PER_TURN: usize = 32;
/// Records taken from one ring before others have their turn.
const RECORDS_PER_TURN: usize = 64;
/// Datagrams of one connection before others have their turn.
const DATAGRAMS_PER_TURN: usize = 64;
/// The most bytes that the kernel takes as one (GSO), a UDP payload.
const MAX_JOINED: usize = 65_000;
/// The most datagrams that the kernel takes as one (`UDP_MAX_SEGMENTS` of Linux before 6.9).
const MAX_SEGMENTS: usize = 64;
/// Room for joined datagrams and the one that does not fit them.
pub(super) const BUFFER: usize = MAX_JOINED + MAX_DATAGRAM_BYTES;

impl Carrier {
    /// Takes datagrams that have arrived. Returns whether there was any.
    pub(super) fn receive(&mut self) -> bool {
        let was_quiet = std::mem::take(&mut self.was_quiet);
        for calls in 0..RECEIVES_PER_TURN {
            let Some(mut joined) = self.underlay.receive() else {
                self.was_quiet = calls == 0;
                return calls > 0;
            };
            self.refresh();
            let host = joined.host;
            for datagram in joined.datagrams() {
                self.take_datagram(host, datagram);
            }
            let is_alone = calls == 0 && was_quiet && joined.is_one();
            self.underlay.give_back(joined);
            if is_alone {
                return true;
            }
        }
        true
    }

    fn take_datagram(&mut self, host: IpAddr, datagram: &mut [u8]) {
        let slot = match addressee(datagram) {
            Ok(Addressee::Handle(handle)) => self.pairs.by_handle(handle),
            Ok(Addressee::Interfaces {
                source,
                destination,
            }) => self.greeted(host, Gid(source), Gid(destination)),
            Err(_) => None,
        };
        let now = self.now;
        let Some(slot) = slot else { return };
        let Some(pair) = self.pairs.at(slot) else {
            return;
        };
        if pair.host.ip() != host {
            return pair.metrics.count_drop(DropReason::WrongHost);
        }
        let is_allowed = pair.is_allowed(&*self.policy);
        let mut delivery = Delivery {
            endpoints: &mut self.endpoints,
            reports: &mut self.news,
            metrics: &pair.metrics,
            local: pair.local,
            remote: pair.remote,
            is_allowed,
        };
        if let Err(dropped) = pair.connection.handle_packet(now, datagram, &mut delivery) {
            pair.metrics.count_drop(dropped.into());
        }
        self.touch(slot);
    }

    /// A hello of a device on `host`: answered only where we would greet it ourselves.
    fn greeted(&mut self, host: IpAddr, source: Gid, destination: Gid) -> Option<usize> {
        if let Some(slot) = self.pairs.find(destination, source) {
            return Some(slot);
        }
        let is_here = self.metrics.lock().contains_key(&destination);
        let lives_there = self
            .directory
            .host_of(source)
            .is_some_and(|known| known.ip() == host);
        if !is_here || !lives_there {
            return None;
        }
        self.pair_of(destination, source)
    }

    /// Hands records of programs to their connections. Returns whether there were any.
    pub(super) fn take_from_rings(&mut self) -> bool {
        let mut busy = false;
        for slot in 0..self.endpoints.len() {
            if let Some(endpoint) = self.endpoints.at(slot)
                && endpoint.has_waiting()
            {
                busy |= endpoint.flush();
                // A program that does not take what its records came to hands in no more.
                if endpoint.has_waiting() {
                    continue;
                }
            }
            for _ in 0..RECORDS_PER_TURN {
                match self.take_record(slot) {
                    Taken::One => busy = true,
                    Taken::None => break,
                }
            }
            let now = self.now;
            if let Some(endpoint) = self.endpoints.at(slot)
                && endpoint.is_over(now)
            {
                let id = endpoint.id;
                self.endpoints.abandon(id);
            }
        }
        // After each has had a turn: what there is room for has gone.
        self.endpoints.limit_ended();
        busy
    }

    fn take_record(&mut self, slot: usize) -> Taken {
        let Some(endpoint) = self.endpoints.at(slot) else {
            return Taken::None;
        };
        let (id, address) = (endpoint.id, endpoint.address);
        let (header, route, length) = match endpoint.program_ring().peek() {
            Ok(None) => return Taken::None,
            Ok(Some(record))
                if record.header.kind < kind::FIRST_OF_SERVICE && record.payload.len() >= ROUTE =>
            {
                let mut bytes = [0; ROUTE];
                record.payload.copy_to(0, &mut bytes);
                (
                    *record.header,
                    Route::from_bytes(&bytes),
                    record.payload.len() - ROUTE,
                )
            }
            Ok(Some(_)) | Err(_) => {
                endpoint.metrics.count_drop(DropReason::Malformed);
                // The program is cut off for it; nothing of it is looked at again.
                self.endpoints.close(id);
                self.news.push(Report::Violation { endpoint: id });
                return Taken::None;
            }
        };
        let (local, remote) = (address.gid, route.peer.gid);
        let refused = match self.pair_of(local, remote) {
            None if self.policy.may_converse(local, remote).is_err() => {
                Some((Outcome::Refused, DropReason::NotAllowed))
            }
            None => Some((Outcome::Unreachable, DropReason::NoRoute)),
            Some(pair_slot) => {
                let sent = self.send(slot, pair_slot, route, header);
                match sent {
                    Ok(()) => {
                        self.touch(pair_slot);
                        None
                    }
                    Err(None) => return Taken::None,
                    Err(Some(refused)) => Some(refused),
                }
            }
        };
        if let Some(endpoint) = self.endpoints.at(slot) {
            endpoint.program_ring().advance();
            match refused {
                None => endpoint.metrics.sent(length),
                Some((outcome, reason)) => {
                    endpoint.metrics.count_drop(reason);
                    endpoint.complete(route, outcome);
                }
            }
        }
        Taken::One
    }

    /// Gives the record to the connection; `Err(None)` where its window has no room.
    fn send(
        &mut self,
        slot: usize,
        pair_slot: usize,
        route: Route,
        header: eni_efa_abi::RecordHeader,
    ) -> Result<(), Option<(Outcome, DropReason)>> {
        let malformed = Some((Outcome::Protocol, DropReason::Malformed));
        let now = self.now;
        let (Some(endpoint), Some(pair)) = (self.endpoints.at(slot), self.pairs.at(pair_slot))
        else {
            return Err(malformed);
        };
        if !pair.is_allowed(&*self.policy) {
            return Err(Some((Outcome::Revoked, DropReason::NotAllowed)));
        }
        if pair.connection.window_room() == 0 {
            return Err(None);
        }
        let (id, source) = (endpoint.id, endpoint.address.queue_pair);
        let token = self.under_way.add(id, route);
        let message = match endpoint.program_ring().peek() {
            Ok(Some(record)) if record.payload.len() >= ROUTE => to_message(
                &header,
                record.payload,
                source,
                route.peer.queue_pair,
                token,
            ),
            Ok(_) | Err(_) => None,
        };
        let sent = match message {
            Some(message) => pair.connection.send(now, message),
            None => Err(SendError::TooLarge),
        };
        match sent {
            Ok(_) => Ok(()),
            Err(error) => {
                self.under_way.take(token);
                match error {
                    SendError::WindowFull => Err(None),
                    SendError::TooLarge => Err(malformed),
                    SendError::Closed(_) => {
                        Err(Some((Outcome::Unreachable, DropReason::Unreachable)))
                    }
                }
            }
        }
    }

    /// Has programs nudged that leave unread what came for them.
    #[inline]
    pub(super) fn look_for_unread(&mut self) {
        let now = self.now;
        if self.endpoints.take_has_delivered() {
            let soon = now + NUDGE_AFTER;
            self.next_look = Some(self.next_look.map_or(soon, |at| at.min(soon)));
        }
        if self.next_look.is_some_and(|at| at <= now) {
            let look = self.endpoints.look(now);
            self.news.extend(
                look.nudged
                    .into_iter()
                    .map(|endpoint| Report::Unread { endpoint }),
            );
            self.next_look = look.again;
        }
    }

    /// Does what timers ask for.
    pub(super) fn serve_timers(&mut self) {
        let now = self.now;
        if self.next_timer.is_none_or(|at| at > now) {
            return;
        }
        self.next_timer = None;
        for slot in 0..self.pairs.len() {
            let Some(pair) = self.pairs.at(slot) else {
                continue;
            };
            if pair.connection.poll_timeout().is_some_and(|at| at <= now) {
                pair.connection.handle_timeout(now);
                self.touch(slot);
            } else {
                let at = pair.connection.poll_timeout();
                self.expect(at);
            }
        }
    }

    fn expect(&mut self, at: Option<Instant>) {
        self.next_timer = match (self.next_timer, at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// Sends what connections have to send, and tells what they have to tell. Returns whether there is more.
    pub(super) fn serve_due(&mut self) -> bool {
        let mut more = false;
        if self.due.is_empty() {
            return false;
        }
        for slot in std::mem::take(&mut self.due) {
            if let Some(pair) = self.pairs.at(slot) {
                pair.is_due = false;
            }
            if self.transmit(slot) {
                self.touch(slot);
                more = true;
            }
            while let Some(event) = self
                .pairs
                .at(slot)
                .and_then(|pair| pair.connection.poll_event())
            {
                self.handle_event(slot, event);
            }
            let at = self
                .pairs
                .at(slot)
                .and_then(|pair| pair.connection.poll_timeout());
            self.expect(at);
        }
        more
    }

    /// Sends datagrams, those of one path and one length joined. Returns whether there may be more.
    fn transmit(&mut self, slot: usize) -> bool {
        let now = self.now;
        let Some(pair) = self.pairs.at(slot) else {
            return false;
        };
        let (host, underlay, buffer) = (pair.host, &mut self.underlay, &mut self.buffer);
        let most = self.max_datagram;
        let mut joined = Joined::default();
        for _ in 0..DATAGRAMS_PER_TURN {
            let at = joined.end;
            let Some(next) = pair
                .connection
                .poll_transmit(now, &mut buffer[at..at + most])
            else {
                joined.send(underlay, host, buffer);
                return false;
            };
            if joined.takes(next.path, next.length) {
                joined.add(next.path, next.length);
            } else {
                joined.send(underlay, host, buffer);
                buffer.copy_within(at..at + next.length, 0);
                joined = Joined::default();
                joined.add(next.path, next.length);
            }
            if joined.is_full(most) {
                joined.send(underlay, host, buffer);
                joined = Joined::default();
            }
        }
        joined.send(underlay, host, buffer);
        true
    }

    /// Tells the other hosts that we go.
    pub(super) fn close_pairs(&mut self) {
        for slot in 0..self.pairs.len() {
            if let Some(pair) = self.pairs.at(slot) {
                pair.connection.close();
                self.transmit(slot);
            }
        }
    }
}

enum Taken {
    One,
    None,
}

/// Datagrams at the buffer's start that go out in one call.
#[derive(Default)]
struct Joined {
    path: u8,
    /// Length of all but the last.
    segment: usize,
    count: usize,
    end: usize,
    /// The last was shorter: nothing may follow it.
    is_closed: bool,
}

impl Joined {
    fn takes(&self, path: u8, length: usize) -> bool {
        self.count == 0 || (self.path == path && length <= self.segment && !self.is_closed)
    }

    fn add(&mut self, path: u8, length: usize) {
        if self.count == 0 {
            (self.path, self.segment) = (path, length);
        }
        self.is_closed = length < self.segment;
        self.count += 1;
        self.end += length;
    }

    fn is_full(&self, most: usize) -> bool {
        self.is_closed || self.count == MAX_SEGMENTS || self.end + most > MAX_JOINED
    }

    fn send(
        &self,
        underlay: &mut super::underlay::Underlay,
        host: std::net::SocketAddr,
        buffer: &[u8],
    ) {
        if self.count > 0 {
            underlay.send(self.path, host, &buffer[..self.end], self.segment);
        }
    }
}
