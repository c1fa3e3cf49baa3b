//! The cases every implementation of [`Store`] must pass.
//!
//! ```no_run
//! # use eni_store::{conformance, MemoryStore};
//! conformance::run(MemoryStore::new);
//! ```
//!
//! Revisions are compared with those before, never with figures: an empty etcd starts at 1, ours at 0.

mod histories;

use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::store::{Store, StoreError, Watch, WatchError, WatchEvent, WatchResponse};
use crate::txn::{
    Guard, KeyRange, KeyValue, MAX_KEY_BYTES, MAX_TXN_BYTES, MAX_TXN_OPERATIONS, Revision, Txn,
    TxnRejection,
};

/// How long a change may take to reach a watch.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing may come before it counts as nothing.
const QUIET: Duration = Duration::from_millis(20);

/// One case, on a store of its own.
type Case = fn(&dyn Store);

/// Runs all cases, each on a new, empty store.
///
/// # Panics
/// When the store breaks the contract; the message names the case.
pub fn run<S: Store>(new: impl Fn() -> S) {
    let cases: [(&str, Case); 15] = [
        (
            "only a change makes a revision",
            only_a_change_makes_a_revision,
        ),
        ("a key carries its history", a_key_carries_its_history),
        (
            "guards compare before anything happens",
            guards_compare_before_anything_happens,
        ),
        (
            "a transaction without a legal shape is refused",
            shapes_are_checked,
        ),
        ("a batch runs in order", a_batch_runs_in_order),
        ("a range is exact and ordered", a_range_is_exact_and_ordered),
        (
            "a watch resumes where it is told",
            a_watch_resumes_where_it_is_told,
        ),
        ("a watch sees its range only", a_watch_sees_its_range_only),
        ("a watch waits for the future", a_watch_waits_for_the_future),
        ("a waiting watch is woken", a_waiting_watch_is_woken),
        (
            "compaction forgets what was before",
            compaction_forgets_what_was_before,
        ),
        ("a compacted watch is told", a_compacted_watch_is_told),
        (
            "guarded increments lose nothing",
            guarded_increments_lose_nothing,
        ),
        (
            "readers see whole transactions",
            readers_see_whole_transactions,
        ),
        (
            "random histories replay",
            histories::random_histories_replay,
        ),
    ];
    for (name, case) in cases {
        // Captured by the test harness; shown for a case that fails.
        println!("conformance: {name}");
        case(&new());
    }
}

fn everything() -> KeyRange {
    KeyRange::Prefix(String::new())
}

/// Runs `txn`, which must succeed.
fn commit(store: &dyn Store, txn: Txn) -> Revision {
    let outcome = store.transact(txn).expect("the store works");
    outcome.expect("the transaction is accepted").revision
}

fn reject(store: &dyn Store, txn: Txn) -> TxnRejection {
    let outcome = store.transact(txn).expect("the store works");
    outcome.expect_err("the transaction is refused")
}

fn get(store: &dyn Store, key: &str) -> Option<KeyValue> {
    let response = store
        .range(&KeyRange::Key(key.into()))
        .expect("the store works");
    assert!(response.key_values.len() <= 1);
    response.key_values.into_iter().next()
}

fn revision(store: &dyn Store) -> Revision {
    store.revision().expect("the store works")
}

fn watch(store: &dyn Store, range: KeyRange, from: Revision) -> Box<dyn Watch> {
    store.watch(range, from).expect("the revision is watchable")
}

fn next(watch: &mut dyn Watch) -> WatchResponse {
    watch
        .next(PATIENCE)
        .expect("the watch goes on")
        .expect("a change comes")
}

fn assert_quiet(watch: &mut dyn Watch) {
    assert_eq!(watch.next(QUIET), Ok(None));
}

fn only_a_change_makes_a_revision(store: &dyn Store) {
    let start = revision(store);
    assert_eq!(commit(store, Txn::new()), start);
    assert_eq!(commit(store, Txn::new().delete("/absent")), start);
    let first = commit(store, Txn::new().put("/a", "1"));
    assert_eq!(first, start.next());
    // The same value again is a change, as in etcd.
    assert_eq!(commit(store, Txn::new().put("/a", "1")), first.next());
    reject(
        store,
        Txn::new()
            .when(Guard::Absent { key: "/a".into() })
            .put("/a", "2"),
    );
    assert_eq!(revision(store), first.next());
    let both = commit(store, Txn::new().put("/b", "1").delete("/a"));
    assert_eq!(both, first.next().next());
    assert_eq!(get(store, "/b").expect("put").mod_revision, both);
}

