//! What programs ask of an endpoint.

use super::{Outlet, endpoint_number};
use crate::buffer::{Outbound, ProgramBuffer};
use crate::domain::State;
use crate::queue::Queue;
use eni_efa_client::LaneState;
use eni_efa_messaging::{
    AtomicRequest, Engine, LaneId, Level, Message, Pattern, Peek, ReceiveRequest, Regions,
    RemoteRequest, SendRequest, Submit, Transfer,
};
use std::time::{Duration, Instant};

/// `FI_ADDR_UNSPEC` and `FI_ADDR_NOTAVAIL`, which are casts in the header and so not in the bindings.
pub(crate) const NO_ADDRESS: u64 = u64::MAX;

/// Longest wait for a lane to open.
const OPENING: Duration = Duration::from_millis(200);

/// Why an operation was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// Room is missing: try again after progress.
    Again,
    /// The program's mistake.
    Invalid,
    /// Too long for what was asked.
    TooLong,
    /// Nothing was claimed under this context.
    NotClaimed,
}

/// What an operation gives its caller.
pub(crate) type Outcome = Result<(), Failed>;

/// A message to send.
pub(crate) struct MessageOperation<'a> {
    pub(crate) address: u64,
    pub(crate) message: Message,
    pub(crate) buffer: &'a ProgramBuffer,
    pub(crate) context: u64,
    pub(crate) report: bool,
    pub(crate) level: Level,
}

/// A read or write.
pub(crate) struct RemoteOperation {
    pub(crate) peer: u64,
    pub(crate) transfer: Transfer,
    pub(crate) buffer: ProgramBuffer,
    pub(crate) address: u64,
    pub(crate) key: u64,
    pub(crate) data: Option<u64>,
    pub(crate) context: u64,
    pub(crate) report: bool,
}

/// A receive. Lends its buffer: without anything to drop it stays in registers.
#[derive(Clone, Copy)]
pub(crate) struct ReceiveOperation<'a> {
    pub(crate) tagged: bool,
    /// Only from this peer.
    pub(crate) source: Option<u64>,
    pub(crate) tag: u64,
    pub(crate) ignore: u64,
    pub(crate) buffer: &'a ProgramBuffer,
    pub(crate) context: u64,
    pub(crate) report: bool,
    /// Takes many messages.
    pub(crate) many: bool,
}

/// What an operation works with.
struct Parts<'a> {
    engine: &'a mut Engine<ProgramBuffer>,
    wire: Outbound<'a>,
    outlet: Outlet<'a>,
    regions: &'a Regions<ProgramBuffer>,
}

