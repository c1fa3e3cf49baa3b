//! Endpoints: queue pairs and their lanes.

mod attempts;
mod nudge;
mod poll;
mod progress;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eni_efa_abi::control::{Cause, Request};
use eni_efa_abi::limits::{DEFAULT_RING, MAX_LANES, MAX_RECORD, MAX_ROUTED_RECORD};
use eni_efa_abi::record::ROUTE;
use eni_efa_abi::unread::Watch;
use eni_efa_abi::{Peer, RecordHeader, Route};
use eni_efa_channel::{OwnRegion, Pace, PeerRegion, Reservation, ReserveError, channel};

use crate::connection::Session;
use crate::lane::{Inbound, Lane, LaneId, LaneState, Local, Pacing, Sent, State, TrySendError};
use crate::mailbox::{Mailbox, Offer};
use crate::service_rings::ServiceRings;
use attempts::Attempts;

pub use poll::POLL_BATCH;

/// Payload to send.
pub(crate) trait Fill {
    /// Bytes in all.
    fn length(&self) -> usize;
    /// Writes them into the room for them, from an offset on.
    fn fill(&self, room: &mut Reservation<'_>, offset: usize);
}

/// Pieces one after the other.
struct Pieces<'a>(&'a [&'a [u8]]);

impl Fill for Pieces<'_> {
    #[inline]
    fn length(&self) -> usize {
        self.0.iter().map(|piece| piece.len()).sum()
    }

    #[inline]
    fn fill(&self, room: &mut Reservation<'_>, mut offset: usize) {
        for piece in self.0 {
            room.write(offset, piece);
            offset += piece.len();
        }
    }
}

/// A queue pair.
///
/// Its methods never wait, except [`Drop`].
#[derive(Debug)]
pub struct Endpoint {
    session: Arc<Session>,
    mailbox: Arc<Mailbox>,
    /// The service's number for it.
    number: u32,
    address: Peer,
    lanes: Vec<Lane>,
    /// Of lanes that have ended and that the program does not know of, or no longer: peers could else fill memory with
    /// lanes that they begin and end.
    free_lanes: Vec<LaneId>,
    /// The lane that is not broken, of every peer that has one.
    by_peer: HashMap<Peer, LaneId>,
    /// Of conversations that the service has not said to be over.
    by_conversation: HashMap<u64, LaneId>,
    attempts: Attempts,
    /// What poll looks at.
    inbound: Vec<Inbound>,
    /// Where in `inbound` the next poll begins.
    next_inbound: usize,
    service: Option<ServiceRings>,
    /// The last lane that a record from another host came by.
    last_source: Option<(Peer, LaneId)>,
    /// Messages that the service had no room for.
    unsent: VecDeque<(Request, Option<OwnedFd>)>,
    /// Lanes that broke outside poll, to be told in the next.
    broken: Vec<(LaneId, Cause)>,
    remote_lanes: usize,
    empty_polls: u32,
    /// All polls, modulo 2³².
    polls: u32,
    /// See [`Self::allow_bursts`].
    allows_bursts: bool,
    began: Instant,
    /// When to look again whether peers read, counted from where the endpoint began.
    next_look: Duration,
    /// Nothing will come or go any more.
    is_cut: bool,
}

impl Endpoint {
    pub(crate) fn new(
        session: Arc<Session>,
        mailbox: Arc<Mailbox>,
        number: u32,
        address: Peer,
        service: Option<ServiceRings>,
    ) -> Self {
        Self {
            session,
            mailbox,
            number,
            address,
            lanes: Vec::new(),
            free_lanes: Vec::new(),
            by_peer: HashMap::new(),
            by_conversation: HashMap::new(),
            attempts: Attempts::default(),
            inbound: Vec::new(),
            next_inbound: 0,
            service,
            last_source: None,
            unsent: VecDeque::new(),
            broken: Vec::new(),
            remote_lanes: 0,
            empty_polls: 0,
            polls: 0,
            allows_bursts: false,
            began: Instant::now(),
            next_look: Duration::ZERO,
            is_cut: false,
        }
    }

    /// Its number on its device, from 2 to 65,535.
    pub fn queue_pair(&self) -> u32 {
        self.address.queue_pair
    }

    /// Its address as others see it.
    pub fn address(&self) -> Peer {
        self.address
    }

    /// From now on short records that follow each other without a poll in between go past the cache: their reader, on a
    /// processor far away, need not fetch one after the other out of ours. Not for a program that locks for each record:
    /// an instruction that locks waits until what went past the cache has reached memory.
    pub fn allow_bursts(&mut self) {
        self.allows_bursts = true;
    }

    /// Whether poll has seen that the service is gone: nothing will come any more.
    #[inline]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The lane to `peer`: the one that exists, or a new one, which begins to connect. A lane that broke is not taken
    /// up again; the next call begins another.
    pub fn lane_to(&mut self, peer: Peer) -> LaneId {
        let lane = self.find_or_begin(peer);
        self.lanes[lane.index()].is_known = true;
        lane
    }

