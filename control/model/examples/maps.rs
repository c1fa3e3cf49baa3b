//! What persistent maps cost: ours beside those of `imbl` and `rpds`, and a plain one, which has to be copied whole.
//!
//! `cargo run --release -p eni-model --example maps`: one line for each map and order of keys.
#![allow(missing_docs, reason = "an example has no users but its command line")]

use std::alloc::System;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eni_model::persistent;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// As large as an id.
type Key = (u64, u64);
type Value = Arc<u64>;

const ENTRIES: u64 = 100_000;
/// Changes with a copy of the map after each, as publishing makes them.
const CHANGES: u64 = 2_000;
/// A page of a Describe.
const PAGE: usize = 100;

trait Map: Clone + Default {
    fn put(&mut self, key: Key, value: Value);
    fn delete(&mut self, key: &Key);
    fn get(&self, key: &Key) -> Option<&Value>;
    fn from(&self, key: Key, count: usize) -> u64;
}

macro_rules! map {
    ($type:ty, $put:ident, $delete:ident) => {
        impl Map for $type {
            fn put(&mut self, key: Key, value: Value) {
                self.$put(key, value);
            }
            fn delete(&mut self, key: &Key) {
                self.$delete(key);
            }
            fn get(&self, key: &Key) -> Option<&Value> {
                self.get(key)
            }
            fn from(&self, key: Key, count: usize) -> u64 {
                self.range(key..)
                    .take(count)
                    .map(|(_, value)| **value)
                    .sum()
            }
        }
    };
}

map!(BTreeMap<Key, Value>, insert, remove);
map!(persistent::Map<Key, Value>, insert, remove);
map!(imbl::OrdMap<Key, Value>, insert, remove);
map!(rpds::RedBlackTreeMapSync<Key, Value>, insert_mut, remove_mut);

/// SplitMix64's mixing: a bijection that looks random.
fn mixed(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 27)
}

fn nanoseconds(elapsed: Duration, count: u64) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX) / count
}

fn timed(count: u64, mut act: impl FnMut(u64)) -> u64 {
    let began = Instant::now();
    (0..count).for_each(&mut act);
    nanoseconds(began.elapsed(), count)
}

fn measure<M: Map>(name: &str, in_order: bool) {
    let key = |number: u64| {
        if in_order {
            (number, 0)
        } else {
            (mixed(number), 0)
        }
    };
    let any = |number: u64| key(mixed(number) % ENTRIES);
    let value = Arc::new(1);
    let memory = Region::new(ALLOCATOR);
    let mut map = M::default();
    let build = timed(ENTRIES, |at| map.put(key(at), Arc::clone(&value)));
    let change = memory.change();
    let bytes = (change.bytes_allocated - change.bytes_deallocated) as u64 / ENTRIES;
    let get = timed(ENTRIES, |at| _ = black_box(map.get(&any(at))));
    let page = timed(1_000, |at| _ = black_box(map.from(any(at), PAGE)));
    let mut copies = Vec::new();
    // A plain map takes milliseconds each time.
    let changes = if std::any::type_name::<M>().contains("BTreeMap") {
        20
    } else {
        CHANGES
    };
    let put = timed(changes, |at| {
        map.put(any(at), Arc::clone(&value));
        copies = vec![map.clone()];
    });
    let delete = timed(changes, |at| {
        map.delete(&any(at));
        copies = vec![map.clone()];
    });
    let order = if in_order { "in order" } else { "random" };
    println!(
        "{name:8} {order:8} {bytes:4} B an entry; insert {build:5} ns, get {get:5}, page {page:6}, replace and copy {put:8}, remove and copy {delete:8}"
    );
}

fn main() {
    for in_order in [true, false] {
        measure::<BTreeMap<Key, Value>>("plain", in_order);
        measure::<persistent::Map<Key, Value>>("ours", in_order);
        measure::<imbl::OrdMap<Key, Value>>("imbl", in_order);
        measure::<rpds::RedBlackTreeMapSync<Key, Value>>("rpds", in_order);
    }
}
