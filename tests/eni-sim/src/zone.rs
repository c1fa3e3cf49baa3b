//! The comparisons of ENA Express: the same TCP and workload in one network, with one path for each flow and over all.

use crate::express::ExpressOptions;
use crate::network::{Faults, NetworkSpec, Outage};
use crate::scenario::{Outcome, PATIENCE_NS, START_NS, Transport, open, warm_up};
use crate::tcp::TcpOptions;
use crate::world::World;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

/// What is wrong with one or two of the zone's 8 paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// Nothing.
    Nothing,
    /// Two paths carry other hosts' bulk transfers, two on each, as fast as TCP Cubic can.
    CrossTraffic,
    /// 32 other hosts send 64 KiB each to one at the same moment, every 5 ms, over two paths.
    Incast,
    /// Two paths lose 1 packet in 100.
    Loss,
    /// One path dies half-way, and routing heals it after 100 ms.
    DeadPath,
    /// A bulk transfer between the same two hosts, as fast as its TCP can.
    OwnBulk,
    /// Other hosts send to the same receiver, on four flows each, as fast as TCP Cubic can: a queue that all paths share.
    SharedReceiver {
        /// How many.
        hosts: usize,
    },
}

impl Trouble {
    /// Those that come from elsewhere.
    pub const OF_THE_NETWORK: [Self; 5] = [
        Self::Nothing,
        Self::CrossTraffic,
        Self::Incast,
        Self::Loss,
        Self::DeadPath,
    ];

    /// Those at the receiver's own link, where no other path helps.
    pub const OF_THE_RECEIVER: [Self; 3] = [
        Self::SharedReceiver { hosts: 1 },
        Self::SharedReceiver { hosts: 2 },
        Self::SharedReceiver { hosts: 4 },
    ];

    /// Hosts on each side that are in it, beside the two that are looked at.
    fn hosts(self) -> usize {
        match self {
            Self::Nothing | Self::Loss | Self::DeadPath | Self::OwnBulk => 0,
            Self::CrossTraffic => TROUBLED.len() * BULKS_ON_A_PATH,
            Self::Incast => INCAST_HOSTS,
            Self::SharedReceiver { hosts } => hosts,
        }
    }

    fn network(self, dies_at_ns: u64) -> NetworkSpec {
        let hosts = 1 + self.hosts();
        let mut spec = NetworkSpec::availability_zone(hosts, hosts);
        match self {
            Self::Nothing
            | Self::CrossTraffic
            | Self::Incast
            | Self::OwnBulk
            | Self::SharedReceiver { .. } => {}
            Self::Loss => {
                let loss = Faults {
                    loss: 0.01,
                    ..Faults::default()
                };
                spec.core_faults = TROUBLED.map(|path| (path, loss)).into();
            }
            Self::DeadPath => spec.outages.push(Outage {
                core: TROUBLED[0],
                direction: None,
                from_ns: dies_at_ns,
                until_ns: dies_at_ns + HEALED_AFTER_NS,
            }),
        }
        spec
    }

    /// Lets the other hosts send, until `until_ns` at least. What they send is ordinary TCP.
    fn begin(self, world: &mut World, until_ns: u64) {
        let hosts = 1 + self.hosts();
        let options = TcpOptions {
            tail_loss_probe: true,
            ..TcpOptions::default()
        };
        if matches!(self, Self::SharedReceiver { .. }) {
            for flow in 0..(hosts - 1) * FLOWS_OF_A_RIVAL {
                let host = 1 + flow / FLOWS_OF_A_RIVAL;
                let (sender, _) = world.open_tcp((host, hosts), options);
                world.plan_background(sender, u32::MAX, flow as u64 * 1_000);
            }
            return;
        }
        for host in 1..hosts {
            let to = match self {
                Self::Incast => hosts + 1,
                _ => hosts + host,
            };
            let (sender, _) = world.open_tcp((host, to), options);
            world.pin(sender, TROUBLED[host % TROUBLED.len()]);
            if self == Self::Incast {
                for at_ns in (START_NS..until_ns).step_by(INCAST_INTERVAL_NS) {
                    world.plan_background(sender, INCAST_BYTES, at_ns);
                }
            } else {
                world.plan_background(sender, u32::MAX, host as u64 * 1_000);
            }
        }
    }
}

