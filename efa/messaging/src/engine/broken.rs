//! The end of a lane.

use super::receive::kept_bytes;
use super::{Engine, Lane};
use crate::buffer::{Buffer, Route};
use crate::completion::{Fault, Sink};
use crate::matching::{Content, Posted};
use crate::record::LaneId;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

impl<B: Buffer> Engine<B> {
    /// `lane` carries nothing any more: everything that depends on it fails now, and whatever is submitted later.
    ///
    /// That includes receives that name this peer, and messages in the peer's ring beyond `consumed`, up to where it had
    /// read when the lane broke ([`Wire::consumed`](crate::Wire::consumed)). Messages that are here in full can still be
    /// received.
    pub fn on_broken(&mut self, lane: LaneId, consumed: u64, fault: Fault, sink: &mut impl Sink) {
        let state = self.lane(lane);
        if matches!(state.route, Route::Broken(_)) {
            return;
        }
        state.route = Route::Broken(fault);
        state.replies.clear();
        state.streams.clear();
        self.fail_unread(lane, consumed, fault, sink);
        for number in self.requests.numbers(|request| request.lane == lane) {
            if let Some(request) = self.requests.remove(number) {
                sink.complete(&request.completion.ending(Err(fault)));
            }
        }
        for number in self.incoming.numbers(|incoming| incoming.lane == lane) {
            if let Some(incoming) = self.incoming.remove(number) {
                self.fail_incoming(incoming, fault, sink);
            }
        }
        for tagged in [false, true] {
            self.fail_queued(tagged, lane, fault, sink);
        }
    }

    /// Forgets those of the broken `lanes` that nothing refers to, and gives them; the others stay. What is forgotten may
    /// be the number of another lane.
    pub fn forget(&mut self, lanes: &mut Vec<LaneId>) -> Vec<LaneId> {
        let queues = [&self.plain, &self.tagged].into_iter();
        let waiting: BTreeSet<LaneId> = queues
            .flat_map(|queues| &queues.unexpected)
            .map(|message| message.lane)
            .collect();
        let known = &mut self.lanes;
        let forgotten = lanes.extract_if(.., |lane| match known.get_mut(lane.0 as usize) {
            None => true,
            Some(state) => {
                let is_over = matches!(state.route, Route::Broken(_)) && !state.is_busy;
                let forgets = is_over && !waiting.contains(lane);
                if forgets {
                    *state = Lane::new();
                }
                forgets
            }
        });
        forgotten.collect()
    }

    /// Nothing will come on any lane: what a program has posted to wait for fails. Whoever learns of it says so again after
    /// each receive that follows.
    pub fn on_cut(&mut self, fault: Fault, sink: &mut impl Sink) {
        for tagged in [false, true] {
            while let Some(posted) = self.matcher(tagged).posted.pop_front() {
                self.fail_posted(tagged, posted, fault, sink);
            }
        }
    }

    fn fail_queued(&mut self, tagged: bool, lane: LaneId, fault: Fault, sink: &mut impl Sink) {
        let mut freed = 0;
        let queues = self.matcher(tagged);
        queues.unexpected.retain(|message| {
            let is_lost = message.lane == lane && matches!(message.content, Content::Announced);
            if is_lost {
                freed += kept_bytes(message);
            }
            !is_lost
        });
        self.unexpected_bytes -= freed;
        let is_lost = |posted: &Posted<B>| posted.pattern.lane == Some(lane);
        while let Some(index) = self.matcher(tagged).posted.iter().position(is_lost) {
            if let Some(posted) = self.matcher(tagged).posted.remove(index) {
                self.fail_posted(tagged, posted, fault, sink);
            }
        }
    }
}
