//! The rings between an endpoint and the service: records of peers on other hosts, and completions of ours to them.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use eni_efa_abi::limits::{COMPLETION_RING, SERVICE_RING};
use eni_efa_channel::{Consumer, OwnRegion, PeerRegion, Producer, RegionError, channel};

use crate::mailbox::Rings;

/// Our regions, before the service's are there.
#[derive(Debug)]
pub(crate) struct Unmapped {
    records: OwnRegion,
    completions: OwnRegion,
    pub(crate) files: [OwnedFd; 2],
}

impl Unmapped {
    pub(crate) fn create() -> Result<Self, RegionError> {
        let (records, records_file) = OwnRegion::create(SERVICE_RING)?;
        let (completions, completions_file) = OwnRegion::create(COMPLETION_RING)?;
        Ok(Self {
            records,
            completions,
            files: [records_file, completions_file],
        })
    }
}

#[derive(Debug)]
pub(crate) struct ServiceRings {
    pub(crate) producer: Producer,
    pub(crate) records: Consumer,
    pub(crate) completions: Consumer,
    /// The service's region, for its bell.
    service: Arc<PeerRegion>,
    /// The sleep that we have woken the service from.
    woken_from: u32,
}

impl ServiceRings {
    pub(crate) fn map(ours: Unmapped, theirs: &[OwnedFd]) -> Result<Self, RegionError> {
        let [records, completions] = theirs else {
            return Err(RegionError::NotSealed);
        };
        let pair = |own: OwnRegion, file: &OwnedFd| -> Result<Rings, RegionError> {
            let peer = Arc::new(PeerRegion::map(file.as_fd())?);
            Ok(Rings {
                own: Arc::new(own),
                peer,
            })
        };
        let records = pair(ours.records, records)?;
        let completions = pair(ours.completions, completions)?;
        let service = Arc::clone(&records.peer);
        let (producer, records) = channel(&records.own, &records.peer);
        let (_, completions) = channel(&completions.own, &completions.peer);
        Ok(Self {
            producer,
            records,
            completions,
            service,
            woken_from: 0,
        })
    }

    /// Whether the service is to be woken for what has just been written; once for every sleep.
    pub(crate) fn must_wake(&mut self) -> bool {
        // The record is visible before the bell is read: the service looks the other way around.
        fence(Ordering::SeqCst);
        let sleep = self.service.bell();
        sleep != 0 && std::mem::replace(&mut self.woken_from, sleep) != sleep
    }
}
