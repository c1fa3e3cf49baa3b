//! The thread that serves the control socket.

use std::collections::{HashMap, HashSet};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use eni_efa_abi::control::{Event, Request};
use eni_efa_abi::{Gid, Peer};
use eni_efa_channel::{ControlSocket, Received, RegionShape};
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::SocketFlags;

use super::inspector::{Finding, Inspection, Inspector};
use super::program::Program;
use super::{Orders, Reports, ServiceOptions};
use crate::broker::{
    Broker, Device, EndpointId, Judges, Output, ProgramId, Region, RegionIdentity,
};
use crate::caller::Caller;
use crate::carrier::{CarrierHandle, Command, EndpointRings, Metrics, Report};

/// How long a program may keep memory that was taken from it.
pub(super) const REVOCATION_GRACE: Duration = Duration::from_secs(1);
/// How much later an inspection is asked for again where the inspector has its hands full.
const INSPECTION_PAUSE: Duration = Duration::from_millis(50);
/// How often the policy is looked at where nobody says that it changed.
const POLICY_PERIOD: Duration = Duration::from_millis(50);
/// Messages taken from one program before others have their turn.
const MESSAGES_PER_TURN: usize = 32;
/// Programs at a time.
const MAX_PROGRAMS: usize = 1_024;
/// Programs of one network namespace at a time: the others' share is left to them.
const MAX_PROGRAMS_OF_NAMESPACE: usize = MAX_PROGRAMS / 2;
/// How long nobody is let in where the process has no descriptor left; the socket would wake us again at once.
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(10);

const LISTENER: u64 = 0;
const WAKE: u64 = 1;
/// Each program has two tokens: its number doubled is its socket, one more its process.
const FIRST_PROGRAM: u64 = 1;

pub(super) struct Control {
    options: ServiceOptions,
    listener: OwnedFd,
    orders: Arc<Orders>,
    epoll: OwnedFd,
    broker: Broker<OwnedFd>,
    carrier: Option<CarrierHandle>,
    metrics: Metrics,
    programs: HashMap<ProgramId, Program>,
    last_program: u64,
    policy_generation: u64,
    inspections: Vec<DueInspection>,
    inspector: Inspector,
    /// Programs that the inspector has been asked about and has not answered for.
    inspected: HashSet<ProgramId>,
}

#[derive(Debug)]
struct DueInspection {
    at: Instant,
    program: ProgramId,
    region: RegionIdentity,
}

impl Control {
    pub(super) fn new(
        options: ServiceOptions,
        listener: OwnedFd,
        orders: Arc<Orders>,
        metrics: Metrics,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(
            &epoll,
            &listener,
            EventData::new_u64(LISTENER),
            EventFlags::IN,
        )?;
        epoll::add(
            &epoll,
            &orders.wake,
            EventData::new_u64(WAKE),
            EventFlags::IN,
        )?;
        let carrier = options.underlay.as_ref().map(|underlay| {
            CarrierHandle::start(
                underlay,
                Arc::clone(&options.policy),
                Arc::clone(&options.directory),
                Arc::clone(&metrics),
                Reports(Arc::clone(&orders)),
            )
        });
        let findings = Arc::clone(&orders);
        let inspector = Inspector::start(
            |inspection, stop| inspection.caller.kept(&inspection.regions, stop),
            move |finding| {
                findings.findings.lock().push(finding);
                findings.wake();
            },
        )?;
        let devices = options.devices.clone();
        let policy_generation = options.policy.generation();
        let mut control = Self {
            carrier: carrier.transpose()?,
            metrics,
            broker: Broker::new(options.seed),
            options,
            listener,
            orders,
            epoll,
            programs: HashMap::new(),
            last_program: FIRST_PROGRAM,
            policy_generation,
            inspections: Vec::new(),
            inspector,
            inspected: HashSet::new(),
        };
        control.set_devices(devices);
        Ok(control)
    }

