//! The thread that carries records between hosts.
//!
//! Each turn it receives datagrams and puts their records into rings, takes records from rings and hands them to SRD,
//! does what SRD's timers ask, sends what SRD has to send, and tells programs what has ended.

mod endpoints;
mod faults;
mod message;
mod metrics;
mod options;
mod pairs;
mod sleep;
mod traffic;
mod underlay;

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time;

use eni_efa_abi::control::Cause;
use eni_efa_abi::record::Outcome;
use eni_efa_abi::{Gid, Peer, Route};
use eni_srd::{Event, Failure, Instant};
use parking_lot::Mutex;
use rustix::event::EventfdFlags;

use crate::broker::EndpointId;
use crate::policy::{Directory, Policy};
use crate::service::Reports;
pub(crate) use endpoints::EndpointRings;
use endpoints::Endpoints;
pub(crate) use metrics::DeviceMetrics;
pub use metrics::{DeviceCounters, DropReason};
pub use options::{Faults, Poll, UNDERLAY_PATHS, UNDERLAY_PORT, UnderlayOptions};
use pairs::{NewPair, Pairs};
use sleep::Patience;
use underlay::Underlay;

/// Codes of messages that a service refuses for its programs.
pub(crate) mod refusal {
    /// The queue pair is gone.
    pub(crate) const PEER_GONE: u8 = 1;
    /// The policy does not allow it.
    pub(crate) const NOT_ALLOWED: u8 = 2;
    /// The message is no record.
    pub(crate) const MALFORMED: u8 = 3;
}

/// What the control thread wants of the carrier.
#[derive(Debug)]
pub(crate) enum Command {
    /// Carry for an endpoint.
    Open {
        endpoint: EndpointId,
        address: Peer,
        rings: Box<EndpointRings>,
    },
    /// The broker knows of this lane.
    Reach { endpoint: EndpointId, peer: Peer },
    /// An endpoint has ended; its last records go out unless its device was taken from it.
    Close {
        endpoint: EndpointId,
        is_withdrawn: bool,
    },
}

/// What the carrier tells the control thread.
#[derive(Debug)]
pub(crate) enum Report {
    /// A record came to an endpoint from a peer that is new to it.
    Reached { endpoint: EndpointId, peer: Peer },
    /// The way between two devices has ended.
    Lost {
        local: Gid,
        remote: Gid,
        cause: Cause,
    },
    /// A program wrote what no honest one writes.
    Violation { endpoint: EndpointId },
    /// A program leaves unread what came for an endpoint.
    Unread { endpoint: EndpointId },
}

/// The counters of every device that has been carried for.
pub(crate) type Metrics = Arc<Mutex<HashMap<Gid, Arc<DeviceMetrics>>>>;

/// The carrier, as the control thread holds it. Dropped, it stops.
#[derive(Debug)]
pub(crate) struct CarrierHandle {
    commands: Sender<Command>,
    signals: Arc<Signals>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Signals {
    has_commands: AtomicBool,
    stop: AtomicBool,
    wake: OwnedFd,
}

impl CarrierHandle {
    pub(crate) fn start(
        options: &UnderlayOptions,
        policy: Arc<dyn Policy>,
        directory: Arc<dyn Directory>,
        metrics: Metrics,
        reports: Reports,
    ) -> io::Result<Self> {
        let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let signals = Arc::new(Signals {
            has_commands: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            wake,
        });
        let (commands, received) = std::sync::mpsc::channel();
        let mut carrier = Carrier {
            underlay: Underlay::open(options)?,
            patience: Patience::new(options.poll),
            max_datagram: options.max_datagram(),
            paths: options.paths,
            policy,
            directory,
            metrics,
            reports,
            signals: Arc::clone(&signals),
            commands: received,
            clock: time::Instant::now(),
            now: Instant::default(),
            endpoints: Endpoints::default(),
            pairs: Pairs::default(),
            due: Vec::new(),
            next_timer: None,
            next_look: None,
            under_way: UnderWay::default(),
            was_quiet: false,
            news: Vec::new(),
            buffer: vec![0; traffic::BUFFER],
        };
        let thread = thread::Builder::new()
            .name("fabric-carrier".to_owned())
            .spawn(move || carrier.run())?;
        Ok(Self {
            commands,
            signals,
            thread: Some(thread),
        })
    }

