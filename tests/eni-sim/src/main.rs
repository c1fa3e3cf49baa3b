//! Prints SRD beside TCP in the same simulated network, and TCP over ENA Express beside TCP without.

mod express_report;

use clap::{Parser, ValueEnum};
use comfy_table::Table;
use eni_sim::scenario::{DeadPath, Incast, Latency, Outcome, Transport};
use eni_sim::speed::measure;
use eni_sim::zone::Requests;
use express_report::ExpressReport;
use serde::Serialize;
use std::time::Duration;

/// SRD beside TCP Cubic in the same simulated network. The same seed gives the same figures.
#[derive(Parser)]
#[command(name = "eni-sim")]
struct Options {
    /// What everything random follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Messages while a path dies.
    #[arg(long, default_value_t = DeadPath::default().messages)]
    messages: usize,
    /// Hosts of the incast.
    #[arg(long, default_value_t = Incast::default().senders)]
    senders: usize,
    /// Requests over ENA Express and without.
    #[arg(long, default_value_t = Requests::default().requests)]
    requests: usize,
    /// Measures instead how fast the protocol core is on this machine, for this many seconds each.
    #[arg(long)]
    speed: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

#[derive(Serialize)]
struct Report {
    seed: u64,
    dead_path: Vec<Comparison>,
    incast: Vec<Outcome>,
    ena_express: ExpressReport,
}

/// A run in which a path died, beside the same run in which none did.
#[derive(Serialize)]
struct Comparison {
    healthy: Outcome,
    dead: Outcome,
    /// How much later the slowest message was than the slowest of the healthy run.
    slowest_behind_ns: u64,
}

const TRANSPORTS: [Transport; 3] = [Transport::Srd, Transport::TcpCubic, Transport::TcpCubicRack];

fn main() -> Result<(), serde_json::Error> {
    let options = Options::parse();
    if let Some(seconds) = options.speed {
        return print_speed(Duration::from_secs(seconds), options.output);
    }
    let dead_path = DeadPath {
        messages: options.messages,
        ..DeadPath::default()
    };
    let incast = Incast {
        senders: options.senders,
        ..Incast::default()
    };
    let requests = Requests {
        requests: options.requests,
        ..Requests::default()
    };
    let report = Report {
        seed: options.seed,
        dead_path: TRANSPORTS
            .map(|transport| compare(&dead_path, transport, options.seed))
            .into(),
        incast: TRANSPORTS
            .map(|transport| incast.run(transport, options.seed))
            .into(),
        ena_express: ExpressReport::of(&requests, &incast, options.seed),
    };
    match options.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
        Output::Text => {
            print(&report, &dead_path, &incast);
            report.ena_express.print(&requests, &incast);
            println!("times in µs");
        }
    }
    Ok(())
}

/// Payload, batch and sealing of each measurement.
const SPEEDS: [(usize, usize, bool); 5] = [
    (8, 64, false),
    (8, 1, false),
    (8, 64, true),
    (8_928, 4, false),
    (8_928, 4, true),
];

fn print_speed(duration: Duration, output: Output) -> Result<(), serde_json::Error> {
    let speeds = SPEEDS.map(|(bytes, batch, is_sealed)| measure(bytes, batch, is_sealed, duration));
    if output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&speeds)?);
        return Ok(());
    }
    let mut table = Table::new();
    table.set_header([
        "payload",
        "at a time",
        "sealed",
        "million messages/s",
        "Gb/s",
    ]);
    for speed in speeds {
        let gigabits = speed.messages_per_second * speed.bytes as f64 * 8.0 / 1e9;
        table.add_row([
            speed.bytes.to_string(),
            speed.batch.to_string(),
            speed.is_sealed.to_string(),
            format!("{:.2}", speed.messages_per_second / 1e6),
            format!("{gigabits:.1}"),
        ]);
    }
    println!("{table}");
    println!("one thread does both ends' work");
    Ok(())
}

fn compare(scenario: &DeadPath, transport: Transport, seed: u64) -> Comparison {
    let healthy = scenario.run(transport, seed, false);
    let dead = scenario.run(transport, seed, true);
    Comparison {
        slowest_behind_ns: dead.latency.max_ns.saturating_sub(healthy.latency.max_ns),
        healthy,
        dead,
    }
}

fn print(report: &Report, dead_path: &DeadPath, incast: &Incast) {
    println!("seed {}", report.seed);
    println!(
        "\n1 of 16 paths dies under {} messages of {} bytes (TCP: {} connections; routing heals after {} ms)",
        dead_path.messages,
        dead_path.bytes,
        dead_path.tcp_connections,
        dead_path.healed_after_ns / 1_000_000,
    );
    let mut table = Table::new();
    table.set_header([
        "",
        "P50",
        "P99",
        "P99.9",
        "slowest",
        "slowest, no path dead",
        "behind",
    ]);
    for Comparison {
        healthy,
        dead,
        slowest_behind_ns,
    } in &report.dead_path
    {
        let mut row = vec![name(dead.transport, dead.missing)];
        row.extend(latencies(&dead.latency));
        row.extend([micros(healthy.latency.max_ns), micros(*slowest_behind_ns)]);
        table.add_row(row);
    }
    println!("{table}");
    println!(
        "\nincast: {} hosts send {} bytes each to one at the same moment, {} times",
        incast.senders, incast.bytes, incast.rounds,
    );
    let mut table = Table::new();
    table.set_header(["", "P50", "P99", "P99.9", "slowest", "queue drops"]);
    for outcome in &report.incast {
        let mut row = vec![name(outcome.transport, outcome.missing)];
        row.extend(latencies(&outcome.latency));
        row.push(outcome.queue_drops.to_string());
        table.add_row(row);
    }
    println!("{table}");
}

fn name(transport: Transport, missing: usize) -> String {
    let name = match transport {
        Transport::Srd => "SRD",
        Transport::TcpCubic => "TCP Cubic, SACK",
        Transport::TcpCubicRack => "TCP Cubic, RACK-TLP",
        Transport::ExpressTcpCubic => "TCP Cubic, SACK, over ENA Express",
        Transport::ExpressTcpCubicRack => "TCP Cubic, RACK-TLP, over ENA Express",
    };
    if missing == 0 {
        name.to_owned()
    } else {
        format!("{name} ({missing} missing)")
    }
}

fn latencies(latency: &Latency) -> [String; 4] {
    [
        latency.p50_ns,
        latency.p99_ns,
        latency.p999_ns,
        latency.max_ns,
    ]
    .map(micros)
}

fn micros(nanos: u64) -> String {
    format!("{:.1}", nanos as f64 / 1_000.0)
}
