//! Who is told what, and when: endpoints, address handles and conversations, without I/O.

mod conversation;
mod nudge;
mod output;
mod tally;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::{BTreeSet, HashMap, HashSet};

use eni_efa_abi::control::{Cause, DeviceAttributes, Event, PROTOCOL_VERSION, Refusal, Request};
use eni_efa_abi::limits::{
    FIRST_QUEUE_PAIR, LAST_QUEUE_PAIR, MAX_ADDRESS_HANDLES, MAX_DEVICES, MAX_ENDPOINTS,
};
use eni_efa_abi::{Gid, Peer};

use crate::policy::{Directory, Policy};
use conversation::Conversation;
pub use output::{Device, EndpointId, NamespaceId, Output, ProgramId, Region, RegionIdentity};
use tally::Tallies;
pub use tally::Tally;
pub(crate) use waiting::MAX_UNSETTLED;
use waiting::Offers;

/// What the broker asks while it decides.
#[derive(Clone, Copy, Debug)]
pub struct Judges<'a> {
    /// Who may converse.
    pub policy: &'a dyn Policy,
    /// Where others live.
    pub directory: &'a dyn Directory,
}

/// The state of a service. `R` is a region's descriptor, which the broker only passes on.
#[derive(Debug)]
pub struct Broker<R> {
    devices: Vec<Device>,
    /// The queue pair number that each device gives next.
    next_queue_pair: HashMap<Gid, u32>,
    seed: u64,
    programs: HashMap<ProgramId, Program>,
    endpoints: HashMap<EndpointId, Endpoint>,
    by_address: HashMap<Peer, EndpointId>,
    conversations: HashMap<u64, Conversation<R>>,
    /// The conversation of two endpoints, the lower number first.
    pairs: HashMap<(EndpointId, EndpointId), u64>,
    last_endpoint: u32,
    last_conversation: u64,
    outputs: Vec<Output<R>>,
    tallies: Tallies,
}

#[derive(Debug)]
struct Program {
    network_namespace: NamespaceId,
    /// What its welcome said: requests name devices by their place here.
    devices: Vec<DeviceAttributes>,
    endpoints: BTreeSet<EndpointId>,
    handles: HashMap<(u16, Gid), u16>,
    handles_of_device: HashMap<u16, u16>,
    offers: Offers,
}

#[derive(Debug)]
struct Endpoint {
    program: ProgramId,
    address: Peer,
    conversations: BTreeSet<u64>,
    /// Peers on other hosts.
    remote: HashSet<Peer>,
    /// It was told that something is unread, and has not looked.
    is_nudged: bool,
}

impl Endpoint {
    fn lanes(&self) -> usize {
        self.conversations.len() + self.remote.len()
    }
}

impl<R> Broker<R> {
    /// A broker of no devices. `seed` is random: it says where each device's queue pair numbers begin, so that a
    /// restarted service does not soon repeat numbers that peers remember.
    pub fn new(seed: u64) -> Self {
        Self {
            devices: Vec::new(),
            next_queue_pair: HashMap::new(),
            seed,
            programs: HashMap::new(),
            endpoints: HashMap::new(),
            by_address: HashMap::new(),
            conversations: HashMap::new(),
            pairs: HashMap::new(),
            last_endpoint: 0,
            last_conversation: 0,
            outputs: Vec::new(),
            tallies: Tallies::default(),
        }
    }

    /// The tallies that have changed since the last call.
    pub fn take_tallies(&mut self) -> Vec<(Gid, Tally)> {
        self.tallies.take_changed()
    }

    /// What is to be done, in this order.
    pub fn take_outputs(&mut self) -> Vec<Output<R>> {
        std::mem::take(&mut self.outputs)
    }