    pub(crate) fn order(&self, command: Command) {
        // A carrier that has ended carries nothing; its programs are told by the end of the service.
        let _sent = self.commands.send(command);
        self.signals.has_commands.store(true, Ordering::Release);
        self.wake();
    }

    /// A program has written while the carrier slept.
    pub(crate) fn wake(&self) {
        let _woken = rustix::io::write(&self.signals.wake, &1_u64.to_ne_bytes());
    }
}

impl Drop for CarrierHandle {
    fn drop(&mut self) {
        self.signals.stop.store(true, Ordering::Release);
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

struct Carrier {
    underlay: Underlay,
    patience: Patience,
    max_datagram: usize,
    paths: u8,
    policy: Arc<dyn Policy>,
    directory: Arc<dyn Directory>,
    metrics: Metrics,
    reports: Reports,
    signals: Arc<Signals>,
    commands: Receiver<Command>,
    clock: time::Instant,
    /// The moment on the connections' clock, as last read.
    now: Instant,
    endpoints: Endpoints,
    pairs: Pairs,
    /// Pairs that something happened to in this turn.
    due: Vec<usize>,
    /// No pair's timer is earlier.
    next_timer: Option<Instant>,
    /// When to look whether programs read, where something may be unread.
    next_look: Option<Instant>,
    under_way: UnderWay,
    /// Nothing had arrived when it was looked for last: what arrives next is answered before more is looked for.
    was_quiet: bool,
    /// Reports of this turn.
    news: Vec<Report>,
    /// Datagrams on their way to the kernel.
    buffer: Vec<u8>,
}

/// Records under way; a message's token is its place here.
#[derive(Debug, Default)]
struct UnderWay {
    slots: Vec<(EndpointId, Route)>,
    free: Vec<u32>,
}

impl UnderWay {
    fn add(&mut self, endpoint: EndpointId, route: Route) -> u64 {
        match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = (endpoint, route);
                u64::from(slot)
            }
            None => {
                self.slots.push((endpoint, route));
                self.slots.len() as u64 - 1
            }
        }
    }

    fn take(&mut self, token: u64) -> Option<(EndpointId, Route)> {
        let found = *self.slots.get(usize::try_from(token).ok()?)?;
        self.free.push(u32::try_from(token).ok()?);
        Some(found)
    }
}

impl Carrier {
    fn run(&mut self) {
        while !self.signals.stop.load(Ordering::Acquire) {
            self.refresh();
            self.patience.turn(self.now);
            self.underlay.turn(self.now);
            let mut busy = self.take_commands();
            busy |= self.take_from_rings();
            self.serve_timers();
            busy |= self.serve_due();
            let has_delivered = self.receive();
            busy |= has_delivered | self.serve_due();
            self.look_for_unread();
            if !self.news.is_empty() {
                self.reports.send(&mut self.news);
            }
            self.rest(busy, has_delivered);
        }
        self.close_pairs();
    }

    /// Reads the clock, once for much work: a reading costs as much as a record.
    fn refresh(&mut self) {
        let since = self.clock.elapsed().as_nanos();
        self.now = Instant::from_nanos(u64::try_from(since).unwrap_or(u64::MAX));
    }

