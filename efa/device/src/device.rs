//! The device as a whole.

use crate::address::{AddressHandleId, AddressHandles};
use crate::completion::{Completion, CompletionQueue, CompletionQueueId};
use crate::counters::Counters;
use crate::incoming::Incoming;
use crate::memory::{RegionKey, Regions, Registration};
use crate::queue_pair::{
    Context, PostError, QueuePair, QueuePairAttributes, QueuePairId, QueuePairState,
};
use crate::slab::Slab;
use crate::transmit::Wire;
use crate::work::{ReceiveRequest, SendRequest};
use crate::{Gid, MAX_COMPLETION_QUEUES, MAX_COMPLETIONS, MAX_DOMAINS, MAX_QUEUE_PAIRS, Status};
use eni_efa_abi::{Peer, RecordHeader};

/// A protection domain of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DomainId(pub u32);

/// Why a request about the device's objects was refused. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// There is no such object.
    #[error("no such object")]
    Unknown,
    /// Something else still stands on it.
    #[error("the object is in use")]
    InUse,
    /// The device has as many objects of this kind as it can.
    #[error("the device has no room for more")]
    Full,
    /// An attribute is outside the device's limits.
    #[error("an attribute is outside the device's limits")]
    Invalid,
    /// A completion queue ran full and lost a completion; it cannot be used any more.
    #[error("the completion queue was overrun")]
    Overrun,
}

#[derive(Debug)]
struct Domain {
    users: u32,
}

/// One EFA device as one program has opened it.
#[derive(Debug)]
pub struct Device {
    domains: Slab<Domain>,
    regions: Regions,
    handles: AddressHandles,
    completion_queues: Slab<CompletionQueue>,
    queue_pairs: Slab<QueuePair>,
    counters: Counters,
}

impl Device {
    /// A device without objects. `seed` decides where the generations of its keys begin.
    pub fn new(seed: u64) -> Self {
        Self {
            domains: Slab::new(MAX_DOMAINS),
            regions: Regions::new(seed),
            handles: AddressHandles::new(),
            completion_queues: Slab::new(MAX_COMPLETION_QUEUES),
            queue_pairs: Slab::new(MAX_QUEUE_PAIRS),
            counters: Counters::default(),
        }
    }

    /// What was dropped so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Makes a protection domain.
    ///
    /// # Errors
    /// [`DeviceError::Full`]
    pub fn allocate_domain(&mut self) -> Result<DomainId, DeviceError> {
        let id = self.domains.insert(Domain { users: 0 });
        id.map(DomainId).map_err(|_| DeviceError::Full)
    }

    /// Removes a protection domain.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`]; [`DeviceError::InUse`] while regions, handles or queue pairs belong to it.
    pub fn deallocate_domain(&mut self, domain: DomainId) -> Result<(), DeviceError> {
        match self.domains.get(domain.0) {
            None => Err(DeviceError::Unknown),
            Some(Domain { users: 1.. }) => Err(DeviceError::InUse),
            Some(_) => {
                self.domains.remove(domain.0);
                Ok(())
            }
        }
    }

    fn use_domain(&mut self, domain: DomainId) -> Result<&mut Domain, DeviceError> {
        self.domains.get_mut(domain.0).ok_or(DeviceError::Unknown)
    }

    fn leave_domain(&mut self, domain: DomainId) {
        if let Some(domain) = self.domains.get_mut(domain.0) {
            domain.users -= 1;
        }
    }

    /// Registers memory.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`] without the domain; [`DeviceError::Full`] when there is no key left or the region would
    /// run past the last address.
    pub fn register(
        &mut self,
        domain: DomainId,
        registration: Registration,
    ) -> Result<RegionKey, DeviceError> {
        self.use_domain(domain)?;
        let key = self
            .regions
            .register(domain, registration)
            .ok_or(DeviceError::Full)?;
        self.use_domain(domain)?.users += 1;
        Ok(key)
    }

    /// Takes a region back: no transfer touches it from now on.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`]
    pub fn deregister(&mut self, key: RegionKey) -> Result<(), DeviceError> {
        let domain = self.regions.deregister(key).ok_or(DeviceError::Unknown)?;
        self.leave_domain(domain);
        Ok(())
    }

