//! Messages that a program looks at before it receives them, or throws away.

use super::receive::kept_bytes;
use super::{Engine, Reply};
use crate::buffer::Buffer;
use crate::completion::{Completion, Fault, Operation, Sink};
use crate::matching::{Pattern, Peek, Posted, Room};

impl<B: Buffer> Engine<B> {
    /// Receives the tagged message that was claimed under `context`; false if there is none.
    pub fn receive_claimed(
        &mut self,
        context: u64,
        buffer: B,
        report: bool,
        sink: &mut impl Sink,
    ) -> bool {
        let Some(index) = self.tagged.find_claimed(context) else {
            return false;
        };
        let posted = Posted {
            pattern: Pattern::ANY,
            room: Room::Whole(buffer),
            context,
            report,
        };
        self.take_unexpected(true, index, posted, sink);
        true
    }

    /// Throws the tagged message away that was claimed under `context`; false if there is none.
    pub fn discard_claimed(&mut self, context: u64, report: bool, sink: &mut impl Sink) -> bool {
        let Some(index) = self.tagged.find_claimed(context) else {
            return false;
        };
        let completion = self.discard(index, context, report);
        sink.complete(&completion);
        true
    }

    /// Looks for a tagged message without a receive. Completes at once.
    pub fn peek(
        &mut self,
        pattern: &Pattern,
        peek: Peek,
        context: u64,
        report: bool,
        sink: &mut impl Sink,
    ) {
        let completion = Completion::of(Operation::Receive { tagged: true }, context, report);
        let Some(index) = self.tagged.find_unexpected(pattern) else {
            let missed = Completion {
                tag: pattern.tag,
                ..completion
            };
            sink.complete(&missed.ending(Err(Fault::NoMessage)));
            return;
        };
        if peek == Peek::Discard {
            let completion = self.discard(index, context, report);
            sink.complete(&completion);
            return;
        }
        let message = &mut self.tagged.unexpected[index];
        if peek == Peek::Claim {
            message.claimed_by = Some(context);
        }
        sink.complete(&Completion {
            length: message.length,
            tag: message.tag,
            data: message.data,
            source: Some(message.lane),
            ..completion
        });
    }

    fn discard(&mut self, index: usize, context: u64, report: bool) -> Completion {
        let completion = Completion::of(Operation::Receive { tagged: true }, context, report);
        let Some(message) = self.tagged.unexpected.remove(index) else {
            return completion;
        };
        self.unexpected_bytes -= kept_bytes(&message);
        if let Some(request) = message.request {
            self.reply(
                message.lane,
                Reply::Acknowledge {
                    request,
                    outcome: Ok(()),
                },
            );
        }
        Completion {
            length: message.length,
            tag: message.tag,
            data: message.data,
            source: Some(message.lane),
            ..completion
        }
    }
}
