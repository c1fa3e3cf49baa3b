//! Desired against observed: the ordered steps between them.
//!
//! [`Desired`] is what `eni-lower` makes of the published world. The agent observes the machine, and this crate says
//! which steps, in which order, lead from one to the other. Nothing here does any of it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod announce;
mod convergence;
mod index;
pub mod lanes;
mod observed;
mod plan;
mod planner;
mod step;
mod touched;

// What plans lead to.
pub use convergence::{ChangedPlan, Convergence};
pub use eni_lower::{
    Desired, DesiredInstance, DesiredInterface, DesiredUplink, NoFreeVport, TableChange, Tables,
    UPLINK_VPORT, VportNumbers,
};
pub use observed::{GuestEnd, Observed, ObservedDevice, ObservedInstance, Plug};
pub use plan::plan;
pub use planner::Planner;
pub use step::{Announcement, Plan, Step};
