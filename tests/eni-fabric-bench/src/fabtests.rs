//! libfabric's own tests (fabtests) on a face, within a host or between two.
//!
//! The tests and the list of what runs are libfabric's, as installed by whoever measures: `runfabtests.sh` says which
//! commands make up its quick list, and the provider's exclude file which of them real hardware fails. Every one is run,
//! the excluded too; what fails and is not excluded fails the whole.

mod list;
mod trial;

use clap::ValueEnum;
use eni_fabric_bench::environment::Environment;
use eni_fabric_bench::place::{Place, Wire};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use list::Excluded;
use trial::{Trial, Verdict};

/// Carries EFA's largest datagram whole.
const MTU: u16 = 9_120;
/// Columns of a test's command in what is printed.
const COMMAND_COLUMNS: usize = 62;

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Provider {
    Efa,
    Openeni,
}

impl Provider {
    fn name(self) -> &'static str {
        match self {
            Self::Efa => "efa",
            Self::Openeni => "openeni",
        }
    }
}

#[derive(clap::Args)]
pub(crate) struct FabtestsOptions {
    /// Where fabtests is installed: the folder with `runfabtests.sh` and the programs.
    programs: PathBuf,
    #[arg(long, value_enum, default_value = "efa")]
    provider: Provider,
    /// 1: one host with two devices; 2: two hosts with a fabric service and a device each.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    hosts: u8,
    /// Datagrams of 1,000 between hosts that are lost.
    #[arg(long, default_value_t = 0)]
    lost: u16,
    /// Datagrams of 1,000 between hosts that later ones overtake. On one host: records of 1,000 that face A holds back,
    /// in builds of its library with debug assertions.
    #[arg(long, default_value_t = 0)]
    late: u16,
    /// Adds the check of the data to every test that has one.
    #[arg(long)]
    check_data: bool,
    /// Keeps the efa provider from the device's RDMA.
    #[arg(long)]
    without_device_rdma: bool,
    /// Shows what tests said that were skipped or may fail, too.
    #[arg(long)]
    verbose: bool,
    /// Runs only commands that match.
    #[arg(long)]
    only: Option<regex::Regex>,
    /// Patterns of commands that may fail; the provider's file of the installation unless given.
    #[arg(long)]
    exclude: Option<PathBuf>,
    /// Seconds for each test.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Where cargo builds the libraries of both faces.
    #[arg(long, default_value = "target/debug")]
    libraries: PathBuf,
}

impl FabtestsOptions {
    fn place(&self) -> io::Result<Place> {
        let program = std::env::current_exe()?;
        if self.hosts == 1 {
            return Place::one_host_apart(&program);
        }
        let wire = Wire {
            mtu: MTU,
            lost: self.lost,
            late: self.late,
        };
        Place::two_hosts(&program, wire)
    }

    /// What every test finds in its environment beside what leads to the devices.
    fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            // Within a host libfabric would take shared memory of its own.
            ("FI_EFA_ENABLE_SHM_TRANSFER", "0".to_owned()),
            (
                "FI_EFA_USE_DEVICE_RDMA",
                u8::from(!self.without_device_rdma).to_string(),
            ),
        ];
        if self.hosts == 1 && self.late > 0 {
            variables.push(("OPENENI_EFA_REORDER", self.late.div_ceil(10).to_string()));
        }
        variables
    }

    fn excluded(&self) -> io::Result<Excluded> {
        let name = self.provider.name();
        let installed = self.programs.join(format!(
            "../share/fabtests/test_configs/{name}/{name}.exclude"
        ));
        match &self.exclude {
            Some(path) => Excluded::parse(&read(path)?),
            None if installed.exists() => Excluded::parse(&read(&installed)?),
            // As runfabtests.sh does it.
            None => Ok(Excluded::default()),
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
}

/// The one word that stands out.
const FAILED: &str = "FAIL";

#[derive(Default)]
struct Totals {
    passed: u32,
    skipped: u32,
    excluded: u32,
    failed: u32,
}

impl Totals {
    /// Counts a verdict, and gives it as a word, with what the test said.
    fn count(&mut self, verdict: Verdict, is_excluded: bool) -> (&'static str, String) {
        let (total, word, said) = match verdict {
            Verdict::Passed => (&mut self.passed, "pass", String::new()),
            Verdict::Skipped(said) => (&mut self.skipped, "skip", said),
            Verdict::Failed(said) if is_excluded => (&mut self.excluded, "excluded", said),
            Verdict::Failed(said) => (&mut self.failed, FAILED, said),
        };
        *total += 1;
        (word, said)
    }
}

/// Keeps Ctrl-C and SIGTERM from ending this process before it has cleaned up. Processes that it starts are not deaf.
fn deaf() -> io::Result<SignalFd> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    signals.thread_block()?;
    Ok(SignalFd::with_flags(
        &signals,
        SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC,
    )?)
}

/// Runs the quick list. Fails where a test does that is not excluded.
pub(crate) fn run(options: &FabtestsOptions) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let tests = list::quick(&read(&options.programs.join("runfabtests.sh"))?)?;
    let excluded = options.excluded()?;
    let signals = deaf()?;
    let place = options.place()?;
    let environment = Environment::new(&place, &options.libraries)?;
    let trial = Trial {
        programs: &options.programs,
        provider: options.provider.name(),
        place: &place,
        environment: &environment,
        variables: options.variables(),
        patience: Duration::from_secs(options.seconds),
        signals,
    };
    let mut totals = Totals::default();
    for mut test in tests {
        if options
            .only
            .as_ref()
            .is_some_and(|only| !only.is_match(&test.command))
        {
            continue;
        }
        if options.check_data && trial.can_check_data(&test)? {
            test.check_data();
        }
        let begun = Instant::now();
        let verdict = trial.run(&test)?;
        let (word, said) = totals.count(verdict, excluded.names(&test.command));
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{:<COMMAND_COLUMNS$} {word:<8} {seconds:6.1} s",
            test.command
        );
        if options.verbose || word == FAILED {
            println!("{said}");
        }
    }
    println!(
        "{} passed, {} skipped, {} failed, {} failed that are excluded",
        totals.passed, totals.skipped, totals.failed, totals.excluded
    );
    Ok(if totals.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
