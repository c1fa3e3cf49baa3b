//! From work requests and replies to records.

use crate::lane::{Lane, Reply};
use crate::memory::{Access, RegionKey};
use crate::queue_pair::{Context, QueuePair, QueuePairKind};
use crate::record::{ANNOUNCES_WRITE, HAS_IMMEDIATE, Kind, pack_remote};
use crate::work::{NONE, Operation, Span, Stage, Work};
use crate::{Gather, Status};
use eni_efa_abi::RecordHeader;

/// Records that one lane may send in a row before others have their turn.
const BURST: usize = 64;
/// The request number of records whose fate does not matter: no slot has it.
const NO_REQUEST: u32 = u32::MAX;

/// Bytes that a record carries.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// These.
    Inline(&'a [u8]),
    /// The program's memory.
    Spans(&'a [Span]),
}

/// What became of a record that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is with the peer.
    Delivered,
    /// It lies in the peer's ring and ends at this position; it is delivered once the peer has consumed up to there
    /// ([`Wire::consumed`]). A lane that breaks may take it away before.
    InRing(u64),
    /// It was copied; [`Device::completed`](crate::Device::completed) says later what became of it.
    Underway,
}

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFailure {
    /// No room now, or the lane is still being made: again later.
    Later,
    /// Never.
    Broken(Status),
}

/// What the wire says of a record.
pub type Outcome = Result<Sent, SendFailure>;

/// The way to other devices.
pub trait Wire {
    /// Takes one record, or nothing of it. `request` is repeated to [`Device::completed`](crate::Device::completed).
    fn send(
        &mut self,
        lane: u32,
        header: &RecordHeader,
        payload: Payload<'_>,
        request: u32,
    ) -> Outcome;

    /// Bytes of payload that one record of a stream may carry on this lane.
    fn piece(&self, lane: u32) -> u32;

    /// Up to where the peer has consumed the records of a lane, or had when the lane broke.
    fn consumed(&self, lane: u32) -> u64;
}

/// What came of one turn.
enum Turn {
    Progress,
    Nothing,
    Later,
    Broken(Status),
}

impl From<SendFailure> for Turn {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Later => Self::Later,
            SendFailure::Broken(status) => Self::Broken(status),
        }
    }
}

impl QueuePair {
    /// Sends what the wire takes, each lane in its turn.
    #[inline]
    pub(crate) fn transmit(&mut self, wire: &mut impl Wire, context: &mut Context<'_>) {
        for _ in 0..self.listed.len() {
            let Some(number) = self.listed.pop_front() else {
                return;
            };
            if self.transmit_lane(number, wire, context) {
                if let Some(lane) = self.lane_mut(number) {
                    lane.listed = false;
                }
            } else {
                self.listed.push_back(number);
            }
        }
    }

    /// True when nothing is left to send.
    #[inline]
    fn transmit_lane(
        &mut self,
        number: u32,
        wire: &mut impl Wire,
        context: &mut Context<'_>,
    ) -> bool {
        for _ in 0..BURST {
            let turn = match self.send_reply(number, wire, context) {
                Turn::Nothing => self.send_work(number, wire, context),
                // A reply and a work request in turn, so that neither waits for a long stream of the other.
                Turn::Progress => match self.send_work(number, wire, context) {
                    Turn::Nothing => Turn::Progress,
                    turn => turn,
                },
                turn => turn,
            };
            match turn {
                Turn::Progress => {}
                Turn::Nothing => return true,
                Turn::Later => return false,
                Turn::Broken(status) => {
                    self.settle_lane(number, wire.consumed(number), context);
                    self.break_lane(number, status, context);
                    return true;
                }
            }
        }
        false
    }

    #[inline]
    fn send_work(&mut self, number: u32, wire: &mut impl Wire, context: &mut Context<'_>) -> Turn {
        let Some(lane) = self.lanes.get_mut(number as usize).and_then(Option::as_mut) else {
            return Turn::Nothing;
        };
        let index = lane.head;
        let request = self.work.request_of(index);
        let Some(work) = self.work.get_mut(index) else {
            return Turn::Nothing;
        };
        let is_stale = work.stage == Stage::Waiting && !work.local.is_current(context.regions);
        if is_stale && !work.check_again(self.attributes.domain, context.regions) {
            self.unlink_head(number);
            self.complete(index, Status::InvalidLocalKey, context);
            return Turn::Progress;
        }
        let starts_rdma = work.request.operation != Operation::Send && !work.started;
        if starts_rdma && lane.rdma_underway >= crate::MAX_RDMA_PER_PEER {
            return Turn::Later;
        }
        let sent = match send_piece(work, number, request, wire) {
            Ok(sent) => sent,
            Err(failure) => return failure.into(),
        };
        if starts_rdma {
            work.started = true;
            lane.rdma_underway += 1;
        }
        let is_one_record =
            work.request.operation == Operation::Send || work.stage == Stage::Announcing;
        if is_one_record
            && (sent == Sent::Delivered || self.attributes.kind == QueuePairKind::Datagram)
        {
            self.unlink_head(number);
            self.complete(index, Status::Success, context);
        } else if is_one_record || work.sent == work.total {
            work.stage = work.stage.after_sending();
            if is_one_record && let Sent::InRing(position) = sent {
                lane.in_ring.push_back((position, request));
                if !lane.awaited {
                    lane.awaited = true;
                    self.awaited.push(number);
                }
            }
            self.unlink_head(number);
        }
        Turn::Progress
    }

