//! One command of the list, as one process or as server and client.

use super::list::{Kind, Test};
use eni_fabric_bench::environment::Environment;
use eni_fabric_bench::place::Place;
use nix::sys::signalfd::SignalFd;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Exit codes with which a test says that the provider has not what it tests: `FI_ENODATA` and `FI_ENOSYS`.
const NO_DATA: i32 = 61;
const NO_SYSTEM: i32 = 38;
/// How long a server may take until it listens. Some tests have none; `runfabtests.sh` waits a second before the client.
const UNTIL_LISTENING: Duration = Duration::from_secs(3);
/// How long a side may stay after the other has failed, as in `runfabtests.sh`.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
const INTERVAL: Duration = Duration::from_millis(10);
/// Last lines of a process that failed.
const LINES_SHOWN: usize = 8;

/// What came of a test.
pub(super) enum Verdict {
    Passed,
    /// The provider lacks what it tests, and says so.
    Skipped(String),
    /// With the last that its processes said, as for the others.
    Failed(String),
}

/// How tests are run.
pub(super) struct Trial<'a> {
    pub(super) programs: &'a Path,
    pub(super) provider: &'a str,
    pub(super) place: &'a Place,
    pub(super) environment: &'a Environment,
    pub(super) variables: Vec<(&'static str, String)>,
    pub(super) patience: Duration,
    /// Those that end everything.
    pub(super) signals: SignalFd,
}

/// One process, killed when this is forgotten.
struct Process {
    child: Child,
    output: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("cannot end a test: {error}");
        }
    }
}

impl Process {
    /// Its end before `deadline`, if it comes.
    fn end(&mut self, deadline: Instant, signals: &SignalFd) -> io::Result<Option<ExitStatus>> {
        loop {
            if signals.read_signal()?.is_some() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() >= deadline {
                return Ok(ended);
            }
            thread::sleep(INTERVAL);
        }
    }

    /// Waits until the process listens at a TCP port: nobody else does in its network namespace.
    fn listens(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + UNTIL_LISTENING;
        let ours = fs::read_link("/proc/self/ns/net")?;
        while self.child.try_wait()?.is_none() && Instant::now() < deadline {
            let process = Path::new("/proc").join(self.child.id().to_string());
            let has_entered = fs::read_link(process.join("ns/net")).is_ok_and(|its| its != ours);
            let sockets = fs::read_to_string(process.join("net/tcp")).unwrap_or_default();
            // State 0A is LISTEN.
            if has_entered && sockets.lines().any(|line| line.contains(" 0A ")) {
                return Ok(());
            }
            thread::sleep(INTERVAL);
        }
        Ok(())
    }

    fn said(&self, status: Option<ExitStatus>) -> String {
        let output = fs::read(&self.output).unwrap_or_default();
        let output = String::from_utf8_lossy(&output);
        let lines: Vec<&str> = output.lines().collect();
        let last = lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n      ");
        let end = status.map_or("it takes too long".to_owned(), |status| status.to_string());
        format!("    {end}\n      {last}")
    }
}

fn code(status: Option<ExitStatus>) -> Option<i32> {
    status.and_then(|status| status.code())
}

impl Trial<'_> {
    pub(super) fn run(&self, test: &Test) -> io::Result<Verdict> {
        match test.kind {
            Kind::Unit => self.alone(test, false),
            Kind::Negative => self.alone(test, true),
            Kind::Pair => self.pair(test),
        }
    }

    /// Whether the program says that `-v` checks data; with others it means something else, or nothing.
    pub(super) fn can_check_data(&self, test: &Test) -> io::Result<bool> {
        let program = self.programs.join(test.program());
        if test.kind != Kind::Pair || !program.exists() {
            return Ok(false);
        }
        let help = Command::new(program).arg("-h").output()?;
        let text = [help.stdout, help.stderr].concat();
        let text = String::from_utf8_lossy(&text).to_lowercase();
        Ok(text
            .lines()
            .any(|line| line.trim_start().starts_with("-v ") && line.contains("data")))
    }

    fn alone(&self, test: &Test, is_negative: bool) -> io::Result<Verdict> {
        let mut process = self.start(0, test, &[])?;
        let status = process.end(Instant::now() + self.patience, &self.signals)?;
        Ok(match (code(status), is_negative) {
            (Some(0), false) | (Some(NO_DATA), true) => Verdict::Passed,
            (Some(NO_DATA | NO_SYSTEM), false) => Verdict::Skipped(process.said(status)),
            _ => Verdict::Failed(process.said(status)),
        })
    }

    fn pair(&self, test: &Test) -> io::Result<Verdict> {
        let deadline = Instant::now() + self.patience;
        let mut server = self.start(0, test, &["-E"])?;
        server.listens()?;
        let mut client = self.start(1, test, &["-E", self.place.address(0)])?;
        let of_client = client.end(deadline, &self.signals)?;
        let soon = Instant::now() + AFTER_FAILURE;
        let rest = if code(of_client) == Some(0) {
            deadline.max(soon)
        } else {
            soon
        };
        let of_server = server.end(rest, &self.signals)?;
        let said = format!(
            "  server:\n{}\n  client:\n{}",
            server.said(of_server),
            client.said(of_client)
        );
        Ok(match (code(of_server), code(of_client)) {
            (Some(0), Some(0)) => Verdict::Passed,
            (Some(NO_DATA), Some(NO_DATA)) | (Some(NO_SYSTEM), Some(NO_SYSTEM)) => {
                Verdict::Skipped(said)
            }
            _ => Verdict::Failed(said),
        })
    }

    fn start(&self, side: usize, test: &Test, more: &[&str]) -> io::Result<Process> {
        let mut command = self
            .place
            .command(side, &self.programs.join(test.program()));
        let address = self.place.address(0);
        for word in test.command.split_whitespace().skip(1) {
            command.arg(match word {
                "GOOD_ADDR" | "SERVER_ADDR" => address,
                _ => word,
            });
        }
        command.args(["-p", self.provider]).args(more);
        self.prepare(&mut command, side);
        let output = self.place.directory().join(format!("output-{side}"));
        let file = fs::File::create(&output)?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let child = command.spawn()?;
        Ok(Process { child, output })
    }

    fn prepare(&self, command: &mut Command, side: usize) {
        for (name, value) in self.environment.of(side) {
            let value = match std::env::var_os(name) {
                // A libfabric that is not the machine's is found there.
                Some(own) if *name == "LD_LIBRARY_PATH" => joined(value, own),
                _ => value.clone(),
            };
            command.env(name, value);
        }
        command.envs(self.variables.iter().cloned());
    }
}

fn joined(first: &OsString, second: OsString) -> OsString {
    let mut joined = first.clone();
    joined.push(":");
    joined.push(second);
    joined
}
