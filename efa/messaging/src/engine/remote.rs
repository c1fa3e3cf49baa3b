//! Reads, writes and atomics of a peer's memory: the end that asks.

use super::{
    AtomicRequest, Engine, RemoteRequest, Request, Submit, Transfer, Violation, Work, pair_to,
};
use crate::NO_TOKEN;
use crate::buffer::{Arrival, Body, Buffer, Refusal, Route, Wire};
use crate::completion::{Completion, Fault, Operation, Sink};
use crate::limits::{PREFIX, UNANSWERED};
use crate::record::{LaneId, RecordHeader, flag, header, kind};
use alloc::vec::Vec;

/// A read or write that is under way, in segments that are answered one by one.
pub(super) struct Remote<B> {
    transfer: Transfer,
    buffer: B,
    address: u64,
    key: u64,
    /// Not yet sent.
    data: Option<u64>,
    /// Bytes asked for.
    issued: usize,
    /// Segments without an answer.
    outstanding: u32,
    /// At least one segment was sent (a transfer of no bytes has one, too).
    began: bool,
    fault: Option<Fault>,
}

impl<B: Buffer> Remote<B> {
    fn is_issued(&self) -> bool {
        self.fault.is_some() || (self.began && self.issued == self.buffer.len())
    }

    /// Data of a write in several segments follows when all of them are in place.
    fn is_data_due(&self) -> bool {
        self.data.is_some() && self.fault.is_none() && self.outstanding == 0
    }

    fn is_over(&self) -> bool {
        self.outstanding == 0 && self.is_issued() && (self.data.is_none() || self.fault.is_some())
    }
}

impl<B: Buffer> Engine<B> {
    /// Reads or writes a peer's region.
    pub fn transfer(
        &mut self,
        request: RemoteRequest<B>,
        wire: &mut impl Wire<B>,
        sink: &mut impl Sink,
    ) -> Submit {
        let RemoteRequest {
            lane,
            transfer,
            buffer,
            address,
            key,
            data,
            context,
            report,
        } = request;
        let operation = match transfer {
            Transfer::Read => Operation::Read,
            Transfer::Write => Operation::Write,
        };
        let completion = Completion::of(operation, context, report);
        if let Some(submit) = self.not_open(lane, &completion, wire, sink) {
            return submit;
        }
        let remote = Remote {
            transfer,
            buffer,
            address,
            key,
            data,
            issued: 0,
            outstanding: 0,
            began: false,
            fault: None,
        };
        let number = self.requests.insert(Request {
            lane,
            completion,
            work: Work::Remote(remote),
        });
        match self.issue(number, wire) {
            Ok(true) => {}
            Ok(false) => {
                self.lane(lane).streams.push_back(number);
                self.mark_busy(lane);
            }
            Err(refusal) => {
                self.requests.remove(number);
                return self.refused(lane, refusal, &completion, wire, sink);
            }
        }
        Submit::Accepted
    }

    /// What to answer while `lane` is not open.
    fn not_open(
        &mut self,
        lane: LaneId,
        completion: &Completion,
        wire: &impl Wire<B>,
        sink: &mut impl Sink,
    ) -> Option<Submit> {
        match self.route(lane, wire) {
            Route::Local | Route::Remote => None,
            Route::Connecting => Some(Submit::Again),
            Route::Broken(fault) => {
                sink.complete(&completion.ending(Err(fault)));
                Some(Submit::Accepted)
            }
        }
    }

    /// Sends the next segment of a read or write; true when none is left for now.
    pub(super) fn issue(&mut self, number: u32, wire: &mut impl Wire<B>) -> Result<bool, Refusal> {
        let Some(Request {
            lane,
            work: Work::Remote(remote),
            ..
        }) = self.requests.get_mut(number)
        else {
            return Ok(true);
        };
        let state = &mut self.lanes[lane.0 as usize];
        let trails = remote.is_issued();
        if trails && !remote.is_data_due() {
            return Ok(true);
        }
        if state.unanswered >= UNANSWERED {
            return Err(Refusal::Again);
        }
        let segment = state.longest;
        let left = remote.buffer.len() - remote.issued;
        let length = left.min(segment);
        let mut record = RecordHeader {
            first: remote.address.wrapping_add(remote.issued as u64),
            second: remote.key,
            ..header(kind::WRITE, number)
        };
        // Data goes with a write that is a single record, or after all of it.
        let single = remote.issued == 0 && left + PREFIX <= segment;
        let data = remote.data.filter(|_| trails || single);
        let prefix;
        let body = match (remote.transfer, data) {
            (Transfer::Read, _) => {
                record.kind = kind::READ;
                prefix = pair_to(remote.issued as u64, length as u64);
                Body::bytes(&prefix)
            }
            (Transfer::Write, Some(data)) => {
                record.flags |= flag::DATA;
                prefix = pair_to(data, 0);
                Body {
                    head: &prefix,
                    ..Body::of(&remote.buffer, remote.issued, length)
                }
            }
            (Transfer::Write, None) => Body::of(&remote.buffer, remote.issued, length),
        };
        wire.send(*lane, &record, body, NO_TOKEN)?;
        if data.is_some() {
            remote.data = None;
        }
        state.unanswered += 1;
        remote.began = true;
        remote.issued += length;
        remote.outstanding += 1;
        Ok(remote.is_issued())
    }

