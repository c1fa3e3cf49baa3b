//! What a world of 100,000 interfaces takes: memory for each interface, with its instance and indexes, and the time to read
//! it from its stored form, on one processor.
//!
//! `cargo run --release -p eni-model --features testing --example world`
#![allow(missing_docs, reason = "an example has no users but its command line")]

use std::alloc::System;
use std::time::Instant;

use eni_model::testing::region_of;
use eni_model::{Resource, World};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const INTERFACES: usize = 100_000;

fn main() {
    let region = region_of(INTERFACES);
    let stored: Vec<_> = region
        .world
        .resources()
        .map(|row| (row.key().kind().as_str(), row.to_json()))
        .collect();
    let memory = Region::new(ALLOCATOR);
    let began = Instant::now();
    let read =
        |(kind, text): &(&str, Vec<u8>)| Resource::from_json(kind, text).expect("as written");
    let rows: Vec<Resource> = stored.iter().map(read).collect();
    let parsed = began.elapsed();
    let world: World = rows.into_iter().collect();
    let built = began.elapsed() - parsed;
    let change = memory.change();
    let bytes = (change.bytes_allocated - change.bytes_deallocated) / INTERFACES;
    println!(
        "{bytes} bytes an interface; parsing {parsed:.1?}, building tables and indexes {built:.1?}"
    );
    assert_eq!(world, region.world, "as read from the stored form");
}
