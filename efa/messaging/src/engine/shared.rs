//! Buffers that take many messages.

use super::Engine;
use crate::buffer::Buffer;

/// A buffer that takes many messages.
pub(super) struct Shared<B> {
    pub(super) buffer: B,
    pub(super) used: usize,
    /// Messages that are still coming in.
    pub(super) coming: u32,
    pub(super) until_less_than: usize,
    /// Takes no more: goes back to the program with the last message that completes.
    pub(super) is_full: bool,
}

impl<B: Buffer> Engine<B> {
    /// Takes room for a message of `length` bytes in a shared buffer; removes the receive if that fills it.
    pub(super) fn reserve(
        &mut self,
        tagged: bool,
        index: usize,
        number: u32,
        length: usize,
    ) -> Option<(usize, usize)> {
        let shared = self.shared.get_mut(number)?;
        let base = shared.used;
        let length = length.min(shared.buffer.len() - base);
        shared.used += length;
        shared.coming += 1;
        if shared.buffer.len() - shared.used < shared.until_less_than.max(1) {
            shared.is_full = true;
            self.matcher(tagged).posted.remove(index);
        }
        Some((base, length))
    }

    /// A message in a shared buffer is complete; true if with it the buffer goes back.
    pub(super) fn release(&mut self, number: u32) -> bool {
        let Some(shared) = self.shared.get_mut(number) else {
            return false;
        };
        shared.coming -= 1;
        let is_over = shared.is_full && shared.coming == 0;
        if is_over {
            self.shared.remove(number);
        }
        is_over
    }

    /// The receive of a shared buffer ends early; true if the buffer goes back at once.
    pub(super) fn close_shared(&mut self, number: u32) -> bool {
        let Some(shared) = self.shared.get_mut(number) else {
            return false;
        };
        shared.is_full = true;
        let is_over = shared.coming == 0;
        if is_over {
            self.shared.remove(number);
        }
        is_over
    }
}
