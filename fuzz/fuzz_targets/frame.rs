//! Sequences of frames through the pipeline, under tables that the input's first byte chooses.
//!
//! Nothing may panic, every frame is counted once, and the cache of flows changes no verdict, no byte and no counter.
#![no_main]

use eni_pipeline::Arrival;
use eni_pipeline::testing::scenario::{Dice, any_tables};
use eni_pipeline::testing::{MemoryMemory, MemoryTables, run};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// More frames in one input add time, not paths.
const MAX_FRAMES: usize = 16;
/// A moment long after the clock began.
const NOW_NS: u64 = 1_000_000_000_000;
/// Vports 9 to 12 exist in these tables, their neighbours do not.
const FIRST_VPORT: u32 = 8;

static TABLES: LazyLock<Vec<MemoryTables>> = LazyLock::new(|| {
    (0..16)
        .map(|seed| any_tables(&mut Dice::new(seed)))
        .collect()
});

fuzz_target!(|input: &[u8]| {
    let Some((tables, mut rest)) = input.split_first() else {
        return;
    };
    let tables = &TABLES[usize::from(*tables) % TABLES.len()];
    let (mut cached, mut plain) = (MemoryMemory::default(), MemoryMemory::default());
    for _ in 0..MAX_FRAMES {
        // A frame follows its vport and its length.
        let [vport, length, tail @ ..] = rest else {
            return;
        };
        let (frame, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        let arrival = Arrival {
            vport: FIRST_VPORT + u32::from(*vport % 8),
            now_ns: NOW_NS,
        };
        let before = counted(&plain);
        plain.flows.clear();
        let verdict = run(tables, &mut plain, arrival, frame);
        assert_eq!(counted(&plain), before + 1);
        assert_eq!(run(tables, &mut cached, arrival, frame), verdict);
    }
    assert_eq!(cached.drops, plain.drops);
    assert_eq!(cached.traffic, plain.traffic);
});

/// Frames counted as delivered or dropped. Frames of 255 bytes are not too large for any way, so none is both.
fn counted(memory: &MemoryMemory) -> u64 {
    let delivered: u64 = memory
        .traffic
        .values()
        .map(|traffic| traffic.egress_packets)
        .sum();
    delivered + memory.drops.values().sum::<u64>()
}
