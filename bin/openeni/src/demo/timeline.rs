//! What the demo prints.

use std::time::{Duration, Instant};

use serde::Serialize;

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Event {
    /// Milliseconds since the first instance died.
    pub(crate) at_ms: f64,
    /// What happened.
    pub(crate) what: String,
}

/// What came of one failover.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// Milliseconds from the detach call to the first answer of the standby.
    pub(crate) blackout_ms: f64,
    /// Probes sent since the first answer, one a millisecond.
    pub(crate) probes_sent: u64,
    /// Probes that nobody answered.
    pub(crate) probes_lost: u64,
    /// Milliseconds from the detach call to the first line of a TCP connection to the standby.
    pub(crate) tcp_resumed_ms: Option<f64>,
    /// What happened when.
    pub(crate) events: Vec<Event>,
}

/// Collects events, with times relative to a moment.
pub(crate) struct Timeline {
    zero: Instant,
    events: Vec<(Instant, String)>,
}

impl Timeline {
    pub(crate) fn new(zero: Instant) -> Self {
        Self {
            zero,
            events: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, at: Instant, what: impl Into<String>) {
        self.events.push((at, what.into()));
    }

    /// The events in the order in which they happened.
    pub(crate) fn finish(mut self) -> Vec<Event> {
        self.events.sort_by_key(|(at, _)| *at);
        let zero = self.zero;
        self.events
            .into_iter()
            .map(|(at, what)| {
                let at_ms = milliseconds(at.saturating_duration_since(zero))
                    - milliseconds(zero.saturating_duration_since(at));
                Event { at_ms, what }
            })
            .collect()
    }
}

/// Milliseconds, to a microsecond.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// The report as a person reads it.
pub(crate) fn render(report: &Report) -> String {
    let mut text = String::new();
    for Event { at_ms, what } in &report.events {
        text.push_str(&format!("{at_ms:>10.3} ms  {what}\n"));
    }
    text.push_str(&format!(
        "\nblackout {:.1} ms from the detach call to the standby's first answer; {} of {} probes lost\n",
        report.blackout_ms, report.probes_lost, report.probes_sent
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_in_their_order_and_relative_to_the_death() {
        let zero = Instant::now() + Duration::from_secs(1);
        let mut timeline = Timeline::new(zero);
        timeline.add(zero + Duration::from_micros(2_500), "after");
        timeline.add(zero - Duration::from_millis(3), "before");
        let told: Vec<_> = timeline
            .finish()
            .into_iter()
            .map(|event| (event.at_ms, event.what))
            .collect();
        assert_eq!(
            told,
            [(-3.0, "before".to_owned()), (2.5, "after".to_owned())]
        );
    }
}
