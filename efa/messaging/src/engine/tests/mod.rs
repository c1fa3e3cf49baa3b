//! Two engines joined by lanes that keep order or do not, with little room.

mod messages;
mod remote;

use super::{Disposition, Engine, Level, Message, ReceiveRequest, SendRequest, Submit};
use crate::buffer::{Body, Buffer, Refusal, Route, Sent, Wire};
use crate::completion::{Completion, Fault, Sink};
use crate::limits::{LOCAL_SEGMENT, REMOTE_SEGMENT};
use crate::matching::Pattern;
use crate::record::{LaneId, RecordHeader};
use crate::region::Regions;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

/// Every test has one peer.
const PEER: LaneId = LaneId(0);
/// Records that a lane holds.
const ROOM: usize = 8;

/// Memory that a test can look into.
#[derive(Clone, Debug)]
struct Bytes(Rc<RefCell<Vec<u8>>>);

impl Bytes {
    fn new(content: Vec<u8>) -> Self {
        Self(Rc::new(RefCell::new(content)))
    }

    fn content(&self) -> Vec<u8> {
        self.0.borrow().clone()
    }
}

impl Buffer for Bytes {
    fn len(&self) -> usize {
        self.0.borrow().len()
    }
    fn address(&self, at: usize) -> u64 {
        at as u64
    }
    fn read(&self, at: usize, into: &mut [u8]) {
        into.copy_from_slice(&self.0.borrow()[at..at + into.len()]);
    }
    fn write(&self, at: usize, from: &[u8]) {
        self.0.borrow_mut()[at..at + from.len()].copy_from_slice(from);
    }
}

struct Record {
    header: RecordHeader,
    payload: Vec<u8>,
    token: u32,
}

/// One direction.
struct Pipe {
    route: Route,
    records: VecDeque<Record>,
    /// Records since the beginning.
    written: u64,
    /// Of them, what the peer says it has taken.
    consumed: u64,
}

impl Wire<Bytes> for Pipe {
    fn route(&self, _: LaneId) -> Route {
        self.route
    }

    fn longest(&self, route: Route) -> usize {
        match route {
            Route::Remote => REMOTE_SEGMENT,
            _ => LOCAL_SEGMENT,
        }
    }

    fn written(&self, _: LaneId) -> u64 {
        self.written
    }

    fn consumed(&self, _: LaneId) -> u64 {
        self.consumed
    }

    fn send(
        &mut self,
        _: LaneId,
        header: &RecordHeader,
        body: Body<'_, Bytes>,
        token: u32,
    ) -> Result<Sent, Refusal> {
        if let Route::Broken(fault) = self.route {
            return Err(Refusal::Broken(fault));
        }
        if self.records.len() >= ROOM {
            return Err(Refusal::Again);
        }
        let mut payload = body.head.to_vec();
        if let Some(buffer) = body.buffer {
            let mut bytes = vec![0; body.length];
            buffer.read(body.from, &mut bytes);
            payload.extend(bytes);
        }
        self.records.push_back(Record {
            header: *header,
            payload,
            token,
        });
        self.written += 1;
        Ok(match self.route {
            Route::Remote => Sent::Underway,
            _ => Sent::InRing,
        })
    }
}

#[derive(Default)]
struct Log(Vec<Completion>);

impl Sink for Log {
    fn complete(&mut self, completion: &Completion) {
        self.0.push(*completion);
    }
}

struct End {
    engine: Engine<Bytes>,
    out: Pipe,
    regions: Regions<Bytes>,
    log: Log,
}

impl End {
    fn new(route: Route) -> Self {
        let out = Pipe {
            route,
            records: VecDeque::new(),
            written: 0,
            consumed: 0,
        };
        Self {
            engine: Engine::default(),
            out,
            regions: Regions::default(),
            log: Log::default(),
        }
    }

    fn flush(&mut self) {
        self.engine.look_at_readers(&self.out, &mut self.log);
        self.engine
            .flush(&mut self.out, &self.regions, &mut self.log);
    }

    fn completed(&self, context: u64) -> Option<&Completion> {
        self.log.0.iter().find(|entry| entry.context == context)
    }
}

struct Pair {
    ends: [End; 2],
    route: Route,
    /// State of a generator that picks records on lanes that reorder.
    seed: u64,
}

impl Pair {
    fn new(route: Route, seed: u64) -> Self {
        Self {
            ends: [End::new(route), End::new(route)],
            route,
            seed: seed | 1,
        }
    }

    /// xorshift: deterministic, and good enough to shuffle.
    fn pick(&mut self, below: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        usize::try_from(self.seed % below as u64).unwrap()
    }

    /// Moves one record from `from` to the other; false if there is none, or its receiver holds it.
    fn step(&mut self, from: usize) -> bool {
        let waiting = self.ends[from].out.records.len();
        if waiting == 0 {
            return false;
        }
        let index = if self.route == Route::Remote {
            self.pick(waiting)
        } else {
            0
        };
        let record = self.ends[from].out.records.remove(index).unwrap();
        let End {
            engine,
            regions,
            log,
            ..
        } = &mut self.ends[1 - from];
        let disposition = engine.on_record(PEER, &record.header, &&*record.payload, regions, log);
        if disposition == Disposition::Hold {
            self.ends[from].out.records.insert(index, record);
            return false;
        }
        self.ends[from].out.consumed += 1;
        if self.route == Route::Remote {
            let End { engine, log, .. } = &mut self.ends[from];
            engine.on_delivery(PEER, record.token, Ok(()), log);
        }
        true
    }

    /// Until nothing moves.
    fn settle(&mut self) {
        loop {
            let mut moved = false;
            for end in [0, 1] {
                self.ends[end].flush();
                moved |= self.step(end);
            }
            if !moved {
                return;
            }
        }
    }

    fn send(&mut self, tag: Option<u64>, content: Vec<u8>, context: u64, level: Level) {
        let buffer = Bytes::new(content);
        loop {
            let request = SendRequest {
                lane: PEER,
                message: Message { tag, data: None },
                buffer: &buffer,
                context,
                report: true,
                level,
            };
            let End {
                engine, out, log, ..
            } = &mut self.ends[0];
            if engine.send(request, out, log) == Submit::Accepted {
                return;
            }
            self.settle();
        }
    }

    fn receive(&mut self, tagged: bool, pattern: Pattern, length: usize, context: u64) -> Bytes {
        let buffer = Bytes::new(vec![0; length]);
        let request = ReceiveRequest {
            tagged,
            pattern,
            buffer: buffer.clone(),
            context,
            report: true,
            until_less_than: None,
        };
        let End { engine, log, .. } = &mut self.ends[1];
        engine.receive(request, log);
        buffer
    }

    /// Nothing is left over on either side.
    fn assert_idle(&self) {
        for end in &self.ends {
            assert_eq!(end.engine.requests.len(), 0);
            assert_eq!(end.engine.incoming.len(), 0);
            assert!(!end.engine.has_work() && !end.engine.has_unread());
            for lane in &end.engine.lanes {
                assert_eq!((lane.unanswered, lane.announced), (0, 0));
                assert_eq!((lane.ordered_underway, lane.segments_underway), (0, 0));
            }
        }
    }
}

/// Bytes that tell messages apart.
fn pattern_bytes(salt: u64, length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| (index as u64).wrapping_mul(31).wrapping_add(salt * 17) as u8)
        .collect()
}

fn outcome(end: &End, context: u64) -> Option<Result<(), Fault>> {
    end.completed(context).map(|entry| entry.outcome)
}