    fn find_or_begin(&mut self, peer: Peer) -> LaneId {
        if let Some(lane) = self.by_peer.get(&peer) {
            return *lane;
        }
        // A lane that the peer began may wait to be seen.
        self.take_news();
        if let Some(lane) = self.by_peer.get(&peer) {
            return *lane;
        }
        let lane = self.add_lane(peer, State::Connecting);
        if self.by_peer.len() > MAX_LANES {
            self.break_lane(lane, Cause::Refused);
        } else if peer == self.address {
            self.open_to_self(lane);
        } else {
            self.offer(lane, peer);
        }
        lane
    }

    /// Where `lane` stands.
    ///
    /// # Panics
    /// For a lane of another endpoint.
    pub fn lane_state(&self, lane: LaneId) -> LaneState {
        match self.lanes[lane.index()].state {
            State::Connecting => LaneState::Connecting,
            State::Local(_) => LaneState::Open { local: true },
            State::Remote => LaneState::Open { local: false },
            State::Broken(cause) => LaneState::Broken(cause),
        }
    }

    /// Whom `lane` leads to.
    ///
    /// # Panics
    /// For a lane of another endpoint.
    pub fn peer(&self, lane: LaneId) -> Peer {
        self.lanes[lane.index()].peer
    }

    /// Where the last record that was sent by a lane on this host ends, in units of its ring since the beginning; 0 for
    /// other lanes.
    ///
    /// A record is [`Sent::Delivered`] once it is in the ring, but a lane that breaks may take it away before the peer
    /// has seen it. Whoever must know waits until [`consumed`](Self::consumed) has reached this.
    #[inline]
    pub fn sent(&self, lane: LaneId) -> u64 {
        match self.lanes.get(lane.index()).map(|lane| &lane.state) {
            Some(State::Local(local)) => local.producer.written(),
            Some(State::Connecting | State::Remote | State::Broken(_)) | None => 0,
        }
    }

    /// Up to where the peer of a lane on this host has consumed records, as [`sent`](Self::sent) counts. Of a broken lane:
    /// up to where it had when the lane broke. The peer says so at the end of each of its polls.
    #[inline]
    pub fn consumed(&self, lane: LaneId) -> u64 {
        match self.lanes.get(lane.index()) {
            Some(lane) => match &lane.state {
                State::Local(local) => local.producer.consumed(),
                State::Connecting | State::Remote | State::Broken(_) => lane.last_consumed,
            },
            None => 0,
        }
    }

    /// The program forgets a lane of which [`Handler::broken`](crate::Handler::broken) was told: its number may be another
    /// lane's from now on. Those of lanes to other hosts stay as they are, since completions may come late: false then.
    pub fn release(&mut self, lane: LaneId) -> bool {
        let Some(found) = self.lanes.get_mut(lane.index()) else {
            return false;
        };
        let is_over = matches!(found.state, State::Broken(_)) && found.is_known && found.was_local;
        if is_over {
            found.is_known = false;
            self.free_lanes.push(lane);
        }
        is_over
    }

    /// Sends a record whose payload is the pieces of `payload` one after the other. `request` comes back with
    /// [`crate::Handler::completed`] where the record is [`Sent::Underway`].
    ///
    /// # Errors
    /// [`TrySendError`]; nothing has been sent then.
    #[inline]
    pub fn try_send(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        payload: &[&[u8]],
        request: u32,
    ) -> Result<Sent, TrySendError> {
        self.send_with(lane, header, &Pieces(payload), request)
    }

    /// Sends a record. The room for it is not handed from function to function: what that would cost is a part of what a
    /// short record costs.
    #[inline(always)]
    pub(crate) fn send_with(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        payload: &impl Fill,
        request: u32,
    ) -> Result<Sent, TrySendError> {
        let length = payload.length();
        let Some(Lane { peer, state, .. }) = self.lanes.get_mut(lane.index()) else {
            return Err(TrySendError::Broken(Cause::Unreachable));
        };
        match state {
            State::Local(local) => {
                if length > MAX_RECORD {
                    return Err(TrySendError::TooLong);
                }
                let pace = if self.allows_bursts {
                    local.pacing.next(self.polls)
                } else {
                    Pace::Single
                };
                match local.producer.reserve(length, pace) {
                    Ok(mut room) => {
                        payload.fill(&mut room, 0);
                        room.publish(header);
                        Ok(Sent::Delivered)
                    }
                    Err(error) => Err(no_room(error, || {
                        self.broken.push((lane, Cause::Protocol));
                        Cause::Protocol
                    })),
                }
            }
            State::Remote => {
                if length > MAX_ROUTED_RECORD {
                    return Err(TrySendError::TooLong);
                }
                let route = Route {
                    peer: *peer,
                    request,
                    lane: lane.0,
                };
                let Some(service) = &mut self.service else {
                    return Err(TrySendError::Broken(Cause::Unreachable));
                };
                match service.producer.reserve(ROUTE + length, Pace::Single) {
                    Ok(mut room) => {
                        room.write(0, &route.to_bytes());
                        payload.fill(&mut room, ROUTE);
                        room.publish(header);
                    }
                    Err(error) => {
                        return Err(no_room(error, || {
                            self.break_remote();
                            Cause::ServiceGone
                        }));
                    }
                }
                if service.must_wake() {
                    self.send(Request::Wake, None);
                }
                Ok(Sent::Underway)
            }
            State::Connecting => Err(TrySendError::Connecting),
            State::Broken(cause) => Err(TrySendError::Broken(*cause)),
        }
    }