    #[inline]
    fn unlink_head(&mut self, number: u32) {
        let Some(lane) = self.lanes.get_mut(number as usize).and_then(Option::as_mut) else {
            return;
        };
        let next = self
            .work
            .get_mut(lane.head)
            .map_or(NONE, |work| core::mem::replace(&mut work.next, NONE));
        lane.head = next;
        if next == NONE {
            lane.tail = NONE;
        }
    }

    #[inline]
    fn send_reply(&mut self, number: u32, wire: &mut impl Wire, context: &Context<'_>) -> Turn {
        let domain = self.attributes.domain;
        let Some(lane) = self.lane_mut(number) else {
            return Turn::Nothing;
        };
        let Some(reply) = lane.replies.front().copied() else {
            return Turn::Nothing;
        };
        match reply {
            Reply::Acknowledge { request, status } => {
                acknowledge(lane, number, request, status, wire)
            }
            Reply::Data {
                request,
                address,
                key,
                total,
                sent,
            } => {
                let length = wire.piece(number).min(total - sent);
                let from = address.wrapping_add(u64::from(sent));
                // Checked anew for each piece: the program may take the region back at any time.
                let resolved = context.regions.resolve(
                    key,
                    domain,
                    from,
                    u64::from(length),
                    Access::REMOTE_READ,
                );
                let Some(local) = resolved else {
                    return acknowledge(lane, number, request, Status::BadRemoteAddress, wire);
                };
                let header = RecordHeader {
                    length,
                    immediate: request,
                    first: u64::from(sent),
                    ..Kind::ReadData.header()
                };
                let span = Span {
                    address: local,
                    length,
                };
                if let Err(failure) =
                    wire.send(number, &header, Payload::Spans(&[span]), NO_REQUEST)
                {
                    return failure.into();
                }
                advance(lane, sent + length, total);
                Turn::Progress
            }
        }
    }
}

/// Notes that a reply has come so far; a finished one goes.
fn advance(lane: &mut Lane, now_sent: u32, of_total: u32) {
    if now_sent == of_total {
        lane.replies.pop_front();
    } else if let Some(Reply::Data { sent, .. }) = lane.replies.front_mut() {
        *sent = now_sent;
    }
}

/// Sends the end of the peer's operation that is first in the line of replies.
fn acknowledge(
    lane: &mut Lane,
    number: u32,
    request: u32,
    status: Status,
    wire: &mut impl Wire,
) -> Turn {
    let header = RecordHeader {
        immediate: request,
        first: u64::from(status.code()),
        ..Kind::Acknowledge.header()
    };
    match wire.send(number, &header, Payload::Inline(&[]), NO_REQUEST) {
        Ok(_) => {
            lane.replies.pop_front();
            Turn::Progress
        }
        Err(failure) => failure.into(),
    }
}

#[inline]
fn send_piece(work: &mut Work, lane: u32, request: u32, wire: &mut impl Wire) -> Outcome {
    if work.stage == Stage::Announcing {
        let header = RecordHeader {
            flags: HAS_IMMEDIATE | ANNOUNCES_WRITE,
            immediate: work.request.immediate.unwrap_or_default(),
            first: u64::from(work.request.queue_key),
            second: u64::from(work.total),
            ..Kind::Send.header()
        };
        return wire.send(lane, &header, Payload::Inline(&[]), request);
    }
    match work.request.operation {
        Operation::Send => {
            let header = RecordHeader {
                length: work.total,
                flags: if work.request.immediate.is_some() {
                    HAS_IMMEDIATE
                } else {
                    0
                },
                immediate: work.request.immediate.unwrap_or_default(),
                first: u64::from(work.request.queue_key),
                ..Kind::Send.header()
            };
            let payload = match &work.request.gather {
                Gather::Inline(data) => Payload::Inline(data.bytes()),
                Gather::Entries(_, count) => {
                    Payload::Spans(work.local.spans.get(..*count).unwrap_or(&work.local.spans))
                }
            };
            wire.send(lane, &header, payload, request)
        }
        Operation::RdmaWrite { address, key } => {
            send_write(work, (address, key), lane, request, wire)
        }
        Operation::RdmaRead { address, key } => {
            let header = RecordHeader {
                immediate: request,
                first: address,
                second: pack_remote(key, work.total),
                ..Kind::Read.header()
            };
            let sent = wire.send(lane, &header, Payload::Inline(&[]), request)?;
            work.sent = work.total;
            Ok(sent)
        }
    }
}

