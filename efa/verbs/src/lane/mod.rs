//! A queue pair's endpoint, and the lanes from it.

#[cfg(debug_assertions)]
mod reorder;
mod sys;
#[cfg(test)]
mod tests;

use eni_efa_client::{Cause, Endpoint, LaneId, LaneState, Refusal, TrySendError};
use eni_efa_client::{Disposition, Handler, RecordHeader};
use eni_efa_device::{
    AddressHandleId, Device, Incoming, Outcome, Payload, Peer, QueuePairId, SendFailure, Sent,
    Status, Wire,
};
use libc::c_int;
use std::collections::BTreeMap;

/// Bytes that a record of a stream carries within a host.
const LOCAL_PIECE: u32 = eni_efa_client::MAX_RECORD as u32;
/// Destinations whose lanes are remembered. Others are looked up again.
const REMEMBERED: usize = 256;

/// Queue pairs that are remembered to be gone.
const MOST_GONE: usize = if cfg!(test) { 4 } else { 4_096 };

/// Where the last datagram to some destination went.
#[derive(Clone, Copy)]
struct Remembered {
    handle: AddressHandleId,
    queue_pair: u32,
    lane: u32,
}

/// The endpoint of one queue pair.
pub(crate) struct Link {
    endpoint: Endpoint,
    id: QueuePairId,
    /// Bytes of payload that a record to another host carries.
    max_transfer: u32,
    remembered: Vec<Option<Remembered>>,
    /// Queue pairs that are gone. They do not come back under their numbers: what is sent there fails at once, and as
    /// programs expect it of a peer that has left (libfabric ends the program for any other failure of a handshake).
    gone: BTreeMap<Peer, LaneId>,
    /// Lanes that peers began, seen by their first record, which waits.
    unknown: Vec<LaneId>,
    /// The model has been told that nothing will come any more.
    has_failed: bool,
    /// How often the program has had things moved.
    pub(crate) polls: u32,
    #[cfg(debug_assertions)]
    reorder: reorder::Reorder,
}

impl Link {
    pub(crate) fn new(endpoint: Endpoint, id: QueuePairId, max_transfer: u32) -> Self {
        Self {
            endpoint,
            id,
            max_transfer,
            remembered: vec![None; REMEMBERED],
            gone: BTreeMap::new(),
            unknown: Vec::new(),
            has_failed: false,
            polls: 0,
            #[cfg(debug_assertions)]
            reorder: reorder::Reorder::from_environment(id.0),
        }
    }

    /// The lane to a queue pair of the device that a handle leads to.
    #[inline]
    pub(crate) fn lane_to(
        &mut self,
        device: &mut Device,
        handle: AddressHandleId,
        peer: Peer,
    ) -> u32 {
        let place = (handle.0.wrapping_mul(31) ^ peer.queue_pair) as usize % REMEMBERED;
        if let Some(Some(known)) = self.remembered.get(place)
            && known.handle == handle
            && known.queue_pair == peer.queue_pair
        {
            return known.lane;
        }
        let LaneId(lane) = match self.gone.get(&peer) {
            Some(lane) => *lane,
            None => self.endpoint.lane_to(peer),
        };
        // The queue pair exists as long as its endpoint does.
        let _known = device.learn_lane(self.id, lane, peer);
        self.remembered[place] = Some(Remembered {
            handle,
            queue_pair: peer.queue_pair,
            lane,
        });
        lane
    }

    /// Every end of a lane but its peer's may pass: the next work request tries a new one.
    fn forget_broken(&mut self, device: &mut Device, broken: &[(LaneId, Cause)]) {
        self.forget_lanes();
        for (lane, cause) in broken {
            self.unknown.retain(|unknown| unknown != lane);
            if *cause == Cause::PeerGone {
                self.remember_gone(device, *lane);
            } else {
                self.release(device, *lane);
            }
        }
    }

    fn remember_gone(&mut self, device: &mut Device, lane: LaneId) {
        if self.gone.len() >= MOST_GONE
            && let Some((_, first)) = self.gone.pop_first()
        {
            self.release(device, first);
        }
        let earlier = self.gone.insert(self.endpoint.peer(lane), lane);
        if let Some(earlier) = earlier.filter(|earlier| *earlier != lane) {
            self.release(device, earlier);
        }
    }

    /// The number of a lane that broke, to which nothing leads any more, can be another's.
    fn release(&mut self, device: &mut Device, lane: LaneId) {
        if self.endpoint.release(lane) {
            #[cfg(debug_assertions)]
            self.reorder.forget(lane);
            device.forget_lane(self.id, lane.0);
        }
    }

    pub(crate) fn forget_lanes(&mut self) {
        self.remembered.fill(None);
    }

    /// Sends what the model has to send and the lanes take.
    #[inline]
    pub(crate) fn transmit(&mut self, device: &mut Device) {
        let mut lanes = Lanes {
            endpoint: &mut self.endpoint,
            max_transfer: self.max_transfer,
        };
        device.transmit(self.id, &mut lanes);
    }

