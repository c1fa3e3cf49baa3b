//! The engine of one endpoint.

mod broken;
mod claimed;
mod flush;
mod receive;
mod remote;
mod send;
mod shared;
mod target;
#[cfg(test)]
mod tests;
mod unread;

use crate::atomic::{AtomicOperation, Datatype};
use crate::buffer::{Arrival, Buffer, Route, Wire};
use crate::completion::{Completion, Sink};
use crate::matching::{Matcher, Pattern};
use crate::order::Reorder;
use crate::record::{LaneId, RecordHeader, flag, kind};
use crate::region::Regions;
use crate::slab::Slab;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use receive::Incoming;
use shared::Shared;
use target::Reply;
use unread::Unread;

/// What a message carries besides its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// Tag, for a tagged one.
    pub tag: Option<u64>,
    /// Data that the receiver's completion shows.
    pub data: Option<u64>,
}

/// When a message completes; what libfabric's levels of completion mean here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Once it is on its lane and its buffer may be used again (`FI_INJECT_COMPLETE`). A lane that breaks may take it
    /// away afterwards.
    Injected,
    /// Once the peer's endpoint has it (`FI_TRANSMIT_COMPLETE`).
    Transmitted,
    /// Once the receiver has it in its buffer (`FI_DELIVERY_COMPLETE`, and more than that asks for).
    Delivered,
}

/// A message to send.
#[derive(Debug)]
pub struct SendRequest<'a, B> {
    /// To whom.
    pub lane: LaneId,
    /// Tag and data.
    pub message: Message,
    /// The bytes.
    pub buffer: &'a B,
    /// Comes back in the completion.
    pub context: u64,
    /// Whether a success is reported.
    pub report: bool,
    /// When it completes.
    pub level: Level,
}

/// A buffer to receive into.
#[derive(Debug)]
pub struct ReceiveRequest<B> {
    /// For messages with tags.
    pub tagged: bool,
    /// What it takes.
    pub pattern: Pattern,
    /// Where it goes.
    pub buffer: B,
    /// Comes back in the completion.
    pub context: u64,
    /// Whether a success is reported.
    pub report: bool,
    /// Takes messages until less than so many bytes are left.
    pub until_less_than: Option<usize>,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// From the peer's region to our buffer.
    Read,
    /// From our buffer to the peer's region.
    Write,
}

/// A read or write of a peer's region.
#[derive(Debug)]
pub struct RemoteRequest<B> {
    /// Whose region.
    pub lane: LaneId,
    /// Which way.
    pub transfer: Transfer,
    /// Our end.
    pub buffer: B,
    /// The peer's end.
    pub address: u64,
    /// The region's key.
    pub key: u64,
    /// Reported at the peer once a write has arrived.
    pub data: Option<u64>,
    /// Comes back in the completion.
    pub context: u64,
    /// Whether a success is reported.
    pub report: bool,
}

/// An atomic on a peer's region.
#[derive(Debug)]
pub struct AtomicRequest<'a, B> {
    /// Whose region.
    pub lane: LaneId,
    /// What is done.
    pub operation: AtomicOperation,
    /// To what.
    pub datatype: Datatype,
    /// Elements.
    pub count: usize,
    /// An operand for each element; none for a read.
    pub operands: &'a [u8],
    /// A comparand for each element, for operations that compare.
    pub comparands: &'a [u8],
    /// Where what was there goes.
    pub result: Option<B>,
    /// The peer's end.
    pub address: u64,
    /// The region's key.
    pub key: u64,
    /// Comes back in the completion.
    pub context: u64,
    /// Whether a success is reported.
    pub report: bool,
}

/// Whether an operation was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Submit {
    /// It will complete, or has.
    Accepted,
    /// No room now: nothing has changed, try again after progress.
    Again,
}

/// What to do with a record that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Disposition {
    /// Dealt with.
    Consumed,
    /// It must stay first of its lane: the program has to receive first.
    Hold,
    /// No honest peer sends it. Nothing has changed; whoever owns the lane breaks it, see [`Engine::on_broken`].
    Violation,
}

/// A peer broke the protocol.
#[derive(Debug)]
struct Violation;

/// What an endpoint knows about one peer.
struct Lane {
    route: Route,
    /// Longest payload of a record, once it is open.
    longest: usize,
    /// Sequence of the next ordered record, on lanes that reorder.
    next_sequence: u16,
    /// Ordered records underway.
    ordered_underway: u16,
    /// Segments of announced messages underway.
    segments_underway: u32,
    /// Requests to the peer without an answer.
    unanswered: u32,
    /// Announced messages without an acknowledgement.
    announced: u32,
    /// What came too early.
    reorder: Reorder<Waiting>,
    /// Answers that wait for room.
    replies: VecDeque<Reply>,
    /// Requests with something left to send.
    streams: VecDeque<u32>,
    /// Messages in the peer's ring, in their order there.
    unread: VecDeque<Unread>,
    /// Whether it is in [`Engine::busy`].
    is_busy: bool,
}

/// A record that waits for a missing one.
#[derive(Debug)]
struct Waiting {
    header: RecordHeader,
    payload: Box<[u8]>,
}

