//! Benchmarks: OpenENI beside its peers, in one run. See `docs/BENCHMARKS.md`.

mod api;
mod cost;
mod cut;
mod load;
mod openeni;
mod peer;
mod program;
mod report;
mod services;
mod sys;
mod traffic;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use eni_client::{PrivateRegion, isolate};

use crate::openeni::Pair;
use crate::peer::Peer;
use crate::report::Measured;
use crate::traffic::Ends;

/// Benchmarks of OpenENI beside its peers.
#[derive(Parser)]
struct Options {
    /// The program under test.
    #[arg(long, default_value = "target/release/openeni")]
    openeni: PathBuf,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Packets: raw veth, bridge, bridge with 100 rules, OpenENI with 1, 100 and 1,000 rules.
    Network {
        /// Rounds, in each of which every path is measured once.
        #[arg(long, default_value_t = 5)]
        rounds: u32,
        /// Seconds for each measurement.
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
        /// Leave OpenENI out: what the machine itself gives.
        #[arg(long)]
        peers_only: bool,
    },
    /// A NAT gateway: nftables' masquerade, a router, OpenENI.
    Nat {
        /// Rounds, in each of which every path is measured once.
        #[arg(long, default_value_t = 5)]
        rounds: u32,
        /// Seconds for each measurement.
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
    },
    /// What a NAT gateway's flows cost while nothing happens: a turn of their collection.
    NatFlows {
        /// Numbers of flows; 0 for none.
        #[arg(long, value_delimiter = ',', default_values_t = [0, 1_000, 10_000, 100_000])]
        flows: Vec<u32>,
    },
    /// One packet: the eBPF program beside one that only redirects, and the whole way beside a raw veth pair.
    Program {
        /// Rounds, in each of which every case is timed once, for some milliseconds.
        #[arg(long, default_value_t = 200)]
        rounds: u32,
    },
    /// What a change costs the agent: beside real instances, and computed for regions of any size.
    Cost {
        /// Numbers of running instances; 0 for none.
        #[arg(long, value_delimiter = ',', default_values_t = [0, 100, 400])]
        instances: Vec<usize>,
        /// Rules in the group of a last region, of as many instances as the largest.
        #[arg(long, default_value_t = 990)]
        rules: usize,
        /// Numbers of interfaces in regions without a machine.
        #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000, 10_000, 100_000])]
        interfaces: Vec<usize>,
        /// Only the regions without a machine, and fails where a cost grows with their size.
        #[arg(long)]
        gate: bool,
    },
    /// While instances launch: from a revoked rule to the last packet that passes, and from a detach to its answer.
    Cut {
        /// Instances that are launched at once.
        #[arg(long, default_value_t = 100)]
        instances: usize,
        /// Revoked rules, and detached interfaces, at least.
        #[arg(long, default_value_t = 40)]
        samples: usize,
    },
    /// The fabric's services beside ordinary servers: metadata beside nginx, names beside dnsmasq.
    Services {
        /// Rounds, in each of which every server is measured once.
        #[arg(long, default_value_t = 5)]
        rounds: u32,
        /// Seconds for each measurement.
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
    },
    /// The API: durable creations and describes.
    Api {
        /// Interfaces to create.
        #[arg(long, default_value_t = 10_000)]
        interfaces: usize,
    },
    /// A region under load: creations beside a bare server, a write beside long answers, a hundred thousand interfaces.
    Load(LoadOptions),
}

#[derive(clap::Args)]
struct LoadOptions {
    /// Numbers of clients that create.
    #[arg(long, value_delimiter = ',', default_values_t = [8, 64, 256])]
    clients: Vec<usize>,
    /// Interfaces that are created, for each number of clients and round.
    #[arg(long, default_value_t = 8_000)]
    creations: usize,
    /// Interfaces that are described beside a write.
    #[arg(long, default_value_t = 8_000)]
    interfaces: usize,
    /// Interfaces in the large region.
    #[arg(long, default_value_t = 100_000)]
    many: usize,
    /// Rounds.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

impl LoadOptions {
    fn sizes(&self) -> load::Sizes {
        load::Sizes {
            described: self.interfaces,
            many: self.many,
            clients: self.clients.clone(),
            creations: self.creations,
            rounds: self.rounds,
        }
    }
}

/// Rules on the server's interface in OpenENI's variants.
const RULE_COUNTS: [usize; 3] = [1, 100, 1_000];

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("eni-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    if let What::Cost {
        gate: true,
        interfaces,
        ..
    } = &options.what
    {
        return computed_costs(options.json, interfaces, true);
    }
    let program = std::fs::canonicalize(&options.openeni)
        .map_err(|error| io::Error::other(format!("{}: {error}", options.openeni.display())))?;
    isolate()?;
    match options.what {
        What::Network {
            rounds,
            seconds,
            peers_only,
        } => {
            let paths = Paths::between_neighbours(&program, peers_only)?;
            paths.print(options.json, rounds, seconds)
        }
        What::Nat { rounds, seconds } => {
            let paths = Paths::to_the_internet(&program)?;
            paths.print(options.json, rounds, seconds)
        }
        What::NatFlows { ref flows } => {
            let directory = Scratch::new()?;
            let turns = cost::nat::measure(&directory.0, flows)?;
            print(options.json, &turns, &cost::nat::table(&turns))
        }
        What::Program { rounds } => {
            let directory = Scratch::new()?;
            let costs = program::measure(&program, &directory.0, rounds)?;
            print(options.json, &costs, &program::table(&costs))
        }
        What::Cost {
            ref instances,
            rules,
            ref interfaces,
            gate: _,
        } => {
            computed_costs(options.json, interfaces, false)?;
            let costs = live_costs(&program, instances, rules)?;
            print(options.json, &costs, &cost::live::table(&costs))
        }
        What::Cut { instances, samples } => {
            let times = cut::measure(&program, instances, samples)?;
            print(options.json, &times, &cut::table(&times))
        }
        What::Services { rounds, seconds } => {
            let time = Duration::try_from_secs_f64(seconds).map_err(io::Error::other)?;
            let directory = Scratch::new()?;
            let served = services::measure(&directory.0, rounds, time)?;
            print(options.json, &served, &services::table(&served))
        }
        What::Api { interfaces } => {
            let figures = api::measure(&PrivateRegion::start(&program)?, interfaces)?;
            print(options.json, &figures, &format!("{figures:#?}"))
        }
        What::Load(ref load) => {
            let figures = load::measure(&program, &load.sizes())?;
            print(options.json, &figures, &format!("{figures:#?}"))
        }
    }
}