    /// The endpoint.
    pub(crate) fn endpoint(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    /// Takes what has come, and sends. Returns how much has come.
    #[inline]
    pub(crate) fn progress(&mut self, device: &mut Device) -> usize {
        let mut arrivals = Arrivals {
            device,
            id: self.id,
            unknown: &mut self.unknown,
            broken: Vec::new(),
            #[cfg(debug_assertions)]
            reorder: &mut self.reorder,
        };
        let taken = self.endpoint.poll(&mut arrivals);
        let broken = std::mem::take(&mut arrivals.broken);
        let lanes = Lanes {
            endpoint: &mut self.endpoint,
            max_transfer: self.max_transfer,
        };
        device.settle(self.id, &lanes);
        if !broken.is_empty() {
            for (lane, cause) in &broken {
                device.broken(self.id, lane.0, status(*cause));
            }
            self.forget_broken(device, &broken);
        }
        if self.endpoint.is_cut() && !self.has_failed {
            self.has_failed = true;
            device.fail_receives(self.id);
        }
        while let Some(lane) = self.unknown.pop() {
            let _known = device.learn_lane(self.id, lane.0, self.endpoint.peer(lane));
        }
        #[cfg(debug_assertions)]
        self.reorder.release(device, self.id);
        if device.has_unsent(self.id) {
            self.transmit(device);
        }
        taken
    }
}

/// The endpoint as the model sees it.
struct Lanes<'a> {
    endpoint: &'a mut Endpoint,
    max_transfer: u32,
}

impl Wire for Lanes<'_> {
    #[inline]
    fn send(
        &mut self,
        lane: u32,
        header: &RecordHeader,
        payload: Payload<'_>,
        request: u32,
    ) -> Outcome {
        let lane = LaneId(lane);
        let sent = match payload {
            Payload::Inline(bytes) => self.endpoint.try_send(lane, header, &[bytes], request),
            Payload::Spans(spans) => sys::try_send(self.endpoint, lane, header, spans, request),
        };
        match sent {
            Ok(eni_efa_client::Sent::Delivered) => Ok(Sent::InRing(self.endpoint.sent(lane))),
            Ok(eni_efa_client::Sent::Underway) => Ok(Sent::Underway),
            Err(TrySendError::Full | TrySendError::Connecting) => Err(SendFailure::Later),
            Err(TrySendError::Broken(cause)) => Err(SendFailure::Broken(status(cause))),
            // The model keeps within every lane's limit.
            Err(TrySendError::TooLong) => Err(SendFailure::Broken(Status::QueuePairInternalError)),
        }
    }

    fn piece(&self, lane: u32) -> u32 {
        match self.endpoint.lane_state(LaneId(lane)) {
            LaneState::Open { local: true } => LOCAL_PIECE,
            LaneState::Open { local: false } | LaneState::Connecting | LaneState::Broken(_) => {
                self.max_transfer
            }
        }
    }

    #[inline]
    fn consumed(&self, lane: u32) -> u64 {
        self.endpoint.consumed(LaneId(lane))
    }
}

/// What the model makes of what arrives.
struct Arrivals<'a> {
    device: &'a mut Device,
    id: QueuePairId,
    unknown: &'a mut Vec<LaneId>,
    broken: Vec<(LaneId, Cause)>,
    #[cfg(debug_assertions)]
    reorder: &'a mut reorder::Reorder,
}

impl Handler for Arrivals<'_> {
    #[inline]
    fn record(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        payload: eni_efa_client::Payload<'_>,
    ) -> Disposition {
        if !self.device.knows_lane(self.id, lane.0) {
            self.unknown.push(lane);
            return Disposition::Hold;
        }
        #[cfg(debug_assertions)]
        if self.reorder.take(lane, header, &payload) {
            return Disposition::Consumed;
        }
        match self.device.incoming(self.id, lane.0, header, header.length) {
            Incoming::Hold => Disposition::Hold,
            Incoming::Done(copies) => {
                sys::copy(&payload, copies.as_slice());
                Disposition::Consumed
            }
        }
    }

    fn completed(&mut self, _: LaneId, request: u32, outcome: Result<(), Cause>) {
        self.device
            .completed(self.id, request, outcome.map_err(status));
    }

    fn broken(&mut self, lane: LaneId, cause: Cause) {
        self.broken.push((lane, cause));
    }
}

/// What a program hears of a lane's end.
fn status(cause: Cause) -> Status {
    match cause {
        Cause::PeerGone => Status::BadRemoteQueuePair,
        Cause::Refused => Status::BadRemoteAddress,
        Cause::Revoked => Status::RemoteAbort,
        Cause::Protocol => Status::BadRemoteStatus,
        Cause::ServiceGone => Status::QueuePairInternalError,
        Cause::Unreachable => Status::UnresponsiveRemote,
    }
}

/// The `errno` for what the service refuses.
pub(crate) fn refusal_error(refusal: Refusal) -> c_int {
    match refusal {
        Refusal::NoSuchDevice => libc::ENODEV,
        Refusal::UnknownGid | Refusal::DifferentSubnet => libc::EHOSTUNREACH,
        Refusal::NotAllowed => libc::EACCES,
        Refusal::Limit => libc::ENOMEM,
        Refusal::BadRegion => libc::EINVAL,
        Refusal::ServiceGone => libc::EIO,
    }
}
