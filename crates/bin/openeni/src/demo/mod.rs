//! Demonstrations on a region of their own.

mod client;
mod failover;
pub(crate) mod responder;
mod timeline;

pub(crate) use failover::run as failover;
