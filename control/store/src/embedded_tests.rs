use std::fs::OpenOptions;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use redb::backends::FileBackend;
use redb::{BackendError, Builder, StorageBackend};

use super::*;
use crate::conformance;
use crate::txn::Guard;

fn everything() -> KeyRange {
    KeyRange::Prefix(String::new())
}

#[test]
fn an_embedded_store_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let count = AtomicI64::new(0);
    conformance::run(|| {
        let at = count.fetch_add(1, Ordering::Relaxed);
        EmbeddedStore::open(directory.path().join(format!("{at}.redb"))).unwrap()
    });
}

#[test]
fn a_restart_keeps_everything_but_the_change_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let store = EmbeddedStore::open(&path).unwrap();
    store
        .transact(Txn::new().put("/a", "1").put("/b", "1"))
        .unwrap()
        .unwrap();
    store.transact(Txn::new().put("/a", "2")).unwrap().unwrap();
    let before = store.range(&everything()).unwrap();
    drop(store);

    let store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(store.range(&everything()).unwrap(), before);
    assert_eq!(store.revision().unwrap(), Revision(2));
    let old = store.watch(everything(), Revision(2));
    assert!(matches!(
        old,
        Err(StoreError::Compacted {
            oldest: Revision(3)
        })
    ));
    let mut watch = store.watch(everything(), Revision(3)).unwrap();
    let guard = Guard::ModRevision {
        key: "/a".into(),
        revision: Revision(2),
    };
    store
        .transact(Txn::new().when(guard).put("/a", "3"))
        .unwrap()
        .unwrap();
    let seen = watch.next(Duration::from_secs(5)).unwrap().unwrap();
    assert_eq!(seen.revision, Revision(3));
}

#[test]
fn a_second_opener_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let first = EmbeddedStore::open(&path).unwrap();
    assert!(matches!(EmbeddedStore::open(&path), Err(StoreError::InUse)));
    drop(first);
    EmbeddedStore::open(&path).unwrap();
}

#[test]
fn a_record_of_another_format_is_an_error_not_a_guess() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    drop(EmbeddedStore::open(&path).unwrap());
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(FIGURES)
        .unwrap()
        .insert(FORMAT, 2)
        .unwrap();
    transaction
        .open_table(KEYS)
        .unwrap()
        .insert("/a", [0u8; 3].as_slice())
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(matches!(
        EmbeddedStore::open(&path),
        Err(StoreError::Format { found: 2, known: 1 })
    ));
    assert!(matches!(decode("/a", &[0; 23]), Err(StoreError::Unreadable { key }) if key == "/a"));
}

/// The disk under a store, which can be told to fail.
#[derive(Debug, Default)]
struct Disk {
    /// Writes and syncs that still succeed, once it is failing.
    budget: AtomicI64,
    failing: AtomicBool,
}

impl Disk {
    fn spend(&self) -> io::Result<()> {
        if self.failing.load(Ordering::Acquire) && self.budget.fetch_sub(1, Ordering::AcqRel) <= 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }

    fn fail_after(&self, operations: i64) {
        self.budget.store(operations, Ordering::Release);
        self.failing.store(true, Ordering::Release);
    }

    fn recover(&self) {
        self.failing.store(false, Ordering::Release);
    }
}

#[derive(Debug)]
struct FailingBackend {
    file: FileBackend,
    disk: Arc<Disk>,
}

impl StorageBackend for FailingBackend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.spend()?;
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.disk.spend()?;
        self.file.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.spend()?;
        self.file.write(offset, data)
    }
    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
    fn try_lock_range(
        &self,
        start: std::ops::Bound<u64>,
        end: std::ops::Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }
}

fn store_on(disk: &Arc<Disk>, path: &Path) -> EmbeddedStore {
    let (disk, path) = (Arc::clone(disk), path.to_owned());
    EmbeddedStore::open_with(move || {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(unavailable)?;
        let file = FileBackend::new(file).map_err(unavailable)?;
        let backend = FailingBackend {
            file,
            disk: Arc::clone(&disk),
        };
        Builder::new()
            .create_with_backend(backend)
            .map_err(unavailable)
    })
    .unwrap()
}

