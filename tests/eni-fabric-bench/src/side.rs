//! One of the two processes between which is measured.

use crate::fabric::{Endpoint, FabricError};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

/// Bytes of the message whose latency is measured.
const LATENCY_BYTES: usize = 64;
/// Bytes of the messages that are counted.
const RATE_BYTES: usize = 8;
/// The two lengths at which bandwidth is measured, with the messages underway at a time.
const BANDWIDTH: [(usize, u64); 2] = [(4 << 10, 64), (1 << 20, 16)];
/// Messages underway where their number is measured.
const RATE_WINDOW: u64 = 64;
/// Bytes of the message that answers a window.
const ANSWER_BYTES: usize = 4;
/// Messages before a measurement.
const WARM_UP: u64 = 200;

/// What one pair of processes measured.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// One way, half of a round trip, in microseconds.
    pub(crate) latency_us: f64,
    /// Millions of messages of 8 bytes a second.
    pub(crate) rate_mps: f64,
    /// Gigabytes a second with messages of 4 KiB.
    pub(crate) bandwidth_4k_gbs: f64,
    /// Gigabytes a second with messages of 1 MiB.
    pub(crate) bandwidth_1m_gbs: f64,
}

/// What a side is told.
#[derive(clap::Args)]
pub(crate) struct SideOptions {
    #[arg(long)]
    provider: String,
    #[arg(long)]
    domain: Option<String>,
    #[arg(long)]
    source: Option<String>,
    /// Sends, and says what came of it.
    #[arg(long)]
    leads: bool,
    /// Let every message have a completion.
    #[arg(long)]
    completions: bool,
    /// Measures nothing: the leader sends one message, the other looks at nothing.
    #[arg(long)]
    ignored: bool,
    /// Milliseconds for each measurement.
    #[arg(long, default_value_t = 100)]
    milliseconds: u64,
}

/// Exchanges addresses with the other side through the parent, measures, and prints figures if it leads.
pub(crate) fn run(options: &SideOptions) -> Result<(), Box<dyn std::error::Error>> {
    let longest = BANDWIDTH
        .iter()
        .map(|&(length, _)| length)
        .max()
        .unwrap_or_default();
    let mut endpoint = Endpoint::open(
        &options.provider,
        options.domain.as_deref(),
        options.source.as_deref(),
        longest,
    )?;
    println!("{}", hex::encode(endpoint.address()?));
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    endpoint.set_peer(&hex::decode(line.trim())?)?;
    if options.completions {
        endpoint.complete_all();
    }
    if options.ignored {
        return ignore(endpoint, options.leads);
    }
    let mut side = Side {
        endpoint,
        leads: options.leads,
        time: Duration::from_millis(options.milliseconds),
        sent: 0,
        received: 0,
    };
    let figures = side.measure()?;
    if options.leads {
        println!("{}", serde_json::to_string(&figures)?);
    }
    // Both stay until both are done: a provider may need the other to finish.
    let mut rest = String::new();
    std::io::stdin().lock().read_line(&mut rest)?;
    Ok(())
}

/// One message to a side that does not look. The leader says when it is sent, and ends when it is completed.
fn ignore(mut endpoint: Endpoint, leads: bool) -> Result<(), Box<dyn std::error::Error>> {
    if leads {
        endpoint.send(LATENCY_BYTES)?;
        println!("sent");
        std::io::stdout().flush()?;
        return Ok(endpoint.await_sent(1)?);
    }
    let mut rest = String::new();
    std::io::stdin().lock().read_line(&mut rest)?;
    Ok(())
}

struct Side {
    endpoint: Endpoint,
    leads: bool,
    time: Duration,
    sent: u64,
    received: u64,
}

