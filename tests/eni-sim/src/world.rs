//! The virtual clock: events in order of time, endpoints, and what became of every message.

use crate::express::{self, ExpressEndpoint, ExpressOptions};
use crate::network::{Network, NetworkDrops, NetworkSpec, Passage, Stage};
use crate::srd::SrdEndpoint;
use crate::tcp::{Segment, TcpEndpoint};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// What a packet carries.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Datagram(Vec<u8>),
    Segment(Segment),
}

/// A packet that an endpoint sends.
#[derive(Clone, Debug)]
pub(crate) struct Outbound {
    /// Which of the endpoint's paths.
    pub(crate) path: u8,
    /// With all headers.
    pub(crate) wire_bytes: u64,
    pub(crate) body: Body,
}

/// One end of a conversation.
pub(crate) enum Endpoint {
    Srd(Box<SrdEndpoint>),
    Tcp(Box<TcpEndpoint>),
    /// Carries the segments of TCP endpoints behind it.
    Express(Box<ExpressEndpoint>),
}

struct Placed {
    endpoint: Endpoint,
    host: usize,
    /// The endpoint on the other side.
    peer: usize,
    /// Where its first path lies among the cores.
    hash: usize,
    /// The ENA Express that its segments are offered to.
    via: Option<usize>,
    timer_ns: u64,
    timer_generation: u64,
}

struct Packet {
    body: Body,
    wire_bytes: u64,
    from: usize,
    core: usize,
    stage: Stage,
}

enum Happening {
    Hop(Packet),
    Timer { endpoint: usize, generation: u64 },
    Send { message: u32 },
}

struct Entry {
    at_ns: u64,
    /// Ties are broken by age, so that a seed replays exactly.
    sequence: u64,
    happening: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at_ns, self.sequence) == (other.at_ns, other.sequence)
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ns, self.sequence).cmp(&(other.at_ns, other.sequence))
    }
}

/// A message of the workload.
#[derive(Clone, Copy, Debug)]
pub struct MessageRecord {
    /// The endpoint that sends it.
    pub endpoint: usize,
    /// Its size; more than a datagram carries is cut.
    pub bytes: u32,
    /// When the application hands it over.
    pub sent_ns: u64,
    /// When the receiver had all of it.
    pub delivered_ns: Option<u64>,
    /// When the sender knew that.
    pub completed_ns: Option<u64>,
    /// It only fills the network; nobody waits for it.
    pub is_background: bool,
}

impl MessageRecord {
    /// From the application's call to the receiver's having all of it.
    pub fn latency_ns(&self) -> Option<u64> {
        Some(self.delivered_ns? - self.sent_ns)
    }
}

/// What endpoints report.
#[derive(Default)]
pub(crate) struct Reports {
    pub(crate) delivered: Vec<u32>,
    pub(crate) completed: Vec<u32>,
}

/// A network, its endpoints and a workload, under one clock and one seed.
pub struct World {
    now_ns: u64,
    heap: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
    dice: StdRng,
    network: Network,
    endpoints: Vec<Placed>,
    /// Segments whose frames are under way over ENA Express, and the endpoints that they are for.
    framed: HashMap<u64, (usize, Segment)>,
    frames: u64,
    messages: Vec<MessageRecord>,
    undelivered: usize,
    reports: Reports,
    steps_at_once: u32,
    /// Of those that are opened.
    pub(crate) express_options: ExpressOptions,
}

/// More events at one moment than any workload plans: somebody's timer does not advance.
const MAX_STEPS_AT_ONCE: u32 = 1_000_000;

impl World {
    /// An empty world.
    pub fn new(spec: NetworkSpec, seed: u64) -> Self {
        Self {
            now_ns: 0,
            heap: BinaryHeap::new(),
            sequence: 0,
            dice: StdRng::seed_from_u64(seed),
            network: Network::new(spec),
            endpoints: Vec::new(),
            framed: HashMap::new(),
            frames: 0,
            messages: Vec::new(),
            undelivered: 0,
            reports: Reports::default(),
            steps_at_once: 0,
            express_options: ExpressOptions::FULL,
        }
    }

