//! Observes the machine, compares with what the region asks for, applies the steps between them, and reports.
//!
//! The agent is level-triggered: woken by a published revision, or by the clock, it lowers the whole published world and
//! converges on it. It takes no other input. What it completes it reports to the region as transitions.
//!
//! It works in two lanes ([`eni_plan::lanes`]). The *tables* lane, one thread, lowers and plans, cuts, writes rows and
//! reports; it never waits for a device, a process or a grace period of the kernel's. The *devices* lane, several threads,
//! works on the steps of several instances at once. Both are watched: a panic is caught, told by [`Status`], and the lane
//! starts anew from what it observes.
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

mod adapters;
mod agent;
mod announce;
mod converge;
#[cfg(test)]
mod converge_tests;
mod devices_lane;
mod ends;
mod error;
#[cfg(test)]
mod guest_state_tests;
mod machine;
mod progress;
mod publications;
mod services_lane;
mod services_link;
mod status;
mod step_name;
mod supervision;
mod tables_lane;
#[cfg(test)]
mod test_machine;
mod uplink;

pub use adapters::{AdapterService, AdapterServiceError, NoAdapterService};
pub use agent::{Agent, AgentSettings};
pub use eni_instance::RunDirectory;
pub use eni_services::{DnsUpstream, GuestApi, MalformedUpstream};
pub use error::{AgentError, chain};
pub use status::{Status, VportStatus};
pub use supervision::{LaneState, LaneStatus, PANIC_VARIABLE, Panicked};
pub use uplink::UPLINK_NAME;

/// Tells of what has failed and is tried again.
fn log_failure(what: &str, result: Result<(), AgentError>) {
    if let Err(error) = result {
        tracing::warn!(error = %chain(&error), "could not {what}");
    }
}
