//! Instances.

mod console_output;
mod credit;
mod describe;
mod describe_attribute;
mod description;
mod filter;
mod launch_network;
mod modify_attribute;
mod request;
mod reservation;
mod run;
mod settings;
mod state_change;
mod status;
mod subnet_choice;

pub use console_output::{GetConsoleOutput, GetConsoleOutputResponse};
pub use credit::{
    DescribeInstanceCreditSpecifications, DescribeInstanceCreditSpecificationsResponse,
};
pub use describe::{DescribeInstances, DescribeInstancesResponse};
pub use describe_attribute::{DescribeInstanceAttribute, DescribeInstanceAttributeResponse};
pub use modify_attribute::{ModifyInstanceAttribute, ResetInstanceAttribute};
pub use request::{BlockDeviceMapping, EbsBlockDevice, RunInstances};
pub use reservation::ReservationDescription;
pub use run::RunInstancesResponse;
pub use state_change::{
    InstanceStateChangesResponse, RebootInstances, StartInstances, StopInstances,
    TerminateInstances,
};
pub use status::{DescribeInstanceStatus, DescribeInstanceStatusResponse};
#[cfg(test)]
mod attribute_tests;
#[cfg(test)]
mod lifecycle_tests;
#[cfg(test)]
pub(crate) mod tests;