    /// Each ENA Express that is opened from now on is so.
    pub fn set_express_options(&mut self, options: ExpressOptions) {
        self.express_options = options;
    }

    /// Now, in nanoseconds since the world began.
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// What did not arrive, and why.
    pub fn network_drops(&self) -> NetworkDrops {
        self.network.drops
    }

    /// From now on every core takes this long.
    pub fn set_core_delay(&mut self, delay_ns: u64) {
        self.network.set_core_delay(delay_ns);
    }

    /// 32 random bytes.
    pub(crate) fn entropy(&mut self) -> [u8; 32] {
        self.dice.random()
    }

    /// Places two endpoints that talk to each other; returns their indices.
    pub(crate) fn join(
        &mut self,
        left: (usize, Endpoint),
        right: (usize, Endpoint),
    ) -> (usize, usize) {
        let first = self.endpoints.len();
        for ((host, endpoint), peer) in [(left, first + 1), (right, first)] {
            let hash = self.dice.random_range(0..self.network.cores());
            self.endpoints.push(Placed {
                endpoint,
                host,
                peer,
                hash,
                via: None,
                timer_ns: u64::MAX,
                timer_generation: 0,
            });
        }
        (first, first + 1)
    }

    /// Puts the first path of an endpoint, where the network hashed it by chance, onto a core.
    pub fn pin(&mut self, endpoint: usize, core: usize) {
        self.endpoints[endpoint].hash = core;
    }

    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter().map(|placed| &placed.endpoint)
    }

    pub(crate) fn endpoint(&self, endpoint: usize) -> Option<&Endpoint> {
        Some(&self.endpoints.get(endpoint)?.endpoint)
    }

    /// From now on the segments of `endpoint` are offered to the ENA Express `via`.
    pub(crate) fn send_via(&mut self, endpoint: usize, via: usize) {
        self.endpoints[endpoint].via = Some(via);
    }

    /// Plans a message of `bytes` bytes from `endpoint`, to be handed over at `at_ns`.
    pub fn plan(&mut self, endpoint: usize, bytes: u32, at_ns: u64) {
        self.plan_message(endpoint, bytes, at_ns, false);
    }

    /// Plans a message that nobody waits for.
    pub fn plan_background(&mut self, endpoint: usize, bytes: u32, at_ns: u64) {
        self.plan_message(endpoint, bytes, at_ns, true);
    }

    fn plan_message(&mut self, endpoint: usize, bytes: u32, at_ns: u64, is_background: bool) {
        let message = self.messages.len() as u32;
        self.messages.push(MessageRecord {
            endpoint,
            bytes,
            sent_ns: at_ns,
            delivered_ns: None,
            completed_ns: None,
            is_background,
        });
        self.undelivered += usize::from(!is_background);
        self.push(at_ns, Happening::Send { message });
    }

    /// The workload so far.
    pub fn messages(&self) -> &[MessageRecord] {
        &self.messages
    }

    /// Messages that have not arrived.
    pub fn undelivered(&self) -> usize {
        self.undelivered
    }

    /// The SRD connection of an endpoint.
    pub fn srd(&mut self, endpoint: usize) -> Option<&mut SrdEndpoint> {
        match &mut self.endpoints.get_mut(endpoint)?.endpoint {
            Endpoint::Srd(srd) => Some(srd),
            Endpoint::Tcp(_) | Endpoint::Express(_) => None,
        }
    }

    fn push(&mut self, at_ns: u64, happening: Happening) {
        self.sequence += 1;
        self.heap.push(Reverse(Entry {
            at_ns,
            sequence: self.sequence,
            happening,
        }));
    }

    /// Runs until `until_ns`, or until every message has arrived.
    pub fn run(&mut self, until_ns: u64) {
        while self.undelivered > 0 && self.step(until_ns) {}
    }

    /// Runs until `until_ns` whether messages are missing or not.
    pub fn run_on(&mut self, until_ns: u64) {
        while self.step(until_ns) {}
    }

    fn step(&mut self, until_ns: u64) -> bool {
        if self
            .heap
            .peek()
            .is_none_or(|Reverse(entry)| entry.at_ns > until_ns)
        {
            self.now_ns = self.now_ns.max(until_ns);
            return false;
        }
        let Some(Reverse(entry)) = self.heap.pop() else {
            return false;
        };
        self.count_step(entry.at_ns);
        match entry.happening {
            Happening::Hop(packet) => self.hop(packet),
            Happening::Timer {
                endpoint,
                generation,
            } => {
                let placed = &mut self.endpoints[endpoint];
                if placed.timer_generation == generation {
                    placed.timer_ns = u64::MAX;
                    let frames = match &mut placed.endpoint {
                        Endpoint::Srd(srd) => {
                            srd.timeout(self.now_ns);
                            Vec::new()
                        }
                        Endpoint::Tcp(tcp) => {
                            tcp.timeout(self.now_ns);
                            Vec::new()
                        }
                        Endpoint::Express(express) => express.timeout(self.now_ns),
                    };
                    self.take_frames(frames);
                    self.drive(endpoint);
                }
            }
            Happening::Send { message } => {
                let MessageRecord {
                    endpoint, bytes, ..
                } = self.messages[message as usize];
                match &mut self.endpoints[endpoint].endpoint {
                    Endpoint::Srd(srd) => srd.send(message, bytes),
                    Endpoint::Tcp(tcp) => tcp.send(message, bytes),
                    Endpoint::Express(_) => unreachable!("messages are sent by what is behind it"),
                }
                self.drive(endpoint);
            }
        }
        true
    }

    fn count_step(&mut self, at_ns: u64) {
        self.steps_at_once = if at_ns > self.now_ns {
            0
        } else {
            self.steps_at_once + 1
        };
        assert!(
            self.steps_at_once < MAX_STEPS_AT_ONCE,
            "an endpoint spins at {at_ns} ns"
        );
        self.now_ns = at_ns;
    }

    fn hop(&mut self, mut packet: Packet) {
        let peer = self.endpoints[packet.from].peer;
        if packet.stage == Stage::Arrived {
            self.arrive(peer, packet.body);
            self.drive(peer);
            return;
        }
        let way = (
            self.endpoints[packet.from].host,
            self.endpoints[peer].host,
            packet.core,
        );
        let passage = self.network.pass(
            self.now_ns,
            packet.stage,
            way,
            packet.wire_bytes,
            &mut self.dice,
        );
        let Passage::Arrives(at, again) = passage else {
            return;
        };
        packet.stage = match packet.stage {
            Stage::Up => Stage::Core,
            Stage::Core => Stage::Down,
            Stage::Down | Stage::Arrived => Stage::Arrived,
        };
        if let Some(again) = again {
            let copy = Packet {
                body: packet.body.clone(),
                ..packet
            };
            self.push(again, Happening::Hop(copy));
        }
        self.push(at, Happening::Hop(packet));
    }

    fn arrive(&mut self, endpoint: usize, body: Body) {
        let now = self.now_ns;
        match (&mut self.endpoints[endpoint].endpoint, body) {
            (Endpoint::Srd(srd), Body::Datagram(bytes)) => {
                srd.receive(now, bytes, &mut self.reports);
            }
            (Endpoint::Tcp(tcp), Body::Segment(segment)) => {
                tcp.receive(now, &segment, &mut self.reports);
            }
            (Endpoint::Express(express), Body::Datagram(bytes)) => {
                let frames = express.receive(now, bytes);
                self.take_frames(frames);
            }
            (Endpoint::Srd(_) | Endpoint::Express(_), Body::Segment(_))
            | (Endpoint::Tcp(_), Body::Datagram(_)) => {}
        }
    }

    /// Gives the segments in frames that ENA Express delivered to those they are for. What these say to it waits for its
    /// next turn, so that answers share datagrams.
    fn take_frames(&mut self, frames: Vec<u64>) {
        for frame in frames {
            if let Some((endpoint, segment)) = self.framed.remove(&frame) {
                self.arrive(endpoint, Body::Segment(segment));
                self.say(endpoint);
            }
        }
    }

    /// Offers a segment of `endpoint` to its ENA Express; gives it back if it is to go the ordinary way.
    fn offer(&mut self, endpoint: usize, via: usize, outbound: Outbound) -> Option<Outbound> {
        let Body::Segment(segment) = outbound.body else {
            return Some(outbound);
        };
        let peer = self.endpoints[endpoint].peer;
        let (from, to) = (self.endpoints[endpoint].host, self.endpoints[peer].host);
        self.frames += 1;
        // One number names the flow at both ends; endpoints are joined in pairs.
        let flow = if self.express_options.takes_turns {
            endpoint.min(peer)
        } else {
            0
        };
        let frame = express::frame((from, to), flow, self.frames, segment.bytes);
        let Endpoint::Express(express) = &mut self.endpoints[via].endpoint else {
            unreachable!("endpoints are placed behind an ENA Express only");
        };
        match express.offer(self.now_ns, frame) {
            express::Fate::Ordinary => Some(Outbound {
                body: Body::Segment(segment),
                ..outbound
            }),
            express::Fate::Queued => {
                self.framed.insert(self.frames, (peer, segment));
                None
            }
            express::Fate::Dropped => None,
        }
    }

    /// Takes what an endpoint has to say after something happened to it, and what its ENA Express has after that.
    fn drive(&mut self, endpoint: usize) {
        self.say(endpoint);
        if let Some(via) = self.endpoints[endpoint].via {
            self.say(via);
        }
    }

    fn say(&mut self, endpoint: usize) {
        let now = self.now_ns;
        loop {
            let placed = &mut self.endpoints[endpoint];
            let outbound = match &mut placed.endpoint {
                Endpoint::Srd(srd) => srd.transmit(now, &mut self.reports),
                Endpoint::Tcp(tcp) => tcp.transmit(now),
                Endpoint::Express(express) => express.transmit(now),
            };
            let (hash, via) = (placed.hash, placed.via);
            let Some(mut outbound) = outbound else { break };
            if let Some(via) = via {
                let Some(ordinary) = self.offer(endpoint, via, outbound) else {
                    continue;
                };
                outbound = ordinary;
            }
            let core = (hash + usize::from(outbound.path)) % self.network.cores();
            let packet = Packet {
                body: outbound.body,
                wire_bytes: outbound.wire_bytes,
                from: endpoint,
                core,
                stage: Stage::Up,
            };
            self.hop(packet);
        }
        let placed = &mut self.endpoints[endpoint];
        let timer = match &placed.endpoint {
            Endpoint::Srd(srd) => srd.next_timeout(),
            Endpoint::Tcp(tcp) => tcp.next_timeout(),
            Endpoint::Express(express) => express.next_timeout(),
        };
        let timer = timer.map_or(u64::MAX, |at| at.max(now));
        if timer != placed.timer_ns {
            placed.timer_generation += 1;
            placed.timer_ns = timer;
            let generation = placed.timer_generation;
            if timer != u64::MAX {
                self.push(
                    timer,
                    Happening::Timer {
                        endpoint,
                        generation,
                    },
                );
            }
        }
        self.note();
    }

    fn note(&mut self) {
        for message in self.reports.delivered.drain(..) {
            let message = &mut self.messages[message as usize];
            message.delivered_ns = Some(self.now_ns);
            self.undelivered -= usize::from(!message.is_background);
        }
        for message in self.reports.completed.drain(..) {
            self.messages[message as usize].completed_ns = Some(self.now_ns);
        }
    }
}
