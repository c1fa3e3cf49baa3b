//! The network: hosts on two sides, joined by cores (spine switches, say), each a path of its own.
//!
//! A packet crosses three links: its host's way up, a core, and the receiver's way down. A link is a rate, a delay and a
//! drop-tail queue; what a core does wrong is in [`Faults`].

use rand::RngExt;
use rand::rngs::StdRng;

/// Bytes of Ethernet (with preamble, gap and checksum), IPv4 and UDP around a datagram.
pub const UDP_OVERHEAD_BYTES: u64 = 66;
/// Bytes of Ethernet, IPv4 and TCP with timestamps around a segment's data.
pub const TCP_OVERHEAD_BYTES: u64 = 90;

/// What a kind of link can do.
#[derive(Clone, Copy, Debug)]
pub struct LinkSpec {
    /// Bits a second.
    pub rate_bps: u64,
    /// Propagation.
    pub delay_ns: u64,
    /// Bytes that may wait.
    pub queue_bytes: u64,
}

/// What a core does to packets besides carrying them; probabilities of 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// A packet vanishes.
    pub loss: f64,
    /// A packet arrives twice.
    pub duplication: f64,
    /// A packet is held back.
    pub reordering: f64,
    /// For how long at most.
    pub reordering_ns: u64,
}

/// Which way packets of an outage go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the left side to the right.
    Right,
    /// From the right side to the left.
    Left,
}

/// A core swallows packets.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// The core.
    pub core: usize,
    /// One direction, or both.
    pub direction: Option<Direction>,
    /// From here.
    pub from_ns: u64,
    /// To before here.
    pub until_ns: u64,
}

/// How the network is built.
#[derive(Clone, Debug)]
pub struct NetworkSpec {
    /// Hosts on the left side; they have the first indices.
    pub left_hosts: usize,
    /// Hosts on the right side.
    pub right_hosts: usize,
    /// Paths between the sides.
    pub cores: usize,
    /// From and to each host.
    pub access: LinkSpec,
    /// Each core, in each direction.
    pub core: LinkSpec,
    /// What every core does wrong.
    pub faults: Faults,
    /// What single cores do wrong instead.
    pub core_faults: Vec<(usize, Faults)>,
    /// Cores that die, and return.
    pub outages: Vec<Outage>,
}

impl NetworkSpec {
    /// 16 cores of 100 Gb/s between hosts of 100 Gb/s, 5 µs one way, 1 MB of queue at each port, no faults.
    pub fn data_centre(left_hosts: usize, right_hosts: usize) -> Self {
        let port = |delay_ns, queue_bytes| LinkSpec {
            rate_bps: 100_000_000_000,
            delay_ns,
            queue_bytes,
        };
        Self {
            left_hosts,
            right_hosts,
            cores: 16,
            access: port(1_000, 1_000_000),
            core: port(3_000, 1_000_000),
            faults: Faults::default(),
            core_faults: Vec::new(),
            outages: Vec::new(),
        }
    }

    /// What one flow meets on EC2: 8 cores of 5 Gb/s, the bandwidth of a flow with one path, between hosts of 25 Gb/s, that
    /// of a flow over ENA Express (EC2 User Guide, "ENA Express"). Delays and queues are those of
    /// [`data_centre`](Self::data_centre).
    pub fn availability_zone(left_hosts: usize, right_hosts: usize) -> Self {
        let mut spec = Self::data_centre(left_hosts, right_hosts);
        spec.cores = 8;
        spec.core.rate_bps = 5_000_000_000;
        spec.access.rate_bps = 25_000_000_000;
        spec
    }

    fn faults_of(&self, core: usize) -> Faults {
        let own = self.core_faults.iter().find(|(of, _)| *of == core);
        own.map_or(self.faults, |(_, faults)| *faults)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// When the last packet taken has left.
    free_at_ns: u64,
}

/// What became of a packet at a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It arrives at the link's end then; where the second moment is given, again then.
    Arrives(u64, Option<u64>),
    Dropped,
}

/// Why packets did not arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkDrops {
    /// A queue was full.
    pub queue: u64,
    /// [`Faults::loss`].
    pub loss: u64,
    /// An [`Outage`].
    pub outage: u64,
}

/// Where a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Up,
    Core,
    Down,
    Arrived,
}

pub(crate) struct Network {
    spec: NetworkSpec,
    up: Vec<Link>,
    down: Vec<Link>,
    /// By core and direction.
    cores: Vec<[Link; 2]>,
    pub(crate) drops: NetworkDrops,
}

impl Network {
    pub(crate) fn new(spec: NetworkSpec) -> Self {
        let hosts = spec.left_hosts + spec.right_hosts;
        Self {
            up: vec![Link::default(); hosts],
            down: vec![Link::default(); hosts],
            cores: vec![[Link::default(); 2]; spec.cores],
            drops: NetworkDrops::default(),
            spec,
        }
    }

    pub(crate) fn cores(&self) -> usize {
        self.spec.cores
    }

    pub(crate) fn set_core_delay(&mut self, delay_ns: u64) {
        self.spec.core.delay_ns = delay_ns;
    }

    fn direction(&self, source: usize) -> Direction {
        if source < self.spec.left_hosts {
            Direction::Right
        } else {
            Direction::Left
        }
    }

    /// Takes a packet of `bytes` bytes from `source` to `destination` over the link of `stage`.
    pub(crate) fn pass(
        &mut self,
        now: u64,
        stage: Stage,
        (source, destination, core): (usize, usize, usize),
        bytes: u64,
        dice: &mut StdRng,
    ) -> Passage {
        let direction = self.direction(source);
        let (link, spec) = match stage {
            // The host's own queue: its sockets push back rather than drop.
            Stage::Up => (
                &mut self.up[source],
                LinkSpec {
                    queue_bytes: u64::MAX,
                    ..self.spec.access
                },
            ),
            Stage::Core => (&mut self.cores[core][direction as usize], self.spec.core),
            Stage::Down | Stage::Arrived => (&mut self.down[destination], self.spec.access),
        };
        if stage == Stage::Core {
            let is_out = |outage: &Outage| {
                outage.core == core
                    && outage.direction.is_none_or(|only| only == direction)
                    && (outage.from_ns..outage.until_ns).contains(&now)
            };
            if self.spec.outages.iter().any(is_out) {
                self.drops.outage += 1;
                return Passage::Dropped;
            }
            let loss = self.spec.faults_of(core).loss;
            if loss > 0.0 && dice.random_bool(loss) {
                self.drops.loss += 1;
                return Passage::Dropped;
            }
        }
        let backlog_ns = link.free_at_ns.saturating_sub(now);
        let backlog = u128::from(backlog_ns) * u128::from(spec.rate_bps) / 8_000_000_000;
        if backlog + u128::from(bytes) > u128::from(spec.queue_bytes) {
            self.drops.queue += 1;
            return Passage::Dropped;
        }
        let transmission = bytes * 8_000_000_000 / spec.rate_bps;
        link.free_at_ns = link.free_at_ns.max(now) + transmission;
        let mut arrival = link.free_at_ns + spec.delay_ns;
        let mut again = None;
        if stage == Stage::Core {
            let faults = self.spec.faults_of(core);
            if faults.duplication > 0.0 && dice.random_bool(faults.duplication) {
                again = Some(arrival + transmission);
            }
            if faults.reordering > 0.0 && dice.random_bool(faults.reordering) {
                arrival += dice.random_range(0..=faults.reordering_ns);
            }
        }
        Passage::Arrives(arrival, again)
    }
}
