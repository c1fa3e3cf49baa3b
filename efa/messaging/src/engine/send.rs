//! Sending messages.

use super::{Engine, Level, Message, Request, SendRequest, Submit, Violation, Work};
use crate::NO_TOKEN;
use crate::buffer::{Body, Buffer, Refusal, Route, Sent, Wire};
use crate::completion::{Completion, Fault, Operation, Sink};
use crate::limits::{ANNOUNCED, REORDER_WINDOW, SEGMENTS_UNDERWAY, UNANSWERED};
use crate::record::{LaneId, RecordHeader, flag, kind};

/// Token of every segment of an announced message: they are counted, not told apart.
const SEGMENT_TOKEN: u32 = NO_TOKEN - 1;
/// Token of every ordered record whose request ends with an answer, which may come before word of its arrival.
const ORDERED_TOKEN: u32 = NO_TOKEN - 2;

/// A message whose receiver was told of it.
pub(super) struct Announced<B> {
    buffer: B,
    /// What the receiver said when it cleared it.
    cleared: Option<Cleared>,
}

struct Cleared {
    transfer: u32,
    wanted: usize,
    sent: usize,
}

/// The header of a message that fits one record.
#[inline(always)]
fn header_of(message: Message) -> RecordHeader {
    let mut flags = 0;
    if message.tag.is_some() {
        flags |= flag::TAGGED;
    }
    if message.data.is_some() {
        flags |= flag::DATA;
    }
    RecordHeader {
        kind: kind::MESSAGE,
        flags,
        first: message.tag.unwrap_or(0),
        second: message.data.unwrap_or(0),
        ..RecordHeader::default()
    }
}

impl<B: Buffer> Engine<B> {
    /// Sends a message.
    ///
    /// The usual case, one record within a host, is all in here and small enough to be inlined whole: a structure that
    /// goes through memory on its way to the ring is read back wider than it was written, and such a read waits until
    /// all earlier writes, those to the ring included, have reached the cache.
    #[inline(always)]
    pub fn send(
        &mut self,
        send: SendRequest<'_, B>,
        wire: &mut impl Wire<B>,
        sink: &mut impl Sink,
    ) -> Submit {
        let SendRequest {
            lane,
            message,
            buffer,
            context,
            report,
            level,
        } = send;
        let length = buffer.len();
        let is_usual = self
            .lanes
            .get(lane.0 as usize)
            .is_some_and(|state| matches!(state.route, Route::Local) && length <= state.longest);
        if !is_usual || level == Level::Delivered {
            let send = SendRequest {
                lane,
                message,
                buffer,
                context,
                report,
                level,
            };
            return self.send_otherwise(send, wire, sink);
        }
        let header = header_of(message);
        match wire.send(lane, &header, Body::of(buffer, 0, length), NO_TOKEN) {
            Ok(_) if level == Level::Transmitted => {
                self.await_reading(lane, message, (context, report), wire, sink);
                Submit::Accepted
            }
            Ok(_) => {
                let operation = Operation::Send {
                    tagged: message.tag.is_some(),
                };
                sink.complete(&Completion::of(operation, context, report));
                Submit::Accepted
            }
            Err(Refusal::Again) => Submit::Again,
            Err(Refusal::Broken(fault)) => {
                self.send_failed(lane, message, (context, report), fault, wire, sink)
            }
        }
    }

    #[cold]
    fn send_failed(
        &mut self,
        lane: LaneId,
        message: Message,
        (context, report): (u64, bool),
        fault: Fault,
        wire: &impl Wire<B>,
        sink: &mut impl Sink,
    ) -> Submit {
        let operation = Operation::Send {
            tagged: message.tag.is_some(),
        };
        let completion = Completion::of(operation, context, report);
        self.refused(lane, Refusal::Broken(fault), &completion, wire, sink)
    }