fn a_key_carries_its_history(store: &dyn Store) {
    let first = commit(store, Txn::new().put("/a", "1"));
    commit(store, Txn::new().put("/b", "x"));
    let second = commit(store, Txn::new().put("/a", "2"));
    let want = KeyValue {
        key: "/a".into(),
        value: Bytes::from("2"),
        create_revision: first,
        mod_revision: second,
        version: 2,
    };
    assert_eq!(get(store, "/a"), Some(want));
    commit(store, Txn::new().delete("/a"));
    assert_eq!(get(store, "/a"), None);
    let again = commit(store, Txn::new().put("/a", ""));
    let reborn = get(store, "/a").expect("put again");
    assert_eq!(
        (reborn.create_revision, reborn.mod_revision, reborn.version),
        (again, again, 1)
    );
    assert!(reborn.value.is_empty());
}

fn guards_compare_before_anything_happens(store: &dyn Store) {
    let old = commit(store, Txn::new().put("/a", "1"));
    let current = commit(store, Txn::new().put("/a", "2"));
    let key = || "/a".to_owned();
    let none = || "/none".to_owned();
    let cases = [
        (
            Guard::ModRevision {
                key: key(),
                revision: current,
            },
            true,
        ),
        (
            Guard::ModRevision {
                key: key(),
                revision: old,
            },
            false,
        ),
        (
            Guard::ModRevision {
                key: none(),
                revision: current,
            },
            false,
        ),
        (Guard::Exists { key: key() }, true),
        (Guard::Exists { key: none() }, false),
        (Guard::Absent { key: key() }, false),
        (Guard::Absent { key: none() }, true),
    ];
    for (guard, holds) in cases {
        let actual = (guard.key() == "/a").then_some(current);
        let txn = Txn::new()
            .when(Guard::Exists { key: key() })
            .when(guard.clone())
            .put("/new", "1")
            .put("/other", "1");
        if holds {
            commit(store, txn);
            commit(store, Txn::new().delete("/new").delete("/other"));
        } else {
            assert_eq!(
                reject(store, txn),
                TxnRejection::GuardFailed { guard, actual }
            );
        }
        assert_eq!(get(store, "/new"), None);
        assert_eq!(get(store, "/other"), None);
    }
}

fn shapes_are_checked(store: &dyn Store) {
    let start = revision(store);
    let twice = Txn::new().put("/a", "1").delete("/a");
    assert_eq!(
        reject(store, twice),
        TxnRejection::DuplicateKey { key: "/a".into() }
    );
    let count = MAX_TXN_OPERATIONS + 1;
    let many = (0..count).fold(Txn::new(), |txn, at| txn.put(format!("/{at}"), ""));
    assert_eq!(
        reject(store, many),
        TxnRejection::TooManyOperations { count }
    );
    let large = Txn::new().put("/a", vec![0; MAX_TXN_BYTES]);
    assert_eq!(
        reject(store, large),
        TxnRejection::TooLarge {
            size_bytes: MAX_TXN_BYTES + 2
        }
    );
    for length_bytes in [0, MAX_KEY_BYTES + 1] {
        let txn = Txn::new().put("k".repeat(length_bytes), "");
        assert_eq!(reject(store, txn), TxnRejection::KeyLength { length_bytes });
    }
    assert_eq!(revision(store), start);
    let largest = (0..MAX_TXN_OPERATIONS).fold(Txn::new(), |txn, at| txn.put(format!("/{at}"), ""));
    commit(store, largest);
    let found = store.range(&everything()).expect("the store works");
    assert_eq!(found.key_values.len(), MAX_TXN_OPERATIONS);
}

