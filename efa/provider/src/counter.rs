//! Counters.

pub(crate) mod sys;

/// Successes and failures of the operations that a counter is bound to.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    pub(crate) successes: u64,
    pub(crate) failures: u64,
    /// Endpoints that count here.
    pub(crate) endpoints: Vec<usize>,
}