impl State {
    #[inline(always)]
    fn parts(&mut self, number: usize) -> Result<Parts<'_>, Failed> {
        let endpoint = self.endpoints.get_mut(number).ok_or(Failed::Invalid)?;
        Ok(Parts {
            engine: &mut endpoint.engine,
            wire: Outbound {
                lanes: &mut endpoint.lanes,
                max_transfer: endpoint.max_transfer,
            },
            outlet: Outlet {
                queues: &mut self.queues,
                counters: &mut self.counters,
                bindings: endpoint.bindings,
                endpoint: endpoint_number(number),
            },
            regions: &self.regions,
        })
    }

    /// The lane to what the address vector calls `address`.
    #[inline(always)]
    fn lane(&mut self, number: usize, address: u64) -> Result<LaneId, Failed> {
        let endpoint = self.endpoints.get_mut(number).ok_or(Failed::Invalid)?;
        let index = usize::try_from(address).map_err(|_| Failed::Invalid)?;
        if let Some(&Some(lane)) = endpoint.lane_of.get(index) {
            return Ok(lane);
        }
        self.begin_lane(number, address)
    }

    /// The lane to send on. Opening one takes the service some tens of microseconds, and some programs do not try the
    /// first send to a peer twice: so it is waited for, within [`OPENING`].
    #[inline(always)]
    fn lane_to_send(&mut self, number: usize, address: u64) -> Result<LaneId, Failed> {
        let endpoint = self.endpoints.get_mut(number).ok_or(Failed::Invalid)?;
        let index = usize::try_from(address).map_err(|_| Failed::Invalid)?;
        if let Some(&Some(lane)) = endpoint.lane_of.get(index) {
            return Ok(lane);
        }
        self.open_lane(number, address)
    }

    #[cold]
    fn open_lane(&mut self, number: usize, address: u64) -> Result<LaneId, Failed> {
        let opened = self.begin_lane(number, address)?;
        let deadline = Instant::now() + OPENING;
        let lane = eni_efa_client::LaneId(opened.0);
        while let Some(endpoint) = self.endpoints.get(number)
            && endpoint.lanes.lane_state(lane) == LaneState::Connecting
            && Instant::now() < deadline
        {
            std::thread::yield_now();
            self.progress(number);
        }
        Ok(opened)
    }

    #[cold]
    fn begin_lane(&mut self, number: usize, address: u64) -> Result<LaneId, Failed> {
        let endpoint = self.endpoints.get_mut(number).ok_or(Failed::Invalid)?;
        let vector = endpoint.vector.and_then(|vector| self.vectors.get(vector));
        let peer = vector
            .and_then(|vector| vector.peer(address))
            .ok_or(Failed::Invalid)?;
        let lane = LaneId(endpoint.lanes.lane_to(peer).0);
        let index = usize::try_from(address).map_err(|_| Failed::Invalid)?;
        if index >= endpoint.lane_of.len() {
            endpoint.lane_of.resize(index + 1, None);
        }
        endpoint.lane_of[index] = Some(lane);
        Ok(lane)
    }

    /// What the address vector calls the peer at the other end of a lane.
    pub(crate) fn address_of(&self, endpoint: u32, lane: Option<LaneId>) -> u64 {
        let find = || {
            let endpoint = self.endpoints.get(endpoint as usize)?;
            let peer = endpoint.lanes.peer(eni_efa_client::LaneId(lane?.0));
            self.vectors.get(endpoint.vector?)?.number(peer)
        };
        find().unwrap_or(NO_ADDRESS)
    }

    /// Whether the queue for what this end starts has room.
    #[inline(always)]
    fn can_start(&self, number: usize) -> Outcome {
        let queue = self
            .endpoints
            .get(number)
            .and_then(|endpoint| endpoint.bindings.transmit_queue);
        match queue.and_then(|queue| self.queues.get(queue)) {
            Some(queue) if Queue::is_full(queue) => Err(Failed::Again),
            Some(_) | None => Ok(()),
        }
    }

    /// Progress makes room where there is none; the program tries again.
    #[inline(always)]
    fn submitted(&mut self, number: usize, submit: Submit) -> Outcome {
        match submit {
            Submit::Accepted => Ok(()),
            Submit::Again => {
                self.progress(number);
                Err(Failed::Again)
            }
        }
    }

    #[inline(always)]
    pub(crate) fn send(&mut self, number: usize, operation: MessageOperation<'_>) -> Outcome {
        self.can_start(number)?;
        let lane = self.lane_to_send(number, operation.address)?;
        let request = SendRequest {
            lane,
            message: operation.message,
            buffer: operation.buffer,
            context: operation.context,
            report: operation.report,
            level: operation.level,
        };
        let submit = {
            let Parts {
                engine,
                mut wire,
                mut outlet,
                ..
            } = self.parts(number)?;
            engine.send(request, &mut wire, &mut outlet)
        };
        self.submitted(number, submit)
    }

    pub(crate) fn transfer(&mut self, number: usize, operation: RemoteOperation) -> Outcome {
        self.can_start(number)?;
        let lane = self.lane_to_send(number, operation.peer)?;
        let request = RemoteRequest {
            lane,
            transfer: operation.transfer,
            buffer: operation.buffer,
            address: operation.address,
            key: operation.key,
            data: operation.data,
            context: operation.context,
            report: operation.report,
        };
        let submit = {
            let Parts {
                engine,
                mut wire,
                mut outlet,
                ..
            } = self.parts(number)?;
            engine.transfer(request, &mut wire, &mut outlet)
        };
        self.submitted(number, submit)
    }

    /// `request.lane` is filled in here.
    pub(crate) fn atomic(
        &mut self,
        number: usize,
        peer: u64,
        mut request: AtomicRequest<'_, ProgramBuffer>,
    ) -> Outcome {
        self.can_start(number)?;
        request.lane = self.lane_to_send(number, peer)?;
        let submit = {
            let Parts {
                engine,
                mut wire,
                mut outlet,
                ..
            } = self.parts(number)?;
            engine.atomic(&request, &mut wire, &mut outlet)
        };
        self.submitted(number, submit)
    }

    #[inline(always)]
    pub(crate) fn receive(&mut self, number: usize, operation: ReceiveOperation<'_>) -> Outcome {
        let pattern = self.pattern(number, &operation)?;
        let minimum = self.endpoints.get(number).map(|endpoint| endpoint.minimum);
        let request = ReceiveRequest {
            tagged: operation.tagged,
            pattern,
            buffer: operation.buffer.clone(),
            context: operation.context,
            report: operation.report,
            until_less_than: minimum.filter(|_| operation.many),
        };
        let Parts {
            engine,
            mut wire,
            mut outlet,
            regions,
        } = self.parts(number)?;
        engine.receive(request, &mut outlet);
        if engine.has_work() {
            // A clearance should not wait until the program looks for completions.
            engine.flush(&mut wire, regions, &mut outlet);
        }
        Ok(())
    }

    #[inline(always)]
    fn pattern(
        &mut self,
        number: usize,
        operation: &ReceiveOperation<'_>,
    ) -> Result<Pattern, Failed> {
        let lane = match operation.source {
            Some(source) => Some(self.lane(number, source)?),
            None => None,
        };
        Ok(Pattern {
            lane,
            tag: operation.tag,
            ignore: if operation.tagged {
                operation.ignore
            } else {
                u64::MAX
            },
        })
    }

    pub(crate) fn peek(
        &mut self,
        number: usize,
        operation: &ReceiveOperation<'_>,
        peek: Peek,
    ) -> Outcome {
        self.progress(number);
        let pattern = self.pattern(number, operation)?;
        let (context, report) = (operation.context, operation.report);
        let mut parts = self.parts(number)?;
        parts
            .engine
            .peek(&pattern, peek, context, report, &mut parts.outlet);
        Ok(())
    }

    /// Receives what was claimed, or throws it away.
    pub(crate) fn claimed(
        &mut self,
        number: usize,
        operation: ReceiveOperation<'_>,
        discard: bool,
    ) -> Outcome {
        let (context, report) = (operation.context, operation.report);
        let Parts {
            engine, mut outlet, ..
        } = self.parts(number)?;
        let found = if discard {
            engine.discard_claimed(context, report, &mut outlet)
        } else {
            engine.receive_claimed(context, operation.buffer.clone(), report, &mut outlet)
        };
        if found {
            Ok(())
        } else {
            Err(Failed::NotClaimed)
        }
    }

    pub(crate) fn cancel(&mut self, number: usize, context: u64) -> Outcome {
        let mut parts = self.parts(number)?;
        parts.engine.cancel(context, &mut parts.outlet);
        Ok(())
    }
}