    /// Makes an address handle to the device with `gid`, which the service knows as `number`.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`] without the domain; [`DeviceError::Full`]
    pub fn create_address_handle(
        &mut self,
        domain: DomainId,
        gid: Gid,
        number: u16,
    ) -> Result<AddressHandleId, DeviceError> {
        self.use_domain(domain)?;
        let id = self
            .handles
            .create(domain, gid, number)
            .ok_or(DeviceError::Full)?;
        self.use_domain(domain)?.users += 1;
        Ok(id)
    }

    /// Removes an address handle. Work requests that were posted with it go on.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`]
    pub fn destroy_address_handle(&mut self, id: AddressHandleId) -> Result<(), DeviceError> {
        let domain = self.handles.destroy(id).ok_or(DeviceError::Unknown)?;
        self.leave_domain(domain);
        Ok(())
    }

    /// The device that a handle leads to.
    pub fn handle_gid(&self, id: AddressHandleId) -> Option<Gid> {
        self.handles.gid(id)
    }

    /// The handle's number (`efadv_ah_attr.ahn`).
    pub fn handle_number(&self, id: AddressHandleId) -> Option<u16> {
        self.handles.number(id)
    }

    /// The number under which the program knows a device, if it has a handle to it.
    pub fn known_number(&self, gid: &Gid) -> Option<u16> {
        self.handles.number_of(gid)
    }

    /// Makes a completion queue.
    ///
    /// # Errors
    /// [`DeviceError::Invalid`] for no entries or more than [`MAX_COMPLETIONS`]; [`DeviceError::Full`]
    pub fn create_completion_queue(
        &mut self,
        entries: u32,
    ) -> Result<CompletionQueueId, DeviceError> {
        if entries == 0 || entries > MAX_COMPLETIONS {
            return Err(DeviceError::Invalid);
        }
        let id = self.completion_queues.insert(CompletionQueue::new(entries));
        id.map(CompletionQueueId).map_err(|_| DeviceError::Full)
    }

    /// Removes a completion queue.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`]; [`DeviceError::InUse`] while queue pairs complete there.
    pub fn destroy_completion_queue(&mut self, id: CompletionQueueId) -> Result<(), DeviceError> {
        match self.completion_queues.get(id.0) {
            None => Err(DeviceError::Unknown),
            Some(CompletionQueue { users: 1.., .. }) => Err(DeviceError::InUse),
            Some(_) => {
                self.completion_queues.remove(id.0);
                Ok(())
            }
        }
    }

    /// The next completion.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`]; [`DeviceError::Overrun`] once the queue has lost one and the others were polled.
    #[inline]
    pub fn poll(&mut self, id: CompletionQueueId) -> Result<Option<Completion>, DeviceError> {
        let queue = self
            .completion_queues
            .get_mut(id.0)
            .ok_or(DeviceError::Unknown)?;
        match queue.pop() {
            None if queue.overrun => Err(DeviceError::Overrun),
            completion => Ok(completion),
        }
    }

    /// Whether a completion waits.
    #[inline]
    pub fn has_completion(&self, id: CompletionQueueId) -> bool {
        self.completion_queues
            .get(id.0)
            .is_some_and(|queue| !queue.is_empty())
    }

    /// Makes a queue pair in the state [`QueuePairState::Reset`].
    ///
    /// # Errors
    /// [`DeviceError::Unknown`] without the domain or a queue; [`DeviceError::Invalid`]; [`DeviceError::Full`]
    pub fn create_queue_pair(
        &mut self,
        attributes: QueuePairAttributes,
    ) -> Result<QueuePairId, DeviceError> {
        if !attributes.are_within_limits() {
            return Err(DeviceError::Invalid);
        }
        self.use_domain(attributes.domain)?;
        let queues = [attributes.send_queue, attributes.receive_queue];
        if queues
            .iter()
            .any(|queue| self.completion_queues.get(queue.0).is_none())
        {
            return Err(DeviceError::Unknown);
        }
        let id = self
            .queue_pairs
            .insert(QueuePair::new(attributes))
            .map_err(|_| DeviceError::Full)?;
        self.use_domain(attributes.domain)?.users += 1;
        for queue in queues {
            if let Some(queue) = self.completion_queues.get_mut(queue.0) {
                queue.users += 1;
            }
        }
        Ok(QueuePairId(id))
    }

