//! A power cut at any write: unlike kill -9, it takes what the kernel had not yet written along.
//!
//! The disk below keeps writes in a cache until a sync, as disks do. A cut writes some of the cached sectors, in any
//! choice, and loses the others.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail them as their own lines do"
)]

use std::io;
use std::sync::{Arc, Mutex};

use eni_store::{EmbeddedStore, KeyRange, Revision, Store, StoreError, Txn};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redb::{Builder, StorageBackend};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;
const CUTS: usize = 300;
/// Replays a run that failed; each run prints its own.
const SEED_VARIABLE: &str = "ENI_STORE_POWER_CUT_SEED";
const TXNS_IN_A_BATCH: u64 = 2;

#[derive(Debug, Default)]
struct Disk {
    /// What survives a cut.
    durable: Vec<u8>,
    /// What reads see.
    cached: Vec<u8>,
    /// Written since the last sync, in order.
    dirty: Vec<(usize, Vec<u8>)>,
    /// Writes and syncs until the power goes.
    budget: Option<u32>,
}

impl Disk {
    fn spend(&mut self) -> io::Result<()> {
        match &mut self.budget {
            Some(0) => Err(io::Error::other("no power")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What is found when the power is back.
    fn after_cut(&self, rng: &mut StdRng) -> Self {
        let mut found = self.durable.clone();
        if rng.random() {
            found.resize(self.cached.len(), 0);
        }
        let written = rng.random_range(0.0..=1.0);
        for (offset, data) in &self.dirty {
            for (number, sector) in data.chunks(SECTOR_BYTES).enumerate() {
                if rng.random_bool(written) {
                    put(&mut found, offset + number * SECTOR_BYTES, sector);
                }
            }
        }
        Self {
            cached: found.clone(),
            durable: found,
            ..Self::default()
        }
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

#[derive(Debug)]
struct Backend(Arc<Mutex<Disk>>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().cached.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.0.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        let found = disk.cached.get(start..start + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.spend()?;
        disk.cached.resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.spend()?;
        let length = disk.cached.len();
        disk.durable.resize(length, 0);
        for (offset, data) in std::mem::take(&mut disk.dirty) {
            // What was cut off since is gone.
            let kept = data.len().min(length.saturating_sub(offset));
            put(&mut disk.durable, offset, &data[..kept]);
        }
        disk.durable.truncate(length);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.spend()?;
        let offset = usize::try_from(offset).unwrap();
        put(&mut disk.cached, offset, data);
        disk.dirty.push((offset, data.to_vec()));
        Ok(())
    }
}

fn open(disk: &Arc<Mutex<Disk>>) -> Result<EmbeddedStore, StoreError> {
    let disk = Arc::clone(disk);
    EmbeddedStore::open_with(move || {
        let opened = Builder::new().create_with_backend(Backend(Arc::clone(&disk)));
        opened.map_err(|error| StoreError::Unavailable(error.into()))
    })
}

/// One key of its own, and one that all transactions share, of some size.
fn transaction(number: u64) -> Txn {
    let value = format!("{number:05}").repeat(1 + (usize::try_from(number).unwrap() * 37) % 900);
    Txn::new()
        .put(format!("/number/{:02}", number % 50), value.clone())
        .put("/last", value)
}

/// The store's revision, its contents being what the first so many transactions leave.
fn check(store: &EmbeddedStore) -> u64 {
    let found = store.range(&KeyRange::Prefix(String::new())).unwrap();
    let Revision(last) = found.revision;
    assert_eq!(last % TXNS_IN_A_BATCH, 0, "a batch of one file is whole");
    for key_value in &found.key_values {
        let Revision(at) = key_value.mod_revision;
        let written = transaction(at);
        let value = written
            .operations
            .iter()
            .find_map(|operation| match operation {
                eni_store::Operation::Put { key, value } if *key == key_value.key => Some(value),
                _ => None,
            });
        assert_eq!(value, Some(&key_value.value));
        assert!(key_value.key == "/last" && at == last || at > last.saturating_sub(50));
    }
    assert_eq!(found.key_values.len() as u64, last.min(50) + last.min(1));
    last
}

#[test]
fn a_power_cut_loses_and_halves_nothing() {
    let given = std::env::var(SEED_VARIABLE).ok();
    let seed = given.map_or_else(rand::random, |text| text.parse().unwrap());
    println!("{SEED_VARIABLE}={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let disk = Arc::new(Mutex::new(Disk::default()));
    drop(open(&disk).unwrap());
    let (mut acknowledged, mut commits) = (0, 0);
    for cut in 0..CUTS {
        // Opening repairs what the last cut left; some cuts come before it is done.
        disk.lock().unwrap().budget = Some(rng.random_range(0..60));
        if let Ok(store) = open(&disk) {
            let found = check(&store);
            assert!(
                found >= acknowledged,
                "cut {cut}: {acknowledged} acknowledged, {found} found"
            );
            let mut number = found;
            loop {
                let batch = [transaction(number + 1), transaction(number + 2)];
                if store.transact_batch(&batch).is_err() {
                    break;
                }
                number += TXNS_IN_A_BATCH;
                acknowledged = number;
                commits += 1;
            }
        }
        let after = disk.lock().unwrap().after_cut(&mut rng);
        *disk.lock().unwrap() = after;
    }
    let found = check(&open(&disk).unwrap());
    assert!(found >= acknowledged);
    assert!(commits > CUTS / 4, "{commits} commits between {CUTS} cuts");
}
