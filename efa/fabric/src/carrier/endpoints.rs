//! The endpoints whose records go to and come from other hosts.

use std::collections::{HashMap, HashSet, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use eni_efa_abi::limits::{COMPLETION_RING, MAX_LANES, SERVICE_RING};
use eni_efa_abi::record::{Outcome, ROUTE, kind};
use eni_efa_abi::region::UNIT;
use eni_efa_abi::unread::{Look, Watch};
use eni_efa_abi::{Gid, Peer, RecordHeader, Route};
use eni_efa_channel::{
    Consumer, OwnRegion, Pace, PeerRegion, Producer, RegionError, ReserveError, channel,
};
use eni_srd::{Admission, Incoming, Instant, Sink};

use super::message::Arrived;
use super::metrics::{DeviceMetrics, DropReason};
use super::{Report, refusal};
use crate::broker::EndpointId;

/// For how long what an endpoint wrote before it ended is taken, where a connection has no room at once.
const LAST_RECORDS: Duration = Duration::from_secs(1);
/// Endpoints of one device that have ended and still have such records, beside its living ones. Each keeps four mappings,
/// of which the kernel gives a process 65,530 (`vm.max_map_count`).
const MAX_ENDED: usize = 32;
/// Records that are counted when they are dropped: as many as the ring that programs make has units. One that is gone may
/// have left its ring to others that write on.
const MAX_COUNTED: usize = SERVICE_RING as usize / UNIT;

/// The rings between the service and one endpoint.
#[derive(Debug)]
pub(crate) struct EndpointRings {
    own: Arc<OwnRegion>,
    to_program: Producer,
    from_program: Consumer,
    completions: Producer,
}

impl EndpointRings {
    /// Rings with a program's two regions, and the descriptors of ours for it.
    pub(crate) fn create(theirs: &[OwnedFd]) -> Result<(Self, [OwnedFd; 2]), RegionError> {
        let [records, completions] = theirs else {
            return Err(RegionError::NotSealed);
        };
        let pair = |file: &OwnedFd, ring| -> Result<_, RegionError> {
            let peer = Arc::new(PeerRegion::map(file.as_fd())?);
            let (own, ours) = OwnRegion::create(ring)?;
            Ok((Arc::new(own), peer, ours))
        };
        let (own, peer, records_file) = pair(records, SERVICE_RING)?;
        let (to_program, from_program) = channel(&own, &peer);
        let (own_completions, peer, completions_file) = pair(completions, COMPLETION_RING)?;
        let (completions, _) = channel(&own_completions, &peer);
        let rings = Self {
            own,
            to_program,
            from_program,
            completions,
        };
        Ok((rings, [records_file, completions_file]))
    }
}

#[derive(Debug)]
pub(super) struct Carried {
    pub(super) id: EndpointId,
    pub(super) address: Peer,
    rings: EndpointRings,
    pub(super) metrics: Arc<DeviceMetrics>,
    /// Completions that the ring has no room for yet; as many as records are under way at most.
    waiting: VecDeque<(Route, Outcome)>,
    /// Peers that the broker knows this endpoint to have lanes to.
    known: HashSet<Peer>,
    /// The one that was asked for last.
    last_known: Option<Peer>,
    /// Whether the program reads what came.
    watch: Watch,
    /// It has ended; what it wrote before is taken until here at most.
    ends_at: Option<Instant>,
}

impl Carried {
    /// Looks whether the program reads.
    fn look(&mut self, now: Instant) -> Look {
        let (written, consumed) = (
            self.rings.to_program.written(),
            self.rings.to_program.consumed(),
        );
        let now = Duration::from_nanos(now.as_nanos());
        self.watch.look(written, consumed, now)
    }

    pub(super) fn program_ring(&mut self) -> &mut Consumer {
        &mut self.rings.from_program
    }

    /// Whether the program is gone and everything that it wrote is taken, or has had its time.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        self.ends_at
            .is_some_and(|at| now >= at || !matches!(self.rings.from_program.peek(), Ok(Some(_))))
    }

    /// Counts what the program wrote and nobody takes any more.
    fn drop_rest(&mut self) {
        for _ in 0..MAX_COUNTED {
            let Ok(Some(_)) = self.rings.from_program.peek() else {
                return;
            };
            self.rings.from_program.advance();
            self.metrics.count_drop(DropReason::EndpointEnded);
        }
    }

    /// Tells the program how a record ended.
    pub(super) fn complete(&mut self, route: Route, outcome: Outcome) {
        if self.ends_at.is_some() {
            return;
        }
        self.waiting.push_back((route, outcome));
        self.flush();
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Writes the completions that there is room for. Returns whether there were any.
    pub(super) fn flush(&mut self) -> bool {
        let mut any = false;
        while let Some((route, outcome)) = self.waiting.front() {
            let header = RecordHeader {
                kind: kind::COMPLETED,
                immediate: route.request,
                first: *outcome as u64,
                ..RecordHeader::default()
            };
            let Ok(mut room) = self.rings.completions.reserve(ROUTE, Pace::Single) else {
                break;
            };
            room.write(0, &route.to_bytes());
            room.publish(&header);
            self.waiting.pop_front();
            any = true;
        }
        any
    }

    /// Says whether the service sleeps, so that the program wakes it.
    pub(super) fn set_asleep(&self, asleep: u32) {
        self.rings.own.set_bell(asleep);
    }

    /// Whether this peer is new to the endpoint.
    pub(super) fn meet(&mut self, peer: Peer) -> bool {
        if self.last_known == Some(peer) {
            return false;
        }
        self.last_known = Some(peer);
        self.known.len() < MAX_LANES && self.known.insert(peer)
    }

    pub(super) fn part(&mut self, peer: Gid) {
        self.known.retain(|known| known.gid != peer);
        self.last_known = None;
    }

    fn deliver(&mut self, source: Peer, arrived: &Arrived<'_>) -> Admission {
        let length = arrived.length();
        match self.rings.to_program.reserve(ROUTE + length, Pace::Single) {
            Ok(mut room) => {
                let route = Route {
                    peer: source,
                    request: 0,
                    lane: 0,
                };
                room.write(0, &route.to_bytes());
                room.write(ROUTE, arrived.payload[0]);
                room.write(ROUTE + arrived.payload[0].len(), arrived.payload[1]);
                room.publish(&arrived.header);
                self.metrics.received(length);
                Admission::Accept
            }
            Err(ReserveError::Full(_)) => {
                self.metrics.count_drop(DropReason::RingFull);
                Admission::NotReady
            }
            Err(ReserveError::TooLong | ReserveError::Protocol(_)) => {
                self.metrics.count_drop(DropReason::Malformed);
                Admission::Refuse(refusal::PEER_GONE)
            }
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Endpoints {
    slots: Vec<Option<Carried>>,
    free: Vec<usize>,
    by_address: HashMap<Peer, usize>,
    by_id: HashMap<EndpointId, usize>,
    last_delivery: Option<(Peer, usize)>,
    /// How many have ended and are not closed.
    ended: usize,
    has_delivered: bool,
}

/// What came of looking whether programs read.
#[derive(Debug, Default)]
pub(super) struct Unread {
    pub(super) nudged: Vec<EndpointId>,
    pub(super) again: Option<Instant>,
}

impl Endpoints {
    pub(super) fn open(
        &mut self,
        id: EndpointId,
        address: Peer,
        rings: EndpointRings,
        metrics: Arc<DeviceMetrics>,
    ) {
        let carried = Carried {
            id,
            address,
            rings,
            metrics,
            waiting: VecDeque::new(),
            known: HashSet::new(),
            last_known: None,
            watch: Watch::default(),
            ends_at: None,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(carried);
        self.by_address.insert(address, slot);
        self.by_id.insert(id, slot);
    }

    /// An endpoint has ended: nothing comes to it any more. What it has written goes out, as on one host.
    pub(super) fn end(&mut self, id: EndpointId, now: Instant) {
        let ends_at = now + LAST_RECORDS;
        if let Some(carried) = self.by_id(id)
            && carried.ends_at.is_none()
        {
            carried.ends_at = Some(ends_at);
            carried.waiting.clear();
            let address = carried.address;
            self.by_address.remove(&address);
            self.last_delivery = None;
            self.ended += 1;
        }
    }

    /// Closes those of a device's endpoints that ended first, where too many have ended.
    #[inline]
    pub(super) fn limit_ended(&mut self) {
        if self.ended > MAX_ENDED {
            self.close_oldest_ended();
        }
    }

    #[cold]
    fn close_oldest_ended(&mut self) {
        let mut of_devices: HashMap<Gid, Vec<_>> = HashMap::new();
        for carried in self.all() {
            if let Some(at) = carried.ends_at {
                let of_device = of_devices.entry(carried.address.gid).or_default();
                of_device.push((at, carried.id));
            }
        }
        for mut ended in of_devices.into_values() {
            ended.sort_unstable();
            let too_many = ended.len().saturating_sub(MAX_ENDED);
            for (_, id) in ended.into_iter().take(too_many) {
                self.abandon(id);
            }
        }
    }

    /// Forgets an endpoint that has ended for good; what it has written and nobody has taken is dropped.
    pub(super) fn abandon(&mut self, id: EndpointId) {
        if let Some(carried) = self.by_id(id) {
            carried.drop_rest();
        }
        self.close(id);
    }

    pub(super) fn close(&mut self, id: EndpointId) {
        if let Some(slot) = self.by_id.remove(&id)
            && let Some(carried) = self.slots[slot].take()
        {
            carried.rings.own.close();
            // One that has ended may have left its address to another.
            if carried.ends_at.is_none() {
                self.by_address.remove(&carried.address);
                self.last_delivery = None;
            } else {
                self.ended -= 1;
            }
            self.free.push(slot);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn at(&mut self, slot: usize) -> Option<&mut Carried> {
        self.slots.get_mut(slot)?.as_mut()
    }

    pub(super) fn by_id(&mut self, id: EndpointId) -> Option<&mut Carried> {
        self.at(*self.by_id.get(&id)?)
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Carried> {
        self.slots.iter_mut().flatten()
    }

    /// Whether anything was delivered since the last question.
    #[inline]
    pub(super) fn take_has_delivered(&mut self) -> bool {
        std::mem::take(&mut self.has_delivered)
    }

    /// Looks whether programs read what came.
    pub(super) fn look(&mut self, now: Instant) -> Unread {
        let mut unread = Unread::default();
        for endpoint in self.all().filter(|endpoint| endpoint.ends_at.is_none()) {
            let again = match endpoint.look(now) {
                Look::Read => continue,
                Look::Again(again) => again,
                Look::Nudge(again) => {
                    unread.nudged.push(endpoint.id);
                    again
                }
            };
            let again = Instant::default() + again;
            unread.again = Some(unread.again.map_or(again, |soonest| soonest.min(again)));
        }
        unread
    }

    fn at_address(&mut self, address: Peer) -> Option<&mut Carried> {
        let slot = match self.last_delivery {
            Some((last, slot)) if last == address => slot,
            Some(_) | None => *self.by_address.get(&address)?,
        };
        self.last_delivery = Some((address, slot));
        self.at(slot)
    }
}

/// Puts what one connection brings into rings.
pub(super) struct Delivery<'a> {
    pub(super) endpoints: &'a mut Endpoints,
    pub(super) reports: &'a mut Vec<Report>,
    pub(super) metrics: &'a DeviceMetrics,
    pub(super) local: Gid,
    pub(super) remote: Gid,
    pub(super) is_allowed: bool,
}

impl Sink for Delivery<'_> {
    fn receive(&mut self, message: Incoming<'_>) -> Admission {
        let Some(arrived) = Arrived::from_message(&message) else {
            self.metrics.count_drop(DropReason::Malformed);
            return Admission::Refuse(refusal::MALFORMED);
        };
        if arrived.header.kind == kind::PAD || arrived.header.kind >= kind::FIRST_OF_SERVICE {
            self.metrics.count_drop(DropReason::Malformed);
            return Admission::Refuse(refusal::MALFORMED);
        }
        if !self.is_allowed {
            self.metrics.count_drop(DropReason::NotAllowed);
            return Admission::Refuse(refusal::NOT_ALLOWED);
        }
        let destination = Peer {
            gid: self.local,
            queue_pair: message.queue_pair,
        };
        self.endpoints.has_delivered = true;
        let Some(endpoint) = self.endpoints.at_address(destination) else {
            self.metrics.count_drop(DropReason::UnknownEndpoint);
            return Admission::Refuse(refusal::PEER_GONE);
        };
        let source = Peer {
            gid: self.remote,
            queue_pair: arrived.source,
        };
        let admission = endpoint.deliver(source, &arrived);
        if admission == Admission::Accept && endpoint.meet(source) {
            self.reports.push(Report::Reached {
                endpoint: endpoint.id,
                peer: source,
            });
        }
        admission
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(device: u8, queue_pair: u32) -> Peer {
        Peer {
            gid: Gid([device; 16]),
            queue_pair,
        }
    }

    /// Opens an endpoint whose program has written `records`.
    fn open(endpoints: &mut Endpoints, id: u32, device: u8, records: usize) -> Arc<DeviceMetrics> {
        let (own, records_file) = OwnRegion::create(SERVICE_RING).unwrap();
        let (_, completions_file) = OwnRegion::create(COMPLETION_RING).unwrap();
        let (rings, [ours, _]) = EndpointRings::create(&[records_file, completions_file]).unwrap();
        let peer = PeerRegion::map(ours.as_fd()).unwrap();
        let (mut producer, _) = channel(&Arc::new(own), &Arc::new(peer));
        for _ in 0..records {
            let mut room = producer.reserve(ROUTE, Pace::Single).unwrap();
            room.write(0, &[0; ROUTE]);
            room.publish(&RecordHeader {
                kind: 1,
                ..RecordHeader::default()
            });
        }
        let metrics = Arc::new(DeviceMetrics::default());
        let address = address(device, id);
        endpoints.open(EndpointId(id), address, rings, Arc::clone(&metrics));
        metrics
    }

    fn dropped(metrics: &DeviceMetrics) -> u64 {
        metrics.read().dropped(DropReason::EndpointEnded)
    }

    #[test]
    fn the_endpoints_of_a_device_that_ended_first_are_closed_where_too_many_have() {
        const RECORDS: usize = 3;
        let too_many = 5;
        let mut endpoints = Endpoints::default();
        let mut at = Instant::default();
        let alive = open(&mut endpoints, 1, 0, RECORDS);
        let other = open(&mut endpoints, 2, 1, RECORDS);
        endpoints.end(EndpointId(2), at);
        let numbers = 10..10 + (MAX_ENDED + too_many) as u32;
        // The last number ends first.
        let ended: Vec<_> = numbers
            .rev()
            .map(|id| (id, open(&mut endpoints, id, 0, RECORDS)))
            .collect();
        for (id, _) in &ended {
            endpoints.end(EndpointId(*id), at);
            at = at.after_nanos(1);
        }
        endpoints.limit_ended();
        for (place, (id, metrics)) in ended.iter().enumerate() {
            let stays = place >= too_many;
            assert_eq!(endpoints.by_id(EndpointId(*id)).is_some(), stays);
            assert_eq!(dropped(metrics), if stays { 0 } else { RECORDS as u64 });
        }
        for (id, metrics) in [(1, alive), (2, other)] {
            assert!(endpoints.by_id(EndpointId(id)).is_some());
            assert_eq!(dropped(&metrics), 0);
        }
        // Their time makes room as well.
        for (id, _) in &ended {
            endpoints.abandon(EndpointId(*id));
        }
        assert_eq!(endpoints.ended, 1);
        assert!(
            ended
                .iter()
                .all(|(_, metrics)| dropped(metrics) == RECORDS as u64)
        );
    }
}