    /// Removes a queue pair with all that was posted to it and not polled.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`]
    pub fn destroy_queue_pair(&mut self, id: QueuePairId) -> Result<(), DeviceError> {
        let mut queue_pair = self.queue_pairs.remove(id.0).ok_or(DeviceError::Unknown)?;
        queue_pair.forget(&mut Context {
            regions: &self.regions,
            handles: &self.handles,
            completion_queues: &mut self.completion_queues,
            counters: &mut self.counters,
        });
        let attributes = queue_pair.attributes;
        for queue in [attributes.send_queue, attributes.receive_queue] {
            if let Some(queue) = self.completion_queues.get_mut(queue.0) {
                queue.users -= 1;
            }
        }
        self.leave_domain(attributes.domain);
        Ok(())
    }

    /// A queue pair and what it looks at.
    #[inline]
    fn queue_pair(&mut self, id: QueuePairId) -> Option<(&mut QueuePair, Context<'_>)> {
        let context = Context {
            regions: &self.regions,
            handles: &self.handles,
            completion_queues: &mut self.completion_queues,
            counters: &mut self.counters,
        };
        Some((self.queue_pairs.get_mut(id.0)?, context))
    }

    /// The state of a queue pair.
    pub fn state(&self, id: QueuePairId) -> Option<QueuePairState> {
        self.queue_pairs
            .get(id.0)
            .map(|queue_pair| queue_pair.state)
    }

    /// What a queue pair was made of.
    pub fn attributes(&self, id: QueuePairId) -> Option<&QueuePairAttributes> {
        self.queue_pairs
            .get(id.0)
            .map(|queue_pair| &queue_pair.attributes)
    }

    /// The queue key that datagrams to a queue pair must carry.
    pub fn queue_key(&self, id: QueuePairId) -> Option<u32> {
        self.queue_pairs
            .get(id.0)
            .map(|queue_pair| queue_pair.queue_key)
    }

    /// Sets the queue key.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`]
    pub fn set_queue_key(&mut self, id: QueuePairId, queue_key: u32) -> Result<(), DeviceError> {
        let queue_pair = self.queue_pairs.get_mut(id.0).ok_or(DeviceError::Unknown)?;
        queue_pair.queue_key = queue_key;
        Ok(())
    }

    /// Moves a queue pair to another state. To [`QueuePairState::Error`] flushes, to [`QueuePairState::Reset`] forgets.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`]; [`DeviceError::Invalid`] when EFA has no such transition.
    pub fn modify(&mut self, id: QueuePairId, state: QueuePairState) -> Result<(), DeviceError> {
        let (queue_pair, mut context) = self.queue_pair(id).ok_or(DeviceError::Unknown)?;
        let moved = queue_pair.modify(state, &mut context);
        moved.then_some(()).ok_or(DeviceError::Invalid)
    }

    /// Makes a lane known: whom the wire's lane `lane` leads to. A lane that is known stays what it is.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`]
    pub fn learn_lane(
        &mut self,
        id: QueuePairId,
        lane: u32,
        peer: Peer,
    ) -> Result<(), DeviceError> {
        let queue_pair = self.queue_pairs.get_mut(id.0).ok_or(DeviceError::Unknown)?;
        queue_pair.learn_lane(lane, peer);
        Ok(())
    }

    /// Forgets a lane that broke and that nothing will be posted to: its number may be made known again as another's.
    pub fn forget_lane(&mut self, id: QueuePairId, lane: u32) {
        if let Some(queue_pair) = self.queue_pairs.get_mut(id.0) {
            queue_pair.forget_lane(lane);
        }
    }