    /// Sets the devices. Endpoints of a device that is no longer among them, or that another network namespace has
    /// now, end.
    pub fn set_devices(&mut self, devices: Vec<Device>) {
        let stays = |old: &Device| {
            let same = |new: &Device| {
                new.attributes.gid == old.attributes.gid
                    && new.network_namespace == old.network_namespace
            };
            devices.iter().any(same)
        };
        let gone: HashSet<Gid> = self
            .devices
            .iter()
            .filter(|device| !stays(device))
            .map(|device| device.attributes.gid)
            .collect();
        let ended: Vec<EndpointId> = self
            .endpoints
            .iter()
            .filter(|(_, endpoint)| gone.contains(&endpoint.address.gid))
            .map(|(id, _)| *id)
            .collect();
        for endpoint in ended {
            self.withdraw_endpoint(endpoint);
        }
        let there: HashSet<Gid> = devices.iter().map(|device| device.attributes.gid).collect();
        self.tallies.keep(|gid| there.contains(&gid));
        self.devices = devices;
    }

    /// A program has connected from `network_namespace`.
    pub fn connected(&mut self, program: ProgramId, network_namespace: NamespaceId) {
        let visible = self
            .devices
            .iter()
            .filter(|device| device.is_visible_from(network_namespace));
        let devices: Vec<_> = visible
            .take(MAX_DEVICES)
            .map(|device| device.attributes.clone())
            .collect();
        self.tell(
            program,
            Event::Welcome {
                version: PROTOCOL_VERSION,
                devices: devices.clone(),
            },
        );
        let state = Program {
            network_namespace,
            devices,
            endpoints: BTreeSet::new(),
            handles: HashMap::new(),
            handles_of_device: HashMap::new(),
            offers: Offers::default(),
        };
        self.programs.insert(program, state);
    }

    /// How many programs of this network namespace are connected.
    pub fn programs_in(&self, network_namespace: NamespaceId) -> usize {
        let programs = self.programs.values();
        let of_namespace = programs.filter(|state| state.network_namespace == network_namespace);
        of_namespace.count()
    }

    /// Whether a program's welcome named any device.
    pub fn has_devices(&self, program: ProgramId) -> bool {
        let state = self.programs.get(&program);
        state.is_some_and(|state| !state.devices.is_empty())
    }

    /// A program's connection has ended: so have its endpoints.
    pub fn disconnected(&mut self, program: ProgramId) {
        let Some(state) = self.programs.remove(&program) else {
            return;
        };
        for endpoint in state.endpoints {
            self.destroy_endpoint(endpoint, Cause::PeerGone);
        }
    }

    /// A program asks. `regions` are the attached ones that were found to be what a region must be.
    pub fn request(
        &mut self,
        judges: Judges<'_>,
        program: ProgramId,
        request: Request,
        mut regions: Vec<Region<R>>,
    ) {
        if !self.programs.contains_key(&program) {
            return;
        }
        match request {
            Request::CreateEndpoint {
                request, device, ..
            } => {
                if let Err(refusal) = self.create_endpoint(program, request, device, regions) {
                    self.tell(program, Event::Refused { request, refusal });
                }
            }
            Request::CreateAddressHandle {
                request,
                device,
                gid,
            } => {
                let event = match self.create_address_handle(judges.policy, program, device, gid) {
                    Ok(number) => Event::AddressHandleCreated { request, number },
                    Err(refusal) => Event::Refused { request, refusal },
                };
                self.tell(program, event);
            }
            Request::Offer {
                endpoint,
                attempt,
                peer,
            } => {
                let offered = match self.endpoint_of(program, endpoint) {
                    Some(id) => self.offer(judges, id, attempt, peer, regions.pop()),
                    // One that its device was taken from, or that never was.
                    None => Err(Cause::Unreachable),
                };
                if let Err(cause) = offered {
                    self.tell(
                        program,
                        Event::Failed {
                            endpoint,
                            attempt,
                            cause,
                        },
                    );
                }
            }
            // The shell's business.
            Request::Wake => {}
            Request::DestroyEndpoint { endpoint }
            | Request::Answer { endpoint, .. }
            | Request::Close { endpoint, .. }
            | Request::Nudge { endpoint, .. }
            | Request::Nudged { endpoint } => {
                if let Some(id) = self.endpoint_of(program, endpoint) {
                    self.request_of(id, request, regions.pop());
                }
            }
        }
    }

