//! The contract against a model of it, over a random history that is the same in every run.

use std::collections::BTreeMap;

use super::{QUIET, everything, revision, watch};
use crate::store::{Store, WatchEvent};
use crate::txn::{Guard, KeyValue, Operation, Revision, Txn};

/// Random transactions against a plain map; then the watch from the start has to rebuild that map.
pub(super) fn random_histories_replay(store: &dyn Store) {
    const BATCHES: usize = 60;
    let start = revision(store);
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    let mut model: BTreeMap<String, (Revision, u64)> = BTreeMap::new();
    let mut current = start;
    for _ in 0..BATCHES {
        let batch: Vec<Txn> = (0..1 + random.below(4))
            .map(|_| random_txn(&mut random, current))
            .collect();
        let outcomes = store.transact_batch(&batch).expect("the store works");
        for (txn, outcome) in batch.iter().zip(outcomes) {
            let expected = model_transact(&mut model, &mut current, txn);
            assert_eq!(outcome.is_ok(), expected, "{txn:?}");
        }
        assert_eq!(revision(store), current);
    }
    let found = store.range(&everything()).expect("the store works");
    let real: BTreeMap<String, (Revision, u64)> = found
        .key_values
        .iter()
        .map(|found| (found.key.clone(), (found.mod_revision, found.version)))
        .collect();
    assert_eq!(real, model);
    let mut replayed: BTreeMap<String, KeyValue> = BTreeMap::new();
    let mut changes = watch(store, everything(), start.next());
    while let Some(change) = changes.next(QUIET).expect("the watch goes on") {
        for event in change.events {
            match event {
                WatchEvent::Put(put) => drop(replayed.insert(put.key.clone(), put)),
                WatchEvent::Delete { key } => drop(replayed.remove(&key)),
            }
        }
    }
    assert!(replayed.values().eq(&found.key_values));
}

fn random_txn(random: &mut Xorshift, current: Revision) -> Txn {
    let mut txn = Txn::new();
    let guarded = format!("/{}", random.below(6));
    txn = match random.below(5) {
        0 => txn.when(Guard::Exists { key: guarded }),
        1 => txn.when(Guard::Absent { key: guarded }),
        2 => txn.when(Guard::ModRevision {
            key: guarded,
            revision: current,
        }),
        _ => txn,
    };
    // Distinct keys: the lower and the upper half of the key space.
    for half in 0..random.below(3) {
        let key = format!("/{}", half * 3 + random.below(3));
        txn = if random.below(3) == 0 {
            txn.delete(key)
        } else {
            txn.put(key, "value")
        };
    }
    txn
}

/// What the contract says of `txn`; whether it is accepted.
fn model_transact(
    model: &mut BTreeMap<String, (Revision, u64)>,
    current: &mut Revision,
    txn: &Txn,
) -> bool {
    let holds = |guard: &Guard| match guard {
        Guard::Exists { key } => model.contains_key(key),
        Guard::Absent { key } => !model.contains_key(key),
        Guard::ModRevision { key, revision } => {
            model.get(key).is_some_and(|(at, _)| at == revision)
        }
    };
    if !txn.guards.iter().all(holds) {
        return false;
    }
    let next = current.next();
    for operation in &txn.operations {
        match operation {
            Operation::Put { key, .. } => {
                let version = model.get(key).map_or(0, |(_, version)| *version) + 1;
                model.insert(key.clone(), (next, version));
                *current = next;
            }
            Operation::Delete { key } => {
                if model.remove(key).is_some() {
                    *current = next;
                }
            }
        }
    }
    true
}

/// Marsaglia's xorshift64: the same history in every run and on every store.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
