//! A network that exists only as numbers: hosts, paths that lose, delay, reorder, repeat and die, a virtual clock, and one
//! seed from which everything follows.
//!
//! [`World`] runs `eni-srd` connections and a model of TCP over it; [`scenario`] has the comparisons.

mod cubic;
pub mod network;
pub mod scenario;
pub mod speed;
pub mod srd;
pub mod tcp;
mod world;

pub use world::{MessageRecord, World};
