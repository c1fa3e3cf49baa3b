//! The endpoints whose records go to and come from other hosts.

use std::collections::{HashMap, HashSet, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use eni_efa_abi::limits::{COMPLETION_RING, MAX_LANES, SERVICE_RING};
use eni_efa_abi::record::{Outcome, ROUTE, kind};
use eni_efa_abi::unread::{Look, Watch};
use eni_efa_abi::{Gid, Peer, RecordHeader, Route};
use eni_efa_channel::{
    Consumer, OwnRegion, PeerRegion, Producer, RegionError, ReserveError, channel,
};
use eni_srd::{Admission, Incoming, Instant, Sink};

use super::message::Arrived;
use super::metrics::{DeviceMetrics, DropReason};
use super::{Report, refusal};
use crate::broker::EndpointId;

/// For how long what an endpoint wrote before it ended is taken, where a connection has no room at once.
const LAST_RECORDS: Duration = Duration::from_secs(1);

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
            let Ok(mut room) = self.rings.completions.reserve(ROUTE) else {
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
        match self.rings.to_program.reserve(ROUTE + length) {
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
        let ends_at = now.after_nanos(LAST_RECORDS.as_nanos() as u64);
        if let Some(carried) = self.by_id(id) {
            carried.ends_at = Some(ends_at);
            carried.waiting.clear();
            let address = carried.address;
            self.by_address.remove(&address);
            self.last_delivery = None;
        }
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
            let again = Instant::from_nanos(again.as_nanos() as u64);
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
