use std::path::PathBuf;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::*;
use crate::{EmbeddedStore, KeyRange, RangeResponse, Store, Txn};

/// What a disk damages at once.
const BLOCK_BYTES: usize = 4096;

fn content(store: &EmbeddedStore) -> RangeResponse {
    store.range(&KeyRange::Prefix(String::new())).unwrap()
}

/// A store's file, and what may be found in it: all that was written; or else, when it was not closed, what it held
/// before the last commit, since a damaged last commit is one that a power cut halved.
struct Sample {
    bytes: Vec<u8>,
    contents: Vec<RangeResponse>,
}

/// A store with a little of everything, as it was closed and as kill -9 leaves it.
fn samples(directory: &Path) -> [Sample; 2] {
    let path = directory.join("whole.redb");
    let store = EmbeddedStore::open(&path).unwrap();
    for number in 0..60 {
        let value = format!("{number}").repeat(number * 40);
        let txn = Txn::new().put(format!("/{number:03}"), value);
        store.transact(txn).unwrap().unwrap();
    }
    let before = content(&store);
    let txn = Txn::new().delete("/007").delete("/050");
    store.transact(txn).unwrap().unwrap();
    let bytes = fs::read(&path).unwrap();
    let after = content(&store);
    let killed = Sample {
        bytes,
        contents: vec![after.clone(), before],
    };
    drop(store);
    let closed = Sample {
        bytes: fs::read(&path).unwrap(),
        contents: vec![after],
    };
    [closed, killed]
}

impl Sample {
    /// Opens `bytes`, a damaged copy: either they hold what was written, or they are named as damaged and left as they
    /// are. Says which.
    fn is_refused(&self, bytes: &[u8], directory: &Path, how: &str) -> bool {
        let path = directory.join("damaged.redb");
        fs::write(&path, bytes).unwrap();
        match EmbeddedStore::open(&path) {
            Ok(store) => {
                let found = content(&store);
                assert!(
                    self.contents.contains(&found),
                    "{how}: opened, and not the same"
                );
                false
            }
            Err(StoreError::Damaged { path: named, .. }) => {
                assert_eq!(named, path, "{how}");
                assert!(
                    fs::read(&path).unwrap() == bytes,
                    "{how}: refused, but changed"
                );
                true
            }
            Err(other) => panic!("{how}: {other:?}"),
        }
    }
}

#[test]
fn a_file_that_ends_early_is_damaged_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    for sample in samples(directory.path()) {
        let whole = sample.bytes.len();
        for length in [0, 1, 9, 100, 320, 4095, 4096, whole / 2, whole - 1] {
            let how = format!("{length} of {whole} bytes");
            let refused = sample.is_refused(&sample.bytes[..length], directory.path(), &how);
            assert!(refused, "{how}");
        }
    }
}

#[test]
fn damage_anywhere_is_told_or_harms_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(2);
    for sample in samples(directory.path()) {
        let whole = &sample.bytes;
        assert!(!sample.is_refused(whole, directory.path(), "undamaged"));
        let used = |at: &usize| whole[*at..].iter().take(BLOCK_BYTES).any(|byte| *byte != 0);
        let blocks: Vec<_> = (0..whole.len()).step_by(BLOCK_BYTES).filter(used).collect();
        let mut refused = 0;
        for at in &blocks {
            let mut noise = whole.clone();
            rng.fill_bytes(&mut noise[*at..*at + BLOCK_BYTES]);
            let mut zeros = whole.clone();
            zeros[*at..*at + BLOCK_BYTES].fill(0);
            let mut flipped = whole.clone();
            flipped[at + rng.random_range(0..BLOCK_BYTES)] ^= 1 << rng.random_range(0..8);
            for (bytes, kind) in [
                (noise, "noise"),
                (zeros, "zeros"),
                (flipped, "a flipped bit"),
            ] {
                let how = format!("{kind} at {at}");
                refused += usize::from(sample.is_refused(&bytes, directory.path(), &how));
            }
        }
        let count = blocks.len();
        assert!(refused > count, "{refused} of {count} blocks thrice");
    }
}

#[test]
fn a_file_of_something_else_is_damaged_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let foreign = b"something else entirely".repeat(1_000);
    fs::write(&path, &foreign).unwrap();
    let refused = EmbeddedStore::open(&path).unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused:?}");
    assert_eq!(fs::read(&path).unwrap(), foreign);

    // A database, but not one of ours.
    fs::remove_file(&path).unwrap();
    drop(Database::create(&path).unwrap());
    let foreign = fs::read(&path).unwrap();
    let refused = EmbeddedStore::open(&path).unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused:?}");
    assert_eq!(fs::read(&path).unwrap(), foreign);
}

#[test]
fn a_crash_while_the_file_is_made_leaves_nothing_in_the_way() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    fs::write(path.with_extension("new"), b"half of a st").unwrap();
    drop(EmbeddedStore::open(&path).unwrap());
    let names = fs::read_dir(directory.path()).unwrap();
    let names: Vec<PathBuf> = names.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names, [path]);
}

#[test]
fn a_file_that_cannot_be_made_says_where() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing/store.redb");
    let refused = EmbeddedStore::open(&path).unwrap_err();
    let cause = refused.source().unwrap().to_string();
    assert!(
        cause.contains(path.with_extension("new").to_str().unwrap()),
        "{cause}"
    );
}
