//! EFA's faces beside libfabric's other providers, in one run (`docs/BENCHMARKS.md`), and under libfabric's own tests
//! (`docs/EFA.md`).

mod fabric;
mod fabtests;
mod pair;
mod report;
mod service;
mod side;

use clap::{Parser, Subcommand};
use eni_fabric_bench::environment::Environment;
use eni_fabric_bench::place::{Place, Wire};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::fabtests::FabtestsOptions;
use crate::pair::Pair;
use crate::report::Measured;
use crate::service::ServiceOptions;
use crate::side::{Measurement, SideOptions};

/// Benchmarks of EFA's faces beside libfabric's other providers, and libfabric's tests on them.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Two processes of one host, each on a processor of its own.
    Host(RunOptions),
    /// Two processes on two hosts: network namespaces joined by a veth pair. Needs root.
    Hosts(RunOptions),
    /// libfabric's fabtests on one host or between two, in namespaces of their own. Needs root.
    Fabtests(FabtestsOptions),
    #[command(hide = true)]
    Side(SideOptions),
    #[command(hide = true)]
    Service(ServiceOptions),
}

#[derive(clap::Args)]
struct RunOptions {
    /// Providers, the first of which the others are compared with.
    #[arg(long, value_delimiter = ',')]
    providers: Vec<String>,
    /// Rounds, in each of which every provider is measured once.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Milliseconds for each measurement.
    #[arg(long, default_value_t = 100)]
    milliseconds: u64,
    /// What to measure.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_values = side::ALL
    )]
    measure: Vec<Measurement>,
    /// Where cargo builds the libraries of both faces.
    #[arg(long, default_value = "target/release")]
    libraries: PathBuf,
    /// Let every message have a completion: short ones else have none.
    #[arg(long)]
    completions: bool,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// What is measured within a host if nothing else is asked for; shm is what the others are compared with.
const WITHIN_A_HOST: [&str; 6] = ["shm", "openeni", "efa", "net", "tcp;ofi_rxm", "udp;ofi_rxd"];
/// The same between hosts. libfabric 2 calls tcp what 1.17 calls net.
const BETWEEN_HOSTS: [&str; 5] = ["net", "openeni", "efa", "tcp;ofi_rxm", "udp;ofi_rxd"];

fn main() -> ExitCode {
    match run(Options::parse().what) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("eni-fabric-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(what: What) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match what {
        What::Side(options) => side::run(&options)?,
        What::Service(options) => service::run(&options)?,
        What::Host(options) => {
            let place = Place::one_host(&std::env::current_exe()?)?;
            compare(&options, &place, &WITHIN_A_HOST)?;
        }
        What::Hosts(options) => {
            let place = Place::two_hosts(&std::env::current_exe()?, Wire::default())?;
            compare(&options, &place, &BETWEEN_HOSTS)?;
        }
        What::Fabtests(options) => return fabtests::run(&options),
    }
    Ok(ExitCode::SUCCESS)
}

fn compare(
    options: &RunOptions,
    place: &Place,
    usual: &[&str],
) -> Result<(), Box<dyn std::error::Error>> {
    let environment = Environment::new(place, &options.libraries)?;
    let named = || usual.iter().map(|&name| name.to_owned()).collect();
    let providers: Vec<String> = if options.providers.is_empty() {
        named()
    } else {
        options.providers.clone()
    };
    let mut measured: Vec<Measured> = providers.into_iter().map(Measured::new).collect();
    for _ in 0..options.rounds {
        for provider in &mut measured {
            let pair = Pair {
                provider: &provider.name,
                place,
                environment: &environment,
                completions: options.completions,
            };
            match pair.measure(options.milliseconds, &options.measure) {
                Ok(figures) => provider.rounds.push(Some(figures)),
                Err(error) => {
                    eprintln!("{}: {error}", provider.name);
                    provider.rounds.push(None);
                }
            }
        }
    }
    if options.json {
        println!("{}", serde_json::to_string(&measured)?);
    } else {
        println!("{}", report::table(&measured));
    }
    Ok(())
}
