//! Demonstrations on a region of their own.

mod client;
mod efa;
mod failover;
pub(crate) mod responder;
mod stage;
mod timeline;

pub(crate) use efa::run as efa;
pub(crate) use failover::run as failover;