    /// A program asks something about an endpoint of its own.
    fn request_of(&mut self, id: EndpointId, request: Request, region: Option<Region<R>>) {
        match request {
            Request::DestroyEndpoint { .. } => self.destroy_endpoint(id, Cause::PeerGone),
            Request::Answer { conversation, .. } => {
                self.settle(id, conversation);
                self.answer(id, conversation, region);
            }
            Request::Close { conversation, .. } => {
                self.settle(id, conversation);
                self.close(id, conversation);
            }
            Request::Nudge { conversation, .. } => self.nudge_peer(id, conversation),
            Request::Nudged { .. } => self.nudged(id),
            Request::CreateEndpoint { .. }
            | Request::CreateAddressHandle { .. }
            | Request::Offer { .. }
            | Request::Wake => {}
        }
    }

    /// Whose endpoint this is.
    pub fn program_of(&self, endpoint: EndpointId) -> Option<ProgramId> {
        self.endpoints
            .get(&endpoint)
            .map(|endpoint| endpoint.program)
    }

    /// The endpoint, where it is this program's. Numbers of others are treated like numbers that never were.
    fn endpoint_of(&self, program: ProgramId, number: u32) -> Option<EndpointId> {
        let id = EndpointId(number);
        let endpoint = self.endpoints.get(&id)?;
        (endpoint.program == program).then_some(id)
    }

    fn create_endpoint(
        &mut self,
        program: ProgramId,
        request: u32,
        device: u16,
        regions: Vec<Region<R>>,
    ) -> Result<(), Refusal> {
        let attributes = self.open_device(program, device)?;
        let (gid, is_carried) = (attributes.gid, attributes.reaches_other_hosts);
        if is_carried && regions.len() != 2 {
            return Err(Refusal::BadRegion);
        }
        let queue_pair = self.free_queue_pair(gid)?;
        let number = self.last_endpoint.checked_add(1).ok_or(Refusal::Limit)?;
        self.last_endpoint = number;
        let id = EndpointId(number);
        let address = Peer { gid, queue_pair };
        let endpoint = Endpoint {
            program,
            address,
            conversations: BTreeSet::new(),
            remote: HashSet::new(),
            is_nudged: false,
        };
        self.endpoints.insert(id, endpoint);
        self.by_address.insert(address, id);
        self.tallies.of(gid).endpoints += 1;
        if let Some(state) = self.programs.get_mut(&program) {
            state.endpoints.insert(id);
        }
        if is_carried {
            self.outputs.push(Output::Carry {
                program,
                request,
                endpoint: id,
                address,
                regions,
            });
        } else {
            self.tell(
                program,
                Event::EndpointCreated {
                    request,
                    endpoint: number,
                    queue_pair,
                },
            );
        }
        Ok(())
    }

    /// A device of the program's welcome that is still there, and in the program's network namespace.
    fn open_device(&self, program: ProgramId, device: u16) -> Result<&DeviceAttributes, Refusal> {
        let state = self.programs.get(&program).ok_or(Refusal::NoSuchDevice)?;
        let attributes = state
            .devices
            .get(usize::from(device))
            .ok_or(Refusal::NoSuchDevice)?;
        let is_there = |device: &Device| {
            device.attributes.gid == attributes.gid
                && device.is_visible_from(state.network_namespace)
        };
        if !self.devices.iter().any(is_there) {
            return Err(Refusal::NoSuchDevice);
        }
        Ok(attributes)
    }

