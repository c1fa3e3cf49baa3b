//! What a face does with what arrives.

use eni_efa_abi::RecordHeader;
use eni_efa_abi::control::Cause;
use eni_efa_channel::Payload;

use crate::LaneId;

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It is done with.
    Consumed,
    /// It stays first of its lane: the receiver is not ready.
    Hold,
    /// No honest peer writes it: the lane breaks with [`Cause::Protocol`].
    Violation,
}

/// The layer above: called back by [`crate::Endpoint::poll`]. What it wants to send it queues until poll returns.
pub trait Handler {
    /// A record has arrived. Its header's length is the payload's; everything in it is the peer's word.
    fn record(&mut self, lane: LaneId, header: &RecordHeader, payload: Payload<'_>) -> Disposition;

    /// A record that was underway to another host has been delivered or has failed.
    fn completed(&mut self, lane: LaneId, request: u32, outcome: Result<(), Cause>);

    /// A lane has ended. Said once; nothing of this lane follows. One that the peer began, and that the program neither
    /// asked for nor had a record of, ends unsaid.
    fn broken(&mut self, lane: LaneId, cause: Cause);
}
