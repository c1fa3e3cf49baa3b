//! Sending what waited for room.

use super::{Engine, Reply, Work};
use crate::NO_TOKEN;
use crate::buffer::{Body, Buffer, Refusal, Wire};
use crate::completion::{Fault, Sink};
use crate::limits::SEGMENT_BURST;
use crate::record::{LaneId, RecordHeader, acknowledgement, header, kind};
use crate::region::{Access, Regions};

impl<B: Buffer> Engine<B> {
    /// Whether [`Self::flush`] has something to try.
    #[inline]
    pub fn has_work(&self) -> bool {
        !self.busy.is_empty()
    }

    /// Sends answers and segments as far as there is room. To be called after records were handed in, and whenever
    /// room may have appeared.
    pub fn flush(&mut self, wire: &mut impl Wire<B>, regions: &Regions<B>, sink: &mut impl Sink) {
        let mut index = 0;
        while index < self.busy.len() {
            let lane = self.busy[index];
            match self.flush_lane(lane, wire, regions) {
                Ok(()) | Err(Refusal::Again) => {}
                Err(Refusal::Broken(fault)) => {
                    self.on_broken(lane, wire.consumed(lane), fault, sink);
                }
            }
            let state = self.lane(lane);
            if state.replies.is_empty() && state.streams.is_empty() {
                state.is_busy = false;
                self.busy.swap_remove(index);
            } else {
                index += 1;
            }
        }
    }

    fn flush_lane(
        &mut self,
        lane: LaneId,
        wire: &mut impl Wire<B>,
        regions: &Regions<B>,
    ) -> Result<(), Refusal> {
        self.route(lane, wire);
        while let Some(reply) = self.lane(lane).replies.front() {
            send_reply(reply, lane, regions, wire)?;
            self.lane(lane).replies.pop_front();
        }
        for _ in 0..SEGMENT_BURST {
            let Some(&number) = self.lane(lane).streams.front() else {
                break;
            };
            if self.advance(number, wire)? {
                self.lane(lane).streams.pop_front();
            }
        }
        Ok(())
    }

    /// Sends one record of a request; true when it has no more for now.
    fn advance(&mut self, number: u32, wire: &mut impl Wire<B>) -> Result<bool, Refusal> {
        match self.requests.get(number).map(|request| &request.work) {
            Some(Work::Announced(_)) => self.send_segment(number, wire),
            Some(Work::Remote(_)) => self.issue(number, wire),
            Some(Work::Message { .. } | Work::Atomic { .. }) | None => Ok(true),
        }
    }
}

fn send_reply<B: Buffer>(
    reply: &Reply,
    lane: LaneId,
    regions: &Regions<B>,
    wire: &mut impl Wire<B>,
) -> Result<(), Refusal> {
    let nothing = Body::bytes(&[]);
    match reply {
        &Reply::Clear {
            request,
            transfer,
            wanted,
        } => {
            let record = RecordHeader {
                first: wanted as u64,
                second: transfer.into(),
                ..header(kind::CLEAR, request)
            };
            wire.send(lane, &record, nothing, NO_TOKEN)?;
        }
        &Reply::Acknowledge { request, outcome } => {
            wire.send(lane, &acknowledgement(request, outcome), nothing, NO_TOKEN)?;
        }
        &Reply::Read {
            request,
            address,
            key,
            offset,
            length,
        } => {
            let access = Access {
                read: true,
                write: false,
            };
            let found = regions.find(key, address, length, access);
            let outcome = found.as_ref().map(|_| ()).map_err(|&fault| fault);
            let record = RecordHeader {
                word: Fault::to_wire(outcome),
                first: offset,
                ..header(kind::READ_DATA, request)
            };
            let body = match found {
                Ok((buffer, from)) => Body::of(buffer, from, length),
                Err(_) => nothing,
            };
            wire.send(lane, &record, body, NO_TOKEN)?;
        }
        Reply::Result {
            request,
            outcome,
            bytes,
        } => {
            let record = RecordHeader {
                word: Fault::to_wire(*outcome),
                ..header(kind::RESULT, *request)
            };
            wire.send(lane, &record, Body::bytes(bytes), NO_TOKEN)?;
        }
    }
    Ok(())
}
