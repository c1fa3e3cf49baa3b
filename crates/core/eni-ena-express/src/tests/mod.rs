//! What the crate promises.

mod order;
mod pair;
mod queue;
