//! The comparisons: the same network and workload under SRD and under TCP.

use crate::network::{NetworkDrops, NetworkSpec, Outage};
use crate::srd::SharedBudget;
use crate::tcp::TcpOptions;
use crate::world::World;
use eni_srd::{ConfigError, MAX_DATAGRAM_BYTES, ReceiveBudget};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use std::cell::RefCell;
use std::rc::Rc;

/// Which transport carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// This project's.
    Srd,
    /// TCP Cubic with selective acknowledgements.
    TcpCubic,
    /// The same with RACK and tail loss probes.
    TcpCubicRack,
    /// [`TcpCubic`](Self::TcpCubic) over ENA Express.
    ExpressTcpCubic,
    /// [`TcpCubicRack`](Self::TcpCubicRack) over ENA Express.
    ExpressTcpCubicRack,
}

impl Transport {
    /// How TCP is, where it is TCP.
    pub(crate) fn tcp_options(self) -> TcpOptions {
        TcpOptions {
            tail_loss_probe: matches!(self, Self::TcpCubicRack | Self::ExpressTcpCubicRack),
            ..TcpOptions::default()
        }
    }
}

/// How long messages took, in nanoseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// Half were faster.
    pub p50_ns: u64,
    /// 99 in 100 were.
    pub p99_ns: u64,
    /// 999 in 1,000 were.
    pub p999_ns: u64,
    /// The slowest.
    pub max_ns: u64,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The transport.
    pub transport: Transport,
    /// Messages planned.
    pub messages: usize,
    /// Messages that did not arrive within the run.
    pub missing: usize,
    /// Of those that did.
    pub latency: Latency,
    /// Packets that a full queue dropped.
    pub queue_drops: u64,
    /// Packets that a dead path swallowed.
    pub outage_drops: u64,
    /// Virtual time when the last message arrived.
    pub finished_ns: u64,
}

impl Outcome {
    pub(crate) fn of(transport: Transport, world: &World) -> Self {
        let messages = || {
            let all = world.messages().iter();
            all.filter(|message| !message.is_background)
        };
        let mut latencies: Vec<u64> = messages()
            .filter_map(|message| message.latency_ns())
            .collect();
        latencies.sort_unstable();
        let NetworkDrops { queue, outage, .. } = world.network_drops();
        Self {
            transport,
            messages: messages().count(),
            missing: world.undelivered(),
            latency: Latency {
                p50_ns: quantile(&latencies, 500),
                p99_ns: quantile(&latencies, 990),
                p999_ns: quantile(&latencies, 999),
                max_ns: quantile(&latencies, 1_000),
            },
            queue_drops: queue,
            outage_drops: outage,
            finished_ns: messages()
                .filter_map(|message| message.delivered_ns)
                .max()
                .unwrap_or(0),
        }
    }
}

