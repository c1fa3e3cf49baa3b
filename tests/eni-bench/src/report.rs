//! Medians, ratios and how they are printed.

use comfy_table::Table;
use eni_client::median;
use serde::Serialize;

use crate::traffic::Figures;

/// All rounds of one path.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) rounds: Vec<Figures>,
}

/// A figure's name, how it is read, and how it is written.
type Column = (&'static str, fn(&Figures) -> f64);

const COLUMNS: [Column; 5] = [
    ("TCP stream Gbit/s", |figures| figures.stream_gbps),
    ("TCP rr p50 us", |figures| figures.round_trip_p50_us),
    ("TCP rr p99 us", |figures| figures.round_trip_p99_us),
    ("UDP 64 B Mpps", |figures| figures.udp_mpps),
    ("TCP conn k/s", |figures| figures.connections_kps),
];

impl Measured {
    fn median(&self, read: fn(&Figures) -> f64) -> f64 {
        median(self.rounds.iter().map(read).collect()).unwrap_or_default()
    }
}

/// The medians of every path, and beside each its ratio to the first path's: the median over rounds of the ratio within
/// a round, so that a slow spell of the machine weighs on both sides alike.
pub(crate) fn table(paths: &[Measured]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(std::iter::once("path").chain(COLUMNS.iter().map(|(name, _)| *name)));
    let Some(first) = paths.first() else {
        return table;
    };
    for path in paths {
        let cells = COLUMNS.iter().map(|(_, read)| {
            let ratios = path
                .rounds
                .iter()
                .zip(&first.rounds)
                .map(|(own, base)| read(own) / read(base))
                .collect();
            format!(
                "{:.3} ({:.2}x)",
                path.median(*read),
                median(ratios).unwrap_or_default()
            )
        });
        table.add_row(std::iter::once(path.name.clone()).chain(cells));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_rounds() {
        let path = |name: &str, rates: [f64; 3]| Measured {
            name: name.into(),
            rounds: rates
                .map(|stream_gbps| Figures {
                    stream_gbps,
                    ..Figures::default()
                })
                .into(),
        };
        let text =
            table(&[path("a", [10.0, 20.0, 40.0]), path("b", [5.0, 10.0, 40.0])]).to_string();
        assert!(text.contains("10.000 (0.50x)"), "{text}");
    }
}
