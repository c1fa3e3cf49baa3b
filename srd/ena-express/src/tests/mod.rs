//! What the crate promises.

mod bench;
mod order;
mod pair;
mod queue;
mod sessions;