impl Side {
    fn measure(&mut self) -> Result<Figures, Box<dyn std::error::Error>> {
        // Whoever sends first may be early: this also opens the way in both directions.
        self.ping_pong(WARM_UP)?;
        let began = Instant::now();
        self.ping_pong(WARM_UP)?;
        let rounds = self.agree(self.rounds_for(began.elapsed(), WARM_UP))?;
        let began = Instant::now();
        self.ping_pong(rounds)?;
        let latency_us = began.elapsed().as_secs_f64() * 1e6 / (2 * rounds) as f64;
        let rate_mps = self.windows(RATE_BYTES, RATE_WINDOW)? / 1e6;
        let mut bandwidths = [0.0; 2];
        for (bandwidth, (length, window)) in bandwidths.iter_mut().zip(BANDWIDTH) {
            *bandwidth = self.windows(length, window)? * length as f64 / 1e9;
        }
        Ok(Figures {
            latency_us,
            rate_mps,
            bandwidth_4k_gbs: bandwidths[0],
            bandwidth_1m_gbs: bandwidths[1],
        })
    }

    /// Repetitions that fill the time if `done` of them took `took`.
    fn rounds_for(&self, took: Duration, done: u64) -> u64 {
        let rounds = self.time.as_secs_f64() / took.as_secs_f64() * done as f64;
        (rounds as u64).clamp(10, 10_000_000)
    }

    /// A number that the leader finds, for both.
    fn agree(&mut self, number: u64) -> Result<u64, FabricError> {
        self.endpoint.post(LATENCY_BYTES)?;
        self.received += 1;
        self.endpoint.set_number(number);
        self.endpoint.send(LATENCY_BYTES)?;
        self.sent += 1;
        self.endpoint.await_received(self.received)?;
        self.endpoint.await_sent(self.sent)?;
        Ok(if self.leads {
            number
        } else {
            self.endpoint.number()
        })
    }

    fn ping_pong(&mut self, rounds: u64) -> Result<(), FabricError> {
        for _ in 0..rounds {
            self.endpoint.post(LATENCY_BYTES)?;
            self.received += 1;
            if self.leads {
                self.endpoint.send(LATENCY_BYTES)?;
                self.endpoint.await_received(self.received)?;
            } else {
                self.endpoint.await_received(self.received)?;
                self.endpoint.send(LATENCY_BYTES)?;
            }
            self.sent += 1;
        }
        self.endpoint.await_sent(self.sent)
    }

    /// Messages a second of `length` bytes, with at most `window` underway, each window answered by one message.
    fn windows(&mut self, length: usize, window: u64) -> Result<f64, Box<dyn std::error::Error>> {
        self.stream(length, window, 2)?;
        let began = Instant::now();
        self.stream(length, window, 10)?;
        let windows = self.agree(self.rounds_for(began.elapsed(), 10))?;
        let began = Instant::now();
        self.stream(length, window, windows)?;
        let rate = (windows * window) as f64 / began.elapsed().as_secs_f64();
        if !self.leads && !self.endpoint.is_intact(length) {
            return Err(format!("a message of {length} bytes arrived changed").into());
        }
        Ok(rate)
    }

    fn stream(&mut self, length: usize, window: u64, windows: u64) -> Result<(), FabricError> {
        if self.leads {
            for _ in 0..windows {
                self.endpoint.post(ANSWER_BYTES)?;
                for _ in 0..window {
                    self.endpoint.send(length)?;
                }
                self.sent += window;
                self.received += 1;
                self.endpoint.await_sent(self.sent)?;
                self.endpoint.await_received(self.received)?;
            }
            return Ok(());
        }
        self.post_window(length, window)?;
        for index in 0..windows {
            self.received += window;
            self.endpoint.await_received(self.received)?;
            // The next window is expected before the leader learns that it may send it.
            if index + 1 < windows {
                self.post_window(length, window)?;
            }
            self.endpoint.send(ANSWER_BYTES)?;
            self.sent += 1;
        }
        self.endpoint.await_sent(self.sent)
    }

    fn post_window(&mut self, length: usize, window: u64) -> Result<(), FabricError> {
        for _ in 0..window {
            self.endpoint.post(length)?;
        }
        Ok(())
    }
}
