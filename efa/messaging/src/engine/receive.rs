//! Receiving messages.

use super::shared::Shared;
use super::{Disposition, Engine, Lane, ReceiveRequest, Reply, Violation, Waiting, data_of};
use crate::buffer::{Arrival, Buffer, Route};
use crate::completion::{Completion, Fault, Operation, Sink};
use crate::limits::{UNEXPECTED_BYTES, UNEXPECTED_OVERHEAD};
use crate::matching::{Content, Posted, Room, Unexpected};
use crate::order::Place;
use crate::record::{LaneId, RecordHeader, flag, kind};
use alloc::vec;

/// A cleared message that is coming in.
pub(super) struct Incoming<B> {
    pub(super) lane: LaneId,
    room: Room<B>,
    /// Where in the room it starts.
    base: usize,
    wanted: usize,
    received: usize,
    request: u32,
    completion: Completion,
}

/// What a receive learns of its message.
#[derive(Clone, Copy)]
struct Envelope {
    lane: LaneId,
    tagged: bool,
    tag: u64,
    data: Option<u64>,
    length: usize,
    request: Option<u32>,
}

impl<B: Buffer> Engine<B> {
    /// Posts a buffer, and fills it at once if its message is already here.
    #[inline(always)]
    pub fn receive(&mut self, request: ReceiveRequest<B>, sink: &mut impl Sink) {
        let ReceiveRequest {
            tagged,
            pattern,
            buffer,
            context,
            report,
            until_less_than,
        } = request;
        let room = match until_less_than {
            None => Room::Whole(buffer),
            Some(until_less_than) => {
                let shared = Shared {
                    buffer,
                    used: 0,
                    coming: 0,
                    until_less_than,
                    is_full: false,
                };
                Room::Shared(self.shared.insert(shared))
            }
        };
        let lane = pattern
            .lane
            .and_then(|lane| self.lanes.get(lane.0 as usize));
        let is_broken = lane.is_some_and(|lane| matches!(lane.route, Route::Broken(_)));
        let matcher = self.matcher(tagged);
        // Made where it is kept: a record in between would cost as much as the rest.
        if matcher.unexpected.is_empty() && !is_broken {
            matcher.posted.push_back(Posted {
                pattern,
                room,
                context,
                report,
            });
        } else {
            let posted = Posted {
                pattern,
                room,
                context,
                report,
            };
            self.receive_unexpected(tagged, posted, sink);
        }
    }

    /// Posts a receive whose message may be here, or may never come.
    #[inline(never)]
    fn receive_unexpected(&mut self, tagged: bool, mut posted: Posted<B>, sink: &mut impl Sink) {
        while let Some(index) = self.matcher(tagged).find_unexpected(&posted.pattern) {
            match self.take_unexpected(tagged, index, posted, sink) {
                Some(rest) => posted = rest,
                None => return,
            }
        }
        match posted
            .pattern
            .lane
            .and_then(|lane| self.lanes.get(lane.0 as usize))
        {
            // Nothing will come from this peer any more.
            Some(&Lane {
                route: Route::Broken(fault),
                ..
            }) => self.fail_posted(tagged, posted, fault, sink),
            Some(_) | None => self.matcher(tagged).posted.push_back(posted),
        }
    }

    /// Takes back the receive posted under `context`; false if there is none.
    pub fn cancel(&mut self, context: u64, sink: &mut impl Sink) -> bool {
        for tagged in [true, false] {
            let queue = &mut self.matcher(tagged).posted;
            let Some(index) = queue.iter().position(|posted| posted.context == context) else {
                continue;
            };
            if let Some(posted) = queue.remove(index) {
                self.fail_posted(tagged, posted, Fault::Cancelled, sink);
            }
            return true;
        }
        false
    }

