//! kill -9 at any moment: what was acknowledged is there, and nothing is half.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail them as their own lines do"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use eni_store::{EmbeddedStore, KeyRange, Revision, Store, Txn};
use rand::RngExt;

/// Where the child, which is this test started anew, finds the file.
const PATH_VARIABLE: &str = "ENI_STORE_KILL_TEST_PATH";
const ROUNDS: usize = 25;
const TXNS_IN_A_BATCH: u64 = 3;

/// Commits batches without end, and says so after each: the last number of the batch.
fn commit_until_killed(path: &Path) {
    let store = EmbeddedStore::open(path).unwrap();
    let mut number = store.revision().unwrap().0;
    loop {
        let batch: Vec<Txn> = (0..TXNS_IN_A_BATCH)
            .map(|_| {
                number += 1;
                transaction(number)
            })
            .collect();
        for outcome in store.transact_batch(&batch).unwrap() {
            outcome.unwrap();
        }
        println!("\nacknowledged {number}");
        std::io::stdout().flush().unwrap();
    }
}

/// One key of its own, and one that all transactions share, of some size.
fn transaction(number: u64) -> Txn {
    let value = format!("{number:05}").repeat(1 + (number as usize * 37) % 900);
    Txn::new()
        .put(format!("/number/{number:010}"), value.clone())
        .put("/last", value)
}

#[test]
fn kill_9_loses_and_halves_nothing() {
    if let Some(path) = std::env::var_os(PATH_VARIABLE) {
        return commit_until_killed(Path::new(&path));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let mut rng = rand::rng();
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let patience = Duration::from_micros(rng.random_range(0..30_000));
        acknowledged = run_and_kill(&path, patience).unwrap_or(acknowledged);
        let found = check(&path);
        assert!(
            found >= acknowledged,
            "round {round}: {acknowledged} acknowledged, {found} found"
        );
    }
    assert!(acknowledged > 0);
}

/// The last number acknowledged by a child that is killed `patience` after its first.
fn run_and_kill(path: &Path, patience: Duration) -> Option<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill_9_loses_and_halves_nothing", "--nocapture"])
        .env(PATH_VARIABLE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: String| line.strip_prefix("acknowledged ")?.parse::<u64>().ok();
    let first = lines.by_ref().map(Result::unwrap).find_map(number);
    std::thread::sleep(patience);
    child.kill().unwrap();
    child.wait().unwrap();
    lines
        .map_while(Result::ok)
        .filter_map(number)
        .last()
        .or(first)
}

/// Opens the file as a restart does; the number of its last transaction, all before it being whole.
fn check(path: &Path) -> u64 {
    let store = EmbeddedStore::open(path).unwrap();
    let Revision(last) = store.revision().unwrap();
    let found = store.range(&KeyRange::Prefix("/number/".into())).unwrap();
    assert_eq!(found.key_values.len() as u64, last);
    for (number, key_value) in (1..).zip(&found.key_values) {
        assert_eq!(key_value.key, format!("/number/{number:010}"));
        assert_eq!(key_value.create_revision, Revision(number));
    }
    let shared = store.range(&KeyRange::Key("/last".into())).unwrap();
    let (shared, own) = (
        &shared.key_values[0],
        &found.key_values[found.key_values.len() - 1],
    );
    assert_eq!(
        (shared.mod_revision, &shared.value),
        (Revision(last), &own.value)
    );
    assert_eq!(last % TXNS_IN_A_BATCH, 0, "a batch of one file is whole");
    last
}