/// A batch of two transactions with two keys each, which name the batch.
fn pair(batch: u64) -> [Txn; 2] {
    let value = vec![u8::try_from(batch % 251).unwrap(); 9_000];
    [0, 1].map(|at| {
        Txn::new()
            .put(format!("/{batch:05}/{at}/left"), value.clone())
            .put(format!("/{batch:05}/{at}/right"), value.clone())
    })
}

/// Lets the disk fail at the n-th write of a commit, for every n until a commit gets through.
#[test]
fn a_full_disk_gives_errors_and_neither_loses_nor_halves_anything() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let disk = Arc::new(Disk::default());
    let store = store_on(&disk, &path);
    let mut watch = store.watch(everything(), Revision(1)).unwrap();
    let (mut acknowledged, mut failed) = (Vec::new(), Vec::new());
    let mut batch = 0;
    for operations in 0.. {
        batch += 1;
        disk.fail_after(operations);
        let limited = store.transact_batch(&pair(batch));
        let done = limited.is_ok();
        if done {
            acknowledged.push(batch)
        } else {
            failed.push(batch)
        }
        // Full: whatever is asked now is an error or the truth, and later works again.
        disk.fail_after(0);
        batch += 1;
        assert!(matches!(
            store.transact_batch(&pair(batch)),
            Err(StoreError::Unavailable(_))
        ));
        failed.push(batch);
        disk.recover();
        batch += 1;
        store.transact_batch(&pair(batch)).unwrap();
        acknowledged.push(batch);
        if done {
            break;
        }
    }
    assert!(
        failed.len() > 4,
        "a commit takes several writes: {failed:?}"
    );
    let found = store.range(&everything()).unwrap();
    check_whole(&found, &acknowledged, &failed);

    let mut watched = 0;
    let mut last = Revision(0);
    while let Some(change) = watch.next(Duration::ZERO).unwrap() {
        assert_eq!(change.revision, last.next());
        assert_eq!(change.events.len(), 2);
        last = change.revision;
        watched += change.events.len();
    }
    assert_eq!(
        watched,
        found.key_values.len(),
        "watches saw all that is durable, nothing else"
    );
    assert_eq!(last, found.revision);

    drop(store);
    let reopened = EmbeddedStore::open(&path).unwrap();
    assert_eq!(reopened.range(&everything()).unwrap(), found);
}

/// All four keys of an acknowledged batch; of a failed one all or none.
fn check_whole(found: &RangeResponse, acknowledged: &[u64], failed: &[u64]) {
    let count = |batch: &u64| {
        let prefix = format!("/{batch:05}/");
        found
            .key_values
            .iter()
            .filter(|found| found.key.starts_with(&prefix))
            .count()
    };
    for batch in acknowledged {
        assert_eq!(count(batch), 4, "batch {batch} was acknowledged");
    }
    for batch in failed {
        assert!(matches!(count(batch), 0 | 4), "batch {batch} is half there");
    }
}

#[test]
fn a_failed_commit_is_seen_by_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::default());
    let store = store_on(&disk, &directory.path().join("store.redb"));
    store.transact(Txn::new().put("/a", "1")).unwrap().unwrap();
    let mut watch = store.watch(everything(), Revision(2)).unwrap();
    disk.fail_after(0);
    store.transact(Txn::new().put("/a", "2")).unwrap_err();
    assert_eq!(watch.next(Duration::ZERO), Ok(None));
    disk.recover();
    let found = store.range(&everything()).unwrap();
    assert_eq!(
        (found.revision, &found.key_values[0].value[..]),
        (Revision(1), b"1".as_slice())
    );
    assert_eq!(watch.next(Duration::ZERO), Ok(None));
}
