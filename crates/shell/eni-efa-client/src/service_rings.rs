//! The rings between an endpoint and the service: records of peers on other hosts, and completions of ours to them.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

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
        let (producer, records) = channel(&records.own, &records.peer);
        let (_, completions) = channel(&completions.own, &completions.peer);
        Ok(Self {
            producer,
            records,
            completions,
        })
    }
}
