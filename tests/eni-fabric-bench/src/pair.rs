//! Two processes of one provider.

use crate::side::{Figures, Measurement};
use eni_fabric_bench::environment::Environment;
use eni_fabric_bench::place::Place;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// How long a side may take for its next word.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is measured.
pub(crate) struct Pair<'a> {
    pub(crate) provider: &'a str,
    pub(crate) place: &'a Place,
    pub(crate) environment: &'a Environment,
    /// Every message has a completion.
    pub(crate) completions: bool,
}

/// One side, which says lines and is told lines.
struct Side {
    process: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Drop for Side {
    fn drop(&mut self) {
        drop(self.input.take());
        // One that failed, or whose peer did, may wait for ever.
        if let Err(error) = self.process.kill().and_then(|()| self.process.wait()) {
            eprintln!("cannot end a side: {error}");
        }
    }
}

impl Side {
    fn hear(&self) -> io::Result<String> {
        self.lines
            .recv_timeout(PATIENCE)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => io::Error::other("it takes too long"),
                RecvTimeoutError::Disconnected => io::Error::other("it ended"),
            })
    }

    fn tell(&mut self, line: &str) -> io::Result<()> {
        match &mut self.input {
            Some(input) => writeln!(input, "{line}"),
            None => Ok(()),
        }
    }
}

impl Pair<'_> {
    /// Runs both sides.
    pub(crate) fn measure(&self, milliseconds: u64, wanted: &[Measurement]) -> io::Result<Figures> {
        let wanted: Vec<_> = wanted.iter().map(|one| one.name()).collect();
        let wanted = wanted.join(",");
        let start = |side| self.start(side, milliseconds, &wanted);
        let mut sides = [start(0)?, start(1)?];
        let addresses = [sides[0].hear()?, sides[1].hear()?];
        sides[0].tell(&addresses[1])?;
        sides[1].tell(&addresses[0])?;
        let figures = serde_json::from_str(&sides[0].hear()?).map_err(io::Error::other)?;
        for side in &mut sides {
            side.tell("")?;
        }
        for side in &mut sides {
            side.process.wait()?;
        }
        Ok(figures)
    }

    fn start(&self, side: usize, milliseconds: u64, wanted: &str) -> io::Result<Side> {
        let mut command = self.place.command(side, Path::new("taskset"));
        command
            .args(["--cpu-list", &side.to_string()])
            .arg(std::env::current_exe()?);
        command.args(["side", "--provider", self.provider]);
        command.args(["--milliseconds", &milliseconds.to_string()]);
        command.args(["--measure", wanted]);
        if side == 0 {
            command.arg("--leads");
        }
        if self.completions {
            command.arg("--completions");
        }
        self.adapt(&mut command, side);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let (sender, lines) = channel();
        if let Some(output) = process.stdout.take() {
            thread::spawn(move || {
                let lines = BufReader::new(output).lines().map_while(Result::ok);
                // Nobody listens any more when the measurement has failed.
                lines
                    .map(|line| sender.send(line))
                    .take_while(Result::is_ok)
                    .for_each(drop);
            });
        }
        let input = process.stdin.take();
        Ok(Side {
            process,
            input,
            lines,
        })
    }

    /// What each provider needs to know.
    fn adapt(&self, command: &mut Command, side: usize) {
        let domain = self.place.domain(side);
        match self.provider {
            "openeni" => {
                command.envs(self.environment.of(side).iter().cloned());
                command.args(["--domain", &domain]);
            }
            "efa" => {
                command.envs(self.environment.of(side).iter().cloned());
                command.args(["--domain", &format!("{domain}-rdm")]);
                // What would otherwise be measured within a host is shm.
                command.env("FI_EFA_ENABLE_SHM_TRANSFER", "0");
                // Nothing forks after the first registration.
                command.env("FI_EFA_FORK_SAFE", "1");
            }
            "shm" => {}
            _ => {
                command.args(["--source", self.place.address(side)]);
            }
        }
    }
}
