//! kill -9 of a region with eight busy callers: every acknowledged call is there, and none is half.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail them as their own lines do"
)]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use eni_model::ChangeSet;
use eni_model::testing::check_invariants;
use eni_region::Region;
use eni_store::{EmbeddedStore, Store};
use rand::RngExt;

use support::{marking, settings, submit};

/// Where the child, which is this test started anew, finds the file, and which round it is.
const PATH_VARIABLE: &str = "ENI_REGION_KILL_TEST_PATH";
const ROUND_VARIABLE: &str = "ENI_REGION_KILL_TEST_ROUND";
const ROUNDS: usize = 20;
const THREADS: usize = 8;
/// Every fourth round kills the child as it opens the region, the others when so many of its calls have been answered.
const OPENING_ROUNDS: usize = 4;
const CALLS_BEFORE_KILL: usize = 16;
/// Opening and these calls take some 100 ms; a machine may be busy with other things for a while.
const PATIENCE: Duration = Duration::from_secs(60);
/// What each call leaves: the same name in two rows.
const HALVES: [&str; 2] = ["Left", "Right"];

fn open(path: &Path) -> Region {
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(path).unwrap());
    Region::open(store, settings()).unwrap()
}

/// Makes calls from eight threads without end, and names each that was answered.
fn call_until_killed(path: &Path, round: &str) {
    let region = open(path);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let region = &region;
            scope.spawn(move || call_without_end(region, &format!("{round}-{thread}")));
        }
    });
}

fn call_without_end(region: &Region, caller: &str) {
    for number in 0u64.. {
        let name = format!("{caller}-{number}");
        let planned = name.clone();
        let call = submit(region, move |_, context| {
            let mut changes = ChangeSet::none();
            for half in HALVES {
                changes.put(marking(half, &planned, context));
            }
            Ok((changes, ()))
        });
        call.wait().unwrap();
        // One write, so that the names of two threads do not mix.
        let line = format!("\nanswered {name}\n");
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    }
}

#[test]
fn kill_9_loses_and_halves_no_call() {
    if let Some(path) = std::env::var_os(PATH_VARIABLE) {
        let round = std::env::var(ROUND_VARIABLE).unwrap();
        return call_until_killed(Path::new(&path), &round);
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let mut rng = rand::rng();
    let mut answered = BTreeSet::new();
    for round in 0..ROUNDS {
        let calls = match round % OPENING_ROUNDS {
            0 => 0,
            _ => CALLS_BEFORE_KILL,
        };
        let then = Duration::from_micros(rng.random_range(0..25_000));
        let names = run_and_kill(&path, round, calls, then);
        assert!(names.len() >= calls, "round {round}: {names:?}");
        answered.extend(names);
        let region = open(&path);
        region.read(|world| {
            check_invariants(world);
            let [left, right] = HALVES.map(|half| {
                let of_half = world
                    .client_tokens
                    .iter()
                    .filter(|token| token.key.operation == half);
                of_half
                    .map(|token| token.key.token.clone())
                    .collect::<BTreeSet<_>>()
            });
            assert_eq!(left, right, "round {round}: a call is half there");
            let lost: Vec<_> = answered.difference(&left).collect();
            assert!(
                lost.is_empty(),
                "round {round}: answered and lost: {lost:?}"
            );
        });
    }
}

/// What a child answered that is killed some time after so many calls. Opening takes longer than that time, so that a
/// child of which no call is awaited is killed in it.
fn run_and_kill(path: &Path, round: usize, calls: usize, then: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill_9_loses_and_halves_no_call", "--nocapture"])
        .env(PATH_VARIABLE, path)
        .env(ROUND_VARIABLE, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (sender, receiver) = channel();
    // The answers are read while they come, or a full pipe would stop the child.
    let reader = std::thread::spawn(move || read_names(output, &sender));
    let awaited = (0..calls).map_while(|_| receiver.recv_timeout(PATIENCE).ok());
    let mut names: Vec<String> = awaited.collect();
    std::thread::sleep(then);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    names.extend(receiver.iter());
    names
}

/// Tells the names that were answered. A line without its end was cut off.
fn read_names(mut output: BufReader<ChildStdout>, names: &Sender<String>) {
    let mut line = String::new();
    while output.read_line(&mut line).is_ok_and(|length| length > 0) {
        let whole = line.strip_suffix('\n');
        if let Some(name) = whole.and_then(|line| line.strip_prefix("answered ")) {
            names.send(name.to_owned()).unwrap();
        }
        line.clear();
    }
}
