//! How operations end.

use crate::record::LaneId;

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The message was longer than the buffer; what fitted was placed.
    Truncated {
        /// Bytes that did not fit.
        beyond: usize,
    },
    /// Nothing matched a peek.
    NoMessage,
    /// The program cancelled it.
    Cancelled,
    /// No region of the target has this key.
    Key,
    /// The region does not allow this.
    Access,
    /// The range is not within the region.
    Bounds,
    /// The target cannot do this.
    Unsupported,
    /// The peer's program or its endpoint is gone.
    PeerGone,
    /// The fabric does not allow these two to talk.
    Refused,
    /// The fabric does not allow these two to talk any more.
    Revoked,
    /// The fabric cannot reach the peer.
    Unreachable,
    /// The fabric service is gone.
    ServiceGone,
    /// The peer broke the protocol.
    Protocol,
}

impl Fault {
    /// What a target answers, as a number on the wire; 0 is success.
    pub(crate) fn to_wire(outcome: Result<(), Fault>) -> u16 {
        match outcome {
            Ok(()) => 0,
            Err(Fault::Key) => 1,
            Err(Fault::Access) => 2,
            Err(Fault::Bounds) => 3,
            Err(_) => 4,
        }
    }

    /// Any number that is not known is a failure too.
    pub(crate) fn from_wire(number: u16) -> Result<(), Fault> {
        match number {
            0 => Ok(()),
            1 => Err(Fault::Key),
            2 => Err(Fault::Access),
            3 => Err(Fault::Bounds),
            _ => Err(Fault::Unsupported),
        }
    }
}

/// What completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A message that this end sent.
    Send {
        /// With a tag.
        tagged: bool,
    },
    /// A message that this end received.
    Receive {
        /// With a tag.
        tagged: bool,
    },
    /// A read of remote memory.
    Read,
    /// A write of remote memory.
    Write,
    /// An atomic on remote memory that returns nothing.
    Atomic,
    /// An atomic on remote memory that returns what was there.
    FetchingAtomic,
    /// A peer's write to memory of this end, reported because it carried data.
    WrittenByPeer,
}

/// One end of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What it was.
    pub operation: Operation,
    /// What the program gave with the operation; 0 for a peer's write.
    pub context: u64,
    /// Whether the program wants to see a success.
    pub report: bool,
    /// Failure, or none.
    pub outcome: Result<(), Fault>,
    /// Bytes received.
    pub length: usize,
    /// Address of what was received, or 0.
    pub address: u64,
    /// The message's tag, or 0.
    pub tag: u64,
    /// Data that came with the message or write.
    pub data: Option<u64>,
    /// From whom.
    pub source: Option<LaneId>,
    /// The buffer of a receive for many messages goes back to the program.
    pub released: bool,
}

impl Completion {
    /// The success of an operation of this end, without a message.
    #[inline(always)]
    pub(crate) fn of(operation: Operation, context: u64, report: bool) -> Self {
        Self {
            operation,
            context,
            report,
            outcome: Ok(()),
            length: 0,
            address: 0,
            tag: 0,
            data: None,
            source: None,
            released: false,
        }
    }

    /// The same with `outcome`.
    pub(crate) fn ending(self, outcome: Result<(), Fault>) -> Self {
        Self { outcome, ..self }
    }
}

/// Takes completions.
pub trait Sink {
    /// Called once for every operation, successes that are not to be reported included (counters count them).
    fn complete(&mut self, completion: &Completion);
}