impl Lane {
    fn new() -> Self {
        Self {
            route: Route::Connecting,
            longest: 0,
            next_sequence: 0,
            ordered_underway: 0,
            segments_underway: 0,
            unanswered: 0,
            announced: 0,
            reorder: Reorder::default(),
            replies: VecDeque::new(),
            streams: VecDeque::new(),
            unread: VecDeque::new(),
            is_busy: false,
        }
    }
}

/// An operation of this end that has not completed.
struct Request<B> {
    lane: LaneId,
    completion: Completion,
    work: Work<B>,
}

enum Work<B> {
    /// A message that one record carries.
    Message {
        /// Ends with the receiver's acknowledgement, not with the record's arrival.
        delivered: bool,
    },
    /// A message that the receiver clears.
    Announced(send::Announced<B>),
    /// A read or write.
    Remote(remote::Remote<B>),
    /// An atomic.
    Atomic { result: Option<B> },
}

/// The semantics of one endpoint. See the crate's documentation.
pub struct Engine<B> {
    plain: Matcher<B>,
    tagged: Matcher<B>,
    shared: Slab<Shared<B>>,
    incoming: Slab<Incoming<B>>,
    requests: Slab<Request<B>>,
    lanes: Vec<Lane>,
    /// Lanes with replies or streams.
    busy: Vec<LaneId>,
    /// Lanes with unread messages.
    watched: Vec<LaneId>,
    unexpected_bytes: usize,
}

impl<B> Default for Engine<B> {
    fn default() -> Self {
        Self {
            plain: Matcher::default(),
            tagged: Matcher::default(),
            shared: Slab::default(),
            incoming: Slab::default(),
            requests: Slab::default(),
            lanes: Vec::new(),
            busy: Vec::new(),
            watched: Vec::new(),
            unexpected_bytes: 0,
        }
    }
}

impl<B: Buffer> Engine<B> {
    fn matcher(&mut self, tagged: bool) -> &mut Matcher<B> {
        if tagged {
            &mut self.tagged
        } else {
            &mut self.plain
        }
    }

    #[inline]
    fn lane(&mut self, lane: LaneId) -> &mut Lane {
        let index = lane.0 as usize;
        if index >= self.lanes.len() {
            self.lanes.resize_with(index + 1, Lane::new);
        }
        &mut self.lanes[index]
    }

    /// Where `lane` leads, asking the wire only until it is open.
    #[inline]
    fn route(&mut self, lane: LaneId, wire: &impl Wire<B>) -> Route {
        let state = self.lane(lane);
        if state.route == Route::Connecting {
            state.route = wire.route(lane);
            state.longest = wire.longest(state.route);
        }
        state.route
    }

    fn mark_busy(&mut self, lane: LaneId) {
        let state = self.lane(lane);
        if !state.is_busy {
            state.is_busy = true;
            self.busy.push(lane);
        }
    }

    /// Takes a record that arrived on `lane`.
    #[inline]
    pub fn on_record(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        arrival: &impl Arrival<B>,
        regions: &Regions<B>,
        sink: &mut impl Sink,
    ) -> Disposition {
        if matches!(self.lane(lane).route, Route::Broken(_)) {
            return Disposition::Consumed;
        }
        self.dispatch(lane, header, arrival, regions, sink)
            .unwrap_or(Disposition::Violation)
    }

    #[inline]
    fn dispatch(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        arrival: &impl Arrival<B>,
        regions: &Regions<B>,
        sink: &mut impl Sink,
    ) -> Result<Disposition, Violation> {
        match header.kind {
            kind::MESSAGE | kind::ANNOUNCE if header.flags & flag::SEQUENCED != 0 => {
                return self.on_sequenced(lane, header, arrival, sink);
            }
            kind::MESSAGE => return self.on_message(lane, header, arrival, sink),
            kind::ANNOUNCE => return self.on_announce(lane, header, arrival, sink),
            kind::CLEAR => self.on_clear(lane, header)?,
            kind::SEGMENT => self.on_segment(lane, header, arrival, sink)?,
            kind::ACKNOWLEDGE => self.on_acknowledge(lane, header, sink)?,
            kind::WRITE => self.on_write(lane, header, arrival, regions, sink)?,
            kind::READ => self.on_read(lane, header, arrival)?,
            kind::READ_DATA => self.on_read_data(lane, header, arrival, sink)?,
            kind::ATOMIC => self.on_atomic(lane, header, arrival, regions)?,
            kind::RESULT => self.on_result(lane, header, arrival, sink)?,
            _ => return Err(Violation),
        }
        Ok(Disposition::Consumed)
    }
}

/// The data that a header says its message carries.
#[inline]
fn data_of(header: &RecordHeader) -> Option<u64> {
    (header.flags & flag::DATA != 0).then_some(header.second)
}

/// Two little-endian numbers, offset and length.
fn pair_from(bytes: [u8; 16]) -> (u64, u64) {
    let number = u128::from_le_bytes(bytes);
    let low = number & u128::from(u64::MAX);
    // Both halves fit by construction.
    (
        u64::try_from(low).unwrap_or_default(),
        u64::try_from(number >> 64).unwrap_or_default(),
    )
}

fn pair_to(first: u64, second: u64) -> [u8; 16] {
    (u128::from(first) | (u128::from(second) << 64)).to_le_bytes()
}
