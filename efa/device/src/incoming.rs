//! From records to copy commands and completions.

use crate::completion::{Completion, CompletionOperation};
use crate::lane::{InboundWrite, Reply};
use crate::memory::Access;
use crate::queue_pair::{Context, QueuePair, QueuePairState, Receive, push};
use crate::record::{ANNOUNCES_WRITE, HAS_IMMEDIATE, Kind, unpack_remote};
use crate::work::{Operation, Stage};
use crate::{MAX_RDMA, MAX_RECEIVE_ENTRIES, Status};
use eni_efa_abi::RecordHeader;

/// Bytes that stand before an unreliable datagram in the receiver's memory and count in its length: InfiniBand's global
/// route header (InfiniBand Architecture Specification 1.4, 11.4.1.2). Its place is left as it is.
const DATAGRAM_HEADER: u32 = 40;

/// Bytes of a record's payload that go to the program's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copy {
    /// Where in the payload they begin.
    pub offset: u32,
    /// Where in the program's memory they go.
    pub address: u64,
    /// How many they are.
    pub length: u32,
}

/// What the shell is to copy before it does anything else with the device.
#[derive(Clone, Copy, Debug, Default)]
pub struct Copies {
    list: [Copy; MAX_RECEIVE_ENTRIES],
    count: usize,
}

impl Copies {
    /// The commands.
    #[inline]
    pub fn as_slice(&self) -> &[Copy] {
        self.list.get(..self.count).unwrap_or(&self.list)
    }

    #[inline]
    fn one(address: u64, length: u32) -> Self {
        let mut copies = Self::default();
        copies.add(Copy {
            offset: 0,
            address,
            length,
        });
        copies
    }

    #[inline]
    fn add(&mut self, copy: Copy) {
        if copy.length > 0
            && let Some(place) = self.list.get_mut(self.count)
        {
            *place = copy;
            self.count += 1;
        }
    }
}

/// What is to be done with a record.
#[derive(Clone, Copy, Debug)]
pub enum Incoming {
    /// The receiver is not ready: it must be the first of its lane again.
    Hold,
    /// It is done with, once these copies are made.
    Done(Copies),
}

impl Incoming {
    fn nothing() -> Self {
        Self::Done(Copies::default())
    }
}

impl QueuePair {
    #[inline]
    pub(crate) fn incoming(
        &mut self,
        lane: u32,
        header: &RecordHeader,
        length: u32,
        context: &mut Context<'_>,
    ) -> Incoming {
        let receives = matches!(
            self.state,
            QueuePairState::ReadyToReceive
                | QueuePairState::ReadyToSend
                | QueuePairState::SendQueueDrained
        );
        if !receives {
            context.counters.not_ready_to_receive += 1;
            return Incoming::nothing();
        }
        match Kind::from_number(header.kind) {
            Some(Kind::Send) => self.incoming_send(lane, header, length, context),
            Some(Kind::Write) if !self.is_datagram() => {
                self.incoming_write(lane, header, length, context)
            }
            Some(Kind::Read) if !self.is_datagram() => {
                self.incoming_read(lane, header, length, context)
            }
            Some(Kind::ReadData) => self.incoming_data(lane, header, length, context),
            Some(Kind::Acknowledge) => self.incoming_acknowledge(lane, header, context),
            Some(Kind::Write | Kind::Read) | None => {
                context.counters.unknown_kind += 1;
                Incoming::nothing()
            }
        }
    }

