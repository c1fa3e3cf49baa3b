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
    Load {
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
    },
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
            let time = Duration::try_from_secs_f64(seconds).map_err(io::Error::other)?;
            let measured = network(&program, rounds, time, peers_only)?;
            print(options.json, &measured, &report::table(&measured))
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
        What::Load {
            ref clients,
            creations,
            interfaces,
            many,
            rounds,
        } => {
            let sizes = load::Sizes {
                described: interfaces,
                many,
                clients: clients.clone(),
                creations,
                rounds,
            };
            let figures = load::measure(&program, &sizes)?;
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

fn network(
    program: &Path,
    rounds: u32,
    time: Duration,
    peers_only: bool,
) -> io::Result<Vec<Measured>> {
    let directory = Scratch::new()?;
    let peers = [
        ("raw veth", Peer::raw_veth(&directory.0)?),
        ("bridge", Peer::bridge(&directory.0, false)?),
        (
            "bridge, 100 nftables rules",
            Peer::bridge(&directory.0, true)?,
        ),
    ];
    let mut paths: Vec<(String, Ends)> = peers
        .iter()
        .map(|(name, peer)| ((*name).to_owned(), peer.ends()))
        .collect();
    let region = if peers_only {
        None
    } else {
        Some(PrivateRegion::start(program)?)
    };
    if let Some(region) = &region {
        let ec2 = region.ec2()?;
        for rules in RULE_COUNTS {
            let name = format!("OpenENI, security group rules: {rules}");
            paths.push((name, Pair::launch(region, &ec2, rules)?.ends()));
        }
    }
    let mut measured: Vec<_> = paths
        .iter()
        .map(|(name, _)| Measured {
            name: name.clone(),
            rounds: Vec::new(),
        })
        .collect();
    for round in 1..=rounds {
        for ((name, ends), measured) in paths.iter().zip(&mut measured) {
            eprintln!("round {round} of {rounds}: {name}");
            let figures = ends
                .measure(time)
                .map_err(|error| io::Error::other(format!("{name}: {error}")))?;
            measured.rounds.push(figures);
        }
    }
    Ok(measured)
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
