//! What is said of an Elastic Fabric Adapter.

use std::collections::BTreeMap;

use eni_fabric::{DeviceCounters, Tally};
use serde::{Deserialize, Serialize};

/// What an adapter has, and what was counted of it since its device came to the fabric service. Records within the host
/// pass by the service and are not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AdapterCounters {
    /// Endpoints at the moment.
    pub(crate) endpoints: u64,
    /// Their lanes at the moment, those within the host too.
    pub(crate) lanes: u64,
    /// Address handles and lanes that the rules did not allow.
    pub(crate) refused: u64,
    /// Lanes that the rules have ended.
    pub(crate) revoked: u64,
    /// Records to other hosts.
    pub(crate) records_sent: u64,
    pub(crate) bytes_sent: u64,
    /// Records from other hosts.
    pub(crate) records_received: u64,
    pub(crate) bytes_received: u64,
    /// Drops by reason; reasons that never struck are left out.
    pub(crate) drops: BTreeMap<String, u64>,
}

impl From<DeviceCounters> for AdapterCounters {
    fn from(counters: DeviceCounters) -> Self {
        let Tally {
            endpoints,
            lanes,
            refused,
            revoked,
        } = counters.tally;
        Self {
            endpoints,
            lanes,
            refused,
            revoked,
            records_sent: counters.records_sent,
            bytes_sent: counters.bytes_sent,
            records_received: counters.records_received,
            bytes_received: counters.bytes_received,
            drops: counters
                .drops()
                .map(|(reason, count)| (reason.as_str().to_owned(), count))
                .collect(),
        }
    }
}

impl AdapterCounters {
    /// Heads of [`Self::cells`].
    pub(crate) const HEADER: [&str; 7] = [
        "ENDPOINTS",
        "LANES",
        "REFUSED",
        "REVOKED",
        "RECEIVED",
        "SENT",
        "DROPS",
    ];

    /// For people.
    pub(crate) fn cells(&self) -> [String; 7] {
        [
            self.endpoints.to_string(),
            self.lanes.to_string(),
            self.refused.to_string(),
            self.revoked.to_string(),
            self.records_received.to_string(),
            self.records_sent.to_string(),
            super::render::reasons(&self.drops),
        ]
    }
}
