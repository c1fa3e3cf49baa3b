//! What a transaction means, for every table that can look up, put and delete.

use bytes::Bytes;

use crate::store::{WatchEvent, WatchResponse};
use crate::txn::{KeyValue, Operation, Revision, Txn, TxnRejection, TxnResponse};

/// A key's history, without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) create_revision: Revision,
    pub(crate) mod_revision: Revision,
    pub(crate) version: u64,
}

impl History {
    pub(crate) fn with(self, key: String, value: Bytes) -> KeyValue {
        KeyValue {
            key,
            value,
            create_revision: self.create_revision,
            mod_revision: self.mod_revision,
            version: self.version,
        }
    }
}

/// Where a batch is applied to. What it does must be visible to its own later look-ups.
pub(crate) trait Table {
    type Error;
    fn history(&self, key: &str) -> Result<Option<History>, Self::Error>;
    fn put(&mut self, key: &str, history: History, value: &Bytes) -> Result<(), Self::Error>;
    fn delete(&mut self, key: &str) -> Result<(), Self::Error>;
}

/// A batch that has been applied to a table, not yet made durable.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) revision: Revision,
    pub(crate) outcomes: Vec<Result<TxnResponse, TxnRejection>>,
    pub(crate) changes: Vec<WatchResponse>,
}

/// Applies `txns` in order to a table at revision `current`.
pub(crate) fn apply_batch<T: Table>(
    table: &mut T,
    current: Revision,
    txns: &[Txn],
) -> Result<Applied, T::Error> {
    let mut applied = Applied {
        revision: current,
        outcomes: Vec::with_capacity(txns.len()),
        changes: Vec::with_capacity(txns.len()),
    };
    for txn in txns {
        if let Err(rejection) = check(table, txn)? {
            applied.outcomes.push(Err(rejection));
            continue;
        }
        let revision = applied.revision.next();
        let events = perform(table, revision, &txn.operations)?;
        if !events.is_empty() {
            applied.revision = revision;
            applied.changes.push(WatchResponse { revision, events });
        }
        applied.outcomes.push(Ok(TxnResponse {
            revision: applied.revision,
        }));
    }
    Ok(applied)
}

fn check<T: Table>(table: &T, txn: &Txn) -> Result<Result<(), TxnRejection>, T::Error> {
    if let Err(rejection) = txn.check_shape() {
        return Ok(Err(rejection));
    }
    for guard in &txn.guards {
        let actual = table
            .history(guard.key())?
            .map(|history| history.mod_revision);
        if !guard.holds(actual) {
            return Ok(Err(TxnRejection::GuardFailed {
                guard: guard.clone(),
                actual,
            }));
        }
    }
    Ok(Ok(()))
}

fn perform<T: Table>(
    table: &mut T,
    revision: Revision,
    operations: &[Operation],
) -> Result<Vec<WatchEvent>, T::Error> {
    let mut events = Vec::with_capacity(operations.len());
    for operation in operations {
        let before = table.history(operation.key())?;
        match operation {
            Operation::Put { key, value } => {
                let history = History {
                    create_revision: before.map_or(revision, |history| history.create_revision),
                    mod_revision: revision,
                    version: before.map_or(1, |history| history.version + 1),
                };
                table.put(key, history, value)?;
                events.push(WatchEvent::Put(history.with(key.clone(), value.clone())));
            }
            Operation::Delete { key } if before.is_some() => {
                table.delete(key)?;
                events.push(WatchEvent::Delete { key: key.clone() });
            }
            Operation::Delete { .. } => {}
        }
    }
    Ok(events)
}