    /// Numbers go around: one that was given back comes again after all others.
    fn free_queue_pair(&mut self, gid: Gid) -> Result<u32, Refusal> {
        let of_device = self.by_address.keys().filter(|address| address.gid == gid);
        if of_device.count() >= MAX_ENDPOINTS {
            return Err(Refusal::Limit);
        }
        let span = LAST_QUEUE_PAIR - FIRST_QUEUE_PAIR + 1;
        let mixed = self.seed ^ gid.interface_id().rotate_left(17);
        let begin = FIRST_QUEUE_PAIR + (mixed % u64::from(span)) as u32;
        let mut number = *self.next_queue_pair.get(&gid).unwrap_or(&begin);
        let after = |number: u32| {
            if number >= LAST_QUEUE_PAIR {
                FIRST_QUEUE_PAIR
            } else {
                number + 1
            }
        };
        // One of MAX_ENDPOINTS numbers in a row is free.
        while self.by_address.contains_key(&Peer {
            gid,
            queue_pair: number,
        }) {
            number = after(number);
        }
        self.next_queue_pair.insert(gid, after(number));
        Ok(number)
    }

    fn create_address_handle(
        &mut self,
        policy: &dyn Policy,
        program: ProgramId,
        device: u16,
        gid: Gid,
    ) -> Result<u16, Refusal> {
        let own = self.open_device(program, device)?.gid;
        if let Err(refusal) = policy.may_converse(own, gid) {
            self.tallies.of(own).refused += 1;
            return Err(refusal);
        }
        let state = self
            .programs
            .get_mut(&program)
            .ok_or(Refusal::NoSuchDevice)?;
        if let Some(number) = state.handles.get(&(device, gid)) {
            return Ok(*number);
        }
        let next = state.handles_of_device.entry(device).or_insert(0);
        if usize::from(*next) >= MAX_ADDRESS_HANDLES {
            return Err(Refusal::Limit);
        }
        let number = *next;
        *next += 1;
        state.handles.insert((device, gid), number);
        Ok(number)
    }

    /// Ends an endpoint; its peers hear `cause`.
    fn destroy_endpoint(&mut self, id: EndpointId, cause: Cause) {
        let Some(endpoint) = self.endpoints.get(&id) else {
            return;
        };
        let conversations: Vec<u64> = endpoint.conversations.iter().copied().collect();
        for conversation in conversations {
            self.break_conversation(conversation, cause, Some(id));
        }
        if let Some(endpoint) = self.endpoints.remove(&id) {
            self.by_address.remove(&endpoint.address);
            let tally = self.tallies.of(endpoint.address.gid);
            tally.endpoints -= 1;
            tally.lanes -= endpoint.lanes() as u64;
            if let Some(state) = self.programs.get_mut(&endpoint.program) {
                state.endpoints.remove(&id);
                state.offers.forget(|endpoint, _| endpoint == id);
            }
            self.pass_on(endpoint.program);
            self.outputs.push(Output::Ended {
                endpoint: id,
                is_withdrawn: cause == Cause::Revoked,
            });
        }
    }

    /// Ends an endpoint whose device is taken away: both sides of its lanes are revoked.
    fn withdraw_endpoint(&mut self, id: EndpointId) {
        let Some(endpoint) = self.endpoints.get(&id) else {
            return;
        };
        let conversations: Vec<u64> = endpoint.conversations.iter().copied().collect();
        let (program, remote) = (endpoint.program, endpoint.remote.clone());
        self.tallies.of(endpoint.address.gid).revoked += remote.len() as u64;
        for conversation in conversations {
            self.revoke(conversation);
        }
        for peer in remote {
            let (endpoint, cause) = (id.0, Cause::Revoked);
            self.tell(
                program,
                Event::RemoteBroken {
                    endpoint,
                    peer,
                    cause,
                },
            );
        }
        self.destroy_endpoint(id, Cause::Revoked);
    }

    /// A service ring could not be made after all.
    pub fn carry_failed(&mut self, endpoint: EndpointId, request: u32) {
        let Some(program) = self
            .endpoints
            .get(&endpoint)
            .map(|endpoint| endpoint.program)
        else {
            return;
        };
        self.destroy_endpoint(endpoint, Cause::PeerGone);
        let refusal = Refusal::BadRegion;
        self.tell(program, Event::Refused { request, refusal });
    }

    fn tell(&mut self, program: ProgramId, event: Event) {
        self.outputs.push(Output::Send {
            program,
            event,
            region: None,
        });
    }
}
