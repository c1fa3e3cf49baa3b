//! A region whose disk is full: writes are refused, reads are served, and it goes on when there is space again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use eni_model::ErrorCode;
use eni_region::Region;
use eni_store::EmbeddedStore;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use support::{everything, has_mark, mark, settings, submit};

/// Room for a region's file, which begins with some 3 MiB, and for little more.
const DISK_BYTES: usize = 6 * 1024 * 1024;
/// A call that fills the disk in some hundred steps.
const NAME_BYTES: usize = 30_000;

/// Mounts a small disk at `path` that the calling thread, and those it starts, see alone: it ends with them.
fn mount_disk(path: &Path) {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    let size = format!("size={DISK_BYTES}");
    mount(
        Some("tmpfs"),
        path,
        Some("tmpfs"),
        MsFlags::empty(),
        Some(size.as_str()),
    )
    .unwrap();
}

fn open(path: &Path) -> Region {
    let store = EmbeddedStore::open(path.join("store.redb")).unwrap();
    Region::open(Arc::new(store), settings()).unwrap()
}

/// A file that takes all the space there is.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    while file.write(&[1; 4096]).is_ok() {}
}

fn name(number: usize) -> String {
    format!("{number:04}").repeat(NAME_BYTES / 4)
}

#[test]
fn root_a_full_disk_refuses_writes_serves_reads_and_is_forgotten_when_there_is_space() {
    let directory = tempfile::tempdir().unwrap();
    mount_disk(directory.path());
    let region = open(directory.path());
    submit(&region, mark("before")).wait().unwrap();
    let ballast = directory.path().join("ballast");
    fill(&ballast);

    let mut answered = Vec::new();
    let refused = loop {
        let number = answered.len();
        match submit(&region, mark(name(number))).wait() {
            Ok(()) => answered.push(number),
            Err(error) => break error,
        }
        assert!(number < 1_000, "the disk is not full");
    };
    assert_eq!(refused.code, ErrorCode::InternalError);
    for _ in 0..3 {
        let again = submit(&region, mark(name(9_999))).wait();
        assert_eq!(again.unwrap_err().code, ErrorCode::InternalError);
    }
    let seen = region.query(&region.owner(), 0, |world, _| {
        assert!(has_mark(world, "before"));
        assert!(
            !has_mark(world, &name(9_999)),
            "what was refused is not there"
        );
        Ok(answered
            .iter()
            .all(|number| has_mark(world, &name(*number))))
    });
    assert_eq!(seen, Ok(true), "what was answered is");

    fs::remove_file(&ballast).unwrap();
    submit(&region, mark("after")).wait().unwrap();
    let world = everything(&region);
    region.read(|world| assert!(has_mark(world, "after") && !has_mark(world, &name(9_999))));
    drop(region);
    assert_eq!(everything(&open(directory.path())), world);
}