/// The paths that have trouble.
const TROUBLED: [usize; 2] = [0, 1];
const BULKS_ON_A_PATH: usize = 2;
const FLOWS_OF_A_RIVAL: usize = 4;
const INCAST_HOSTS: usize = 32;
const INCAST_BYTES: u32 = 65_536;
const INCAST_INTERVAL_NS: usize = 5_000_000;
const HEALED_AFTER_NS: u64 = 100_000_000;

/// Two hosts exchange requests on many connections.
#[derive(Clone, Copy, Debug)]
pub struct Requests {
    /// Connections that take turns; over the ordinary network each has one path, by chance.
    pub connections: usize,
    /// Requests.
    pub requests: usize,
    /// Bytes of each.
    pub bytes: u32,
    /// Mean time between two, in nanoseconds.
    pub interval_ns: u64,
    /// How ENA Express is, where it is.
    pub express: ExpressOptions,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            connections: 64,
            requests: 40_000,
            bytes: 4_096,
            interval_ns: 5_000,
            express: ExpressOptions::FULL,
        }
    }
}

impl Requests {
    /// Runs it.
    pub fn run(&self, transport: Transport, trouble: Trouble, seed: u64) -> Outcome {
        let span_ns = self.requests as u64 * self.interval_ns;
        let mut world = World::new(trouble.network(START_NS + span_ns / 2), seed);
        world.set_express_options(self.express);
        let hosts = (0, 1 + trouble.hosts());
        let own_bulk = usize::from(trouble == Trouble::OwnBulk);
        let flows = self.connections + own_bulk;
        let mut senders = open(&mut world, transport, hosts, flows, None);
        warm_up(&mut world, &senders);
        for bulk in senders.drain(self.connections..) {
            world.plan_background(bulk, u32::MAX, START_NS / 2);
        }
        trouble.begin(&mut world, START_NS + span_ns);
        let mut dice = StdRng::seed_from_u64(seed);
        for request in 0..self.requests {
            let at_ns = START_NS
                + request as u64 * self.interval_ns
                + dice.random_range(0..self.interval_ns);
            world.plan(senders[request % senders.len()], self.bytes, at_ns);
        }
        world.run(PATIENCE_NS);
        Outcome::of(transport, &world)
    }
}

/// One flow, as fast as it can.
#[derive(Clone, Copy, Debug)]
pub struct Bulk {
    /// Bytes that it sends.
    pub bytes: u32,
    /// How ENA Express is, where it is.
    pub express: ExpressOptions,
}

impl Default for Bulk {
    fn default() -> Self {
        Self {
            bytes: 250_000_000,
            express: ExpressOptions::FULL,
        }
    }
}

/// What one flow achieved.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Goodput {
    /// The transport.
    pub transport: Transport,
    /// Bits of the application a second, from its call to the last byte's arrival; nothing if that did not come.
    pub bits_per_second: Option<u64>,
    /// Times that TCP gave up waiting.
    pub timeouts: u64,
    /// Packets that a full queue of the network dropped, other hosts' included.
    pub queue_drops: u64,
    /// Frames that ENA Express had given up before they came.
    pub late: u64,
}

impl Bulk {
    /// Runs it. With one path the flow has the one with the trouble.
    pub fn run(&self, transport: Transport, trouble: Trouble, seed: u64) -> Goodput {
        // In the middle of what takes 8 bits a byte at 5 Gb/s.
        let dies_at_ns = START_NS + u64::from(self.bytes) * 8 / 10;
        let mut world = World::new(trouble.network(dies_at_ns), seed);
        world.set_express_options(self.express);
        let hosts = (0, 1 + trouble.hosts());
        let senders = open(&mut world, transport, hosts, 1, None);
        warm_up(&mut world, &senders);
        trouble.begin(&mut world, PATIENCE_NS / 10);
        for sender in &senders {
            world.pin(*sender, TROUBLED[0]);
            world.plan(*sender, self.bytes, START_NS);
        }
        world.run(PATIENCE_NS);
        let timeouts = senders.iter().filter_map(|sender| world.tcp(*sender));
        let bulk = world
            .messages()
            .iter()
            .rfind(|message| !message.is_background);
        let took_ns = bulk.and_then(|message| message.latency_ns());
        Goodput {
            transport,
            bits_per_second: took_ns.map(|took| u64::from(self.bytes) * 8_000_000_000 / took),
            timeouts: timeouts.map(|tcp| tcp.timeouts).sum(),
            queue_drops: world.network_drops().queue,
            late: world.late_frames(),
        }
    }
}
