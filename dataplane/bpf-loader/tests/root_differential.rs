//! One meaning, two places: the program under `BPF_PROG_TEST_RUN` against the same pipeline on tables in memory. What can
//! differ is the compiler, the maps and the frame access. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::{DropReason, Traffic};
use eni_bpf_loader::DataPlane;
use eni_bpf_loader::testing::fill;
use eni_pipeline::testing::region::{ANNA, BERT, CARL, SERVICES, UPLINK};
use eni_pipeline::testing::scenario::{Dice, any_tables, next_frame};
use eni_pipeline::testing::{MemoryMemory, MemoryTables, cut, decide};
use eni_pipeline::{Arrival, Manner};
use std::collections::BTreeMap;
use support::Lab;

const VPORTS: [u32; 5] = [UPLINK, ANNA, BERT, CARL, SERVICES];
const WORLDS: u64 = 12;
const FRAMES: usize = 400;
/// `BPF_PROG_TEST_RUN` takes no shorter one of IPv4.
const SHORTEST_FRAME: usize = 34;

#[test]
fn root_the_program_and_the_pipeline_agree_on_verdict_bytes_and_counters() {
    let lab = Lab::new();
    lab.in_fabric(|| {
        let mut delivered = 0;
        for seed in 0..WORLDS {
            let directory = lab.bpffs().join(format!("world-{seed}"));
            let mut data_plane = DataPlane::open(&directory).unwrap();
            delivered += compare(seed, &mut data_plane);
            drop(data_plane);
            std::fs::remove_dir_all(&directory).unwrap();
        }
        // Agreeing on drops alone would show little.
        assert!(delivered > FRAMES, "only {delivered} delivered");
    });
}

/// Sends random frames through both; how many were delivered.
fn compare(seed: u64, data_plane: &mut DataPlane) -> usize {
    let mut dice = Dice::new(seed);
    let tables = any_tables(&mut dice);
    fill(data_plane, &tables).unwrap();
    let mut memory = MemoryMemory::default();
    let (mut sent, mut delivered): (Vec<(u32, Vec<u8>)>, usize) = (Vec::new(), 0);
    while sent.len() < FRAMES {
        let (vport, frame) = next_frame(&mut dice, &sent);
        if frame.len() < SHORTEST_FRAME {
            continue;
        }
        delivered += usize::from(agree(seed, data_plane, &tables, &mut memory, vport, &frame));
        sent.push((vport, frame));
    }
    assert_eq!(
        counters(data_plane),
        expected_counters(&memory),
        "seed {seed}"
    );
    delivered
}

/// Compares one frame's verdict, and its bytes if delivered; whether it was.
fn agree(
    seed: u64,
    data_plane: &mut DataPlane,
    tables: &MemoryTables,
    memory: &mut MemoryMemory,
    vport: u32,
    frame: &[u8],
) -> bool {
    // A time at which no cached flow of this test is old: the kernel's clock moves, but for less than a second.
    let arrival = Arrival {
        vport,
        now_ns: 1_000_000_000,
    };
    let (verdict, mut bytes) = decide(tables, memory, arrival, frame);
    let target = verdict.target();
    if verdict.manner() == Some(Manner::InPieces) {
        // The others are clones, which have left.
        bytes = cut(&bytes).pop().unwrap();
    }
    let result = data_plane.test_run(vport, frame).unwrap();
    let agreed = result.delivered == target.is_some();
    assert!(
        agreed,
        "seed {seed}, vport {vport}, {frame:02x?}: {:?}, {:?}",
        memory.drops,
        counters(data_plane)
    );
    if target.is_some() {
        assert_eq!(
            result.frame, bytes,
            "seed {seed}, vport {vport}, {frame:02x?}"
        );
    }
    target.is_some()
}

type Counters = (BTreeMap<(u32, DropReason), u64>, BTreeMap<u32, Traffic>);

fn counters(data_plane: &DataPlane) -> Counters {
    let (mut drops, mut traffic) = Counters::default();
    for vport in VPORTS {
        for (reason, count) in data_plane.drops(vport).unwrap() {
            drops.insert((vport, reason), count);
        }
        traffic.insert(vport, data_plane.traffic(vport).unwrap());
    }
    (drops, traffic)
}

fn expected_counters(memory: &MemoryMemory) -> Counters {
    let traffic = VPORTS.map(|vport| {
        (
            vport,
            memory.traffic.get(&vport).copied().unwrap_or_default(),
        )
    });
    (memory.drops.clone(), traffic.into_iter().collect())
}
