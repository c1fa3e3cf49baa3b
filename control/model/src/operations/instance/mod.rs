//! Instances.

mod console_output;
mod credit;
mod describe;
mod describe_attribute;
mod description;
mod filter;
mod image_metadata;
mod launch_network;
pub(crate) mod metadata_options;
mod modify_attribute;
mod modify_private_dns_names;
mod request;
mod run;
mod settings;
mod state_change;
mod status;
mod subnet_choice;

pub use run::RunInstancesResponse;
pub(crate) use state_change::{booted_anew, instance_initiated};
#[cfg(test)]
mod attribute_tests;
#[cfg(test)]
mod lifecycle_tests;
#[cfg(test)]
mod private_dns_name_tests;
#[cfg(test)]
pub(crate) mod tests;
