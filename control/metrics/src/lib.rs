//! What a region measures of itself. Every figure's name, unit, labels and meaning are declared here, once.
//!
//! A figure is a distribution: how often something happened, and how large it was. Whoever measures calls
//! [`Figure::took`] or [`Figure::is`]; what becomes of it is the recorder's business (the `metrics` crate's), and without
//! a recorder nothing happens. A value costs some 0.3 microseconds, the clock's reading included.
//! Nothing is formatted before somebody asks.
#![forbid(unsafe_code)]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use metrics::{Histogram, Label, Unit, describe_histogram, histogram};

/// One figure.
#[derive(Debug)]
pub struct Figure {
    /// As Prometheus names it, with the unit at its end.
    pub name: &'static str,
    /// What its values are counted in.
    pub unit: Unit,
    /// What it is told apart by.
    pub labels: &'static [&'static str],
    /// What it says, in one sentence.
    pub help: &'static str,
    /// What takes the values of a figure without labels. A recorder comes before the first value, or never.
    taker: OnceLock<Histogram>,
}

/// Upper bounds of what times are sorted into, in seconds: from a write of one row to a boot.
pub const SECONDS_BOUNDS: &[f64] = &[
    1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0,
];
/// The same of numbers and of bytes.
pub const COUNT_BOUNDS: &[f64] = &[
    1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1e3, 1e4, 1e5, 1e6,
];

/// What [`SERVICE_REQUEST`] calls the region's API.
pub const API: &str = "api";

macro_rules! figures {
    ($($constant:ident $name:literal $unit:ident [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $constant: Figure = Figure {
                name: $name,
                unit: Unit::$unit,
                labels: &[$($label),*],
                help: $help,
                taker: OnceLock::new(),
            };
        )*
        /// All of them.
        pub static ALL: &[&Figure] = &[$(&$constant),*];
    };
}

figures! {
    CALL "openeni_call_seconds" Seconds ["action", "status"]
        "From a call's head to its answer; the status is HTTP's class, such as 2xx, or that the client hung up.";
    BATCH_CALLS "openeni_batch_calls" Count []
        "Calls that the writer planned together; they share one commit.";
    COMMIT_BYTES "openeni_commit_bytes" Bytes []
        "Keys and values in one commit.";
    COMMIT "openeni_commit_seconds" Seconds []
        "One commit of the store, on disk (fsync).";
    PUBLISH "openeni_publish_seconds" Seconds []
        "From the end of a commit until readers see what it changed.";
    LOWERING "openeni_lowering_seconds" Seconds []
        "What changed in the published world, made into rows and devices that are wanted.";
    PLANNING "openeni_planning_seconds" Seconds []
        "The steps from what is observed to what is wanted.";
    PASS "openeni_pass_seconds" Seconds []
        "One pass of the tables lane: lowering, planning, its steps.";
    TABLE_STEP "openeni_table_step_seconds" Seconds ["step"]
        "One step of the tables lane: a row or two of a packet table.";
    DEVICE_STEP "openeni_device_step_seconds" Seconds ["step", "outcome"]
        "One step of the devices lane; the outcome is done or failed.";
    LOOK "openeni_look_seconds" Seconds []
        "One look at all devices and instances of the machine.";
    SERVICE_REQUEST "openeni_service_request_seconds" Seconds ["service", "outcome"]
        "A guest's request to a service of the fabric, from its arrival to its answer; the outcome is the status of HTTP (of the API its class), the code of DNS, answered or ignored of others, dropped of a datagram and refused of a connection beyond an interface's bound.";
    SERVICE_TURN "openeni_service_turn_seconds" Seconds ["service"]
        "How long a request for instance metadata has waited for its interface's turn and allowance.";
}

impl Figure {
    /// It took so long.
    pub fn took(&'static self, time: Duration) {
        self.is(time.as_secs_f64());
    }

    /// It was so large, in the figure's unit.
    pub fn is(&'static self, value: f64) {
        let taker = self.taker.get_or_init(|| histogram!(self.name));
        taker.record(value);
    }

    /// It took so long, for these values of the labels, in their order.
    pub fn took_for<const N: usize>(&'static self, labels: [&'static str; N], time: Duration) {
        let labels = self.labels.iter().zip(labels);
        let labels: Vec<Label> = labels
            .map(|(name, value)| Label::from_static_parts(name, value))
            .collect();
        histogram!(self.name, labels).record(time.as_secs_f64());
    }

    /// Does it, and keeps how long it took.
    pub fn time<T>(&'static self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = work();
        self.took(begun.elapsed());
        done
    }

    /// What its values are sorted into.
    #[must_use]
    pub fn bounds(&self) -> &'static [f64] {
        match self.unit {
            Unit::Seconds => SECONDS_BOUNDS,
            _ => COUNT_BOUNDS,
        }
    }
}

/// Tells the recorder what every figure means.
pub fn describe_all() {
    for figure in ALL {
        describe_histogram!(figure.name, figure.unit, figure.help);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figures_name_ends_with_its_unit_and_no_two_share_one() {
        let mut names: Vec<&str> = ALL.iter().map(|figure| figure.name).collect();
        for figure in ALL {
            let end = match figure.unit {
                Unit::Seconds => "_seconds",
                Unit::Bytes => "_bytes",
                _ => "_calls",
            };
            assert!(
                figure.name.starts_with("openeni_") && figure.name.ends_with(end),
                "{figure:?}"
            );
            assert!(figure.help.ends_with('.'), "{figure:?}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn the_manual_lists_every_figure_and_no_other() {
        let manual = include_str!("../../../docs/OPERATION.md");
        let rows = manual
            .lines()
            .filter(|line| line.starts_with("| `openeni_"));
        let rows: Vec<&str> = rows.collect();
        let declared = ALL.iter().map(|figure| {
            let labels = figure.labels.join(", ");
            format!("| `{}` | {labels} | {} |", figure.name, figure.help)
        });
        assert_eq!(rows, declared.collect::<Vec<_>>());
    }
}
