//! Instances.

mod description;
mod launch_network;
mod request;
mod reservation;
mod run;
mod settings;
mod subnet_choice;

pub use request::RunInstances;
pub use reservation::ReservationDescription;
pub use run::RunInstancesResponse;
#[cfg(test)]
mod tests;
