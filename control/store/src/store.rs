//! The contract of every implementation.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use crate::txn::{KeyRange, KeyValue, Revision, Txn, TxnRejection, TxnResponse};

/// A store with etcd's semantics. All methods block; implementations are shared between threads.
///
/// After a [`StoreError::Unavailable`] of [`Store::transact_batch`] the outcome is open, as after a lost connection to
/// etcd: some transactions from the front of the batch may be durable, the others never will be. Whoever keeps a copy
/// of the store's content reads it anew before the next write.
pub trait Store: Send + Sync + 'static {
    /// The revision of the last durable change.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn revision(&self) -> Result<Revision, StoreError>;

    /// The keys of `range` in ascending order, all as of one revision.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn range(&self, range: &KeyRange) -> Result<RangeResponse, StoreError>;

    /// Runs `txns` in order, each against what those before it left, and makes all of them durable together: they share
    /// one sync of the disk. This is the primitive of group commit; each transaction still succeeds or fails alone.
    ///
    /// # Errors
    /// [`StoreError`] when the batch could not be made durable; see the trait for what may then have happened.
    fn transact_batch(
        &self,
        txns: &[Txn],
    ) -> Result<Vec<Result<TxnResponse, TxnRejection>>, StoreError>;

    /// The changes of `range` from revision `from` on, those still to come included.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] when the log no longer reaches back to `from`.
    fn watch(&self, range: KeyRange, from: Revision) -> Result<Box<dyn Watch>, StoreError>;

    /// Forgets the changes before revision `at`: no watch can start before it any more. Current values are untouched.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] when that has happened already, [`StoreError::FutureRevision`] when `at` has not.
    fn compact(&self, at: Revision) -> Result<(), StoreError>;

    /// Runs one transaction: a batch of one.
    ///
    /// # Errors
    /// As [`Store::transact_batch`].
    fn transact(&self, txn: Txn) -> Result<Result<TxnResponse, TxnRejection>, StoreError> {
        let mut outcomes = self.transact_batch(std::slice::from_ref(&txn))?;
        Ok(outcomes
            .pop()
            .expect("a batch answers each of its transactions"))
    }
}

/// A running watch. Dropping it ends it.
pub trait Watch: Send {
    /// The next changed revision, waiting up to `timeout` for one; `None` when there was none in that time.
    ///
    /// # Errors
    /// [`WatchError`]; the watch is then over.
    fn next(&mut self, timeout: Duration) -> Result<Option<WatchResponse>, WatchError>;
}

/// Keys and values as of one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeResponse {
    /// The revision of the whole store that was read.
    pub revision: Revision,
    /// What was found, in ascending order of keys.
    pub key_values: Vec<KeyValue>,
}

/// All changes that one transaction made in the watched range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchResponse {
    /// The transaction's revision.
    pub revision: Revision,
    /// Its changes, in the order of its operations; never empty.
    pub events: Vec<WatchEvent>,
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// The key was put; this is what it is now.
    Put(KeyValue),
    /// The key was removed.
    Delete {
        /// The key that is gone.
        key: String,
    },
}

impl WatchEvent {
    /// The key that changed.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Put(key_value) => &key_value.key,
            Self::Delete { key } => key,
        }
    }
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk or the connection failed. Later calls try again from what is durable.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Another process has the file open.
    #[error("the store is open in another process")]
    InUse,
    /// The file was damaged, or something else was put in its place. Nothing was written to it.
    #[error("the store's file {} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What shows it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file is of another version of this program.
    #[error("the store's file has format {found}, and this version reads and writes {known}")]
    Format {
        /// What the file says.
        found: u64,
        /// What is expected.
        known: u64,
    },
    /// A stored record cannot be read: the file is damaged or of a version to come.
    #[error("the record of {key:?} cannot be read")]
    Unreadable {
        /// The key of the record.
        key: String,
    },
    /// The change log starts later than the revision asked for.
    #[error("changes before revision {oldest} are forgotten")]
    Compacted {
        /// The oldest revision a watch can start from.
        oldest: Revision,
    },
    /// The revision asked for has not happened yet.
    #[error("revision {current} is the last one")]
    FutureRevision {
        /// The store's revision.
        current: Revision,
    },
}

/// Why a watch is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The watcher was slower than the bounded log; read the range anew and watch from the revision after it.
    #[error("changes before revision {oldest} are forgotten")]
    Compacted {
        /// The oldest revision a watch can start from.
        oldest: Revision,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
