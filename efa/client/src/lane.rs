//! Lanes: the way from an endpoint to one peer.

use std::sync::Arc;

use eni_efa_abi::Peer;
use eni_efa_abi::control::Cause;
use eni_efa_abi::unread::Watch;
use eni_efa_channel::{Consumer, OwnRegion, Pace, Producer};

/// Names a lane within its endpoint: a dense index. One that the program has heard of is given to another lane only after
/// [`Endpoint::release`](crate::Endpoint::release).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId(pub u32);

impl LaneId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a lane stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneState {
    /// Records cannot be sent yet.
    Connecting,
    /// Records can be sent.
    Open {
        /// Whether the peer is on this host: a record that was sent is delivered.
        local: bool,
    },
    /// No more.
    Broken(Cause),
}

/// What became of a record that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is in the peer's hands.
    Delivered,
    /// [`crate::Handler::completed`] follows.
    Underway,
}

/// Why a record was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError {
    /// No room until the other side has read.
    #[error("the lane is full")]
    Full,
    /// Not yet.
    #[error("the lane is connecting")]
    Connecting,
    /// No more.
    #[error("the lane is broken: {0}")]
    Broken(Cause),
    /// Longer than the lane carries.
    #[error("the record is too long")]
    TooLong,
}

#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) peer: Peer,
    pub(crate) state: State,
    /// The offer that the service has not answered.
    pub(crate) attempt: Option<u32>,
    /// What the peer had consumed when the lane broke.
    pub(crate) last_consumed: u64,
    /// The program knows its number.
    pub(crate) is_known: bool,
    /// It led to a peer on this host: no completions can come late.
    pub(crate) was_local: bool,
}

#[derive(Debug)]
pub(crate) enum State {
    Connecting,
    Local(Local),
    Remote,
    Broken(Cause),
}

/// The sending half of a lane to a peer on this host; the receiving half is an [`Inbound`].
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) producer: Producer,
    pub(crate) own: Arc<OwnRegion>,
    /// The service's name for the ring pair; a lane to oneself has none.
    pub(crate) conversation: Option<u64>,
    pub(crate) pacing: Pacing,
    /// Whether the peer reads.
    pub(crate) watch: Watch,
}

/// Tells records that follow each other without a poll in between, of which the second is one of many as a rule.
#[derive(Debug, Default)]
pub(crate) struct Pacing {
    /// In the count of the endpoint's polls, when a record was last sent.
    last: Option<u32>,
}

impl Pacing {
    /// How the next record is sent, after so many `polls`.
    #[inline]
    pub(crate) fn next(&mut self, polls: u32) -> Pace {
        if self.last.replace(polls) == Some(polls) {
            Pace::Burst
        } else {
            Pace::Single
        }
    }
}

/// The receiving half of a lane to a peer on this host: what poll looks at.
#[derive(Debug)]
pub(crate) struct Inbound {
    pub(crate) lane: LaneId,
    pub(crate) consumer: Consumer,
    /// The peer is gone: the lane ends once its last records are taken.
    pub(crate) ending: Option<Ending>,
    /// The program was given a record of it.
    pub(crate) is_heard: bool,
}

#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) cause: Cause,
    pub(crate) since: std::time::Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_without_a_poll_in_between_are_a_burst() {
        let mut pacing = Pacing::default();
        let paces = [7, 7, 7, 8, 9, 9].map(|polls| pacing.next(polls));
        let (single, burst) = (Pace::Single, Pace::Burst);
        assert_eq!(paces, [single, burst, burst, single, single, burst]);
    }
}
