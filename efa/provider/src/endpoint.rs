//! Endpoints.

pub(crate) mod atomic;
mod message;
mod operations;
mod remote;
pub(crate) mod sys;
mod tagged;

use crate::buffer::{Arrived, Outbound, ProgramBuffer, fault_of};
use crate::counter::Counter;
use crate::domain::State;
use crate::queue::Queue;
use crate::slots::Slots;
use eni_efa_client::{Cause, Endpoint, Handler, Payload};
use eni_efa_messaging::limits::{LOCAL_SEGMENT, PREFIX};
use eni_efa_messaging::{
    Completion, Disposition, Engine, Fault, LaneId, Operation, RecordHeader, Regions, Sink, Wire,
};
use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

pub(crate) use operations::{Failed, NO_ADDRESS};

/// A peer whose lane broke is tried again after this long; until then operations on it fail at once.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Bytes left in a buffer for many messages below which it goes back, until the program sets its own.
const DEFAULT_MINIMUM: usize = 64;

/// Where an endpoint's completions go. Numbers of queues and counters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bindings {
    pub(crate) transmit_queue: Option<usize>,
    pub(crate) receive_queue: Option<usize>,
    pub(crate) send_counter: Option<usize>,
    pub(crate) receive_counter: Option<usize>,
    pub(crate) read_counter: Option<usize>,
    pub(crate) write_counter: Option<usize>,
}

/// What the lock guards of an endpoint.
pub(crate) struct EndpointState {
    pub(crate) lanes: Endpoint,
    /// Longest datagram to other hosts, in bytes.
    max_transfer: usize,
    pub(crate) engine: Engine<ProgramBuffer>,
    pub(crate) bindings: Bindings,
    /// Number of the address vector.
    pub(crate) vector: Option<usize>,
    /// By the address vector's numbers.
    lane_of: Vec<Option<LaneId>>,
    /// Lanes that broke, to be tried again, in their order.
    broken: VecDeque<(LaneId, Instant)>,
    /// Lanes that broke longer ago, to be forgotten when nothing refers to them any more.
    leftover: Vec<LaneId>,
    /// Before this it is not looked which of them can be.
    forgets_at: Option<Instant>,
    /// Lanes that broke in this poll, of which the engine is told after it.
    ended: Vec<(LaneId, Fault)>,
    pub(crate) minimum: usize,
}

impl EndpointState {
    pub(crate) fn new(lanes: Endpoint, max_transfer: usize) -> Self {
        Self {
            lanes,
            max_transfer: max_transfer.clamp(2 * PREFIX, LOCAL_SEGMENT),
            engine: Engine::default(),
            bindings: Bindings::default(),
            vector: None,
            lane_of: Vec::new(),
            broken: VecDeque::new(),
            leftover: Vec::new(),
            forgets_at: None,
            ended: Vec::new(),
            minimum: DEFAULT_MINIMUM,
        }
    }

    /// Forgets the lane of a number that was removed.
    pub(crate) fn forget(&mut self, number: u64) {
        let index = usize::try_from(number).ok();
        if let Some(lane) = index.and_then(|index| self.lane_of.get_mut(index)) {
            *lane = None;
        }
    }

    /// Lanes that broke a while ago may be begun anew, and are to be forgotten. Says whether to look for what can be, which
    /// takes as long as much refers to lanes, and is done seldom.
    #[cold]
    fn retire(&mut self) -> bool {
        let now = Instant::now();
        let mut retired = HashSet::new();
        let is_due =
            |&mut (_, since): &mut (LaneId, Instant)| now.duration_since(since) >= RETRY_AFTER;
        while let Some((lane, _)) = self.broken.pop_front_if(is_due) {
            retired.insert(lane);
        }
        if retired.is_empty() {
            return false;
        }
        for lane in &mut self.lane_of {
            *lane = lane.filter(|lane| !retired.contains(lane));
        }
        self.leftover.extend(retired);
        let is_time = self.forgets_at.is_none_or(|at| at <= now);
        if is_time {
            self.forgets_at = Some(now + RETRY_AFTER);
        }
        is_time
    }

    /// Gives the numbers of lanes back that nothing refers to, completions that wait in `queues` included.
    fn forget_leftover(&mut self, number: usize, queues: &Slots<Queue>) {
        let told: HashSet<LaneId> = queues
            .iter()
            .flat_map(|queue| queue.sources(endpoint_number(number)))
            .collect();
        let named = self.leftover.extract_if(.., |lane| told.contains(lane));
        let named: Vec<LaneId> = named.collect();
        for lane in self.engine.forget(&mut self.leftover) {
            self.lanes.release(eni_efa_client::LaneId(lane.0));
        }
        self.leftover.extend(named);
    }
}

