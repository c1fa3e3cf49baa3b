//! Reads, writes and atomics of this end's memory: the end that is asked.

use super::{Engine, Violation, pair_from};
use crate::atomic::{AtomicOperation, Datatype, apply, is_supported};
use crate::buffer::{Arrival, Buffer};
use crate::completion::{Completion, Fault, Operation, Sink};
use crate::limits::{ATOMIC_BYTES, LOCAL_SEGMENT, PREFIX, REPLIES};
use crate::record::{LaneId, RecordHeader, flag};
use crate::region::{Access, Regions};
use alloc::vec;
use alloc::vec::Vec;

/// An answer that waits for room on its lane.
#[derive(Debug)]
pub(super) enum Reply {
    /// A receive waits for the announced message.
    Clear {
        request: u32,
        transfer: u32,
        wanted: usize,
    },
    /// A request has been dealt with.
    Acknowledge {
        request: u32,
        outcome: Result<(), Fault>,
    },
    /// What lies in a region when the answer goes out; the key is looked up then, it may be gone by that time.
    Read {
        request: u32,
        address: u64,
        key: u64,
        offset: u64,
        length: usize,
    },
    /// What an atomic found.
    Result {
        request: u32,
        outcome: Result<(), Fault>,
        bytes: Vec<u8>,
    },
}

impl<B: Buffer> Engine<B> {
    /// Queues an answer for the next flush.
    pub(super) fn reply(&mut self, lane: LaneId, reply: Reply) {
        self.lane(lane).replies.push_back(reply);
        self.mark_busy(lane);
    }

    /// The same for what the peer alone decides to ask, of which it may have only so much unanswered.
    fn reply_bounded(&mut self, lane: LaneId, reply: Reply) -> Result<(), Violation> {
        if self.lane(lane).replies.len() >= REPLIES {
            return Err(Violation);
        }
        self.reply(lane, reply);
        Ok(())
    }

    pub(super) fn on_write(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        arrival: &impl Arrival<B>,
        regions: &Regions<B>,
        sink: &mut impl Sink,
    ) -> Result<(), Violation> {
        let mut data = None;
        let mut start = 0;
        if header.flags & flag::DATA != 0 {
            let mut prefix = [0; PREFIX];
            if arrival.len() < PREFIX {
                return Err(Violation);
            }
            arrival.copy_to(0, &mut prefix);
            data = Some(pair_from(prefix).0);
            start = PREFIX;
        }
        let length = arrival.len() - start;
        let access = Access {
            read: false,
            write: true,
        };
        let outcome = regions
            .find(header.second, header.first, length, access)
            .map(|(buffer, offset)| arrival.place(start, length, buffer, offset));
        if outcome.is_ok() && data.is_some() {
            sink.complete(&Completion {
                data,
                source: Some(lane),
                length,
                ..Completion::of(Operation::WrittenByPeer, 0, true)
            });
        }
        let request = header.immediate;
        self.reply_bounded(lane, Reply::Acknowledge { request, outcome })
    }

    pub(super) fn on_read(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        arrival: &impl Arrival<B>,
    ) -> Result<(), Violation> {
        let mut bounds = [0; PREFIX];
        if arrival.len() != PREFIX {
            return Err(Violation);
        }
        arrival.copy_to(0, &mut bounds);
        let (offset, length) = pair_from(bounds);
        let length = usize::try_from(length).map_err(|_| Violation)?;
        if length > LOCAL_SEGMENT {
            return Err(Violation);
        }
        let reply = Reply::Read {
            request: header.immediate,
            address: header.first,
            key: header.second,
            offset,
            length,
        };
        self.reply_bounded(lane, reply)
    }

    pub(super) fn on_atomic(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        arrival: &impl Arrival<B>,
        regions: &Regions<B>,
    ) -> Result<(), Violation> {
        let [datatype, operation] = header.word.to_le_bytes();
        let compares = header.flags & flag::COMPARE != 0;
        let parts = if compares { 2 } else { 1 };
        let length = arrival.len() / parts;
        if arrival.len() > 2 * ATOMIC_BYTES {
            return Err(Violation);
        }
        let mut payload = vec![0; arrival.len()];
        arrival.copy_to(0, &mut payload);
        let (operands, comparands) = payload.split_at(length);
        let known = AtomicOperation::from_number(operation.into())
            .zip(Datatype::from_number(datatype.into()));
        let outcome = known
            .filter(|&(operation, datatype)| {
                is_supported(operation, datatype) && operation.compares() == compares
            })
            .ok_or(Fault::Unsupported)
            .and_then(|(operation, datatype)| {
                let reads = header.flags & flag::FETCH != 0 || compares;
                let access = Access {
                    read: reads,
                    write: operation != AtomicOperation::Read,
                };
                let (buffer, offset) = regions.find(header.second, header.first, length, access)?;
                let mut there = vec![0; length];
                buffer.read(offset, &mut there);
                let found = there.clone();
                apply(operation, datatype, &mut there, operands, comparands);
                buffer.write(offset, &there);
                Ok(found)
            });
        let request = header.immediate;
        let fetches = header.flags & flag::FETCH != 0;
        let (outcome, bytes) = match outcome {
            Ok(found) if fetches => (Ok(()), found),
            Ok(_) => (Ok(()), Vec::new()),
            Err(fault) => (Err(fault), Vec::new()),
        };
        self.reply_bounded(
            lane,
            Reply::Result {
                request,
                outcome,
                bytes,
            },
        )
    }
}