    /// Ends a receive that has no message.
    pub(super) fn fail_posted(
        &mut self,
        tagged: bool,
        posted: Posted<B>,
        fault: Fault,
        sink: &mut impl Sink,
    ) {
        let completion =
            Completion::of(Operation::Receive { tagged }, posted.context, posted.report);
        let released = match posted.room {
            Room::Whole(_) => false,
            Room::Shared(number) => self.close_shared(number),
        };
        let ended = Completion {
            tag: posted.pattern.tag,
            released,
            ..completion
        };
        sink.complete(&ended.ending(Err(fault)));
    }

    /// A message that one record carries.
    #[inline]
    pub(super) fn on_message(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        arrival: &impl Arrival<B>,
        sink: &mut impl Sink,
    ) -> Result<Disposition, Violation> {
        let tagged = header.flags & flag::TAGGED != 0;
        let envelope = Envelope {
            lane,
            tagged,
            tag: header.first,
            data: data_of(header),
            length: arrival.len(),
            request: (header.flags & flag::ACKNOWLEDGE != 0).then_some(header.immediate),
        };
        if let Some(index) = self.matcher(tagged).find_posted(lane, header.first) {
            self.deliver(index, &envelope, arrival, sink);
            return Ok(Disposition::Consumed);
        }
        let cost = envelope.length + UNEXPECTED_OVERHEAD;
        // Records that waited for a missing one come from here too and cannot be held: see `on_sequenced`.
        if self.unexpected_bytes + cost > UNEXPECTED_BYTES && header.flags & flag::SEQUENCED == 0 {
            return Ok(Disposition::Hold);
        }
        let mut payload = vec![0; envelope.length].into_boxed_slice();
        arrival.copy_to(0, &mut payload);
        self.keep(&envelope, Content::Kept(payload));
        Ok(Disposition::Consumed)
    }

    /// A message that is still at its sender.
    pub(super) fn on_announce(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        arrival: &impl Arrival<B>,
        sink: &mut impl Sink,
    ) -> Result<Disposition, Violation> {
        if arrival.len() != 8 {
            return Err(Violation);
        }
        let mut total = [0; 8];
        arrival.copy_to(0, &mut total);
        let tagged = header.flags & flag::TAGGED != 0;
        let envelope = Envelope {
            lane,
            tagged,
            tag: header.first,
            data: data_of(header),
            length: usize::try_from(u64::from_le_bytes(total)).map_err(|_| Violation)?,
            request: Some(header.immediate),
        };
        match self.matcher(tagged).find_posted(lane, header.first) {
            Some(index) => self.clear(index, &envelope, sink),
            None => self.keep(&envelope, Content::Announced),
        }
        Ok(Disposition::Consumed)
    }

    fn keep(&mut self, envelope: &Envelope, content: Content) {
        let message = Unexpected {
            lane: envelope.lane,
            tag: envelope.tag,
            data: envelope.data,
            length: envelope.length,
            content,
            request: envelope.request,
            claimed_by: None,
        };
        self.unexpected_bytes += kept_bytes(&message);
        self.matcher(envelope.tagged).unexpected.push_back(message);
    }

    /// An ordered record on a lane that reorders.
    pub(super) fn on_sequenced(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        arrival: &impl Arrival<B>,
        sink: &mut impl Sink,
    ) -> Result<Disposition, Violation> {
        match self.lane(lane).reorder.place(header.word) {
            Place::Outside => return Err(Violation),
            Place::Ahead(ahead) => {
                let mut payload = vec![0; arrival.len()].into_boxed_slice();
                arrival.copy_to(0, &mut payload);
                self.lane(lane).reorder.keep(
                    ahead,
                    Waiting {
                        header: *header,
                        payload,
                    },
                );
                return Ok(Disposition::Consumed);
            }
            // Only the record that is next may be held: one that runs ahead could stand before the missing one.
            Place::Next if self.unexpected_bytes >= UNEXPECTED_BYTES => {
                let tagged = header.flags & flag::TAGGED != 0;
                if self
                    .matcher(tagged)
                    .find_posted(lane, header.first)
                    .is_none()
                {
                    return Ok(Disposition::Hold);
                }
            }
            Place::Next => {}
        }
        self.on_ordered(lane, header, arrival, sink)?;
        while let Some(Waiting { header, payload }) = self.lane(lane).reorder.advance() {
            self.on_ordered(lane, &header, &&*payload, sink)?;
        }
        Ok(Disposition::Consumed)
    }

