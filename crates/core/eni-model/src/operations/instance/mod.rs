//! Instances.

mod describe;
mod description;
mod filter;
mod launch_network;
mod request;
mod reservation;
mod run;
mod settings;
mod state_change;
mod subnet_choice;

pub use describe::{DescribeInstances, DescribeInstancesResponse};
pub use request::RunInstances;
pub use reservation::ReservationDescription;
pub use run::RunInstancesResponse;
pub use state_change::{
    InstanceStateChangesResponse, RebootInstances, StartInstances, StopInstances,
    TerminateInstances,
};
#[cfg(test)]
mod lifecycle_tests;
#[cfg(test)]
mod tests;
