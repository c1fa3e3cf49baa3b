//! Measures durable submits a second, by callers that each wait for their answer.
//!
//! `cargo run --release -p eni-region --example submit_rate [DIRECTORY]`

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eni_model::{ChangeSet, ClientToken, RegionSettings};
use eni_region::Region;
use eni_store::{EmbeddedStore, Store};
use eni_types::{TypedId, VpcId};

/// How long each figure is measured.
const MEASURE: Duration = Duration::from_secs(3);
const CALLERS: [usize; 5] = [1, 2, 4, 8, 64];
/// A call leaves a row about as large as a network interface.
const ROW_BYTES: usize = 700;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = directory.join(format!("submit-rate-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    let measured = measure(&directory);
    std::fs::remove_dir_all(&directory)?;
    measured
}

fn measure(directory: &Path) -> Result<(), Box<dyn Error>> {
    let settings = RegionSettings {
        region: "us-east-1".into(),
        availability_zones: vec!["us-east-1a".into()],
        account_id: "123456789012".into(),
        public_pool: "203.0.113.0/24".parse()?,
    };
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(directory.join("store.redb"))?);
    let region = Region::open(store, settings)?;
    for callers in CALLERS {
        let began = Instant::now();
        let mut latencies = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..callers)
                .map(|caller| {
                    let region = &region;
                    scope.spawn(move || call(region, caller, began))
                })
                .collect();
            let measured = callers.into_iter().filter_map(|caller| caller.join().ok());
            measured.flatten().collect::<Vec<Duration>>()
        });
        let elapsed = began.elapsed();
        latencies.sort_unstable();
        let rate = latencies.len() as f64 / elapsed.as_secs_f64();
        let percentile = |hundredths: usize| latencies[latencies.len() * hundredths / 100];
        println!(
            "{callers:3} callers: {rate:8.0} submits a second, p50 {:?}, p99 {:?}",
            percentile(50),
            percentile(99)
        );
    }
    Ok(())
}

/// Calls until the time is up; how long each call took.
fn call(region: &Region, caller: usize, began: Instant) -> Vec<Duration> {
    let mut latencies = Vec::new();
    while began.elapsed() < MEASURE {
        let name = format!("{:?}-{caller}-{}", began.elapsed(), latencies.len());
        let asked = Instant::now();
        let submission = region.submit(region.owner(), 0, move |_, context| {
            let made = VpcId::generate(context.ids);
            let mut row = ClientToken::record("Measure", &name, made, context);
            row.fingerprint = "f".repeat(ROW_BYTES);
            let mut changes = ChangeSet::none();
            changes.put(row);
            Ok((changes, ()))
        });
        if submission.wait().is_ok() {
            latencies.push(asked.elapsed());
        }
    }
    latencies
}