    fn on_ordered(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        arrival: &impl Arrival<B>,
        sink: &mut impl Sink,
    ) -> Result<(), Violation> {
        let disposition = if header.kind == kind::MESSAGE {
            self.on_message(lane, header, arrival, sink)
        } else {
            self.on_announce(lane, header, arrival, sink)
        };
        disposition.map(|_| ())
    }

    /// Gives the unexpected message at `index` to `posted`; gives `posted` back if it takes more.
    pub(super) fn take_unexpected(
        &mut self,
        tagged: bool,
        index: usize,
        posted: Posted<B>,
        sink: &mut impl Sink,
    ) -> Option<Posted<B>> {
        let queues = self.matcher(tagged);
        let message = queues.unexpected.remove(index)?;
        // The receive goes through the queue's front, where `deliver` and `clear` find it and leave it if it stays.
        queues.posted.push_front(posted);
        let stays = queues.posted.len();
        self.unexpected_bytes -= kept_bytes(&message);
        let envelope = Envelope {
            lane: message.lane,
            tagged,
            tag: message.tag,
            data: message.data,
            length: message.length,
            request: message.request,
        };
        match message.content {
            Content::Kept(payload) => self.deliver(0, &envelope, &&*payload, sink),
            Content::Announced => self.clear(0, &envelope, sink),
        }
        let queues = self.matcher(tagged);
        if queues.posted.len() < stays {
            None
        } else {
            queues.posted.pop_front()
        }
    }

    /// Places a message that is here into the receive at `index`.
    #[inline(always)]
    fn deliver(
        &mut self,
        index: usize,
        envelope: &Envelope,
        arrival: &impl Arrival<B>,
        sink: &mut impl Sink,
    ) {
        let queue = &mut self.matcher(envelope.tagged).posted;
        let posted = &queue[index];
        let (context, report) = (posted.context, posted.report);
        match &posted.room {
            Room::Whole(buffer) => {
                let length = envelope.length.min(buffer.len());
                arrival.place(0, length, buffer, 0);
                let address = buffer.address(0);
                // The first is the rule, and cheaper to take.
                if index == 0 {
                    queue.pop_front();
                } else {
                    queue.remove(index);
                }
                let mut completion = envelope.completion(context, report);
                completion.address = address;
                finish(&mut completion, length, envelope.length);
                sink.complete(&completion);
            }
            &Room::Shared(number) => {
                let mut completion = envelope.completion(context, report);
                if let Some((base, length)) =
                    self.reserve(envelope.tagged, index, number, envelope.length)
                    && let Some(shared) = self.shared.get_mut(number)
                {
                    arrival.place(0, length, &shared.buffer, base);
                    completion.address = shared.buffer.address(base);
                    finish(&mut completion, length, envelope.length);
                    completion.released = self.release(number);
                }
                sink.complete(&completion);
            }
        }
        if let Some(request) = envelope.request {
            self.reply(
                envelope.lane,
                Reply::Acknowledge {
                    request,
                    outcome: Ok(()),
                },
            );
        }
    }

