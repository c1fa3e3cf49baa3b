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
const BANDWIDTH_4K: (usize, u64) = (4 << 10, 64);
/// See [`BANDWIDTH_4K`].
const BANDWIDTH_1M: (usize, u64) = (1 << 20, 16);
/// Messages underway where their number is measured.
const RATE_WINDOW: u64 = 64;
/// Bytes of the message that answers a window.
const ANSWER_BYTES: usize = 4;
/// Messages before a measurement.
const WARM_UP: u64 = 200;

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Measurement {
    Latency,
    Rate,
    #[value(name = "4k")]
    Bandwidth4k,
    #[value(name = "1m")]
    Bandwidth1m,
}

/// What is measured unless told otherwise.
pub(crate) const ALL: [&str; 4] = ["latency", "rate", "4k", "1m"];

impl Measurement {
    /// What the command line calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Rate => "rate",
            Self::Bandwidth4k => "4k",
            Self::Bandwidth1m => "1m",
        }
    }
}

/// What one pair of processes measured; nothing for what it was not asked for.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// One way, half of a round trip, in microseconds.
    pub(crate) latency_us: Option<f64>,
    /// Millions of messages of 8 bytes a second.
    pub(crate) rate_mps: Option<f64>,
    /// Gigabytes a second with messages of 4 KiB.
    pub(crate) bandwidth_4k_gbs: Option<f64>,
    /// Gigabytes a second with messages of 1 MiB.
    pub(crate) bandwidth_1m_gbs: Option<f64>,
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
    /// What to measure; both sides are told the same.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ALL)]
    measure: Vec<Measurement>,
}

/// Exchanges addresses with the other side through the parent, measures, and prints figures if it leads.
pub(crate) fn run(options: &SideOptions) -> Result<(), Box<dyn std::error::Error>> {
    let longest = BANDWIDTH_4K.0.max(BANDWIDTH_1M.0);
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
    let figures = side.measure(&options.measure)?;
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
    fn measure(&mut self, wanted: &[Measurement]) -> Result<Figures, Box<dyn std::error::Error>> {
        // Whoever sends first may be early: this also opens the way in both directions.
        self.ping_pong(WARM_UP)?;
        let mut figures = Figures::default();
        for measurement in wanted {
            match measurement {
                Measurement::Latency => figures.latency_us = Some(self.latency_us()?),
                Measurement::Rate => {
                    let rate = self.windows(RATE_BYTES, RATE_WINDOW)?;
                    figures.rate_mps = Some(rate / 1e6);
                }
                Measurement::Bandwidth4k => {
                    figures.bandwidth_4k_gbs = Some(self.bandwidth_gbs(BANDWIDTH_4K)?);
                }
                Measurement::Bandwidth1m => {
                    figures.bandwidth_1m_gbs = Some(self.bandwidth_gbs(BANDWIDTH_1M)?);
                }
            }
        }
        Ok(figures)
    }

    fn latency_us(&mut self) -> Result<f64, FabricError> {
        let began = Instant::now();
        self.ping_pong(WARM_UP)?;
        let rounds = self.agree(self.rounds_for(began.elapsed(), WARM_UP))?;
        let began = Instant::now();
        self.ping_pong(rounds)?;
        Ok(began.elapsed().as_secs_f64() * 1e6 / (2 * rounds) as f64)
    }

    fn bandwidth_gbs(
        &mut self,
        (length, window): (usize, u64),
    ) -> Result<f64, Box<dyn std::error::Error>> {
        Ok(self.windows(length, window)? * length as f64 / 1e9)
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