/// Takes an endpoint's completions to its queues and counters.
pub(crate) struct Outlet<'a> {
    queues: &'a mut Slots<Queue>,
    counters: &'a mut Slots<Counter>,
    bindings: Bindings,
    endpoint: u32,
}

impl Sink for Outlet<'_> {
    #[inline(always)]
    fn complete(&mut self, completion: &Completion) {
        let Bindings {
            transmit_queue,
            receive_queue,
            send_counter,
            receive_counter,
            read_counter,
            write_counter,
        } = self.bindings;
        let (queue, counter) = match completion.operation {
            Operation::Send { .. } => (transmit_queue, send_counter),
            Operation::Receive { .. } => (receive_queue, receive_counter),
            Operation::Read | Operation::FetchingAtomic => (transmit_queue, read_counter),
            Operation::Write | Operation::Atomic => (transmit_queue, write_counter),
            Operation::WrittenByPeer => (receive_queue, None),
        };
        if let Some(counter) = counter.and_then(|number| self.counters.get_mut(number)) {
            match completion.outcome {
                Ok(()) => counter.successes += 1,
                Err(_) => counter.failures += 1,
            }
        }
        if (completion.report || completion.outcome.is_err() || completion.released)
            && let Some(queue) = queue.and_then(|number| self.queues.get_mut(number))
        {
            queue.push(completion, self.endpoint);
        }
    }
}

/// What poll hands records to.
struct Inbound<'a> {
    engine: &'a mut Engine<ProgramBuffer>,
    regions: &'a Regions<ProgramBuffer>,
    ended: &'a mut Vec<(LaneId, Fault)>,
    outlet: Outlet<'a>,
}

impl Handler for Inbound<'_> {
    #[inline]
    fn record(
        &mut self,
        lane: eni_efa_client::LaneId,
        header: &RecordHeader,
        payload: Payload<'_>,
    ) -> eni_efa_client::Disposition {
        let lane = LaneId(lane.0);
        let arrived = Arrived(payload);
        match self
            .engine
            .on_record(lane, header, &arrived, self.regions, &mut self.outlet)
        {
            Disposition::Consumed => eni_efa_client::Disposition::Consumed,
            Disposition::Hold => eni_efa_client::Disposition::Hold,
            Disposition::Violation => eni_efa_client::Disposition::Violation,
        }
    }

    fn completed(
        &mut self,
        lane: eni_efa_client::LaneId,
        request: u32,
        outcome: Result<(), Cause>,
    ) {
        let outcome = outcome.map_err(fault_of);
        self.engine
            .on_delivery(LaneId(lane.0), request, outcome, &mut self.outlet);
    }

    fn broken(&mut self, lane: eni_efa_client::LaneId, cause: Cause) {
        self.ended.push((LaneId(lane.0), fault_of(cause)));
    }
}

impl State {
    /// Takes what arrived at an endpoint, and sends what waited for room.
    #[inline]
    pub(crate) fn progress(&mut self, number: usize) {
        let Some(endpoint) = self.endpoints.get_mut(number) else {
            return;
        };
        let bindings = endpoint.bindings;
        let is_full = |queue: Option<usize>| {
            queue
                .and_then(|queue| self.queues.get(queue))
                .is_some_and(Queue::is_full)
        };
        if is_full(bindings.receive_queue) || is_full(bindings.transmit_queue) {
            return;
        }
        let mut inbound = Inbound {
            engine: &mut endpoint.engine,
            regions: &self.regions,
            ended: &mut endpoint.ended,
            outlet: Outlet {
                queues: &mut self.queues,
                counters: &mut self.counters,
                bindings,
                endpoint: endpoint_number(number),
            },
        };
        endpoint.lanes.poll(&mut inbound);
        let Inbound {
            engine,
            ended,
            mut outlet,
            ..
        } = inbound;
        let mut wire = Outbound {
            lanes: &mut endpoint.lanes,
            max_transfer: endpoint.max_transfer,
        };
        if engine.has_unread() {
            engine.look_at_readers(&wire, &mut outlet);
        }
        for (lane, fault) in ended.drain(..) {
            endpoint.broken.push_back((lane, Instant::now()));
            engine.on_broken(lane, wire.consumed(lane), fault, &mut outlet);
        }
        if engine.has_work() {
            engine.flush(&mut wire, &self.regions, &mut outlet);
        }
        if endpoint.lanes.is_cut() {
            engine.on_cut(fault_of(Cause::ServiceGone), &mut outlet);
        }
        if !endpoint.broken.is_empty() && endpoint.retire() {
            endpoint.forget_leftover(number, &self.queues);
        }
    }
}

/// Endpoints of a domain are few.
fn endpoint_number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
