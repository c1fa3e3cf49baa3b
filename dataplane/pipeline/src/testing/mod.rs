//! The pipeline's surroundings in ordinary collections: for tests here and of what fills the tables.
//!
//! They keep the promises of the BPF maps: unions are *not* made by the lookups, so a table filled wrongly fails here as
//! it would there.

pub mod chain;
mod frame;
pub mod frames;
pub mod frames_ipv6;
mod memory;
mod policy;
pub mod region;
pub mod region_ipv6;
pub mod region_nat;
pub mod scenario;
mod tables;

pub use frame::MemoryFrame;
pub use memory::MemoryMemory;
pub use policy::{Remote, Rule, add_policy};
pub use tables::MemoryTables;

use alloc::vec::Vec;

use crate::{Arrival, Scratch, Verdict, process};

/// The fragments of a frame whose packet has no options, as a data plane delivers them for
/// [`crate::Verdict::in_pieces`].
#[must_use]
pub fn cut(frame: &[u8]) -> Vec<Vec<u8>> {
    let memory = MemoryFrame::new(frame);
    let Some(header) = crate::Frame::load(&memory, 14) else {
        return Vec::new();
    };
    let payload = &frame[34..14 + usize::from(u16::from_be(header[1]))];
    let longest = crate::LONGEST_PIECE as usize;
    let pieces = payload.chunks(longest).enumerate().map(|(number, part)| {
        let offset = (number * longest) as u32;
        let piece = crate::piece(&header, payload.len() as u32, offset);
        let header = piece.header.iter().flat_map(|word| word.to_ne_bytes());
        let ethernet = frame[..14].iter().copied();
        ethernet.chain(header).chain(part.iter().copied()).collect()
    });
    pieces.collect()
}

/// One frame through [`process`]: whom it is delivered to, and the bytes it then has (also those of a dropped frame).
pub fn run(
    tables: &MemoryTables,
    memory: &mut MemoryMemory,
    arrival: Arrival,
    frame: &[u8],
) -> (Option<u32>, Vec<u8>) {
    let (verdict, bytes) = decide(tables, memory, arrival, frame);
    (verdict.target(), bytes)
}

/// [`run`], but with the whole verdict.
pub fn decide(
    tables: &MemoryTables,
    memory: &mut MemoryMemory,
    arrival: Arrival,
    frame: &[u8],
) -> (Verdict, Vec<u8>) {
    let mut frame = MemoryFrame::new(frame);
    let mut scratch = Scratch::default();
    let verdict = process(&mut frame, arrival, tables, memory, || Some(&mut scratch));
    (verdict, frame.bytes())
}