fn send_write(
    work: &mut Work,
    (address, key): (u64, RegionKey),
    lane: u32,
    request: u32,
    wire: &mut impl Wire,
) -> Outcome {
    let length = wire.piece(lane).min(work.total - work.sent);
    let header = RecordHeader {
        length,
        immediate: request,
        first: address.wrapping_add(u64::from(work.sent)),
        second: pack_remote(key, work.total),
        ..Kind::Write.header()
    };
    let sent = match &work.request.gather {
        Gather::Inline(data) => wire.send(lane, &header, Payload::Inline(data.bytes()), request)?,
        Gather::Entries(..) => {
            let span = Span {
                address: work.local.spans[0].address + u64::from(work.sent),
                length,
            };
            wire.send(lane, &header, Payload::Spans(&[span]), request)?
        }
    };
    work.sent += length;
    Ok(sent)
}

/// What the send queue hears of its requests.
impl QueuePair {
    /// Completes the datagrams that their receivers have taken out of their rings.
    #[inline]
    pub(crate) fn settle(&mut self, wire: &impl Wire, context: &mut Context<'_>) {
        let mut index = 0;
        while let Some(number) = self.awaited.get(index).copied() {
            self.settle_lane(number, wire.consumed(number), context);
            match self.lane_mut(number) {
                Some(lane) if !lane.in_ring.is_empty() => index += 1,
                Some(lane) => {
                    lane.awaited = false;
                    self.awaited.swap_remove(index);
                }
                None => {
                    self.awaited.swap_remove(index);
                }
            }
        }
    }

    #[inline]
    fn settle_lane(&mut self, number: u32, consumed: u64, context: &mut Context<'_>) {
        while let Some(lane) = self.lane_mut(number)
            && let Some((position, request)) = lane.in_ring.front().copied()
            && position <= consumed
        {
            lane.in_ring.pop_front();
            if let Some(index) = self.work.find(request) {
                self.complete(index, Status::Success, context);
            }
        }
    }

    /// The service delivered a record, or failed to.
    pub(crate) fn completed(
        &mut self,
        request: u32,
        outcome: Result<(), Status>,
        context: &mut Context<'_>,
    ) {
        let Some(index) = self.work.find(request) else {
            return;
        };
        let Some(work) = self.work.get_mut(index) else {
            return;
        };
        let is_send = work.request.operation == Operation::Send;
        let is_whole = work.stage == Stage::Announced || (work.stage == Stage::Underway && is_send);
        match outcome {
            Ok(()) if is_whole => self.complete(index, Status::Success, context),
            Ok(()) => {}
            // The stream has a hole: nothing that follows can make it whole.
            Err(status) => self.fail(index, status, context),
        }
    }

    /// Ends a work request that may still be in its lane's list.
    pub(crate) fn fail(&mut self, index: u32, status: Status, context: &mut Context<'_>) {
        let Some(work) = self.work.get_mut(index).copied() else {
            return;
        };
        if work.stage.is_listed() {
            self.unlink(work.lane, index);
        }
        self.complete(index, status, context);
    }

    fn unlink(&mut self, number: u32, index: u32) {
        let Some(head) = self.lane_mut(number).map(|lane| lane.head) else {
            return;
        };
        if head == index {
            self.unlink_head(number);
            return;
        }
        let mut before = head;
        while before != NONE {
            let Some(work) = self.work.get_mut(before) else {
                return;
            };
            if work.next == index {
                break;
            }
            before = work.next;
        }
        let after = self
            .work
            .get_mut(index)
            .map_or(NONE, |work| core::mem::replace(&mut work.next, NONE));
        if let Some(work) = self.work.get_mut(before) {
            work.next = after;
        }
        if let Some(lane) = self.lane_mut(number)
            && lane.tail == index
        {
            lane.tail = before;
        }
    }
}