/// Costs beside each number of instances, and beside the largest with a group of `rules`.
fn live_costs(
    program: &Path,
    instances: &[usize],
    rules: usize,
) -> io::Result<Vec<cost::live::LiveCost>> {
    let largest = instances.iter().copied().max().map(|most| (most, rules));
    let regions = instances.iter().map(|count| (*count, 1)).chain(largest);
    regions
        .map(|(count, rules)| cost::live::measure(program, count, rules))
        .collect()
}

/// Costs in regions without a machine; an error where they grow, if that is asked for.
fn computed_costs(json: bool, interfaces: &[usize], gate: bool) -> io::Result<()> {
    let costs = interfaces
        .iter()
        .map(|count| cost::memory::measure(*count))
        .collect::<io::Result<Vec<_>>>()?;
    print(json, &costs, &cost::memory::table(&costs))?;
    let mut found = cost::memory::slopes(&costs);
    found.extend(cost::memory::whole_groups(&costs));
    if gate && !found.is_empty() {
        return Err(io::Error::other(found.join("\n")));
    }
    Ok(())
}

fn print(
    json: bool,
    value: &impl serde::Serialize,
    text: &impl std::fmt::Display,
) -> io::Result<()> {
    if json {
        println!("{}", serde_json::to_string(value)?);
    } else {
        println!("{text}");
    }
    Ok(())
}

/// Ways between two ends each, and what they need.
#[allow(dead_code, reason = "what the ways need is held, and goes with them")]
struct Paths {
    ends: Vec<(String, Ends)>,
    peers: Vec<Peer>,
    region: Option<PrivateRegion>,
    directory: Scratch,
}

impl Paths {
    /// Between two neighbours.
    fn between_neighbours(program: &Path, peers_only: bool) -> io::Result<Self> {
        let mut paths = Self::none()?;
        let directory = &paths.directory.0;
        let peers = [
            ("raw veth", Peer::raw_veth(directory)?),
            ("bridge", Peer::bridge(directory, false)?),
            ("bridge, 100 nftables rules", Peer::bridge(directory, true)?),
        ];
        peers
            .into_iter()
            .for_each(|(name, peer)| paths.add(name, peer));
        if peers_only {
            return Ok(paths);
        }
        let region = PrivateRegion::start(program)?;
        let ec2 = region.ec2()?;
        for rules in RULE_COUNTS {
            let name = format!("OpenENI, security group rules: {rules}");
            let ends = Pair::launch(&region, &ec2, rules)?.ends();
            paths.ends.push((name, ends));
        }
        let ipv6 = Pair::launch_ipv6(&region, &ec2)?.ends();
        let name = "OpenENI, IPv6, security group rules: 1".to_owned();
        paths.ends.push((name, ipv6));
        paths.region = Some(region);
        Ok(paths)
    }

    /// Behind a NAT gateway and behind what Linux has for one, to a server with an MTU of 1,500 bytes.
    fn to_the_internet(program: &Path) -> io::Result<Self> {
        let mut paths = Self::none()?;
        let directory = &paths.directory.0;
        let peers = [
            ("nftables masquerade", Peer::router(directory, true)?),
            (
                "router without translation",
                Peer::router(directory, false)?,
            ),
        ];
        peers
            .into_iter()
            .for_each(|(name, peer)| paths.add(name, peer));
        let region = PrivateRegion::start(program)?;
        let ends = openeni::behind_nat_gateway(&region, &region.ec2()?)?;
        paths.ends.push(("OpenENI, NAT gateway".to_owned(), ends));
        paths.region = Some(region);
        Ok(paths)
    }

    fn none() -> io::Result<Self> {
        Ok(Self {
            ends: Vec::new(),
            peers: Vec::new(),
            region: None,
            directory: Scratch::new()?,
        })
    }

    fn add(&mut self, name: &str, peer: Peer) {
        self.ends.push((name.to_owned(), peer.ends()));
        self.peers.push(peer);
    }

    /// Measures every path once a round, `seconds` for each figure, and prints what that gave.
    fn print(&self, json: bool, rounds: u32, seconds: f64) -> io::Result<()> {
        let time = Duration::try_from_secs_f64(seconds).map_err(io::Error::other)?;
        let new = |(name, _): &(String, Ends)| Measured {
            name: name.clone(),
            rounds: Vec::new(),
        };
        let mut measured: Vec<_> = self.ends.iter().map(new).collect();
        for round in 1..=rounds {
            for ((name, ends), measured) in self.ends.iter().zip(&mut measured) {
                eprintln!("round {round} of {rounds}: {name}");
                let figures = ends
                    .measure(time)
                    .map_err(|error| io::Error::other(format!("{name}: {error}")))?;
                measured.rounds.push(figures);
            }
        }
        print(json, &measured, &report::table(&measured))
    }
}

/// A directory that goes with this value.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("openeni-bench-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}
