//! The part of a reservation that trusts its caller's pointers.

use super::Reservation;

impl Reservation<'_> {
    /// Writes a part of the payload from memory that Rust knows nothing of.
    ///
    /// # Panics
    /// Where it does not fit the length that was asked for.
    ///
    /// # Safety
    /// `length` bytes at `source` are readable.
    #[inline]
    pub unsafe fn write_from(&mut self, offset: usize, source: *const u8, length: usize) {
        let at = self.place(offset, length);
        // SAFETY: by the function's promise.
        unsafe { self.producer.own.mapping.write_from(at, source, length) };
    }
}
