//! Observes the machine, compares with what the region asks for, applies the steps between them, and reports.
//!
//! The agent is level-triggered: woken by a published revision, or by the clock, it lowers the whole published world and
//! converges on it. It takes no other input. What it completes it reports to the region as transitions.
//!
//! *Promises.*
//!
//! - An interface that goes is cut before anything else happens, and that it is cut is reported before anything that
//!   may take long is begun.
//! - A failed step keeps nothing else waiting: steps for other instances and interfaces go on, and it is tried again.
//! - A crash between any two steps converges after the restart. Packets flow on while no agent runs: programs, tables
//!   and links are pinned, namespaces and devices persist.
//! - Only what is in the region's run directory and its cgroup is touched, and in the host's namespace `openeni0`.
//!
//! *Limitations.* The machine must not make devices of its own in new network namespaces (`tunl0`, `sit0` and the like,
//! where their modules are loaded), as interface indexes are vports: such a region says so and has no uplink.

mod agent;
mod announce;
mod converge;
#[cfg(test)]
mod converge_tests;
mod efa;
mod error;
#[cfg(test)]
mod guest_state_tests;
mod machine;
mod progress;
mod status;
mod uplink;

pub use agent::{Agent, AgentSettings};
pub use eni_instance::RunDirectory;
pub use error::{AgentError, chain};
pub use status::{Status, VportStatus};
pub use uplink::UPLINK_NAME;
