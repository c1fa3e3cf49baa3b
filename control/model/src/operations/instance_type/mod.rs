//! Instance types as EC2 describes them.

mod architecture;
mod describe;
pub(crate) mod description;
mod offerings;

pub(crate) use architecture::check_architecture;

use alloc::format;

use crate::instance_types::InstanceType;
use crate::{Ec2Error, ErrorCode};

/// The type named `name`, or EC2's error where there is none.
pub(crate) fn known(name: &str) -> Result<&'static InstanceType, Ec2Error> {
    InstanceType::find(name).ok_or_else(|| {
        let message = format!("Invalid value '{name}' for InstanceType.");
        ErrorCode::InvalidParameterValue.with(message)
    })
}
