//! The region's single writer: plan, commit, publish.
//!
//! [`Region`] holds the published [`Snapshot`], which reads see, and a writer thread with a pending world that shares its
//! rows. Readers and the writer never wait for each other. The writer takes all calls that wait, plans each against the pending world, commits what they change in one
//! durable batch of the store, publishes, wakes the host, answers, and wakes whoever subscribed.
//!
//! Promises:
//!
//! - An answered change is durable and published; a read that starts after the answer sees it.
//! - No read and no answer shows a change that is not durable.
//! - If the commit fails, all calls of the batch are answered with an error, the pending world is dropped, and before
//!   the next batch the world is compared with what the store really holds.
//! - Of two regions on one store, only the one opened last can commit (a guard on the writer's key fences the other).
//! - A planner that panics costs its own call only.
//!
//! Time and randomness enter the model here ([`Environment`]).
#![forbid(unsafe_code)]

mod call;
mod environment;
mod error;
mod history;
mod host;
mod published;
mod region;
mod stored;
mod writer;

pub use call::Submission;
pub use environment::{Clock, Environment};
pub use error::{OpenError, SettingDifference};
pub use published::Snapshot;
pub use region::Region;
pub use stored::settings;
