//! Cached flows on several processors. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_bpf_loader::DataPlane;
use eni_bpf_loader::testing::{fill, refill};
use eni_pipeline::FLOW_REFRESH_NS;
use eni_pipeline::testing::MemoryTables;
use eni_pipeline::testing::frames::udp;
use eni_pipeline::testing::region::{ANNA, BERT, private, small_region};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::time::{Duration, Instant};
use support::Lab;

/// A busy machine may take longer than a flow holds; then once more.
const ATTEMPTS: usize = 20;
/// Bytes up to the ports, in each of which a flow's frames are alike or their header's checksum is wrong.
const PORTS_END: usize = 38;

#[test]
fn root_a_flow_is_followed_on_every_processor_and_nowhere_once_the_topology_changes() {
    let lab = Lab::new();
    lab.in_fabric(|| {
        let processors = processors();
        let mut data_plane = lab.open();
        let tables = small_region();
        fill(&mut data_plane, &tables).unwrap();
        let attempts = 1..=ATTEMPTS;
        assert!(
            attempts.into_iter().any(|attempt| follow(
                &mut data_plane,
                &tables,
                attempt,
                &processors
            )),
            "never within the time that a flow holds"
        );
    });
}

/// Decides a flow on the first processor and follows it on all; `false` if that took longer than it holds.
fn follow(
    data_plane: &mut DataPlane,
    tables: &MemoryTables,
    attempt: usize,
    processors: &[usize],
) -> bool {
    let flow = |port| udp(ANNA, private(BERT), (port, 2)).bytes();
    let (known, other) = (flow(2 * attempt as u16), flow(2 * attempt as u16 + 1));
    // No rules any more, under the generations as they were: delivered is what follows a cached flow.
    let mut changed = tables.clone();
    changed.policies.clear();
    let began = Instant::now();
    stay_on(processors[0]);
    assert!(delivers(data_plane, &known));
    refill(data_plane, tables, &changed).unwrap();
    let followed: Vec<bool> = processors
        .iter()
        .flat_map(|processor| {
            stay_on(*processor);
            [&known, &known, &other].map(|frame| delivers(data_plane, frame))
        })
        .collect();
    let altered: Vec<usize> = (0..8 * PORTS_END)
        .filter(|bit| delivers(data_plane, &flipped(&known, *bit)))
        .collect();
    assert_eq!(altered, [0; 0], "bits of a frame that is not the flow's");
    let still = delivers(data_plane, &known);
    let in_time = began.elapsed() < Duration::from_nanos(FLOW_REFRESH_NS) * 9 / 10;
    if in_time {
        let want = [true, true, false].repeat(processors.len());
        assert_eq!(followed, want, "on {processors:?}");
        assert!(still);
    }
    let before = changed.clone();
    changed.globals.topology_generation += 1;
    refill(data_plane, &before, &changed).unwrap();
    for processor in processors {
        stay_on(*processor);
        assert!(!delivers(data_plane, &known), "on {processor}");
    }
    refill(data_plane, &changed, tables).unwrap();
    in_time
}

/// The frame with one bit another.
fn flipped(frame: &[u8], bit: usize) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[bit / 8] ^= 1 << (bit % 8);
    frame
}

fn delivers(data_plane: &DataPlane, frame: &[u8]) -> bool {
    data_plane.test_run(ANNA, frame).unwrap().delivered
}

/// Those that this thread may run on.
fn processors() -> Vec<usize> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
    (0..CpuSet::count())
        .filter(|processor| allowed.is_set(*processor).unwrap())
        .collect()
}

fn stay_on(processor: usize) {
    let mut one = CpuSet::new();
    one.set(processor).unwrap();
    sched_setaffinity(Pid::from_raw(0), &one).unwrap();
}
