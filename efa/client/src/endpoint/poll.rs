//! Taking records from the rings.

use std::time::Duration;

use eni_efa_abi::control::Cause;
use eni_efa_abi::record::{Outcome, ROUTE, kind};
use eni_efa_abi::{Peer, RecordHeader, Route};
use eni_efa_channel::{Consumer, Payload, ProtocolViolation};

use super::Endpoint;
use crate::handler::{Disposition, Handler};
use crate::lane::{LaneId, State};

/// Most records that one poll takes.
pub const POLL_BATCH: usize = 64;
/// Records from other hosts that a poll takes however busy the lanes of this host are.
const SERVICE_SHARE: usize = POLL_BATCH / 4;
/// How long the last records of a peer that is gone may be held before the lane ends without them.
const ENDING_LIMIT: Duration = Duration::from_secs(10);
/// Empty polls in a row before the processor is offered to others, where the service must run for something to come.
const REMOTE_SPINS: u32 = 1;
/// The same where all peers are on this host: their programs have processors of their own as a rule.
const LOCAL_SPINS: u32 = 1_024;

impl Endpoint {
    /// Gives the handler about [`POLL_BATCH`] records at most, all completions, and the lanes that have broken. Returns how
    /// many records and completions there were.
    #[inline]
    pub fn poll(&mut self, handler: &mut impl Handler) -> usize {
        if self.mailbox.has_news() || !self.broken.is_empty() || !self.unsent.is_empty() {
            self.progress(handler);
        }
        self.polls = self.polls.wrapping_add(1);
        let mut taken = 0;
        let lanes = self.inbound.len();
        if self.next_inbound >= lanes {
            self.next_inbound = 0;
        }
        for index in (self.next_inbound..lanes).chain(0..self.next_inbound) {
            if taken >= POLL_BATCH {
                break;
            }
            taken += self.poll_inbound(index, POLL_BATCH - taken, handler);
        }
        self.next_inbound += 1;
        if self.service.is_some() {
            let room = POLL_BATCH.saturating_sub(taken).max(SERVICE_SHARE);
            taken += self.poll_service(room, handler);
        }
        if !self.broken.is_empty() {
            self.progress(handler);
        }
        if taken == 0 {
            self.idle();
        } else {
            self.empty_polls = 0;
        }
        taken
    }

    #[inline]
    fn idle(&mut self) {
        self.empty_polls += 1;
        let spins = if self.remote_lanes == 0 {
            LOCAL_SPINS
        } else {
            REMOTE_SPINS
        };
        if self.empty_polls >= spins {
            self.empty_polls = 0;
            rustix::thread::sched_yield();
            self.look_for_unread();
        }
    }

    #[inline]
    fn poll_inbound(&mut self, index: usize, most: usize, handler: &mut impl Handler) -> usize {
        let inbound = &mut self.inbound[index];
        let lane = inbound.lane;
        let mut taken = 0;
        let end = loop {
            if taken == most {
                inbound.consumer.tell_all();
                return taken;
            }
            match inbound.consumer.peek() {
                Ok(Some(record)) if record.header.kind < kind::FIRST_OF_SERVICE => {
                    inbound.is_heard = true;
                    match handler.record(lane, record.header, record.payload) {
                        Disposition::Consumed => {
                            inbound.consumer.advance();
                            taken += 1;
                        }
                        Disposition::Hold => match &inbound.ending {
                            Some(ending) if ending.since.elapsed() > ENDING_LIMIT => {
                                break ending.cause;
                            }
                            Some(_) | None => {
                                inbound.consumer.tell_all();
                                return taken;
                            }
                        },
                        Disposition::Violation => break Cause::Protocol,
                    }
                }
                Ok(None) => match &inbound.ending {
                    Some(ending) => break ending.cause,
                    None => return taken,
                },
                Ok(Some(_)) | Err(ProtocolViolation) => break Cause::Protocol,
            }
        };
        self.broken.push((lane, end));
        taken
    }

    fn poll_service(&mut self, most: usize, handler: &mut impl Handler) -> usize {
        let Some(mut rings) = self.service.take() else {
            return 0;
        };
        let polled = self
            .poll_completions(&mut rings.completions, handler)
            .and_then(|completed| {
                let records = self.poll_records(&mut rings.records, most, handler)?;
                Ok(completed + records)
            });
        match polled {
            Ok(taken) => {
                self.service = Some(rings);
                taken
            }
            Err(ProtocolViolation) => {
                self.break_remote();
                0
            }
        }
    }

    /// The service's rings are of no more use, and so is every lane by them.
    #[cold]
    pub(super) fn break_remote(&mut self) {
        self.service = None;
        let lanes = self.lanes.iter().enumerate();
        let remote = lanes.filter(|(_, lane)| matches!(lane.state, State::Remote));
        let broken = remote.map(|(index, _)| (LaneId(index as u32), Cause::ServiceGone));
        self.broken.extend(broken);
    }

    fn poll_completions(
        &mut self,
        completions: &mut Consumer,
        handler: &mut impl Handler,
    ) -> Result<usize, ProtocolViolation> {
        let mut taken = 0;
        while taken < POLL_BATCH
            && let Some(record) = completions.peek()?
        {
            let (first, route) = (record.header.first, read_route(record.payload)?);
            completions.advance();
            taken += 1;
            let lane = self.lanes.get(route.lane as usize);
            if lane.is_some_and(|lane| matches!(lane.state, State::Remote)) {
                let outcome = Outcome::from_number(first).into();
                handler.completed(LaneId(route.lane), route.request, outcome);
            }
        }
        Ok(taken)
    }

    fn poll_records(
        &mut self,
        records: &mut Consumer,
        most: usize,
        handler: &mut impl Handler,
    ) -> Result<usize, ProtocolViolation> {
        let mut taken = 0;
        while taken < most
            && let Some(record) = records.peek()?
        {
            let lane = self.lane_from(read_route(record.payload)?.peer);
            let header = RecordHeader {
                length: record.header.length - ROUTE as u32,
                ..*record.header
            };
            match handler.record(lane, &header, record.payload.skip(ROUTE)) {
                Disposition::Consumed => {}
                Disposition::Hold => break,
                Disposition::Violation => self.broken.push((lane, Cause::Protocol)),
            }
            records.advance();
            taken += 1;
        }
        Ok(taken)
    }

    /// The lane to the sender of a record from another host, which is open by that.
    fn lane_from(&mut self, peer: Peer) -> LaneId {
        if let Some((last, lane)) = self.last_source
            && last == peer
        {
            return lane;
        }
        let lane = match self.by_peer.get(&peer) {
            Some(lane) => *lane,
            None => self.add_lane(peer, State::Connecting),
        };
        self.open_remote(lane);
        if let Some(found) = self.lanes.get_mut(lane.index()) {
            found.is_known = true;
        }
        self.last_source = Some((peer, lane));
        lane
    }
}

fn read_route(payload: Payload<'_>) -> Result<Route, ProtocolViolation> {
    if payload.len() < ROUTE {
        return Err(ProtocolViolation);
    }
    let mut bytes = [0; ROUTE];
    payload.copy_to(0, &mut bytes);
    Ok(Route::from_bytes(&bytes))
}