    fn add_lane(&mut self, peer: Peer, state: State) -> LaneId {
        let new = Lane {
            peer,
            state,
            attempt: None,
            last_consumed: 0,
            is_known: false,
            was_local: false,
        };
        let lane = match self.free_lanes.pop() {
            Some(lane) => {
                self.lanes[lane.index()] = new;
                lane
            }
            None => {
                self.lanes.push(new);
                // A lane is a message to the service at least: 2³² take years.
                LaneId(u32::try_from(self.lanes.len() - 1).unwrap_or(u32::MAX))
            }
        };
        self.by_peer.insert(peer, lane);
        lane
    }

    /// Both directions of a lane to oneself are this program's own, and nobody else's business.
    fn open_to_self(&mut self, lane: LaneId) {
        let pair = || {
            let (there, there_file) = OwnRegion::create(DEFAULT_RING)?;
            let (back, back_file) = OwnRegion::create(DEFAULT_RING)?;
            let seen = PeerRegion::map(there_file.as_fd())?;
            let seen_back = PeerRegion::map(back_file.as_fd())?;
            Ok::<_, eni_efa_channel::RegionError>((there, back, seen, seen_back))
        };
        let Ok((there, back, seen, seen_back)) = pair() else {
            return self.break_lane(lane, Cause::Unreachable);
        };
        let (there, back) = (Arc::new(there), Arc::new(back));
        let (producer, _) = channel(&there, &Arc::new(seen_back));
        let (_, consumer) = channel(&back, &Arc::new(seen));
        self.lanes[lane.index()].state = State::Local(Local {
            producer,
            own: there,
            conversation: None,
            pacing: Pacing::default(),
            watch: Watch::default(),
        });
        self.inbound.push(Inbound {
            lane,
            consumer,
            ending: None,
            is_heard: false,
        });
    }

    fn offer(&mut self, lane: LaneId, peer: Peer) {
        let Ok((own, file)) = OwnRegion::create(DEFAULT_RING) else {
            return self.break_lane(lane, Cause::Unreachable);
        };
        let own = Arc::new(own);
        let attempt = self.attempts.begin(lane);
        self.lanes[lane.index()].attempt = Some(attempt);
        {
            let mut inbox = self.mailbox.lock();
            if inbox.is_cut {
                drop(inbox);
                return self.break_lane(lane, Cause::ServiceGone);
            }
            // The peer's offer may have come since the news were last taken: the lane is open then.
            if inbox.opens_to(peer) {
                drop(inbox);
                return self.take_news();
            }
            inbox.offers.insert(peer, Offer { attempt, own });
        }
        let offer = Request::Offer {
            endpoint: self.number,
            attempt,
            peer,
        };
        self.send(offer, Some(file));
    }

    /// Sends to the service, or leaves it for the next poll where there is no room.
    fn send(&mut self, request: Request, file: Option<OwnedFd>) {
        self.unsent.push_back((request, file));
        self.send_unsent();
    }

    fn send_unsent(&mut self) {
        while let Some((request, file)) = self.unsent.pop_front() {
            let files: Vec<_> = file.iter().map(AsFd::as_fd).collect();
            match self.session.connection.send(&request, &files, false) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.unsent.push_front((request, file));
                    return;
                }
                // Where the service is gone, its end is among the news soon.
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// Ends a lane; the handler hears of it in this poll or the next.
    fn break_lane(&mut self, lane: LaneId, cause: Cause) {
        self.broken.push((lane, cause));
    }
}

/// What a program hears of a record for which there is no room. Where the other side broke the protocol, `end` ends what
/// has to end.
#[cold]
fn no_room(error: ReserveError, end: impl FnOnce() -> Cause) -> TrySendError {
    match error {
        ReserveError::Full(_) => TrySendError::Full,
        ReserveError::TooLong => TrySendError::TooLong,
        ReserveError::Protocol(_) => TrySendError::Broken(end()),
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        for lane in &self.lanes {
            if let State::Local(local) = &lane.state {
                local.own.close();
            }
        }
        self.session.connection.forget(self.number);
    }
}
