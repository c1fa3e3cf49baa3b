//! The tables of ENA Express.

use crate::{latencies, name};
use comfy_table::Table;
use eni_sim::express::ExpressOptions;
use eni_sim::scenario::{Incast, Outcome, Transport};
use eni_sim::zone::{Bulk, Goodput, Requests, Trouble};
use serde::Serialize;

/// TCP with one path for each flow, and the same TCP over ENA Express.
const TRANSPORTS: [Transport; 4] = [
    Transport::TcpCubic,
    Transport::ExpressTcpCubic,
    Transport::TcpCubicRack,
    Transport::ExpressTcpCubicRack,
];

/// Few bytes, because others leave it little.
const SHARED: Bulk = Bulk {
    bytes: 50_000_000,
    express: ExpressOptions::FULL,
};

#[derive(Serialize)]
pub(crate) struct ExpressReport {
    bulk: Vec<InTrouble<Goodput>>,
    shared_receiver: Vec<InTrouble<Goodput>>,
    requests: Vec<InTrouble<Outcome>>,
    incast: Vec<Outcome>,
}

#[derive(Serialize)]
struct InTrouble<T> {
    trouble: Trouble,
    runs: Vec<T>,
}

impl ExpressReport {
    pub(crate) fn of(requests: &Requests, incast: &Incast, seed: u64) -> Self {
        Self {
            bulk: in_each(Trouble::OF_THE_NETWORK, |transport, trouble| {
                Bulk::default().run(transport, trouble, seed)
            }),
            shared_receiver: in_each(Trouble::OF_THE_RECEIVER, |transport, trouble| {
                SHARED.run(transport, trouble, seed)
            }),
            requests: in_each(
                Trouble::OF_THE_NETWORK
                    .into_iter()
                    .chain([Trouble::OwnBulk]),
                |transport, trouble| requests.run(transport, trouble, seed),
            ),
            incast: TRANSPORTS
                .map(|transport| incast.run(transport, seed))
                .into(),
        }
    }

    pub(crate) fn print(&self, requests: &Requests, incast: &Incast) {
        print_bulk(&Bulk::default(), &self.bulk);
        print_bulk(&SHARED, &self.shared_receiver);
        println!(
            "\nENA Express: {} requests of {} bytes on {} flows, one every {} µs",
            requests.requests,
            requests.bytes,
            requests.connections,
            requests.interval_ns / 1_000,
        );
        let mut table = Table::new();
        table.set_header(["", "", "P50", "P99", "P99.9", "slowest", "P99.9 saved"]);
        for InTrouble { trouble, runs } in &self.requests {
            for (index, run) in runs.iter().enumerate() {
                let rival = index.checked_sub(1).and_then(|rival| runs.get(rival));
                let saved = rival.filter(|_| index % 2 == 1);
                let mut row = vec![describe(*trouble), name(run.transport, run.missing)];
                row.extend(latencies(&run.latency));
                row.push(saved.map_or(String::new(), |rival| saving(rival, run)));
                table.add_row(row);
            }
        }
        println!("{table}");
        self.print_incast(incast);
    }

    fn print_incast(&self, incast: &Incast) {
        println!(
            "\nENA Express: the incast of {} hosts from above",
            incast.senders
        );
        let mut table = Table::new();
        table.set_header(["", "P50", "P99", "P99.9", "slowest", "queue drops"]);
        for run in &self.incast {
            let mut row = vec![name(run.transport, run.missing)];
            row.extend(latencies(&run.latency));
            row.push(run.queue_drops.to_string());
            table.add_row(row);
        }
        println!("{table}");
    }
}

fn print_bulk(bulk: &Bulk, troubles: &[InTrouble<Goodput>]) {
    println!(
        "\nENA Express: one flow of {} MB, 8 paths of 5 Gb/s, hosts of 25 Gb/s",
        bulk.bytes / 1_000_000,
    );
    let mut table = Table::new();
    table.set_header(["", "", "Gb/s", "timeouts", "late frames"]);
    for InTrouble { trouble, runs } in troubles {
        for run in runs {
            let gigabits = run
                .bits_per_second
                .map_or("-".to_owned(), |rate| format!("{:.2}", rate as f64 / 1e9));
            table.add_row([
                describe(*trouble),
                name(run.transport, 0),
                gigabits,
                run.timeouts.to_string(),
                run.late.to_string(),
            ]);
        }
    }
    println!("{table}");
}

fn in_each<T>(
    troubles: impl IntoIterator<Item = Trouble>,
    run: impl Fn(Transport, Trouble) -> T,
) -> Vec<InTrouble<T>> {
    let each = troubles.into_iter();
    each.map(|trouble| InTrouble {
        trouble,
        runs: TRANSPORTS.map(|transport| run(transport, trouble)).into(),
    })
    .collect()
}

/// By how much the slowest in a thousand became faster, in percent of what they took.
fn saving(before: &Outcome, after: &Outcome) -> String {
    let ratio = after.latency.p999_ns as f64 / before.latency.p999_ns.max(1) as f64;
    format!("{:.1} %", (1.0 - ratio) * 100.0)
}

fn describe(trouble: Trouble) -> String {
    let text = match trouble {
        Trouble::Nothing => "nothing else",
        Trouble::CrossTraffic => "bulk traffic on 2 paths",
        Trouble::Incast => "incast on 2 paths",
        Trouble::Loss => "1 % loss on 2 paths",
        Trouble::DeadPath => "1 path dies",
        Trouble::OwnBulk => "a bulk flow of the same hosts",
        Trouble::SharedReceiver { hosts } => {
            return format!("TCP of {hosts} others to the same receiver");
        }
    };
    text.to_owned()
}