fn a_batch_runs_in_order(store: &dyn Store) {
    let start = revision(store);
    let absent = || Guard::Absent { key: "/a".into() };
    let batch = [
        Txn::new().when(absent()).put("/a", "1"),
        Txn::new().when(absent()).put("/a", "2"),
        Txn::new()
            .when(Guard::ModRevision {
                key: "/a".into(),
                revision: start.next(),
            })
            .put("/b", "1"),
        Txn::new().delete("/none"),
        Txn::new().delete("/a"),
        Txn::new().when(absent()).put("/a", "3"),
    ];
    let outcomes = store.transact_batch(&batch).expect("the store works");
    let revisions: Vec<Option<u64>> = outcomes
        .iter()
        .map(|outcome| {
            outcome
                .as_ref()
                .ok()
                .map(|response| response.revision.0 - start.0)
        })
        .collect();
    assert_eq!(
        revisions,
        [Some(1), None, Some(2), Some(2), Some(3), Some(4)]
    );
    assert_eq!(get(store, "/a").expect("put last").value, "3");
    let mut all = watch(store, everything(), start.next());
    for at in 1..=4 {
        assert_eq!(next(&mut *all).revision.0, start.0 + at);
    }
    assert_quiet(&mut *all);
    assert!(
        store
            .transact_batch(&[])
            .expect("the store works")
            .is_empty()
    );
}

fn a_range_is_exact_and_ordered(store: &dyn Store) {
    let keys = ["/a", "/a/", "/a/2", "/a/10", "/a/é", "/ab", "/b/1", "z"];
    let filled = keys.iter().fold(Txn::new(), |txn, key| txn.put(*key, *key));
    let at = commit(store, filled);
    let cases: [(KeyRange, &[&str]); 6] = [
        (
            KeyRange::Prefix("/a/".into()),
            &["/a/", "/a/10", "/a/2", "/a/é"],
        ),
        (
            KeyRange::Prefix("/a".into()),
            &["/a", "/a/", "/a/10", "/a/2", "/a/é", "/ab"],
        ),
        (KeyRange::Prefix("/c".into()), &[]),
        (KeyRange::Key("/a/2".into()), &["/a/2"]),
        (KeyRange::Key("/a/3".into()), &[]),
        (
            everything(),
            &["/a", "/a/", "/a/10", "/a/2", "/a/é", "/ab", "/b/1", "z"],
        ),
    ];
    for (range, want) in cases {
        let response = store.range(&range).expect("the store works");
        let found: Vec<&str> = response
            .key_values
            .iter()
            .map(|found| found.key.as_str())
            .collect();
        assert_eq!(found, want, "{range:?}");
        assert_eq!(response.revision, at);
        assert!(
            response
                .key_values
                .iter()
                .all(|found| found.value == found.key)
        );
    }
}

fn a_watch_resumes_where_it_is_told(store: &dyn Store) {
    let first = commit(store, Txn::new().put("/a", "1").put("/b", "1"));
    let second = commit(store, Txn::new().delete("/a"));
    let third = commit(store, Txn::new().put("/a", "3"));
    let mut from_start = watch(store, everything(), first);
    let whole = next(&mut *from_start);
    assert_eq!(whole.revision, first);
    let keys: Vec<&str> = whole.events.iter().map(WatchEvent::key).collect();
    assert_eq!(keys, ["/a", "/b"], "one transaction arrives whole");
    let deleted = next(&mut *from_start);
    assert_eq!(deleted.events, [WatchEvent::Delete { key: "/a".into() }]);
    drop(from_start);
    let mut resumed = watch(store, everything(), second.next());
    let put = next(&mut *resumed);
    assert_eq!(put.revision, third);
    let [WatchEvent::Put(key_value)] = put.events.as_slice() else {
        panic!("{put:?}")
    };
    assert_eq!(Some(key_value.clone()), get(store, "/a"));
    assert_quiet(&mut *resumed);
}

fn a_watch_sees_its_range_only(store: &dyn Store) {
    let start = revision(store);
    let mut one = watch(store, KeyRange::Key("/a/1".into()), start.next());
    let mut some = watch(store, KeyRange::Prefix("/a/".into()), start.next());
    commit(store, Txn::new().put("/b/1", "").put("/a", ""));
    let at = commit(
        store,
        Txn::new().put("/b/2", "").put("/a/1", "").put("/a/2", ""),
    );
    assert_eq!(next(&mut *one).events.len(), 1);
    let seen = next(&mut *some);
    assert_eq!((seen.revision, seen.events.len()), (at, 2));
    commit(store, Txn::new().put("/a/2", ""));
    assert_quiet(&mut *one);
    assert_eq!(next(&mut *some).events.len(), 1);
}