    /// Does an atomic on a peer's region. Operands are taken at once.
    pub fn atomic(
        &mut self,
        request: &AtomicRequest<'_, B>,
        wire: &mut impl Wire<B>,
        sink: &mut impl Sink,
    ) -> Submit {
        let lane = request.lane;
        let operation = if request.result.is_some() {
            Operation::FetchingAtomic
        } else {
            Operation::Atomic
        };
        let completion = Completion::of(operation, request.context, request.report);
        if let Some(submit) = self.not_open(lane, &completion, wire, sink) {
            return submit;
        }
        if self.lane(lane).unanswered >= UNANSWERED {
            return Submit::Again;
        }
        let result = request.result.clone();
        let number = self.requests.insert(Request {
            lane,
            completion,
            work: Work::Atomic { result },
        });
        let mut record = RecordHeader {
            first: request.address,
            second: request.key,
            word: u16::from_le_bytes([request.datatype as u8, request.operation as u8]),
            ..header(kind::ATOMIC, number)
        };
        // A read has no operands: its payload says how long it is.
        let zeros;
        let operands = if request.operands.is_empty() {
            zeros = alloc::vec![0; request.count * request.datatype.size()];
            &zeros
        } else {
            request.operands
        };
        let mut payload = Vec::with_capacity(operands.len() + request.comparands.len());
        payload.extend_from_slice(operands);
        if request.operation.compares() {
            record.flags |= flag::COMPARE;
            payload.extend_from_slice(request.comparands);
        }
        if request.result.is_some() {
            record.flags |= flag::FETCH;
        }
        match wire.send(lane, &record, Body::bytes(&payload), NO_TOKEN) {
            Ok(_) => {
                self.lane(lane).unanswered += 1;
                Submit::Accepted
            }
            Err(refusal) => {
                self.requests.remove(number);
                self.refused(lane, refusal, &completion, wire, sink)
            }
        }
    }

    /// The target or receiver has dealt with a request.
    pub(super) fn on_acknowledge(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        sink: &mut impl Sink,
    ) -> Result<(), Violation> {
        let outcome = Fault::from_wire(header.word);
        let number = header.immediate;
        let request = self
            .requests
            .get(number)
            .filter(|request| request.lane == lane)
            .ok_or(Violation)?;
        match &request.work {
            Work::Remote(remote) if remote.transfer == Transfer::Write => {
                return self.answered(lane, number, outcome, sink);
            }
            Work::Message { delivered: true } => self.answer_counted(lane)?,
            Work::Announced(_) => {
                let state = self.lane(lane);
                state.announced = state.announced.checked_sub(1).ok_or(Violation)?;
            }
            Work::Message { .. } | Work::Remote(_) | Work::Atomic { .. } => return Err(Violation),
        }
        if let Some(request) = self.requests.remove(number) {
            sink.complete(&request.completion.ending(outcome));
        }
        Ok(())
    }

    fn answer_counted(&mut self, lane: LaneId) -> Result<(), Violation> {
        let state = self.lane(lane);
        state.unanswered = state.unanswered.checked_sub(1).ok_or(Violation)?;
        if !state.streams.is_empty() {
            self.mark_busy(lane);
        }
        Ok(())
    }

    /// One segment of a read or write was answered.
    fn answered(
        &mut self,
        lane: LaneId,
        number: u32,
        outcome: Result<(), Fault>,
        sink: &mut impl Sink,
    ) -> Result<(), Violation> {
        self.answer_counted(lane)?;
        let Some(Request {
            work: Work::Remote(remote),
            completion,
            ..
        }) = self.requests.get_mut(number)
        else {
            return Err(Violation);
        };
        remote.outstanding = remote.outstanding.checked_sub(1).ok_or(Violation)?;
        if let Err(fault) = outcome {
            remote.fault.get_or_insert(fault);
        }
        if remote.is_over() {
            let outcome = remote.fault.map_or(Ok(()), Err);
            let completion = completion.ending(outcome);
            self.requests.remove(number);
            sink.complete(&completion);
        } else if remote.is_issued() && remote.is_data_due() {
            self.lane(lane).streams.push_back(number);
            self.mark_busy(lane);
        }
        Ok(())
    }

    /// A segment of what this end reads.
    pub(super) fn on_read_data(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        arrival: &impl Arrival<B>,
        sink: &mut impl Sink,
    ) -> Result<(), Violation> {
        let number = header.immediate;
        let request = self
            .requests
            .get(number)
            .filter(|request| request.lane == lane);
        let Some(Request {
            work: Work::Remote(remote),
            ..
        }) = request
        else {
            return Err(Violation);
        };
        let outcome = Fault::from_wire(header.word);
        let offset = usize::try_from(header.first).map_err(|_| Violation)?;
        let length = arrival.len();
        let is_asked_for = offset
            .checked_add(length)
            .is_some_and(|end| end <= remote.issued);
        if remote.transfer != Transfer::Read || !is_asked_for {
            return Err(Violation);
        }
        if outcome.is_ok() {
            arrival.place(0, length, &remote.buffer, offset);
        }
        self.answered(lane, number, outcome, sink)
    }

    /// What an atomic found.
    pub(super) fn on_result(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        arrival: &impl Arrival<B>,
        sink: &mut impl Sink,
    ) -> Result<(), Violation> {
        let number = header.immediate;
        let request = self
            .requests
            .get(number)
            .filter(|request| request.lane == lane);
        let Some(Request {
            work: Work::Atomic { result },
            completion,
            ..
        }) = request
        else {
            return Err(Violation);
        };
        let outcome = Fault::from_wire(header.word);
        if let Some(result) = result.as_ref().filter(|_| outcome.is_ok()) {
            if arrival.len() != result.len() {
                return Err(Violation);
            }
            arrival.place(0, arrival.len(), result, 0);
        }
        let completion = completion.ending(outcome);
        self.requests.remove(number);
        self.answer_counted(lane)?;
        sink.complete(&completion);
        Ok(())
    }
}
