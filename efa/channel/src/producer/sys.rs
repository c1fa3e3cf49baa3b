//! The part of a reservation that trusts its caller's pointers.

use eni_efa_abi::short;

use super::Reservation;

impl Reservation<'_> {
    /// Writes a part of the payload.
    ///
    /// # Panics
    /// Where it does not fit the length that was asked for.
    #[inline(always)]
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        // SAFETY: a slice is readable.
        unsafe { self.write_from(offset, bytes.as_ptr(), bytes.len()) };
    }

    /// Writes a part of the payload from memory that Rust knows nothing of.
    ///
    /// # Panics
    /// Where it does not fit the length that was asked for.
    ///
    /// # Safety
    /// `length` bytes at `source` are readable.
    #[inline(always)]
    pub unsafe fn write_from(&mut self, offset: usize, source: *const u8, length: usize) {
        self.check(offset, length);
        if self.is_short() {
            // SAFETY: by the function's promise; a short record's payload is no longer.
            let words = unsafe { words_at(source, length) };
            if length == self.payload_length {
                self.producer.short = words;
            } else {
                let bytes = words.map(u64::to_ne_bytes);
                self.add_to_short(offset, &bytes.as_flattened()[..length]);
            }
            return;
        }
        let at = self.place(offset);
        // SAFETY: by the function's promise.
        unsafe { self.producer.own.mapping.write_from(at, source, length) };
    }
}

/// Bytes as words, in the machine's byte order, with zeros after them. They may change meanwhile.
///
/// # Safety
/// `length` bytes at `source` are readable, at most [`short::MAX_PAYLOAD`].
#[inline(always)]
unsafe fn words_at(source: *const u8, length: usize) -> [u64; short::PAYLOAD_WORDS] {
    std::array::from_fn(|index| {
        let at = index * 8;
        if at + 8 <= length {
            // SAFETY: within what the caller promises.
            unsafe { source.add(at).cast::<u64>().read_unaligned() }
        } else if at < length {
            // SAFETY: as above.
            unsafe { last_word(source.add(at), length - at) }
        } else {
            0
        }
    })
}

/// Less than a word's bytes.
///
/// # Safety
/// `length` bytes at `source` are readable.
#[inline(never)]
unsafe fn last_word(source: *const u8, length: usize) -> u64 {
    let mut bytes = [0; 8];
    for (index, byte) in bytes.iter_mut().take(length).enumerate() {
        // SAFETY: within what the caller promises.
        *byte = unsafe { source.add(index).read() };
    }
    u64::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn payload_becomes_words(bytes in prop::collection::vec(any::<u8>(), 0..=short::MAX_PAYLOAD)) {
            let mut want = [0; short::MAX_PAYLOAD];
            want[..bytes.len()].copy_from_slice(&bytes);
            // SAFETY: a vector is readable.
            let words = unsafe { words_at(bytes.as_ptr(), bytes.len()) }.map(u64::to_ne_bytes);
            prop_assert_eq!(words.as_flattened(), &want);
        }
    }
}
