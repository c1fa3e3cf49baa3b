//! A store in memory, for tests of whoever uses one. Its contents end with it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::apply::{Applied, History, Table, apply_batch};
use crate::change_log::ChangeLog;
use crate::store::{RangeResponse, Store, StoreError, Watch};
use crate::txn::{KeyRange, Revision, Txn, TxnRejection, TxnResponse};

type Contents = BTreeMap<String, (History, Bytes)>;

/// A [`Store`] without a disk: a change is durable as long as the process runs.
#[derive(Debug)]
pub struct MemoryStore {
    contents: Mutex<Contents>,
    log: Arc<ChangeLog>,
}

impl MemoryStore {
    /// An empty store at revision 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            contents: Mutex::new(BTreeMap::new()),
            log: ChangeLog::starting_at(Revision(0)),
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        self.log.close();
    }
}

impl Table for Contents {
    type Error = Infallible;

    fn history(&self, key: &str) -> Result<Option<History>, Infallible> {
        Ok(self.get(key).map(|(history, _)| *history))
    }

    fn put(&mut self, key: &str, history: History, value: &Bytes) -> Result<(), Infallible> {
        self.insert(key.into(), (history, value.clone()));
        Ok(())
    }

    fn delete(&mut self, key: &str) -> Result<(), Infallible> {
        self.remove(key);
        Ok(())
    }
}

impl Store for MemoryStore {
    fn revision(&self) -> Result<Revision, StoreError> {
        Ok(self.log.revision())
    }

    fn range(&self, range: &KeyRange) -> Result<RangeResponse, StoreError> {
        let contents = self.contents.lock();
        let key_values = contents
            .range(range.start().to_owned()..)
            .take_while(|(key, _)| range.contains(key))
            .map(|(key, (history, value))| history.with(key.clone(), value.clone()))
            .collect();
        Ok(RangeResponse {
            revision: self.log.revision(),
            key_values,
        })
    }

    fn transact_batch(
        &self,
        txns: &[Txn],
    ) -> Result<Vec<Result<TxnResponse, TxnRejection>>, StoreError> {
        let mut contents = self.contents.lock();
        let Ok(Applied {
            outcomes, changes, ..
        }) = apply_batch(&mut *contents, self.log.revision(), txns);
        // Still under the lock, so that a range read and the revision it reports agree.
        self.log.append(changes);
        Ok(outcomes)
    }

    fn watch(&self, range: KeyRange, from: Revision) -> Result<Box<dyn Watch>, StoreError> {
        self.log.watch(range, from)
    }

    fn compact(&self, at: Revision) -> Result<(), StoreError> {
        self.log.compact(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_in_memory_keeps_the_contract() {
        crate::conformance::run(MemoryStore::new);
    }
}
