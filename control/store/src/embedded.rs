//! The store of one machine: a single `redb` file.
//!
//! A batch is one write transaction and one commit of `redb`, which syncs the file before it shows the new state to
//! anyone. After a failed write or sync the file is closed and opened again, since neither `redb` nor the kernel's page
//! cache can be trusted to hold what the disk holds: after a failed fsync Linux marks the pages clean although they
//! never reached the disk (<https://wiki.postgresql.org/wiki/Fsync_Errors>). Opening again drops the cached pages, so
//! that what is read then is what a restart would have found.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::apply::{Applied, History, Table, apply_batch};
use crate::change_log::ChangeLog;
use crate::file;
use crate::store::{RangeResponse, Store, StoreError, Watch, WatchResponse};
use crate::txn::{KeyRange, Revision, Txn, TxnRejection, TxnResponse};

/// Key to record: the history, then the value.
const KEYS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("keys");
/// Figures of the whole store.
const FIGURES: TableDefinition<'_, &str, u64> = TableDefinition::new("figures");
const REVISION: &str = "revision";
const FORMAT: &str = "format";
/// The version of the two tables' layout. A file with another one is refused, not guessed at.
const FORMAT_VERSION: u64 = 1;
/// Create revision, modification revision and version, each 8 bytes, big endian.
const HISTORY_BYTES: usize = 24;

type Opener = Box<dyn Fn() -> Result<Database, StoreError> + Send + Sync>;

/// A [`Store`] in one file, of one process at a time.
pub struct EmbeddedStore {
    opener: Opener,
    /// `None` after a failure, until it can be opened again.
    database: RwLock<Option<Database>>,
    writer: Mutex<Writer>,
    log: Arc<ChangeLog>,
}

/// Held while a batch is written: there is one writer at a time.
#[derive(Default)]
struct Writer {
    /// The changes of the batch whose commit failed. Whether they are durable shows when the file is opened again.
    in_doubt: Vec<WatchResponse>,
}

impl EmbeddedStore {
    /// Opens the file at `path`, or creates it, and repairs it after a crash. An existing file is read whole first, and
    /// a damaged one is left as it is.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it open, [`StoreError::Damaged`] when it is not what a store wrote,
    /// and [`StoreError::Unavailable`] when the disk fails.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        file::create_if_missing(&path)?;
        file::examine(&path)?;
        Self::open_with(move || file::open_existing(&path))
    }

    /// Opens whatever `opener` opens, which is called again after each failure. For other places to keep the file, and
    /// for tests that let the disk fail.
    ///
    /// # Errors
    /// As [`EmbeddedStore::open`].
    pub fn open_with(
        opener: impl Fn() -> Result<Database, StoreError> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let database = opener()?;
        if is_new(&database)? {
            create_tables(&database)?;
        }
        let revision = read_revision(&database)?;
        Ok(Self {
            opener: Box::new(opener),
            database: RwLock::new(Some(database)),
            writer: Mutex::new(Writer::default()),
            log: ChangeLog::starting_at(revision),
        })
    }

    /// The open database, opened again first if the last batch failed.
    fn database(&self) -> Result<RwLockReadGuard<'_, Option<Database>>, StoreError> {
        {
            let database = self.database.read();
            if database.is_some() {
                return Ok(database);
            }
        }
        self.reopen(&mut self.writer.lock())?;
        Ok(self.database.read())
    }

    /// Opens the file again and settles what became of the batch in doubt.
    fn reopen(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let mut slot = self.database.write();
        if slot.is_some() {
            return Ok(());
        }
        let database = (self.opener)()?;
        let durable = read_revision(&database)?;
        let in_doubt = std::mem::take(&mut writer.in_doubt);
        if durable > self.log.revision() {
            tracing::warn!(revision = durable.0, "the failed commit turned out durable");
            self.log.append(in_doubt);
        }
        *slot = Some(database);
        Ok(())
    }

    /// Closes the file after a failure; the next call opens it again.
    fn fail(&self, writer: &mut Writer, in_doubt: Vec<WatchResponse>, error: &StoreError) {
        tracing::error!(error = error as &dyn Error, "the store's file failed");
        writer.in_doubt = in_doubt;
        *self.database.write() = None;
    }
}

impl std::fmt::Debug for EmbeddedStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EmbeddedStore")
            .field("revision", &self.log.revision())
            .finish_non_exhaustive()
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.log.close();
    }
}

impl Store for EmbeddedStore {
    fn revision(&self) -> Result<Revision, StoreError> {
        // The file first: a batch in doubt has to be settled.
        drop(self.database()?);
        Ok(self.log.revision())
    }

    fn range(&self, range: &KeyRange) -> Result<RangeResponse, StoreError> {
        let guard = self.database()?;
        let Some(database) = guard.as_ref() else {
            return Err(unavailable("the file is being opened again"));
        };
        let transaction = database.begin_read().map_err(unavailable)?;
        let keys = transaction.open_table(KEYS).map_err(unavailable)?;
        let mut key_values = Vec::new();
        for entry in keys.range(range.start()..).map_err(unavailable)? {
            let (key, record) = entry.map_err(unavailable)?;
            let key = key.value();
            if !range.contains(key) {
                break;
            }
            let (history, value) = decode(key, record.value())?;
            key_values.push(history.with(key.to_owned(), Bytes::copy_from_slice(value)));
        }
        let figures = transaction.open_table(FIGURES).map_err(unavailable)?;
        let revision = figures.get(REVISION).map_err(unavailable)?;
        Ok(RangeResponse {
            revision: Revision(revision.map_or(0, |figure| figure.value())),
            key_values,
        })
    }