fn a_watch_waits_for_the_future(store: &dyn Store) {
    let first = commit(store, Txn::new().put("/a", "1"));
    let mut ahead = watch(store, everything(), first.next().next());
    commit(store, Txn::new().put("/a", "2"));
    assert_quiet(&mut *ahead);
    let third = commit(store, Txn::new().put("/a", "3"));
    assert_eq!(next(&mut *ahead).revision, third);
}

fn a_waiting_watch_is_woken(store: &dyn Store) {
    let mut waiting = watch(store, everything(), revision(store).next());
    thread::scope(|scope| {
        let seen = scope.spawn(move || {
            let began = Instant::now();
            let response = next(&mut *waiting);
            assert!(began.elapsed() < PATIENCE / 2, "woken, not timed out");
            response.revision
        });
        thread::sleep(QUIET);
        let at = commit(store, Txn::new().put("/a", "1"));
        assert_eq!(seen.join().expect("the watcher saw it"), at);
    });
}

fn compaction_forgets_what_was_before(store: &dyn Store) {
    let first = commit(store, Txn::new().put("/a", "1"));
    let second = commit(store, Txn::new().put("/a", "2"));
    let third = commit(store, Txn::new().delete("/a"));
    let future = store.compact(third.next());
    assert!(matches!(future, Err(StoreError::FutureRevision { current }) if current == third));
    store.compact(second).expect("it has happened");
    let early = store.watch(everything(), first);
    assert!(matches!(early, Err(StoreError::Compacted { oldest }) if oldest == second));
    let again = store.compact(first);
    assert!(matches!(again, Err(StoreError::Compacted { .. })));
    let mut rest = watch(store, everything(), second);
    assert_eq!(next(&mut *rest).revision, second);
    // etcd 3.4.36 lost a delete at the compacted revision: it has to be kept.
    store.compact(third).expect("it has happened");
    let mut last = watch(store, everything(), third);
    assert_eq!(
        next(&mut *last).events,
        [WatchEvent::Delete { key: "/a".into() }]
    );
    commit(store, Txn::new().put("/a", "4"));
    assert_eq!(get(store, "/a").expect("put").value, "4");
}

fn a_compacted_watch_is_told(store: &dyn Store) {
    let first = commit(store, Txn::new().put("/a", "1"));
    let mut slow = watch(store, everything(), first);
    let second = commit(store, Txn::new().put("/a", "2"));
    store.compact(second).expect("it has happened");
    assert_eq!(
        slow.next(PATIENCE),
        Err(WatchError::Compacted { oldest: second })
    );
}

fn guarded_increments_lose_nothing(store: &dyn Store) {
    const THREADS: u64 = 8;
    const INCREMENTS: u64 = 25;
    commit(store, Txn::new().put("/count", "0"));
    let increment = || {
        loop {
            let found = get(store, "/count").expect("put");
            let text = std::str::from_utf8(&found.value).expect("digits");
            let count: u64 = text.parse().expect("digits");
            let txn = Txn::new()
                .when(Guard::ModRevision {
                    key: "/count".into(),
                    revision: found.mod_revision,
                })
                .put("/count", (count + 1).to_string());
            if store.transact(txn).expect("the store works").is_ok() {
                return;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..INCREMENTS).for_each(|_| increment()));
        }
    });
    let total = get(store, "/count").expect("put");
    assert_eq!(total.value, (THREADS * INCREMENTS).to_string());
    assert_eq!(total.version, THREADS * INCREMENTS + 1);
}

fn readers_see_whole_transactions(store: &dyn Store) {
    const WRITES: usize = 50;
    commit(store, Txn::new().put("/p/left", "0").put("/p/right", "0"));
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = Revision(0);
            loop {
                let seen = store
                    .range(&KeyRange::Prefix("/p/".into()))
                    .expect("the store works");
                let [left, right] = seen.key_values.as_slice() else {
                    panic!("{seen:?}")
                };
                assert_eq!(
                    (&left.value, left.mod_revision),
                    (&right.value, right.mod_revision)
                );
                assert_eq!(seen.revision, left.mod_revision);
                assert!(seen.revision >= last, "reads never go back");
                last = seen.revision;
                if left.value == WRITES.to_string() {
                    return;
                }
            }
        });
        for count in 1..=WRITES {
            let text = count.to_string();
            let at = commit(
                store,
                Txn::new()
                    .put("/p/left", text.clone())
                    .put("/p/right", text),
            );
            assert!(revision(store) >= at, "an answered write is there");
        }
        reader.join().expect("the reader saw no half");
    });
}
