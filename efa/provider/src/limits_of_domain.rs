//! What a domain offers, as hints to programs: nothing is set aside for it.

/// Completion queues.
pub(crate) const QUEUES: usize = 1_024;
/// Endpoints, which are queue pairs of the device.
pub(crate) const ENDPOINTS: usize = 256;
/// Counters.
pub(crate) const COUNTERS: usize = 1_024;