    /// The less usual cases.
    #[inline(never)]
    fn send_otherwise(
        &mut self,
        request: SendRequest<'_, B>,
        wire: &mut impl Wire<B>,
        sink: &mut impl Sink,
    ) -> Submit {
        let SendRequest { lane, message, .. } = request;
        let operation = Operation::Send {
            tagged: message.tag.is_some(),
        };
        let completion = Completion::of(operation, request.context, request.report);
        let route = match self.route(lane, wire) {
            Route::Connecting => return Submit::Again,
            Route::Broken(fault) => {
                sink.complete(&completion.ending(Err(fault)));
                return Submit::Accepted;
            }
            open => open,
        };
        let header = header_of(message);
        let length = request.buffer.len();
        if length > self.lane(lane).longest {
            return self.announce(header, request.buffer.clone(), lane, completion, wire, sink);
        }
        if route == Route::Remote || request.level == Level::Delivered {
            return self.send_answered(header, &request, completion, wire, sink);
        }
        match wire.send(lane, &header, Body::of(request.buffer, 0, length), NO_TOKEN) {
            Ok(_) if request.level == Level::Transmitted => {
                let tell = (request.context, request.report);
                self.await_reading(lane, message, tell, wire, sink);
                Submit::Accepted
            }
            Ok(_) => {
                sink.complete(&completion);
                Submit::Accepted
            }
            Err(refusal) => self.refused(lane, refusal, &completion, wire, sink),
        }
    }

    /// One record that completes later: with its arrival, or with the receiver's acknowledgement.
    fn send_answered(
        &mut self,
        mut header: RecordHeader,
        send: &SendRequest<'_, B>,
        completion: Completion,
        wire: &mut impl Wire<B>,
        sink: &mut impl Sink,
    ) -> Submit {
        let (lane, delivered) = (send.lane, send.level == Level::Delivered);
        let state = self.lane(lane);
        if delivered && state.unanswered >= UNANSWERED {
            return Submit::Again;
        }
        let number = self.requests.insert(Request {
            lane,
            completion,
            work: Work::Message { delivered },
        });
        if delivered {
            header.flags |= flag::ACKNOWLEDGE;
        }
        header.immediate = number;
        let body = Body::of(send.buffer, 0, send.buffer.len());
        let token = if delivered { ORDERED_TOKEN } else { number };
        match self.send_ordered(header, body, lane, token, wire) {
            Ok(_) => {
                if delivered {
                    self.lane(lane).unanswered += 1;
                }
                Submit::Accepted
            }
            Err(refusal) => {
                self.requests.remove(number);
                self.refused(lane, refusal, &completion, wire, sink)
            }
        }
    }

    /// Tells the receiver of a message that does not fit a record.
    fn announce(
        &mut self,
        header: RecordHeader,
        buffer: B,
        lane: LaneId,
        completion: Completion,
        wire: &mut impl Wire<B>,
        sink: &mut impl Sink,
    ) -> Submit {
        if self.lane(lane).announced >= ANNOUNCED {
            return Submit::Again;
        }
        let total = (buffer.len() as u64).to_le_bytes();
        let work = Work::Announced(Announced {
            buffer,
            cleared: None,
        });
        let number = self.requests.insert(Request {
            lane,
            completion,
            work,
        });
        let header = RecordHeader {
            kind: kind::ANNOUNCE,
            immediate: number,
            ..header
        };
        match self.send_ordered(header, Body::bytes(&total), lane, ORDERED_TOKEN, wire) {
            Ok(_) => {
                self.lane(lane).announced += 1;
                Submit::Accepted
            }
            Err(refusal) => {
                self.requests.remove(number);
                self.refused(lane, refusal, &completion, wire, sink)
            }
        }
    }

    /// Sends a record whose place among others counts.
    fn send_ordered(
        &mut self,
        mut header: RecordHeader,
        body: Body<'_, B>,
        lane: LaneId,
        token: u32,
        wire: &mut impl Wire<B>,
    ) -> Result<Sent, Refusal> {
        let state = self.lane(lane);
        if state.route == Route::Remote {
            if state.ordered_underway >= REORDER_WINDOW {
                return Err(Refusal::Again);
            }
            header.flags |= flag::SEQUENCED;
            header.word = state.next_sequence;
        }
        let sent = wire.send(lane, &header, body, token)?;
        if header.flags & flag::SEQUENCED != 0 {
            let state = self.lane(lane);
            state.next_sequence = state.next_sequence.wrapping_add(1);
            state.ordered_underway += 1;
        }
        Ok(sent)
    }