    /// Whether a lane has been made known.
    #[inline]
    pub fn knows_lane(&self, id: QueuePairId, lane: u32) -> bool {
        let known = |queue_pair: &QueuePair| {
            queue_pair
                .lanes
                .get(lane as usize)
                .is_some_and(Option::is_some)
        };
        self.queue_pairs.get(id.0).is_some_and(known)
    }

    /// Send work requests that may be posted now.
    pub fn send_room(&self, id: QueuePairId) -> usize {
        self.queue_pairs
            .get(id.0)
            .map_or(0, |queue_pair| queue_pair.work.room())
    }

    /// Accepts a work request for the send queue; [`transmit`](Self::transmit) sends it.
    ///
    /// # Errors
    /// [`PostError`]. What the device would find out later (keys, lengths, lanes that broke) is no error here, but one
    /// in the completion.
    #[inline]
    pub fn post_send(
        &mut self,
        id: QueuePairId,
        lane: u32,
        request: &SendRequest,
    ) -> Result<(), PostError> {
        let (queue_pair, mut context) = self.queue_pair(id).ok_or(PostError::Unknown)?;
        queue_pair.post_send(lane, request, &mut context)
    }

    /// Accepts a work request for the receive queue.
    ///
    /// # Errors
    /// [`PostError`]. A key that is not right is an error in the completion.
    #[inline]
    pub fn post_receive(
        &mut self,
        id: QueuePairId,
        request: &ReceiveRequest,
    ) -> Result<(), PostError> {
        let (queue_pair, mut context) = self.queue_pair(id).ok_or(PostError::Unknown)?;
        queue_pair.post_receive(request, &mut context)
    }

    /// Sends what a queue pair has to send and the wire takes.
    #[inline]
    pub fn transmit(&mut self, id: QueuePairId, wire: &mut impl Wire) {
        if let Some((queue_pair, mut context)) = self.queue_pair(id) {
            queue_pair.transmit(wire, &mut context);
        }
    }

    /// Completes what the peers have consumed since. Before [`broken`](Self::broken) it tells what was delivered from what
    /// was lost.
    #[inline]
    pub fn settle(&mut self, id: QueuePairId, wire: &impl Wire) {
        if let Some((queue_pair, mut context)) = self.queue_pair(id) {
            queue_pair.settle(wire, &mut context);
        }
    }

    /// Whether a queue pair has something to send that the wire has not taken.
    #[inline]
    pub fn has_unsent(&self, id: QueuePairId) -> bool {
        self.queue_pairs
            .get(id.0)
            .is_some_and(|queue_pair| !queue_pair.listed.is_empty())
    }

    /// Takes a record that came in on a lane made known, with `length` bytes of payload.
    #[inline]
    pub fn incoming(
        &mut self,
        id: QueuePairId,
        lane: u32,
        header: &RecordHeader,
        length: u32,
    ) -> Incoming {
        match self.queue_pair(id) {
            Some((queue_pair, mut context)) => {
                queue_pair.incoming(lane, header, length, &mut context)
            }
            None => Incoming::Done(crate::Copies::default()),
        }
    }

    /// The service has delivered a record that was under way, or has failed to.
    pub fn completed(&mut self, id: QueuePairId, request: u32, outcome: Result<(), Status>) {
        if let Some((queue_pair, mut context)) = self.queue_pair(id) {
            queue_pair.completed(request, outcome, &mut context);
        }
    }

    /// A lane broke: everything outstanding to it completes with `status`, and so does what is posted to it later.
    pub fn broken(&mut self, id: QueuePairId, lane: u32, status: Status) {
        if let Some((queue_pair, mut context)) = self.queue_pair(id) {
            queue_pair.break_lane(lane, status, &mut context);
        }
    }

    /// What is beneath a queue pair is gone for good: its receive work requests fail, now and later, so that a program that
    /// only waits hears of it. Its lanes have [`broken`](Self::broken), which fails what it sends.
    pub fn fail_receives(&mut self, id: QueuePairId) {
        if let Some((queue_pair, mut context)) = self.queue_pair(id) {
            queue_pair.fail_receives(&mut context);
        }
    }
}
