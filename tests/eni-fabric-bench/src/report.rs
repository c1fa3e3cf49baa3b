//! Medians, ratios and how they are printed.

use crate::side::Figures;
use comfy_table::Table;
use serde::Serialize;

/// All rounds of one provider; a round that failed has no figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) rounds: Vec<Option<Figures>>,
}

/// A figure's name, and how it is read.
type Column = (&'static str, fn(&Figures) -> Option<f64>);

const COLUMNS: [Column; 4] = [
    ("64 B one way us", |figures| figures.latency_us),
    ("8 B M/s", |figures| figures.rate_mps),
    ("4 KiB GB/s", |figures| figures.bandwidth_4k_gbs),
    ("1 MiB GB/s", |figures| figures.bandwidth_1m_gbs),
];

impl Measured {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            rounds: Vec::new(),
        }
    }

    /// The median, and the median of the ratios to `base` within rounds, so that a slow spell of the machine weighs on
    /// both alike.
    fn cell(&self, base: &Self, read: fn(&Figures) -> Option<f64>) -> Option<(f64, f64)> {
        let own = self.rounds.iter().flatten().filter_map(read).collect();
        let both = self.rounds.iter().zip(&base.rounds);
        let ratios =
            both.filter_map(|(own, base)| Some(read(own.as_ref()?)? / read(base.as_ref()?)?));
        Some((median(own)?, median(ratios.collect())?))
    }
}

/// The middle value, the lower of two.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

/// One row for each provider; ratios are to the first.
pub(crate) fn table(providers: &[Measured]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    let Some(first) = providers.first() else {
        return table;
    };
    // A column that nobody has was not asked for, or nothing worked at all.
    let is_wanted = |column: &Column| {
        let mut rounds = providers
            .iter()
            .flat_map(|provider| provider.rounds.iter().flatten());
        rounds.any(|figures| (column.1)(figures).is_some())
    };
    let columns: Vec<_> = COLUMNS.into_iter().filter(is_wanted).collect();
    table.set_header(std::iter::once("provider").chain(columns.iter().map(|(name, _)| *name)));
    for provider in providers {
        let cells = columns
            .iter()
            .map(|(_, read)| match provider.cell(first, *read) {
                Some((value, ratio)) => format!("{value:.3} ({ratio:.2}x)"),
                None => "failed".to_owned(),
            });
        table.add_row(std::iter::once(provider.name.clone()).chain(cells));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_rounds_and_failures_are_left_out() {
        let provider = |name: &str, rates: [Option<f64>; 3]| Measured {
            name: name.into(),
            rounds: rates
                .map(|rate| {
                    rate.map(|rate_mps| Figures {
                        rate_mps: Some(rate_mps),
                        ..Figures::default()
                    })
                })
                .into(),
        };
        let base = provider("shm", [Some(10.0), Some(20.0), Some(40.0)]);
        let other = provider("openeni", [Some(20.0), None, Some(80.0)]);
        let text = table(&[base, other, provider("none", [None; 3])]).to_string();
        assert!(text.contains("20.000 (2.00x)"), "{text}");
        assert!(text.contains("failed"), "{text}");
        assert!(!text.contains("1 MiB"), "{text}");
    }
}
