//! What to do with a frame.

/// What to do with a frame: one word, so that it fits BPF's one return register. [`Verdict::action`] reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict(u32);

/// A [`Verdict`], by its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Drop it; it is recorded.
    Drop,
    /// Give it to the guest end of a vport, a veth (possibly the sender's own: an answer of the fabric).
    Deliver {
        /// Below [`eni_abi::MAX_VPORTS`], and not 0.
        vport: u32,
        /// How.
        manner: Manner,
    },
    /// Send it to another host through a tunnel. No stage decides so: what is there is refused
    /// ([`eni_abi::DropReason::OtherHost`]).
    Encapsulate {
        /// Which.
        host: u32,
    },
}

/// How a frame is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As it is now.
    Whole,
    /// Cut into fragments ([`crate::piece`]).
    InPieces,
    /// As it is, leaving the region: nothing may be left to a device that was not judged here.
    Outside,
}

/// The kind is above the number.
const NUMBER_BITS: u32 = 28;
const NUMBER: u32 = (1 << NUMBER_BITS) - 1;
const DROP: u32 = 0;
const WHOLE: u32 = 1;
const IN_PIECES: u32 = 2;
const OUTSIDE: u32 = 3;
const ENCAPSULATE: u32 = 4;

impl Verdict {
    /// [`Action::Drop`].
    pub const DROP: Self = Self(DROP);

    /// The word of `action`. Numbers must be below 2²⁸; bits above are cut off.
    #[must_use]
    #[inline(always)]
    pub const fn new(action: Action) -> Self {
        let (kind, number) = match action {
            Action::Drop => (DROP, 0),
            Action::Deliver { vport, manner } => {
                let kind = match manner {
                    Manner::Whole => WHOLE,
                    Manner::InPieces => IN_PIECES,
                    Manner::Outside => OUTSIDE,
                };
                (kind, vport)
            }
            Action::Encapsulate { host } => (ENCAPSULATE, host),
        };
        Self(kind << NUMBER_BITS | number & NUMBER)
    }

    /// What the word says.
    #[must_use]
    #[inline(always)]
    pub fn action(self) -> Action {
        let number = self.0 & NUMBER;
        let deliver = |manner| Action::Deliver {
            vport: number,
            manner,
        };
        match self.0 >> NUMBER_BITS {
            WHOLE => deliver(Manner::Whole),
            IN_PIECES => deliver(Manner::InPieces),
            OUTSIDE => deliver(Manner::Outside),
            ENCAPSULATE => Action::Encapsulate { host: number },
            _ => Action::Drop,
        }
    }

    /// The vport to deliver to, if it is to be delivered here.
    #[must_use]
    #[inline(always)]
    pub fn target(self) -> Option<u32> {
        match self.action() {
            Action::Deliver { vport, .. } => Some(vport),
            _ => None,
        }
    }

    /// How it is delivered, if it is.
    #[must_use]
    pub fn manner(self) -> Option<Manner> {
        match self.action() {
            Action::Deliver { manner, .. } => Some(manner),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_fits_its_word() {
        let numbers = [1, eni_abi::MAX_VPORTS - 1, NUMBER];
        let manners = [Manner::Whole, Manner::InPieces, Manner::Outside];
        let mut actions = alloc::vec![Action::Drop];
        for number in numbers {
            actions.extend(manners.map(|manner| Action::Deliver {
                vport: number,
                manner,
            }));
            actions.push(Action::Encapsulate { host: number });
        }
        for action in actions {
            let verdict = Verdict::new(action);
            assert_eq!(verdict.action(), action);
            assert_eq!(verdict == Verdict::DROP, action == Action::Drop);
        }
    }
}
