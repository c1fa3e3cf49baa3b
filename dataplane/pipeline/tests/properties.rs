//! What holds for all tables and all frames.

use eni_pipeline::Arrival;
use eni_pipeline::testing::frames::checksums_hold;
use eni_pipeline::testing::scenario::{Dice, any_frame, any_tables, next_frame};
use eni_pipeline::testing::{MemoryMemory, run};
use eni_wire::FragmentPart;
use proptest::prelude::*;

const NOW: u64 = 1_000_000_000_000;
const FRAMES: usize = 60;

/// Dropped frames, and frames delivered.
fn counted(memory: &MemoryMemory) -> (u64, u64, u64) {
    let traffic = memory.traffic.values();
    let (sent, received) = traffic.fold((0, 0), |(sent, received), traffic| {
        (
            sent + traffic.egress_packets,
            received + traffic.ingress_packets,
        )
    });
    (memory.drops.values().sum(), sent, received)
}

proptest! {
    #[test]
    fn every_frame_is_counted_once_whatever_its_bytes(
        seed: u64,
        vport in 8..14_u32,
        bytes in proptest::collection::vec(any::<u8>(), 0..128),
        head in 0..60_usize,
    ) {
        let mut dice = Dice::new(seed);
        let tables = any_tables(&mut dice);
        // Random bytes alone would hardly pass the first check: let them end a frame that began well.
        let (_, mut frame) = any_frame(&mut dice);
        frame.truncate(head);
        frame.extend(bytes);
        let mut memory = MemoryMemory::default();
        let (target, _) = run(&tables, &mut memory, Arrival { vport, now_ns: NOW }, &frame);
        let (drops, sent, received) = counted(&memory);
        let answered_too_large = u64::from(target.is_some() && drops == 1);
        prop_assert_eq!(drops + sent, 1 + answered_too_large);
        prop_assert_eq!(sent, received);
        prop_assert_eq!(target.is_some(), sent == 1);
    }

    #[test]
    fn the_cache_of_flows_changes_no_verdict_and_no_byte(seed: u64) {
        let mut dice = Dice::new(seed);
        let tables = any_tables(&mut dice);
        let (mut cached, mut plain) = (MemoryMemory::default(), MemoryMemory::default());
        let mut sent: Vec<(u32, Vec<u8>)> = Vec::new();
        for _ in 0..FRAMES {
            let (vport, frame) = next_frame(&mut dice, &sent);
            let arrival = Arrival { vport, now_ns: NOW };
            plain.flows.clear();
            plain.flows_ipv6.clear();
            prop_assert_eq!(run(&tables, &mut cached, arrival, &frame), run(&tables, &mut plain, arrival, &frame));
            sent.push((vport, frame));
        }
        prop_assert_eq!(&cached.drops, &plain.drops);
        prop_assert_eq!(&cached.traffic, &plain.traffic);
        prop_assert_eq!(&cached.connections, &plain.connections);
    }

    #[test]
    fn what_arrives_with_right_checksums_is_delivered_with_right_ones(seed: u64) {
        let mut dice = Dice::new(seed);
        let tables = any_tables(&mut dice);
        let mut memory = MemoryMemory::default();
        for _ in 0..FRAMES {
            let (vport, frame) = any_frame(&mut dice);
            let (target, delivered) = run(&tables, &mut memory, Arrival { vport, now_ns: NOW }, &frame);
            if target.is_some() && is_whole_ipv4(&frame) && checksums_hold(&frame) {
                prop_assert!(checksums_hold(&delivered), "{:02x?} became {:02x?}", frame, delivered);
            }
        }
    }
}

fn is_whole_ipv4(frame: &[u8]) -> bool {
    let Some(words) = frame.get(14..34) else {
        return false;
    };
    let words =
        core::array::from_fn(|word| u16::from_ne_bytes([words[2 * word], words[2 * word + 1]]));
    let header = eni_wire::Ipv4Header::from_words(&words);
    frame[12..14] == [8, 0]
        && header.is_ok_and(|ip| {
            ip.part == FragmentPart::Whole && ip.total_length as usize + 14 <= frame.len()
        })
        && frame.len() >= 42
}
