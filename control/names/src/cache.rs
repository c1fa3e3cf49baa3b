//! What upstream has answered, for as long as it holds and there is room.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use core::time::Duration;

use crate::upstream::{Found, Key};

/// Bytes that all answers take together.
const MAX_BYTES: usize = 16 << 20;
/// Answers that are kept.
const MAX_ENTRIES: usize = 20_000;

/// The answers of all interfaces: what one has asked, the others find as well.
///
/// *Room.* Each answer is of the interface that asked first. Where room is wanted, the interface that takes most gives its
/// oldest: who asks for many names forgets his own.
#[derive(Debug)]
pub struct Cache {
    entries: BTreeMap<Key, Entry>,
    owners: BTreeMap<u32, Owner>,
    /// Owners by what they take.
    by_bytes: BTreeSet<(usize, u32)>,
    bytes: usize,
    /// The number of the next answer.
    next: u64,
    max_bytes: usize,
    max_entries: usize,
}

#[derive(Debug)]
struct Entry {
    found: Arc<Found>,
    since: Duration,
    until: Duration,
    owner: u32,
    number: u64,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Owner {
    bytes: usize,
    /// By number, so that the oldest is the first.
    keys: BTreeMap<u64, Key>,
}

impl Default for Cache {
    fn default() -> Self {
        Self::bounded(MAX_BYTES, MAX_ENTRIES)
    }
}

impl Cache {
    fn bounded(max_bytes: usize, max_entries: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            owners: BTreeMap::new(),
            by_bytes: BTreeSet::new(),
            bytes: 0,
            next: 0,
            max_bytes,
            max_entries,
        }
    }

    /// The answer, and how old it is in seconds, at `now`.
    #[must_use]
    pub fn get(&self, key: &Key, now: Duration) -> Option<(Arc<Found>, u32)> {
        let entry = self.entries.get(key).filter(|entry| now < entry.until)?;
        let age = now.saturating_sub(entry.since).as_secs();
        Some((Arc::clone(&entry.found), u32::try_from(age).ok()?))
    }

    /// Keeps what `owner` has found out at `now`.
    pub fn put(&mut self, key: Key, found: &Arc<Found>, owner: u32, now: Duration) {
        self.remove(&key);
        let bytes = size_of::<Entry>() + 2 * key.bytes() + found.bytes;
        let until = now.saturating_add(Duration::from_secs(found.life.into()));
        if found.life == 0 || bytes > self.max_bytes {
            return;
        }
        while self.bytes + bytes > self.max_bytes || self.entries.len() >= self.max_entries {
            if !self.forget_one() {
                return;
            }
        }
        let number = self.next;
        self.next += 1;
        self.change_owner(owner, |owner| {
            owner.bytes += bytes;
            owner.keys.insert(number, key.clone());
        });
        self.bytes += bytes;
        let entry = Entry {
            found: Arc::clone(found),
            since: now,
            until,
            owner,
            number,
            bytes,
        };
        self.entries.insert(key, entry);
    }

    /// Forgets the oldest answer of who has most; false if there is none.
    fn forget_one(&mut self) -> bool {
        let most = self.by_bytes.last().map(|(_, owner)| owner);
        let owner = most.and_then(|owner| self.owners.get(owner));
        let oldest = owner.and_then(|owner| owner.keys.values().next());
        let Some(key) = oldest.cloned() else {
            return false;
        };
        self.remove(&key);
        true
    }

    fn remove(&mut self, key: &Key) {
        let Some(entry) = self.entries.remove(key) else {
            return;
        };
        self.bytes -= entry.bytes;
        self.change_owner(entry.owner, |owner| {
            owner.bytes -= entry.bytes;
            owner.keys.remove(&entry.number);
        });
    }

    fn change_owner(&mut self, id: u32, change: impl FnOnce(&mut Owner)) {
        let owner = self.owners.entry(id).or_default();
        self.by_bytes.remove(&(owner.bytes, id));
        change(owner);
        if owner.keys.is_empty() {
            self.owners.remove(&id);
        } else {
            self.by_bytes.insert((owner.bytes, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);
    const KILOBYTE: usize = 1 << 10;

    fn put(cache: &mut Cache, name: &str, owner: u32) {
        let found = Arc::new(Found::nothing(60, KILOBYTE));
        cache.put(Key::named(name), &found, owner, NOW);
    }

    fn has(cache: &Cache, name: &str) -> bool {
        cache.get(&Key::named(name), NOW).is_some()
    }

    fn is_sound(cache: &Cache) {
        let bytes = cache.entries.values().map(|entry| entry.bytes);
        assert_eq!(bytes.sum::<usize>(), cache.bytes);
        let owners = cache.owners.values();
        assert_eq!(owners.map(|owner| owner.bytes).sum::<usize>(), cache.bytes);
        let keys = cache.owners.values().map(|owner| owner.keys.len());
        assert_eq!(keys.sum::<usize>(), cache.entries.len());
        assert_eq!(cache.by_bytes.len(), cache.owners.len());
        assert!(cache.bytes <= cache.max_bytes && cache.entries.len() <= cache.max_entries);
    }

    #[test]
    fn an_answer_holds_for_its_time() {
        let mut cache = Cache::default();
        put(&mut cache, "a.", 3);
        let at = |seconds| cache.get(&Key::named("a."), NOW + Duration::from_secs(seconds));
        assert_eq!(at(0).unwrap().1, 0);
        assert_eq!(at(59).unwrap().1, 59);
        assert!(at(60).is_none() && cache.get(&Key::named("b."), NOW).is_none());
        let at_once = Arc::new(Found::nothing(0, KILOBYTE));
        cache.put(Key::named("a."), &at_once, 3, NOW);
        assert!(
            !has(&cache, "a."),
            "the newer says that it is not to be kept"
        );
        is_sound(&cache);
    }

    #[test]
    fn who_asks_for_many_names_forgets_his_own() {
        let mut cache = Cache::bounded(100 * KILOBYTE, 1_000);
        put(&mut cache, "quiet.", 4);
        for number in 0..1_000 {
            put(&mut cache, &format!("{number}."), 3);
            is_sound(&cache);
        }
        assert!(has(&cache, "quiet.") && has(&cache, "999.") && !has(&cache, "0."));
        // Asked again by another, it is his.
        put(&mut cache, "999.", 4);
        is_sound(&cache);
        let mut few = Cache::bounded(usize::MAX, 3);
        for (name, owner) in [("a.", 3), ("b.", 4), ("c.", 4), ("d.", 5)] {
            put(&mut few, name, owner);
            is_sound(&few);
        }
        assert!(has(&few, "a.") && !has(&few, "b.") && has(&few, "c.") && has(&few, "d."));
    }

    #[test]
    fn what_has_no_room_is_not_kept() {
        let mut cache = Cache::bounded(KILOBYTE, 10);
        put(&mut cache, "a.", 3);
        is_sound(&cache);
        assert!(!has(&cache, "a."));
    }
}