    #[inline]
    fn incoming_send(
        &mut self,
        lane: u32,
        header: &RecordHeader,
        length: u32,
        context: &mut Context<'_>,
    ) -> Incoming {
        let announces_write = header.flags & ANNOUNCES_WRITE != 0;
        if length > self.attributes.max_transfer || (announces_write && length > 0) {
            context.counters.wrong_length += 1;
            return Incoming::nothing();
        }
        if header.first != u64::from(self.queue_key) {
            context.counters.wrong_queue_key += 1;
            return Incoming::nothing();
        }
        let Some(receive) = self.take_receive(context) else {
            if self.is_datagram() {
                context.counters.no_receive_request += 1;
                return Incoming::nothing();
            }
            return Incoming::Hold;
        };
        let header_bytes = if self.is_datagram() {
            DATAGRAM_HEADER
        } else {
            0
        };
        let copies = fill(&receive, header_bytes, length);
        let status = if copies.is_some() {
            Status::Success
        } else {
            Status::BadLocalLength
        };
        let (operation, length) = if announces_write {
            let written = u32::try_from(header.second).unwrap_or(u32::MAX);
            (CompletionOperation::ReceiveRdmaWithImmediate, written)
        } else {
            (CompletionOperation::Receive, header_bytes + length)
        };
        let Some((source_queue_pair, source_handle, source_gid)) = self.source(lane, context)
        else {
            return Incoming::nothing();
        };
        let completion = Completion {
            work_request: receive.request.work_request,
            status,
            operation,
            length,
            queue_pair: self.attributes.number,
            source_queue_pair,
            source_handle,
            source_gid,
            immediate: (header.flags & HAS_IMMEDIATE != 0).then_some(header.immediate),
        };
        push(self.attributes.receive_queue, completion, context);
        Incoming::Done(copies.unwrap_or_default())
    }

    /// The next receive work request whose memory is still the program's to use. Others complete with an error.
    #[inline]
    fn take_receive(&mut self, context: &mut Context<'_>) -> Option<Receive> {
        loop {
            let mut receive = self.receives.pop_front()?;
            if receive.local.is_current(context.regions) {
                return Some(receive);
            }
            match receive
                .request
                .resolve(self.attributes.domain, context.regions)
            {
                Some(local) => {
                    receive.local = local;
                    return Some(receive);
                }
                None => {
                    self.push_receive_failure(&receive.request, Status::InvalidLocalKey, context)
                }
            }
        }
    }

    /// Who sends on a lane, as the program knows it.
    #[inline]
    fn source(&mut self, lane: u32, context: &Context<'_>) -> Option<(u32, u16, crate::Gid)> {
        let lane = self.lane_mut(lane)?;
        let epoch = Some(context.handles.epoch());
        if lane.handles_epoch != epoch {
            let number = context.handles.number_of(&lane.peer.gid);
            lane.source_handle = number.unwrap_or(crate::UNKNOWN_HANDLE);
            lane.handles_epoch = epoch;
        }
        Some((lane.peer.queue_pair, lane.source_handle, lane.peer.gid))
    }

    fn incoming_write(
        &mut self,
        number: u32,
        header: &RecordHeader,
        length: u32,
        context: &mut Context<'_>,
    ) -> Incoming {
        let domain = self.attributes.domain;
        let (key, total) = unpack_remote(header.second);
        let Some(lane) = self.lane_mut(number) else {
            return Incoming::nothing();
        };
        let request = header.immediate;
        let known = lane
            .inbound_writes
            .iter()
            .position(|write| write.request == request);
        let position = match known {
            Some(position) => position,
            None if lane.has_room_for_request() => {
                lane.inbound_writes.push(InboundWrite {
                    request,
                    total,
                    arrived: 0,
                    status: Status::Success,
                });
                lane.inbound_writes.len() - 1
            }
            None => {
                context.counters.too_many_requests += 1;
                return Incoming::nothing();
            }
        };
        let write = &mut lane.inbound_writes[position];
        let fits =
            length <= write.total - write.arrived && write.total == total && total <= MAX_RDMA;
        // A piece that does not fit ends the operation: how much more would come is unknown.
        write.arrived = if fits {
            write.arrived + length
        } else {
            write.total
        };
        let place = context
            .regions
            .resolve(
                key,
                domain,
                header.first,
                u64::from(length),
                Access::REMOTE_WRITE,
            )
            .filter(|_| fits);
        if place.is_none() {
            write.status = Status::BadRemoteAddress;
        }
        if write.arrived == write.total {
            let InboundWrite {
                request, status, ..
            } = lane.inbound_writes.swap_remove(position);
            lane.replies
                .push_back(Reply::Acknowledge { request, status });
            self.list(number);
        }
        Incoming::Done(place.map_or_else(Copies::default, |address| Copies::one(address, length)))
    }

