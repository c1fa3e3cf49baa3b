//! Peers that do not read, and being one.

use eni_efa_abi::control::Request;
use eni_efa_abi::unread::{Look, NUDGE_AFTER};

use super::Endpoint;
use crate::connection::Nudge;
use crate::lane::State;

impl Endpoint {
    /// Has `on_nudge` called, on the fabric's thread, where others wrote what this endpoint leaves unread. It must not wait,
    /// neither for the service nor for who polls. It is not called again until the [`Nudge`] is dropped.
    ///
    /// The first caller's counts.
    pub fn on_nudge(&self, on_nudge: impl Fn(Nudge) + Send + Sync + 'static) {
        self.mailbox.on_nudge(Box::new(on_nudge));
    }

    /// Has peers of this host nudged that leave unread what was written for them. The service sees to those of others.
    ///
    /// Called where a poll found nothing, many times over; looks once in [`NUDGE_AFTER`].
    pub(super) fn look_for_unread(&mut self) {
        // A service that does not read hears of nobody, and may not for long: nothing may pile up here meanwhile.
        if !self.unsent.is_empty() {
            return;
        }
        let now = self.began.elapsed();
        if now < self.next_look {
            return;
        }
        self.next_look = now + NUDGE_AFTER;
        let mut unread = Vec::new();
        for (conversation, lane) in &self.by_conversation {
            if let Some(lane) = self.lanes.get_mut(lane.index())
                && let State::Local(local) = &mut lane.state
            {
                let (written, consumed) = (local.producer.written(), local.producer.consumed());
                if let Look::Nudge(_) = local.watch.look(written, consumed, now) {
                    unread.push(*conversation);
                }
            }
        }
        for conversation in unread {
            // Those that are left out are unread at their next look, too.
            if !self.unsent.is_empty() {
                return;
            }
            let endpoint = self.number;
            let nudge = Request::Nudge {
                endpoint,
                conversation,
            };
            self.send(nudge, None);
        }
    }
}
