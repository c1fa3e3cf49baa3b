//! How connections of TCP end: docs/PACKETS.md, "Connections". Time is left out: no walk is as long as an end lasts.

use std::collections::{BTreeMap, BTreeSet};

use super::{Packet, Piece, TCP, TrackedFlow};

/// What a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Nothing,
    /// Its sender has nothing more to say.
    Fin,
    /// An RST with a number that its receiver may expect, and does not.
    Reset,
}

/// The tracked flows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracked {
    flows: BTreeMap<TrackedFlow, Life>,
    /// How many packets would have begun another connection with the ends of one that has ended, and were let through or not.
    pub(crate) reopened: [u64; 2],
}

/// How far a connection has ended, as one end sees it.
#[derive(Clone, Copy, Debug, Default)]
struct Life {
    /// Of the guest, and of its peer.
    fins: [bool; 2],
    /// Whose RST its receiver may not have taken: whether it was the guest's.
    doubted: Option<bool>,
    is_closed: bool,
    by_guest: bool,
}

/// What the rules are asked about a packet of a tracked flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Nothing,
    /// Whether it passes.
    Once,
    /// Whether it passes, and begins another flow.
    Anew,
}

impl Tracked {
    pub(crate) fn flows(&self) -> BTreeSet<TrackedFlow> {
        self.flows.keys().copied().collect()
    }

    pub(super) fn contains(&self, flow: &TrackedFlow) -> bool {
        self.flows.contains_key(flow)
    }

    /// Whether the guest has sent the flow's first packet; false of one that is not tracked.
    pub(super) fn is_begun_by_guest(&self, flow: &TrackedFlow) -> bool {
        self.flows.get(flow).is_some_and(|life| life.by_guest)
    }

    pub(super) fn begin(&mut self, flow: TrackedFlow, by_guest: bool) {
        let life = Life {
            by_guest,
            ..Life::default()
        };
        self.flows.insert(flow, life);
    }

    /// A packet of `flow`, from its guest or to it; `None` of one that is not tracked.
    pub(super) fn follow(
        &mut self,
        flow: &TrackedFlow,
        is_egress: bool,
        packet: &Packet,
    ) -> Option<Asks> {
        let life = self.flows.get_mut(flow)?;
        // A later fragment bears no flags.
        if packet.protocol != TCP || matches!(packet.piece, Piece::Later { .. }) {
            return Some(Asks::Nothing);
        }
        Some(life.advance(is_egress, packet))
    }
}

impl Life {
    fn advance(&mut self, is_egress: bool, packet: &Packet) -> Asks {
        if packet.opens {
            return match (self.is_closed, self.doubted) {
                (true, _) => Asks::Anew,
                (false, Some(_)) => Asks::Once,
                (false, None) => Asks::Nothing,
            };
        }
        match (packet.ending, self.doubted) {
            (Ending::Reset, Some(by_guest)) if by_guest != is_egress => self.is_closed = true,
            (Ending::Reset, _) => self.doubted = Some(is_egress),
            // Its receiver goes on: it has not taken the RST.
            (Ending::Nothing, Some(by_guest)) if by_guest != is_egress => self.doubted = None,
            (Ending::Fin, Some(by_guest)) if by_guest != is_egress => {
                self.doubted = None;
                self.fin(is_egress);
            }
            (Ending::Fin, None) => self.fin(is_egress),
            (Ending::Fin | Ending::Nothing, _) => {}
        }
        Asks::Nothing
    }

    fn fin(&mut self, is_egress: bool) {
        self.fins[usize::from(!is_egress)] = true;
        self.is_closed |= self.fins == [true; 2];
    }
}