    fn incoming_read(
        &mut self,
        number: u32,
        header: &RecordHeader,
        length: u32,
        context: &mut Context<'_>,
    ) -> Incoming {
        let domain = self.attributes.domain;
        let (key, total) = unpack_remote(header.second);
        let (request, address) = (header.immediate, header.first);
        let Some(lane) = self.lane_mut(number) else {
            return Incoming::nothing();
        };
        if length != 0 {
            context.counters.wrong_length += 1;
            return Incoming::nothing();
        }
        if !lane.has_room_for_request() {
            context.counters.too_many_requests += 1;
            return Incoming::nothing();
        }
        let granted = context
            .regions
            .resolve(key, domain, address, u64::from(total), Access::REMOTE_READ)
            .filter(|_| total <= MAX_RDMA);
        lane.replies.push_back(match granted {
            Some(_) => Reply::Data {
                request,
                address,
                key,
                total,
                sent: 0,
            },
            None => Reply::Acknowledge {
                request,
                status: Status::BadRemoteAddress,
            },
        });
        self.list(number);
        Incoming::nothing()
    }

    fn incoming_data(
        &mut self,
        lane: u32,
        header: &RecordHeader,
        length: u32,
        context: &mut Context<'_>,
    ) -> Incoming {
        let domain = self.attributes.domain;
        let found = self.work.find(header.immediate);
        let Some((index, work)) = found.and_then(|index| Some((index, self.work.get_mut(index)?)))
        else {
            context.counters.unknown_request += 1;
            return Incoming::nothing();
        };
        let is_read = matches!(work.request.operation, Operation::RdmaRead { .. });
        if !is_read || work.stage != Stage::Underway || work.lane != lane {
            context.counters.unknown_request += 1;
            return Incoming::nothing();
        }
        let room = u64::from(work.total).checked_sub(header.first);
        if room.is_none_or(|room| u64::from(length) > room) || length > work.total - work.arrived {
            context.counters.wrong_length += 1;
            return Incoming::nothing();
        }
        if !work.local.is_current(context.regions) && !work.check_again(domain, context.regions) {
            self.complete(index, Status::InvalidLocalKey, context);
            return Incoming::nothing();
        }
        let address = work.local.spans[0].address + header.first;
        work.arrived += length;
        if work.arrived == work.total {
            self.complete(index, Status::Success, context);
        }
        Incoming::Done(Copies::one(address, length))
    }

    fn incoming_acknowledge(
        &mut self,
        lane: u32,
        header: &RecordHeader,
        context: &mut Context<'_>,
    ) -> Incoming {
        let found = self.work.find(header.immediate);
        let Some((index, work)) = found.and_then(|index| Some((index, self.work.get_mut(index)?)))
        else {
            context.counters.unknown_request += 1;
            return Incoming::nothing();
        };
        let is_write = matches!(work.request.operation, Operation::RdmaWrite { .. });
        let is_rdma = work.request.operation != Operation::Send;
        if !is_rdma || work.stage != Stage::Underway || work.lane != lane {
            context.counters.unknown_request += 1;
            return Incoming::nothing();
        }
        let status = u8::try_from(header.first).ok().and_then(Status::from_code);
        match status {
            Some(Status::Success) if is_write && work.request.immediate.is_some() => {
                work.stage = Stage::Announcing;
                self.append(lane, index);
            }
            Some(Status::Success) if is_write => self.complete(index, Status::Success, context),
            // Only data ends a read well.
            Some(Status::Success) | None => self.complete(index, Status::BadRemoteStatus, context),
            Some(status) => self.complete(index, status, context),
        }
        Incoming::nothing()
    }
}

/// Spreads `length` bytes over a receive's scatter list, after its first `skip` bytes; nothing when it is too short.
#[inline]
fn fill(receive: &Receive, skip: u32, length: u32) -> Option<Copies> {
    let mut copies = Copies::default();
    let (mut skip, mut offset) = (skip, 0);
    for span in receive.local.spans {
        let skipped = skip.min(span.length);
        skip -= skipped;
        let take = (span.length - skipped).min(length - offset);
        copies.add(Copy {
            offset,
            address: span.address + u64::from(skipped),
            length: take,
        });
        offset += take;
    }
    (skip == 0 && offset == length).then_some(copies)
}
