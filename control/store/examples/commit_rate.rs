//! Measures what a commit costs: the disk's bare fsync, and transactions a second by batch size.
//!
//! `cargo run --release -p eni-store --example commit_rate [DIRECTORY]`

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eni_store::{EmbeddedStore, Store, Txn};

/// How long each figure is measured.
const MEASURE: Duration = Duration::from_secs(2);
/// About what a network interface takes as JSON.
const VALUE_BYTES: usize = 700;
const BATCH_SIZES: [usize; 6] = [1, 2, 4, 8, 32, 128];

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = directory.join(format!("commit-rate-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    let measured = measure(&directory);
    std::fs::remove_dir_all(&directory)?;
    measured
}

fn measure(directory: &Path) -> Result<(), Box<dyn Error>> {
    let file = File::create(directory.join("fsync"))?;
    let (began, mut syncs) = (Instant::now(), 0u32);
    while began.elapsed() < MEASURE {
        file.write_all_at(&[0; 4096], u64::from(syncs % 64) * 4096)?;
        file.sync_data()?;
        syncs += 1;
    }
    println!("write and fsync of 4 KiB: {:?}", began.elapsed() / syncs);

    let store = EmbeddedStore::open(directory.join("store.redb"))?;
    let value = vec![b'x'; VALUE_BYTES];
    let mut number = 0u64;
    for size in BATCH_SIZES {
        let (began, mut commits) = (Instant::now(), 0u32);
        while began.elapsed() < MEASURE {
            let batch: Vec<Txn> = (0..size)
                .map(|_| {
                    number += 1;
                    // Ids are random, so keys are not in order.
                    let key = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    Txn::new().put(
                        format!("/openeni/network-interface/{key:016x}"),
                        value.clone(),
                    )
                })
                .collect();
            store.transact_batch(&batch)?;
            commits += 1;
        }
        let elapsed = began.elapsed();
        let rate = f64::from(commits) * size as f64 / elapsed.as_secs_f64();
        println!(
            "batch of {size:3}: {:?} a commit, {rate:8.0} transactions a second",
            elapsed / commits
        );
    }
    Ok(())
}
