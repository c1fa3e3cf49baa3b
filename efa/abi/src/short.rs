//! Records of one unit: their header and payload, in eight words of which a reader sees whether all have arrived.
//!
//! A long record is published by its first word, written last. That takes stores that others see in order, and those of a
//! stream of short records wait for one cache line after the other to come over from the reader's processor. Stores past
//! the cache do not wait, but they are seen in any order. So each word of a short record says by its highest bit in which
//! lap it was written: the bit is the lap's lowest, which the lap before did not have. What the words had there is in the
//! first word, above the length.
//!
//! The first word is always the writer's claim, the others bear it out:
//!
//! ```text
//! word 0   sequence (32 bits), length (25 bits, at most 32), highest bits of words 1 to 7 (7 bits)
//! word 1   kind, flags, word, immediate
//! word 2   first
//! word 3   second
//! word 4…7 payload, zeros after it
//! ```

use crate::record::{HEADER, RecordHeader};
use crate::region::UNIT;

/// Words of a unit.
pub const WORDS: usize = UNIT / 8;
/// Words of payload.
pub const PAYLOAD_WORDS: usize = (UNIT - HEADER) / 8;
/// Most bytes of payload that a record of one unit has.
pub const MAX_PAYLOAD: usize = PAYLOAD_WORDS * 8;

const HIGHEST: u64 = 1 << 63;
/// Where the first word has the highest bits of the others.
const BITS_AT: u32 = 57;
/// What of the first word is sequence and length.
const CLAIM: u64 = (1 << BITS_AT) - 1;

/// Whether the record that this first word publishes is a short one.
#[inline]
pub const fn is_short(publication: u64) -> bool {
    (publication & CLAIM) >> 32 <= MAX_PAYLOAD as u64
}

/// The unit of a record with this header, whose sequence is the lap. The payload has zeros after its length.
#[inline(always)]
pub fn encode(header: &RecordHeader, payload: &[u64; PAYLOAD_WORDS]) -> [u64; WORDS] {
    let [publication, what, first, second] = header.to_words();
    let [a, b, c, d] = *payload;
    let lap = u64::from(header.sequence) << 63;
    let mut words = [publication & CLAIM, what, first, second, a, b, c, d];
    if (what | first | second | a | b | c | d) & HIGHEST != 0 {
        return move_bits(words, lap);
    }
    for word in &mut words[1..] {
        *word |= lap;
    }
    words
}

#[cold]
fn move_bits(mut words: [u64; WORDS], lap: u64) -> [u64; WORDS] {
    for index in 1..WORDS {
        words[0] |= (words[index] & HIGHEST) >> (WORDS - 1 - index);
        words[index] = words[index] & !HIGHEST | lap;
    }
    words
}

/// The header and payload in these words; nothing while one of them is yet to arrive.
#[inline(always)]
pub fn decode(words: &[u64; WORDS]) -> Option<(RecordHeader, [u64; PAYLOAD_WORDS])> {
    let [publication, what, first, second, a, b, c, d] = *words;
    let any = what | first | second | a | b | c | d;
    let all = what & first & second & a & b & c & d;
    // All the highest bits are the lap's.
    let lap = publication << 63;
    if ((any ^ lap) | (all ^ lap)) & HIGHEST != 0 {
        return None;
    }
    let mut words = *words;
    if publication >> BITS_AT == 0 {
        for word in &mut words[1..] {
            *word &= !HIGHEST;
        }
    } else {
        words = restore_bits(words);
    }
    let [publication, what, first, second, payload @ ..] = words;
    let header = RecordHeader::from_words([publication, what, first, second]);
    Some((header, payload))
}

#[cold]
fn restore_bits(mut words: [u64; WORDS]) -> [u64; WORDS] {
    for index in 1..WORDS {
        let bit = words[0] << (WORDS - 1 - index) & HIGHEST;
        words[index] = words[index] & !HIGHEST | bit;
    }
    words[0] &= CLAIM;
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(lap: u32, length: u32, [what, first, second]: [u64; 3]) -> RecordHeader {
        RecordHeader::from_words([
            u64::from(lap) | u64::from(length) << 32,
            what,
            first,
            second,
        ])
    }

    prop_compose! {
        fn records()(lap in 1_u32.., length in 0..=MAX_PAYLOAD as u32, words: [u64; 3], payload: [u64; 4])
            -> (RecordHeader, [u64; 4]) {
            (header(lap, length, words), payload)
        }
    }

    proptest! {
        #[test]
        fn a_record_survives_its_words((header, payload) in records()) {
            let words = encode(&header, &payload);
            prop_assert!(is_short(words[0]));
            prop_assert_eq!(words[0] as u32, header.sequence);
            prop_assert_eq!(decode(&words), Some((header, payload)));
        }

        /// Whatever of the new record has arrived, it is read whole or not at all.
        #[test]
        fn a_record_that_has_not_wholly_arrived_is_not_read((old, old_payload) in records(), (new, payload) in records(),
            arrived: [bool; WORDS]) {
            let new = RecordHeader { sequence: old.sequence ^ 1, ..new };
            let before = encode(&old, &old_payload);
            let after = encode(&new, &payload);
            let mut seen = before;
            for (index, arrived) in arrived.iter().enumerate() {
                if *arrived {
                    seen[index] = after[index];
                }
            }
            // A reader of the new lap looks no further unless the first word says so.
            if seen[0] as u32 == new.sequence {
                prop_assert_eq!(decode(&seen).is_some(), arrived.iter().all(|arrived| *arrived));
            }
        }

        #[test]
        fn a_longer_record_is_not_short(lap: u32, length in MAX_PAYLOAD as u32 + 1..1 << 25) {
            prop_assert!(!is_short(header(lap, length, [0; 3]).to_words()[0]));
        }
    }
}