    /// Lets the sender of an announced message stream it into the receive at `index`.
    fn clear(&mut self, index: usize, envelope: &Envelope, sink: &mut impl Sink) {
        let queue = &mut self.matcher(envelope.tagged).posted;
        let posted = &queue[index];
        let mut completion = envelope.completion(posted.context, posted.report);
        let (room, base, wanted) = match posted.room {
            Room::Whole(ref buffer) => {
                completion.address = buffer.address(0);
                let room = Room::Whole(buffer.clone());
                let wanted = envelope.length.min(buffer.len());
                queue.remove(index);
                (room, 0, wanted)
            }
            Room::Shared(number) => {
                let reserved = self.reserve(envelope.tagged, index, number, envelope.length);
                let (base, wanted) = reserved.unwrap_or((0, 0));
                if let Some(shared) = self.shared.get(number) {
                    completion.address = shared.buffer.address(base);
                }
                (Room::Shared(number), base, wanted)
            }
        };
        finish(&mut completion, wanted, envelope.length);
        let request = envelope.request.unwrap_or_default();
        let incoming = Incoming {
            lane: envelope.lane,
            room,
            base,
            wanted,
            received: 0,
            request,
            completion,
        };
        if wanted == 0 {
            self.received(incoming, sink);
            return;
        }
        let transfer = self.incoming.insert(incoming);
        self.reply(
            envelope.lane,
            Reply::Clear {
                request,
                transfer,
                wanted,
            },
        );
    }

    /// A piece of a message that is coming in.
    pub(super) fn on_segment(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        arrival: &impl Arrival<B>,
        sink: &mut impl Sink,
    ) -> Result<(), Violation> {
        let number = header.immediate;
        let incoming = self
            .incoming
            .get_mut(number)
            .filter(|incoming| incoming.lane == lane)
            .ok_or(Violation)?;
        let offset = usize::try_from(header.first).map_err(|_| Violation)?;
        let length = arrival.len();
        if length == 0
            || offset
                .checked_add(length)
                .is_none_or(|end| end > incoming.wanted)
        {
            return Err(Violation);
        }
        match &incoming.room {
            Room::Whole(buffer) => arrival.place(0, length, buffer, incoming.base + offset),
            Room::Shared(shared) => {
                let shared = self.shared.get(*shared).ok_or(Violation)?;
                arrival.place(0, length, &shared.buffer, incoming.base + offset);
            }
        }
        incoming.received += length;
        if incoming.received >= incoming.wanted
            && let Some(incoming) = self.incoming.remove(number)
        {
            self.received(incoming, sink);
        }
        Ok(())
    }

    /// Ends a message that came in.
    fn received(&mut self, incoming: Incoming<B>, sink: &mut impl Sink) {
        let Incoming {
            lane,
            room,
            request,
            mut completion,
            ..
        } = incoming;
        if let Room::Shared(number) = room {
            completion.released = self.release(number);
        }
        sink.complete(&completion);
        self.reply(
            lane,
            Reply::Acknowledge {
                request,
                outcome: Ok(()),
            },
        );
    }

    /// Ends a message whose rest will not come.
    pub(super) fn fail_incoming(
        &mut self,
        incoming: Incoming<B>,
        fault: Fault,
        sink: &mut impl Sink,
    ) {
        let mut completion = incoming.completion;
        completion.length = 0;
        if let Room::Shared(number) = incoming.room {
            completion.released = self.release(number);
        }
        sink.complete(&completion.ending(Err(fault)));
    }
}

impl Envelope {
    #[inline(always)]
    fn completion(&self, context: u64, report: bool) -> Completion {
        let operation = Operation::Receive {
            tagged: self.tagged,
        };
        Completion {
            tag: self.tag,
            data: self.data,
            source: Some(self.lane),
            ..Completion::of(operation, context, report)
        }
    }
}

#[inline(always)]
fn finish(completion: &mut Completion, placed: usize, length: usize) {
    completion.length = placed;
    if placed < length {
        completion.outcome = Err(Fault::Truncated {
            beyond: length - placed,
        });
    }
}

pub(super) fn kept_bytes(message: &Unexpected) -> usize {
    match &message.content {
        Content::Kept(payload) => payload.len() + UNEXPECTED_OVERHEAD,
        Content::Announced => UNEXPECTED_OVERHEAD,
    }
}