/// The value that `per_mille` of 1,000 of the sorted values do not exceed.
fn quantile(sorted: &[u64], per_mille: usize) -> u64 {
    let rank = (sorted.len() * per_mille).div_ceil(1_000).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

/// No run takes longer, in virtual time.
pub(crate) const PATIENCE_NS: u64 = 60_000_000_000;
/// When every connection stands and workloads begin.
pub(crate) const START_NS: u64 = 10_000_000;

/// One of 16 paths dies while two hosts talk.
#[derive(Clone, Copy, Debug)]
pub struct DeadPath {
    /// Messages.
    pub messages: usize,
    /// Bytes of each.
    pub bytes: u32,
    /// Mean time between two, in nanoseconds.
    pub interval_ns: u64,
    /// TCP connections that they take turns on; each has one path.
    pub tcp_connections: usize,
    /// When routing has healed the network: SRD does not need it, TCP's flows on the path do.
    pub healed_after_ns: u64,
}

impl Default for DeadPath {
    fn default() -> Self {
        Self {
            messages: 100_000,
            bytes: 4_096,
            interval_ns: 1_000,
            tcp_connections: 64,
            healed_after_ns: 100_000_000,
        }
    }
}

impl DeadPath {
    /// Runs it. `dies` says whether the path does.
    pub fn run(&self, transport: Transport, seed: u64, dies: bool) -> Outcome {
        let mut spec = NetworkSpec::data_centre(1, 1);
        let span_ns = self.messages as u64 * self.interval_ns;
        if dies {
            let from_ns = START_NS + span_ns / 2;
            spec.outages.push(Outage {
                core: 5,
                direction: None,
                from_ns,
                until_ns: from_ns + self.healed_after_ns,
            });
        }
        let mut world = World::new(spec, seed);
        let connections = match transport {
            Transport::Srd => 1,
            Transport::TcpCubic
            | Transport::TcpCubicRack
            | Transport::ExpressTcpCubic
            | Transport::ExpressTcpCubicRack => self.tcp_connections,
        };
        let senders = open(&mut world, transport, (0, 1), connections, None);
        warm_up(&mut world, &senders);
        let mut dice = StdRng::seed_from_u64(seed);
        for message in 0..self.messages {
            let at_ns = START_NS
                + message as u64 * self.interval_ns
                + dice.random_range(0..self.interval_ns);
            world.plan(senders[message % senders.len()], self.bytes, at_ns);
        }
        world.run(PATIENCE_NS);
        Outcome::of(transport, &world)
    }
}

/// Many hosts answer one at the same moment, again and again.
#[derive(Clone, Copy, Debug)]
pub struct Incast {
    /// Hosts that send.
    pub senders: usize,
    /// Moments.
    pub rounds: usize,
    /// Bytes that each sends.
    pub bytes: u32,
    /// Time between two moments.
    pub interval_ns: u64,
}

impl Default for Incast {
    fn default() -> Self {
        Self {
            senders: 64,
            rounds: 200,
            bytes: 32_768,
            interval_ns: 1_000_000,
        }
    }
}

impl Incast {
    /// Runs it.
    pub fn run(&self, transport: Transport, seed: u64) -> Outcome {
        let mut world = World::new(NetworkSpec::data_centre(self.senders, 1), seed);
        // What the receiver's port may queue, less what is on its way anyway.
        let budget = ReceiveBudget::new(600_000, MAX_DATAGRAM_BYTES as u32);
        let budget: SharedBudget = Rc::new(RefCell::new(budget));
        let receiver = self.senders;
        let senders: Vec<usize> = (0..self.senders)
            .flat_map(|host| open(&mut world, transport, (host, receiver), 1, Some(&budget)))
            .collect();
        warm_up(&mut world, &senders);
        let mut dice = StdRng::seed_from_u64(seed);
        for round in 0..self.rounds {
            for sender in &senders {
                // Nobody answers at exactly the same nanosecond.
                let at_ns =
                    START_NS + round as u64 * self.interval_ns + dice.random_range(0..1_000);
                world.plan(*sender, self.bytes, at_ns);
            }
        }
        world.run(PATIENCE_NS);
        Outcome::of(transport, &world)
    }
}

/// Opens `connections` between two hosts, over one ENA Express where the transport says so; returns their senders.
pub(crate) fn open(
    world: &mut World,
    transport: Transport,
    hosts: (usize, usize),
    connections: usize,
    budget: Option<&SharedBudget>,
) -> Vec<usize> {
    let options = transport.tcp_options();
    let opened = match transport {
        Transport::Srd => (0..connections)
            .map(|_| Ok(world.open_srd(hosts, budget, None, |_| {})?.0))
            .collect(),
        Transport::TcpCubic | Transport::TcpCubicRack => (0..connections)
            .map(|_| Ok(world.open_tcp(hosts, options).0))
            .collect(),
        Transport::ExpressTcpCubic | Transport::ExpressTcpCubicRack => {
            world.open_express(hosts, budget).map(|express| {
                let flows = 0..connections;
                let flows = flows.map(|_| world.open_tcp_over(express, hosts, options).0);
                flows.collect()
            })
        }
    };
    match opened {
        Ok(senders) => senders,
        Err::<_, ConfigError>(error) => {
            unreachable!("the ordinary settings are within bounds: {error}")
        }
    }
}

/// A small message on each connection, well before the start: handshakes and first round trips are not what is compared.
pub(crate) fn warm_up(world: &mut World, senders: &[usize]) {
    for (index, sender) in senders.iter().enumerate() {
        world.plan(*sender, 64, index as u64 * 1_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcp_is_the_same_with_ena_express_and_without() {
        for [ordinary, express] in [
            [Transport::TcpCubic, Transport::ExpressTcpCubic],
            [Transport::TcpCubicRack, Transport::ExpressTcpCubicRack],
        ] {
            let [ordinary, express] = [ordinary, express].map(Transport::tcp_options);
            assert_eq!(ordinary.segment_bytes, express.segment_bytes);
            assert_eq!(ordinary.tail_loss_probe, express.tail_loss_probe);
        }
    }
}
