//! Records out of order, as SRD may deliver them: for tests, and in builds with debug assertions only.

use super::sys;
use eni_efa_client::{LaneId, Payload, RecordHeader};
use eni_efa_device::{Device, Incoming, QueuePairId};

/// Percentage of records that are held back.
const VARIABLE: &str = "OPENENI_EFA_REORDER";
/// Records that are held back at a time, at most.
const MOST: usize = 64;
/// Polls that a record is held back for, at most.
const LONGEST: u64 = 8;

struct Held {
    lane: u32,
    header: RecordHeader,
    payload: Vec<u8>,
    polls: u64,
}

/// Holds records of one queue pair back.
pub(super) struct Reorder {
    percent: u64,
    dice: u64,
    held: Vec<Held>,
}

impl Reorder {
    pub(super) fn from_environment(seed: u32) -> Self {
        let percent = std::env::var(VARIABLE)
            .ok()
            .and_then(|percent| percent.parse().ok());
        Self {
            percent: percent.unwrap_or(0),
            dice: u64::from(seed) | 1 << 40,
            held: Vec::new(),
        }
    }

    /// xorshift64 (Marsaglia, 2003).
    fn roll(&mut self) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice >> 8
    }

    /// Takes a record to deliver it later; false when it is to be delivered now.
    pub(super) fn take(
        &mut self,
        lane: LaneId,
        header: &RecordHeader,
        payload: &Payload<'_>,
    ) -> bool {
        if self.percent == 0 || self.held.len() >= MOST || self.roll() % 100 >= self.percent {
            return false;
        }
        let polls = self.roll() % LONGEST;
        self.held.push(Held {
            lane: lane.0,
            header: *header,
            payload: payload.to_vec(),
            polls,
        });
        true
    }

    /// Nothing more comes by a lane.
    pub(super) fn forget(&mut self, lane: LaneId) {
        self.held.retain(|held| held.lane != lane.0);
    }

    /// Delivers what has been held back for long enough.
    pub(super) fn release(&mut self, device: &mut Device, id: QueuePairId) {
        let mut index = 0;
        while index < self.held.len() {
            let held = &mut self.held[index];
            held.polls = held.polls.saturating_sub(1);
            if held.polls == 0
                && let Incoming::Done(copies) =
                    device.incoming(id, held.lane, &held.header, held.header.length)
            {
                sys::copy_bytes(&held.payload, copies.as_slice());
                self.held.swap_remove(index);
            } else {
                index += 1;
            }
        }
    }
}
