//! Messages that lie in a peer's ring, until the peer has read them: a lane that breaks takes them away.

use super::{Engine, Message};
use crate::buffer::{Buffer, Wire};
use crate::completion::{Completion, Fault, Operation, Sink};
use crate::limits::UNREAD;
use crate::record::LaneId;

/// A message of one record that completes when it has been read. Small: there is one for every message.
pub(super) struct Unread {
    /// Where its record ends.
    end: u64,
    context: u64,
    tagged: bool,
    report: bool,
}

impl Unread {
    #[inline(always)]
    fn completion(&self) -> Completion {
        let operation = Operation::Send {
            tagged: self.tagged,
        };
        Completion::of(operation, self.context, self.report)
    }
}

impl<B: Buffer> Engine<B> {
    /// The message whose record was the last to be put on `lane` completes once it has been read.
    #[inline(always)]
    pub(super) fn await_reading(
        &mut self,
        lane: LaneId,
        message: Message,
        (context, report): (u64, bool),
        wire: &impl Wire<B>,
        sink: &mut impl Sink,
    ) {
        let unread = &mut self.lane(lane).unread;
        unread.push_back(Unread {
            end: wire.written(lane),
            context,
            tagged: message.tag.is_some(),
            report,
        });
        match unread.len() {
            1 => self.watched.push(lane),
            // The program may be one that does not look for completions.
            UNREAD.. => {
                self.complete_read(lane, wire.consumed(lane), sink);
                if self.lane(lane).unread.is_empty() {
                    self.watched.retain(|watched| *watched != lane);
                }
            }
            _ => {}
        }
    }

    /// Whether [`Self::look_at_readers`] has something to find.
    #[inline]
    pub fn has_unread(&self) -> bool {
        !self.watched.is_empty()
    }

    /// Completes what peers have read. To be called whenever the program looks for completions.
    #[inline]
    pub fn look_at_readers(&mut self, wire: &impl Wire<B>, sink: &mut impl Sink) {
        let mut index = 0;
        while index < self.watched.len() {
            let lane = self.watched[index];
            self.complete_read(lane, wire.consumed(lane), sink);
            if self.lane(lane).unread.is_empty() {
                self.watched.swap_remove(index);
            } else {
                index += 1;
            }
        }
    }

    #[inline]
    fn complete_read(&mut self, lane: LaneId, consumed: u64, sink: &mut impl Sink) {
        let unread = &mut self.lane(lane).unread;
        while let Some(message) = unread.pop_front_if(|message| message.end <= consumed) {
            sink.complete(&message.completion());
        }
    }

    /// A lane has ended after its peer had read up to `consumed`: what it had not fails.
    pub(super) fn fail_unread(
        &mut self,
        lane: LaneId,
        consumed: u64,
        fault: Fault,
        sink: &mut impl Sink,
    ) {
        self.complete_read(lane, consumed, sink);
        for message in core::mem::take(&mut self.lane(lane).unread) {
            sink.complete(&message.completion().ending(Err(fault)));
        }
        self.watched.retain(|watched| *watched != lane);
    }
}