    /// What a refusal means for the operation that met it.
    pub(super) fn refused(
        &mut self,
        lane: LaneId,
        refusal: Refusal,
        completion: &Completion,
        wire: &impl Wire<B>,
        sink: &mut impl Sink,
    ) -> Submit {
        match refusal {
            Refusal::Again => Submit::Again,
            Refusal::Broken(fault) => {
                self.on_broken(lane, wire.consumed(lane), fault, sink);
                sink.complete(&completion.ending(Err(fault)));
                Submit::Accepted
            }
        }
    }

    /// A record that was underway has arrived, or will not.
    pub fn on_delivery(
        &mut self,
        lane: LaneId,
        token: u32,
        outcome: Result<(), Fault>,
        sink: &mut impl Sink,
    ) {
        if let Err(fault) = outcome {
            // Whatever was lost, the peer's order has a hole now that nothing fills.
            // Nothing is ever in the ring of a peer on another host.
            self.on_broken(lane, 0, fault, sink);
            return;
        }
        let state = self.lane(lane);
        match token {
            NO_TOKEN => {}
            SEGMENT_TOKEN => {
                state.segments_underway = state.segments_underway.saturating_sub(1);
                if !state.streams.is_empty() {
                    self.mark_busy(lane);
                }
            }
            ORDERED_TOKEN => state.ordered_underway = state.ordered_underway.saturating_sub(1),
            message => {
                state.ordered_underway = state.ordered_underway.saturating_sub(1);
                if let Some(request) = self.requests.remove(message) {
                    sink.complete(&request.completion);
                }
            }
        }
    }

    /// The receiver wants an announced message.
    pub(super) fn on_clear(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
    ) -> Result<(), Violation> {
        let number = header.immediate;
        let request = self
            .requests
            .get_mut(number)
            .filter(|request| request.lane == lane);
        let Some(Request {
            work: Work::Announced(message),
            ..
        }) = request
        else {
            return Err(Violation);
        };
        let wanted = usize::try_from(header.first).map_err(|_| Violation)?;
        let transfer = u32::try_from(header.second).map_err(|_| Violation)?;
        if message.cleared.is_some() || wanted > message.buffer.len() {
            return Err(Violation);
        }
        message.cleared = Some(Cleared {
            transfer,
            wanted,
            sent: 0,
        });
        self.lane(lane).streams.push_back(number);
        self.mark_busy(lane);
        Ok(())
    }

    /// Sends the next segment of a cleared message; true when none is left.
    pub(super) fn send_segment(
        &mut self,
        number: u32,
        wire: &mut impl Wire<B>,
    ) -> Result<bool, Refusal> {
        let Some(Request {
            lane,
            work: Work::Announced(message),
            ..
        }) = self.requests.get_mut(number)
        else {
            return Ok(true);
        };
        let Some(cleared) = &mut message.cleared else {
            return Ok(true);
        };
        let state = &mut self.lanes[lane.0 as usize];
        let length = state.longest.min(cleared.wanted - cleared.sent);
        let header = RecordHeader {
            kind: kind::SEGMENT,
            immediate: cleared.transfer,
            first: cleared.sent as u64,
            ..RecordHeader::default()
        };
        if state.segments_underway >= SEGMENTS_UNDERWAY {
            return Err(Refusal::Again);
        }
        let body = Body::of(&message.buffer, cleared.sent, length);
        if wire.send(*lane, &header, body, SEGMENT_TOKEN)? == Sent::Underway {
            state.segments_underway += 1;
        }
        cleared.sent += length;
        Ok(cleared.sent == cleared.wanted)
    }
}
