//! What a device's traffic to and from other hosts is counted by.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::broker::Tally;

/// Why a record or a datagram went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum DropReason {
    /// The policy does not allow it.
    NotAllowed,
    /// No such endpoint here.
    UnknownEndpoint,
    /// The directory knows no host for the destination.
    NoRoute,
    /// The destination's ring has no room; the sender tries again.
    RingFull,
    /// What arrived, or what a program wrote, is not what the contract says.
    Malformed,
    /// A datagram came from another host than its sender's.
    WrongHost,
    /// The other host did not take it in time.
    Unreachable,
    /// A datagram was not sealed with the pair's key, or was sealed where the pair has none.
    Unauthentic,
    /// A datagram came late: again, or for a session that is over.
    Stale,
    /// Its endpoint had ended, and no connection had room for it in time.
    EndpointEnded,
}

/// How many reasons there are.
const REASONS: usize = DropReason::ALL.len();

impl DropReason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::NotAllowed,
        Self::UnknownEndpoint,
        Self::NoRoute,
        Self::RingFull,
        Self::Malformed,
        Self::WrongHost,
        Self::Unreachable,
        Self::Unauthentic,
        Self::Stale,
        Self::EndpointEnded,
    ];

    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::UnknownEndpoint => "unknown_endpoint",
            Self::NoRoute => "no_route",
            Self::RingFull => "ring_full",
            Self::Malformed => "malformed",
            Self::WrongHost => "wrong_host",
            Self::Unreachable => "unreachable",
            Self::Unauthentic => "unauthentic",
            Self::Stale => "stale",
            Self::EndpointEnded => "endpoint_ended",
        }
    }
}

impl From<eni_srd::DropReason> for DropReason {
    fn from(reason: eni_srd::DropReason) -> Self {
        use eni_srd::DropReason as Srd;
        match reason {
            Srd::Malformed => Self::Malformed,
            Srd::Unauthentic => Self::Unauthentic,
            Srd::Foreign | Srd::Duplicate | Srd::TooOld | Srd::Closed => Self::Stale,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct DeviceMetrics {
    records_sent: AtomicU64,
    bytes_sent: AtomicU64,
    records_received: AtomicU64,
    bytes_received: AtomicU64,
    drops: [AtomicU64; REASONS],
    /// The control thread's; all else is the carrier's.
    tally: Mutex<Tally>,
}

impl DeviceMetrics {
    pub(crate) fn set_tally(&self, tally: Tally) {
        *self.tally.lock() = tally;
    }

    // The carrier alone writes: a load and a store are enough, and cheaper than a locked addition.
    fn add(counter: &AtomicU64, more: u64) {
        counter.store(counter.load(Ordering::Relaxed) + more, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        Self::add(&self.records_sent, 1);
        Self::add(&self.bytes_sent, bytes as u64);
    }

    pub(crate) fn received(&self, bytes: usize) {
        Self::add(&self.records_received, 1);
        Self::add(&self.bytes_received, bytes as u64);
    }

    pub(crate) fn count_drop(&self, reason: DropReason) {
        Self::add(&self.drops[reason as usize], 1);
    }

    pub(crate) fn read(&self) -> DeviceCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DeviceCounters {
            records_sent: read(&self.records_sent),
            bytes_sent: read(&self.bytes_sent),
            records_received: read(&self.records_received),
            bytes_received: read(&self.bytes_received),
            drops: std::array::from_fn(|reason| read(&self.drops[reason])),
            tally: *self.tally.lock(),
        }
    }
}

/// What a device has carried to and from other hosts since the service began. Traffic within the host passes by the
/// service and is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceCounters {
    /// Records taken from programs.
    pub records_sent: u64,
    /// Their payload in bytes.
    pub bytes_sent: u64,
    /// Records put into programs' rings.
    pub records_received: u64,
    /// Their payload in bytes.
    pub bytes_received: u64,
    /// What the service brokered and refused, on this host too.
    pub tally: Tally,
    drops: [u64; REASONS],
}

impl DeviceCounters {
    /// The reasons for which something went no further, and how often.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        let all = DropReason::ALL.into_iter();
        all.map(|reason| (reason, self.dropped(reason)))
            .filter(|(_, count)| *count > 0)
    }

    /// Records and datagrams that went no further for this reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_in_its_own_place() {
        for (place, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(place, reason as usize);
            let metrics = DeviceMetrics::default();
            metrics.count_drop(reason);
            let drops: Vec<_> = metrics.read().drops().collect();
            assert_eq!(drops, [(reason, 1)]);
        }
    }
}
