//! Numbers that stand for things in the tables.

use alloc::collections::{BTreeMap, BTreeSet};

use eni_types::fnv1a;

/// The highest number that every table takes: policy numbers share a word with a direction.
const HIGHEST: u32 = (1 << 31) - 1;

/// Numbers for `things`: 1 to 2³¹ − 1, each the hash of `bytes_of` the thing. Where two of them have the same hash, the
/// later one in their order gets the next free number: two things of one world never share a number.
pub(crate) fn number<T: Ord + Clone, B: AsRef<[u8]>>(
    things: impl IntoIterator<Item = T>,
    bytes_of: impl Fn(&T) -> B,
) -> BTreeMap<T, u32> {
    let things: BTreeSet<T> = things.into_iter().collect();
    let mut taken = BTreeSet::new();
    things
        .into_iter()
        .map(|thing| {
            let hash = fnv1a(bytes_of(&thing).as_ref());
            let mut number = fold(hash);
            while !taken.insert(number) {
                number = number % HIGHEST + 1;
            }
            (thing, number)
        })
        .collect()
}

/// A hash as a number from 1 to [`HIGHEST`].
fn fold(hash: u64) -> u32 {
    let folded = (hash ^ (hash >> 32)) % u64::from(HIGHEST);
    // Below HIGHEST, so that it fits.
    u32::try_from(folded).unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_keeps_its_number_when_others_come_and_go() {
        let few = number(["b", "d"], |text| text.as_bytes());
        let many = number(["a", "b", "c", "d", "e"], |text| text.as_bytes());
        assert_eq!((few["b"], few["d"]), (many["b"], many["d"]));
    }

    #[test]
    fn things_of_one_hash_get_different_numbers() {
        let numbers = number(0..100, |_| [0; 1]);
        let distinct: BTreeSet<_> = numbers.values().collect();
        assert_eq!(distinct.len(), 100);
    }

    #[test]
    fn zero_stands_for_nothing() {
        for hash in [0, u64::from(HIGHEST), u64::MAX, u64::from(u32::MAX) << 32] {
            assert!((1..=HIGHEST).contains(&fold(hash)));
        }
    }
}
