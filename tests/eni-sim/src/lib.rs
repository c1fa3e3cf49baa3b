//! A network that exists only as numbers: hosts, paths that lose, delay, reorder, repeat and die, a virtual clock, and one
//! seed from which everything follows.
//!
//! [`World`] runs `eni-srd` connections and a model of TCP over it, and TCP over ENA Express; [`scenario`] and [`zone`] have
//! the comparisons.

mod cubic;
pub mod express;
pub mod network;
pub mod scenario;
pub mod speed;
pub mod srd;
pub mod tcp;
mod world;
pub mod zone;

pub use world::{MessageRecord, World};
