//! A private region: a namespace that plays the host, and `openeni dev` in it.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Ec2, KeyPair};

/// The longest that a region takes to start.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// The longest that a region takes to end.
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// Where the region listens, in a namespace where nobody else does.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 4599);

/// A region that ends with this value.
pub struct PrivateRegion {
    process: Child,
    directory: Arc<tempfile::TempDir>,
}

/// Moves this process into network and mount namespaces of its own, with the loopback device up. Must be called while
/// the process has one thread. Nothing done there is seen outside, and it goes with the last process inside.
///
/// # Errors
/// Without root, the kernel's refusal.
pub fn isolate() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )?;
    let mut host = eni_netlink::Netlink::open().map_err(io::Error::other)?;
    host.set_link_up(LOOPBACK_INDEX, None)
        .map_err(io::Error::other)
}

/// The loopback device's interface index in every network namespace (`net/core/dev.c`, `LOOPBACK_IFINDEX`).
const LOOPBACK_INDEX: u32 = 1;

impl PrivateRegion {
    /// Starts a region on a fresh data directory, and waits until it serves.
    ///
    /// # Errors
    /// What the machine refused, or what the region said on standard error instead of starting.
    pub fn start(program: &Path) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("openeni-").tempdir()?;
        Self::start_in(program, Arc::new(directory))
    }

    /// Stops the region, and starts one on its data directory; how long that takes in seconds, from the start of the
    /// program until it serves, goes to `times`.
    ///
    /// # Errors
    /// As [`PrivateRegion::start`].
    pub fn stop_and_start(self, program: &Path, times: &mut Vec<f64>) -> io::Result<Self> {
        let directory = Arc::clone(&self.directory);
        drop(self);
        let began = Instant::now();
        let region = Self::start_in(program, directory)?;
        times.push(began.elapsed().as_secs_f64());
        Ok(region)
    }

    fn start_in(program: &Path, directory: Arc<tempfile::TempDir>) -> io::Result<Self> {
        let mut process = Command::new(program)
            .args(["--log", "warn", "dev", "--listen", &LISTEN.to_string()])
            .arg("--data-dir")
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let ready = process.stdout.take().map(first_line);
        // Kept for the message of a region that does not start; drained all along so that it never blocks.
        let complaints = process.stderr.take().map(drain);
        let region = Self { process, directory };
        match ready.and_then(|ready| ready.recv_timeout(START_PATIENCE).ok()) {
            Some(line) if line.starts_with("ready ") => Ok(region),
            _ => {
                drop(region);
                let said = complaints
                    .and_then(|said| said.recv_timeout(STOP_PATIENCE).ok())
                    .unwrap_or_default();
                Err(io::Error::other(format!(
                    "the region did not start: {}",
                    said.trim()
                )))
            }
        }
    }

    /// A client of the region.
    ///
    /// # Errors
    /// The region's credentials cannot be read.
    pub fn ec2(&self) -> io::Result<Ec2> {
        let key_pair: KeyPair =
            serde_json::from_slice(&fs::read(self.directory.path().join("credentials"))?)?;
        Ok(Ec2::new(LISTEN, "us-east-1", "123456789012", key_pair))
    }

    /// Where the region's API listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        LISTEN
    }

    /// The region's data directory.
    #[must_use]
    pub fn data_directory(&self) -> &Path {
        self.directory.path()
    }

    /// The region's process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for PrivateRegion {
    fn drop(&mut self) {
        // Every error here means that the process is gone already.
        let _ = kill(
            Pid::from_raw(self.process.id().cast_signed()),
            Signal::SIGTERM,
        );
        let deadline = Instant::now() + STOP_PATIENCE;
        while Instant::now() < deadline {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn first_line(stdout: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut lines = BufReader::new(stdout).lines();
        if let Some(Ok(line)) = lines.next() {
            // The receiver may have given up waiting.
            let _ = send.send(line);
        }
        lines.for_each(drop);
    });
    receive
}

/// The end of what is written to `stream`, once it closes.
fn drain(stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    const KEPT: usize = 4096;
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = String::new();
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            kept.push_str(&line);
            kept.push('\n');
            let excess = kept.len().saturating_sub(KEPT);
            kept.drain(..kept.ceil_char_boundary(excess));
        }
        let _ = send.send(kept);
    });
    receive
}