    /// Whether, and with what size of transfer, a device reaches other hosts is the service's to say.
    fn set_devices(&mut self, mut devices: Vec<Device>) {
        let there: HashSet<Gid> = devices.iter().map(|device| device.attributes.gid).collect();
        self.metrics.lock().retain(|gid, _| there.contains(gid));
        for device in &mut devices {
            let attributes = &mut device.attributes;
            attributes.reaches_other_hosts = self.options.underlay.is_some();
            if let Some(underlay) = &self.options.underlay {
                attributes.max_transfer = attributes.max_transfer.min(underlay.max_transfer());
            }
            self.metrics.lock().entry(attributes.gid).or_default();
        }
        self.broker.set_devices(devices);
    }

    /// Serves until it is told to stop.
    pub(super) fn run(&mut self) {
        while !self.orders.stop.load(Ordering::Acquire) {
            if let Err(error) = self.turn() {
                tracing::error!(%error, "the fabric service cannot wait for events");
                return;
            }
        }
    }

    fn turn(&mut self) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); 64];
        let timeout = Timespec::try_from(self.patience()).unwrap_or_default();
        let events = match epoll::wait(&self.epoll, &mut space, Some(&timeout)) {
            Ok((events, _)) => events,
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for event in events {
            match event.data.u64() {
                LISTENER => self.accept(),
                WAKE => {
                    let mut counter = [0; 8];
                    let _read = rustix::io::read(&self.orders.wake, &mut counter);
                }
                token if token.is_multiple_of(2) => self.serve(ProgramId(token / 2), event.flags),
                token => self.end(ProgramId(token / 2)),
            }
        }
        self.take_orders();
        self.inspect(Instant::now());
        self.take_findings();
        self.carry_out();
        self.publish_tallies();
        Ok(())
    }

    fn publish_tallies(&mut self) {
        let changed = self.broker.take_tallies();
        if changed.is_empty() {
            return;
        }
        let metrics = self.metrics.lock();
        for (gid, tally) in changed {
            if let Some(metrics) = metrics.get(&gid) {
                metrics.set_tally(tally);
            }
        }
    }

    fn patience(&self) -> Duration {
        let next = self
            .inspections
            .iter()
            .map(|inspection| inspection.at)
            .min();
        let until = next.map(|at| at.saturating_duration_since(Instant::now()));
        until.unwrap_or(POLICY_PERIOD).min(POLICY_PERIOD)
    }

    fn take_orders(&mut self) {
        let devices = self.orders.devices.lock().take();
        if let Some(devices) = devices {
            self.set_devices(devices);
        }
        let reports = std::mem::take(&mut *self.orders.reports.lock());
        for report in reports {
            self.take_report(report);
        }
        let changed = self.orders.policy_changed.swap(false, Ordering::AcqRel);
        let generation = self.options.policy.generation();
        if changed || generation != self.policy_generation {
            self.policy_generation = generation;
            self.broker.policy_changed(&*self.options.policy);
        }
    }

    fn take_report(&mut self, report: Report) {
        match report {
            Report::Reached { endpoint, peer } => self.broker.reached(endpoint, peer),
            Report::Lost {
                local,
                remote,
                cause,
            } => {
                let is_lost = |own: Peer, peer: Peer| own.gid == local && peer.gid == remote;
                self.broker.break_remote(cause, is_lost);
            }
            Report::Unread { endpoint } => self.broker.nudge(endpoint),
            Report::Violation { endpoint } => {
                if let Some(program) = self.broker.program_of(endpoint) {
                    tracing::warn!("a program broke the rings with the service and is cut off");
                    self.end(program);
                }
            }
        }
    }

    fn accept(&mut self) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        loop {
            match rustix::net::accept_with(&self.listener, flags) {
                Ok(_) if self.programs.len() >= MAX_PROGRAMS => {}
                Ok(socket) => {
                    if let Err(error) = self.welcome(socket) {
                        tracing::warn!(%error, "a program was not let in");
                    }
                }
                Err(Errno::MFILE | Errno::NFILE) => {
                    tracing::warn!("no descriptor is left for programs");
                    return thread::sleep(DESCRIPTOR_PAUSE);
                }
                Err(_) => return,
            }
        }
    }

    fn welcome(&mut self, socket: OwnedFd) -> io::Result<()> {
        let caller = Caller::of(&socket)?;
        let namespace = caller.network_namespace()?;
        if self.broker.programs_in(namespace) >= MAX_PROGRAMS_OF_NAMESPACE {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.last_program += 1;
        let id = ProgramId(self.last_program);
        let token = id.0 * 2;
        epoll::add(
            &self.epoll,
            &socket,
            EventData::new_u64(token),
            EventFlags::IN,
        )?;
        epoll::add(
            &self.epoll,
            &caller.process,
            EventData::new_u64(token + 1),
            EventFlags::IN,
        )?;
        self.programs
            .insert(id, Program::new(ControlSocket::from(socket), caller));
        self.broker.connected(id, namespace);
        self.carry_out();
        // It has been told that there is nothing for it.
        if !self.broker.has_devices(id) {
            self.end(id);
        }
        Ok(())
    }

    fn serve(&mut self, id: ProgramId, flags: EventFlags) {
        if flags.contains(EventFlags::OUT)
            && let Some(program) = self.programs.get_mut(&id)
        {
            let flushed = program.flush();
            if flushed.is_err() {
                return self.end(id);
            }
            self.watch(id);
        }
        for _ in 0..MESSAGES_PER_TURN {
            let Some(program) = self.programs.get(&id) else {
                return;
            };
            match program.socket.receive() {
                Ok(Received::Message(request, attached)) => self.request(id, request, attached),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(Received::End) => return self.end(id),
                Err(error) => {
                    tracing::warn!(%error, "a program sent what is no message");
                    return self.end(id);
                }
            }
        }
    }

    fn request(&mut self, id: ProgramId, request: Request, attached: Vec<OwnedFd>) {
        if let (Request::Wake, Some(carrier)) = (request, &self.carrier) {
            return carrier.wake();
        }
        let regions = attached.into_iter().filter_map(|file| {
            let shape = RegionShape::of(file.as_fd()).ok()?;
            let identity = RegionIdentity {
                device: shape.device,
                inode: shape.inode,
            };
            Some(Region { identity, file })
        });
        let judges = Judges {
            policy: &*self.options.policy,
            directory: &*self.options.directory,
        };
        self.broker.request(judges, id, request, regions.collect());
        self.carry_out();
    }

    /// Forgets a program: its connection closes with it.
    fn end(&mut self, id: ProgramId) {
        if let Some(program) = self.programs.remove(&id) {
            // The descriptors close, which takes them out of the epoll set; a forked child may hold copies.
            program.socket.shut_down();
            let _gone = epoll::delete(&self.epoll, &program.socket);
            let _gone = epoll::delete(&self.epoll, &program.caller.process);
            self.broker.disconnected(id);
            self.carry_out();
        }
    }

    fn carry_out(&mut self) {
        loop {
            let outputs = self.broker.take_outputs();
            if outputs.is_empty() {
                return;
            }
            for output in outputs {
                self.carry_out_one(output);
            }
        }
    }

    fn carry_out_one(&mut self, output: Output<OwnedFd>) {
        match output {
            Output::Send {
                program,
                event,
                region,
            } => self.tell(program, &event, region.into_iter().collect()),
            Output::Carry {
                program,
                request,
                endpoint,
                address,
                regions,
            } => {
                let theirs: Vec<_> = regions.into_iter().map(|region| region.file).collect();
                self.carry(program, request, endpoint, address, &theirs);
            }
            Output::Reach { endpoint, peer } => self.order(Command::Reach { endpoint, peer }),
            Output::Ended {
                endpoint,
                is_withdrawn,
            } => self.order(Command::Close {
                endpoint,
                is_withdrawn,
            }),
            Output::Inspect { program, region } => self.inspections.push(DueInspection {
                at: Instant::now() + REVOCATION_GRACE,
                program,
                region,
            }),
        }
    }

    fn order(&self, command: Command) {
        if let Some(carrier) = &self.carrier {
            carrier.order(command);
        }
    }

    fn carry(
        &mut self,
        program: ProgramId,
        request: u32,
        endpoint: EndpointId,
        address: Peer,
        theirs: &[OwnedFd],
    ) {
        let Ok((rings, ours)) = EndpointRings::create(theirs) else {
            return self.broker.carry_failed(endpoint, request);
        };
        let rings = Box::new(rings);
        self.order(Command::Open {
            endpoint,
            address,
            rings,
        });
        let event = Event::EndpointCreated {
            request,
            endpoint: endpoint.0,
            queue_pair: address.queue_pair,
        };
        self.tell(program, &event, ours.into());
    }

    fn tell(&mut self, id: ProgramId, event: &Event, attached: Vec<OwnedFd>) {
        if let Some(program) = self.programs.get_mut(&id) {
            if let Err(error) = program.send(event, attached) {
                // Most often it has just ended.
                tracing::debug!(%error, "a program cannot be told");
                program.socket.shut_down();
            }
            self.watch(id);
        }
    }

    /// Waits for room where something is queued.
    fn watch(&mut self, id: ProgramId) {
        if let Some(program) = self.programs.get(&id) {
            let flags = if program.has_queue() {
                EventFlags::IN | EventFlags::OUT
            } else {
                EventFlags::IN
            };
            let token = EventData::new_u64(id.0 * 2);
            if let Err(error) = epoll::modify(&self.epoll, &program.socket, token, flags) {
                tracing::warn!(%error, "a program's socket cannot be watched");
                program.socket.shut_down();
            }
        }
    }

    /// Has programs looked at that may keep memory which was taken from them.
    fn inspect(&mut self, now: Instant) {
        // Each program is looked at once, however much was taken from it.
        let mut taken: HashMap<ProgramId, HashSet<RegionIdentity>> = HashMap::new();
        let due = self.inspections.extract_if(.., |due| due.at <= now);
        for due in due {
            taken.entry(due.program).or_default().insert(due.region);
        }
        for (id, mut regions) in taken {
            let held = self.broker.regions_held_by(id);
            regions.retain(|region| !held.contains(region));
            let Some(program) = self.programs.get(&id) else {
                continue;
            };
            if regions.is_empty() {
                continue;
            }
            let inspection = Inspection {
                program: id,
                caller: Arc::clone(&program.caller),
                regions,
            };
            let asked = if self.inspected.contains(&id) {
                Err(inspection)
            } else {
                self.inspector.ask(inspection)
            };
            match asked {
                Ok(()) => drop(self.inspected.insert(id)),
                Err(later) => {
                    let regions = later.regions.into_iter();
                    self.inspections.extend(regions.map(|region| DueInspection {
                        at: now + INSPECTION_PAUSE,
                        program: id,
                        region,
                    }));
                }
            }
        }
    }

    /// Ends programs that keep memory which was taken from them.
    fn take_findings(&mut self) {
        let findings = std::mem::take(&mut *self.orders.findings.lock());
        for Finding { program, mut kept } in findings {
            self.inspected.remove(&program);
            // What it has got again meanwhile it has lawfully.
            let held = self.broker.regions_held_by(program);
            kept.retain(|region| !held.contains(region));
            if let Some(program) = self.programs.get(&program)
                && !kept.is_empty()
            {
                let process = program.caller.number();
                tracing::warn!(process, "a program that kept revoked memory is killed");
                program.caller.kill();
            }
        }
    }
}
