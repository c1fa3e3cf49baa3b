//! Sequences of frames through the pipeline, under tables that the input's first byte chooses.
//!
//! Nothing may panic, every frame is counted once, and the cache of flows changes no verdict, no byte and no counter.
//!
//! What it does change is what a connection knows of the packets that went the fast way: their acknowledgments, and whether
//! one has cleared a doubt (`eni_pipeline`, connection.rs: up to a second's may be missing). Only SYN, FIN and RST ask for that,
//! so before those both sides know the same.
#![no_main]

use eni_pipeline::Arrival;
use eni_pipeline::testing::scenario::{Dice, any_tables};
use eni_pipeline::testing::{MemoryMemory, MemoryTables, run};
use eni_wire::tcp_flag::{FIN, RST, SYN};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// More frames in one input add time, not paths.
const MAX_FRAMES: usize = 16;
/// Bytes of an Ethernet header.
const ETHERNET_LENGTH: usize = eni_wire::ETHERNET_LENGTH as usize;
/// Where the EtherType is.
const ETHER_TYPE: usize = 12;
/// Bytes before TCP's flags (RFC 9293 section 3.1).
const TCP_FLAGS: usize = 13;
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
        plain.flows_ipv6.clear();
        if opens_or_ends(frame) {
            plain.connections.clone_from(&cached.connections);
        }
        let verdict = run(tables, &mut plain, arrival, frame);
        assert_eq!(counted(&plain), before + 1);
        assert_eq!(run(tables, &mut cached, arrival, frame), verdict);
    }
    assert_eq!(cached.drops, plain.drops);
    assert_eq!(cached.traffic, plain.traffic);
});

/// Whether the frame may be TCP with SYN, FIN or RST; in IPv6 any may be.
fn opens_or_ends(frame: &[u8]) -> bool {
    if frame.get(ETHER_TYPE..ETHERNET_LENGTH) == Some(&[0x86, 0xdd]) {
        return true;
    }
    let header_length = |first: &u8| usize::from(first & 0xf) * 4;
    let flags = frame
        .get(ETHERNET_LENGTH)
        .and_then(|first| frame.get(ETHERNET_LENGTH + header_length(first) + TCP_FLAGS));
    flags.is_some_and(|flags| flags & (SYN | FIN | RST) != 0)
}

/// Frames counted as delivered or dropped. Frames of 255 bytes are not too large for any way, so none is both.
fn counted(memory: &MemoryMemory) -> u64 {
    let delivered: u64 = memory
        .traffic
        .values()
        .map(|traffic| traffic.egress_packets)
        .sum();
    delivered + memory.drops.values().sum::<u64>()
}