    fn take_commands(&mut self) -> bool {
        if !self.signals.has_commands.swap(false, Ordering::AcqRel) {
            return false;
        }
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Open {
                    endpoint,
                    address,
                    rings,
                } => {
                    let metrics = self.metrics_of(address.gid);
                    self.endpoints.open(endpoint, address, *rings, metrics);
                }
                Command::Reach { endpoint, peer } => {
                    if let Some(endpoint) = self.endpoints.by_id(endpoint) {
                        endpoint.meet(peer);
                    }
                }
                Command::Close {
                    endpoint,
                    is_withdrawn: true,
                } => self.endpoints.abandon(endpoint),
                Command::Close {
                    endpoint,
                    is_withdrawn: false,
                } => self.endpoints.end(endpoint, self.now),
            }
        }
        true
    }

    fn metrics_of(&self, gid: Gid) -> Arc<DeviceMetrics> {
        Arc::clone(self.metrics.lock().entry(gid).or_default())
    }

    /// The pair of these devices, made where it is not there; nothing where nobody knows the other's host, or the two may
    /// not converse.
    fn pair_of(&mut self, local: Gid, remote: Gid) -> Option<usize> {
        if let Some(slot) = self.pairs.find(local, remote) {
            return Some(slot);
        }
        self.policy.may_converse(local, remote).ok()?;
        let new = NewPair {
            host: self.directory.host_of(remote)?,
            key: self.directory.key_of(local, remote),
            metrics: self.metrics_of(local),
            paths: self.paths,
            max_datagram: self.max_datagram,
            now: self.now,
        };
        self.pairs.open(local, remote, new, &*self.policy)
    }

    /// Something happened to the pair: it is looked after before the turn ends.
    fn touch(&mut self, slot: usize) {
        if let Some(pair) = self.pairs.at(slot)
            && !pair.is_due
        {
            pair.is_due = true;
            self.due.push(slot);
        }
    }

    /// Tells programs what a connection says.
    fn handle_event(&mut self, slot: usize, event: Event) {
        match event {
            Event::Completed { token, .. } => self.complete(token, Outcome::Delivered),
            Event::Failed { token, reason, .. } => {
                if let Some(pair) = self.pairs.at(slot) {
                    pair.metrics.count_drop(DropReason::Unreachable);
                }
                self.complete(token, outcome_of(reason));
            }
            Event::PeerReset => self.lose(slot, Cause::PeerGone),
            Event::Closed { reason } => {
                let cause = if reason == Failure::PeerDead {
                    Cause::Unreachable
                } else {
                    Cause::PeerGone
                };
                self.lose(slot, cause);
                self.pairs.close(slot);
            }
            Event::Connected => {}
            Event::PathDown { path } => tracing::info!(path, "a path is down"),
            Event::PathUp { path } => tracing::info!(path, "a path is up again"),
        }
    }

    fn complete(&mut self, token: u64, outcome: Outcome) {
        if let Some((endpoint, route)) = self.under_way.take(token)
            && let Some(endpoint) = self.endpoints.by_id(endpoint)
        {
            endpoint.complete(route, outcome);
        }
    }

    /// The endpoints of the other device are not what they were.
    fn lose(&mut self, slot: usize, cause: Cause) {
        let Some(pair) = self.pairs.at(slot) else {
            return;
        };
        let (local, remote) = (pair.local, pair.remote);
        for endpoint in self.endpoints.all() {
            if endpoint.address.gid == local {
                endpoint.part(remote);
            }
        }
        self.news.push(Report::Lost {
            local,
            remote,
            cause,
        });
    }
}

fn outcome_of(reason: Failure) -> Outcome {
    match reason {
        Failure::PeerReset | Failure::PeerClosed | Failure::Closed => Outcome::PeerGone,
        Failure::Refused(refusal::PEER_GONE) => Outcome::PeerGone,
        Failure::Refused(refusal::NOT_ALLOWED) => Outcome::Revoked,
        Failure::Refused(_) | Failure::TooLarge => Outcome::Protocol,
        Failure::PeerDead | Failure::NotReady => Outcome::Unreachable,
    }
}