    fn transact_batch(
        &self,
        txns: &[Txn],
    ) -> Result<Vec<Result<TxnResponse, TxnRejection>>, StoreError> {
        let mut writer = self.writer.lock();
        self.reopen(&mut writer)?;
        let result = {
            let database = self.database.read();
            let database = database
                .as_ref()
                .expect("opened above, and only the writer closes it");
            commit_batch(database, self.log.revision(), txns)
        };
        match result {
            Ok(applied) => {
                self.log.append(applied.changes);
                Ok(applied.outcomes)
            }
            Err(Failure { error, in_doubt }) => {
                self.fail(&mut writer, in_doubt, &error);
                Err(error)
            }
        }
    }

    fn watch(&self, range: KeyRange, from: Revision) -> Result<Box<dyn Watch>, StoreError> {
        self.log.watch(range, from)
    }

    fn compact(&self, at: Revision) -> Result<(), StoreError> {
        self.log.compact(at)
    }
}

struct Failure {
    error: StoreError,
    /// The changes whose commit was begun.
    in_doubt: Vec<WatchResponse>,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self {
            error,
            in_doubt: Vec::new(),
        }
    }
}

/// Applies the batch and commits it: when this returns, it is on the disk.
fn commit_batch(database: &Database, current: Revision, txns: &[Txn]) -> Result<Applied, Failure> {
    // `Durability::Immediate` is redb's default for a write transaction: commit returns after fsync.
    let transaction = database.begin_write().map_err(unavailable)?;
    let applied = {
        let mut keys = KeysTable(transaction.open_table(KEYS).map_err(unavailable)?);
        apply_batch(&mut keys, current, txns)?
    };
    if applied.changes.is_empty() {
        transaction.abort().map_err(unavailable)?;
        return Ok(applied);
    }
    {
        let mut figures = transaction.open_table(FIGURES).map_err(unavailable)?;
        figures
            .insert(REVISION, applied.revision.0)
            .map_err(unavailable)?;
    }
    match transaction.commit() {
        Ok(()) => Ok(applied),
        Err(error) => Err(Failure {
            error: unavailable(error),
            in_doubt: applied.changes,
        }),
    }
}

struct KeysTable<'txn>(redb::Table<'txn, &'static str, &'static [u8]>);

impl Table for KeysTable<'_> {
    type Error = StoreError;

    fn history(&self, key: &str) -> Result<Option<History>, StoreError> {
        let record = self.0.get(key).map_err(unavailable)?;
        record
            .map(|record| decode(key, record.value()).map(|(history, _)| history))
            .transpose()
    }

    fn put(&mut self, key: &str, history: History, value: &Bytes) -> Result<(), StoreError> {
        let mut record = Vec::with_capacity(HISTORY_BYTES + value.len());
        for figure in [
            history.create_revision.0,
            history.mod_revision.0,
            history.version,
        ] {
            record.extend_from_slice(&figure.to_be_bytes());
        }
        record.extend_from_slice(value);
        self.0.insert(key, record.as_slice()).map_err(unavailable)?;
        Ok(())
    }

    fn delete(&mut self, key: &str) -> Result<(), StoreError> {
        self.0.remove(key).map_err(unavailable)?;
        Ok(())
    }
}

fn decode<'record>(
    key: &str,
    record: &'record [u8],
) -> Result<(History, &'record [u8]), StoreError> {
    let unreadable = || StoreError::Unreadable { key: key.into() };
    let (create_revision, rest) = record.split_first_chunk().ok_or_else(unreadable)?;
    let (mod_revision, rest) = rest.split_first_chunk().ok_or_else(unreadable)?;
    let (version, value) = rest.split_first_chunk().ok_or_else(unreadable)?;
    let history = History {
        create_revision: Revision(u64::from_be_bytes(*create_revision)),
        mod_revision: Revision(u64::from_be_bytes(*mod_revision)),
        version: u64::from_be_bytes(*version),
    };
    Ok((history, value))
}

/// The last durable revision.
pub(crate) fn read_revision(database: &Database) -> Result<Revision, StoreError> {
    let transaction = database.begin_read().map_err(unavailable)?;
    let figures = transaction.open_table(FIGURES).map_err(unavailable)?;
    let figure = |name: &str| -> Result<u64, StoreError> {
        let found = figures.get(name).map_err(unavailable)?;
        found
            .map(|figure| figure.value())
            .ok_or_else(|| StoreError::Unreadable { key: name.into() })
    };
    let found = figure(FORMAT)?;
    if found != FORMAT_VERSION {
        return Err(StoreError::Format {
            found,
            known: FORMAT_VERSION,
        });
    }
    figure(REVISION).map(Revision)
}

/// Whether nothing was ever made in it: the first commit makes both tables.
fn is_new(database: &Database) -> Result<bool, StoreError> {
    let transaction = database.begin_read().map_err(unavailable)?;
    let mut tables = transaction.list_tables().map_err(unavailable)?;
    Ok(tables.next().is_none())
}

/// Makes the tables of a database that has none.
pub(crate) fn create_tables(database: &Database) -> Result<(), StoreError> {
    let transaction = database.begin_write().map_err(unavailable)?;
    transaction.open_table(KEYS).map_err(unavailable)?;
    {
        let mut figures = transaction.open_table(FIGURES).map_err(unavailable)?;
        for (name, figure) in [(FORMAT, FORMAT_VERSION), (REVISION, 0)] {
            figures.insert(name, figure).map_err(unavailable)?;
        }
    }
    transaction.commit().map_err(unavailable)
}

pub(crate) fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(error.into())
}

#[cfg(test)]
#[path = "embedded_tests.rs"]
mod tests;
