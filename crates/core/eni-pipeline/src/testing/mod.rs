//! The pipeline's surroundings in ordinary collections: for tests here and of what fills the tables.
//!
//! They keep the promises of the BPF maps: unions are *not* made by the lookups, so a table filled wrongly fails here as
//! it would there.

mod frame;
pub mod frames;
mod memory;
mod policy;
pub mod region;
pub mod scenario;
mod tables;

pub use frame::MemoryFrame;
pub use memory::MemoryMemory;
pub use policy::{Remote, Rule, add_policy};
pub use tables::MemoryTables;

use crate::{Arrival, Scratch, process};

/// One frame through [`process`]: whom it is delivered to, and the bytes it then has (also those of a dropped frame).
pub fn run(
    tables: &MemoryTables,
    memory: &mut MemoryMemory,
    arrival: Arrival,
    frame: &[u8],
) -> (Option<u32>, alloc::vec::Vec<u8>) {
    let mut frame = MemoryFrame::new(frame);
    let mut scratch = Scratch::default();
    let verdict = process(&mut frame, arrival, tables, memory, || Some(&mut scratch));
    (verdict.target(), frame.bytes())
}
