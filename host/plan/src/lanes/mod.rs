//! Who does the steps of a plan, and which of them may be done now.
//!
//! Two lanes work at once. *Tables*: rows of packet tables, microseconds each, done by whoever plans, and never waiting for
//! the other lane. *Devices*: everything that waits for the kernel or for processes. Each instance has a [`Queue`] of its own,
//! worked on strictly in the plan's order, and several queues are worked on at the same time ([`Queues`]).
//!
//! [`Walk`] divides a plan between them. The plan's order carries promises, and what is left of it between the lanes is
//! this: a row that lets packets pass waits until everything before it at its vport has been observed, the connection
//! tables of its instance included; an instance boots after its interfaces have been released; a cut waits for nothing.

mod failures;
mod instance_maps;
mod look;
mod queues;
mod walk;

pub use failures::Failures;
pub use instance_maps::InstanceMaps;
pub use look::SeenDevices;
pub use queues::{InFlight, Outcome, Queue, QueuedStep, Queues, Scope, Urgency};
pub use walk::{Turn, Walk};
