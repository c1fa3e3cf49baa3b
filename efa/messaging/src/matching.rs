//! Which receive takes which message.

use crate::record::LaneId;
use alloc::boxed::Box;
use alloc::collections::VecDeque;

/// What a receive takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// From this peer only.
    pub lane: Option<LaneId>,
    /// With this tag,
    pub tag: u64,
    /// save for the bits set here.
    pub ignore: u64,
}

impl Pattern {
    /// Takes everything.
    pub const ANY: Self = Self {
        lane: None,
        tag: 0,
        ignore: u64::MAX,
    };

    #[inline]
    pub(crate) fn takes(&self, lane: LaneId, tag: u64) -> bool {
        (self.tag ^ tag) & !self.ignore == 0 && self.lane.is_none_or(|wanted| wanted == lane)
    }
}

/// What a peek does with the message it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// Only tells.
    Look,
    /// Keeps it for the receive that claims it under the same context.
    Claim,
    /// Throws it away.
    Discard,
}

/// Where a received message goes.
#[derive(Debug)]
pub(crate) enum Room<B> {
    /// All of a buffer.
    Whole(B),
    /// The rest of a buffer for many messages.
    Shared(u32),
}

/// A receive that waits for its message.
#[derive(Debug)]
pub(crate) struct Posted<B> {
    pub(crate) pattern: Pattern,
    pub(crate) room: Room<B>,
    pub(crate) context: u64,
    pub(crate) report: bool,
}

/// A message that waits for its receive.
#[derive(Debug)]
pub(crate) struct Unexpected {
    pub(crate) lane: LaneId,
    pub(crate) tag: u64,
    pub(crate) data: Option<u64>,
    pub(crate) length: usize,
    pub(crate) content: Content,
    /// The sender's request that wants an answer.
    pub(crate) request: Option<u32>,
    pub(crate) claimed_by: Option<u64>,
}

#[derive(Debug)]
pub(crate) enum Content {
    Kept(Box<[u8]>),
    /// Still at the sender, who has announced it.
    Announced,
}

/// Both queues, in order of posting and of arrival.
#[derive(Debug)]
pub(crate) struct Matcher<B> {
    pub(crate) posted: VecDeque<Posted<B>>,
    pub(crate) unexpected: VecDeque<Unexpected>,
}

impl<B> Default for Matcher<B> {
    fn default() -> Self {
        Self {
            posted: VecDeque::new(),
            unexpected: VecDeque::new(),
        }
    }
}

impl<B> Matcher<B> {
    /// The first posted receive that takes such a message.
    #[inline]
    pub(crate) fn find_posted(&self, lane: LaneId, tag: u64) -> Option<usize> {
        self.posted
            .iter()
            .position(|posted| posted.pattern.takes(lane, tag))
    }

    /// The first unclaimed message that `pattern` takes.
    #[inline]
    pub(crate) fn find_unexpected(&self, pattern: &Pattern) -> Option<usize> {
        self.unexpected.iter().position(|message| {
            message.claimed_by.is_none() && pattern.takes(message.lane, message.tag)
        })
    }

    /// The message that was claimed under `context`.
    pub(crate) fn find_claimed(&self, context: u64) -> Option<usize> {
        self.unexpected
            .iter()
            .position(|message| message.claimed_by == Some(context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ignored_bits_do_not_matter_and_others_do(tag: u64, other: u64, ignore: u64) {
            let pattern = Pattern { lane: None, tag, ignore };
            let differs = (0..64).any(|bit| (tag >> bit) & 1 != (other >> bit) & 1 && (ignore >> bit) & 1 == 0);
            prop_assert_eq!(pattern.takes(LaneId(0), other), !differs);
        }
    }

    #[test]
    fn a_directed_pattern_takes_from_its_peer_only() {
        let pattern = Pattern {
            lane: Some(LaneId(3)),
            ..Pattern::ANY
        };
        assert!(pattern.takes(LaneId(3), 9));
        assert!(!pattern.takes(LaneId(4), 9));
    }
}
