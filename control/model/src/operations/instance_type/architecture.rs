//! What a type says about its images.

use alloc::format;

use crate::instance_types::InstanceType;
use crate::{Ec2Error, ErrorCode};

/// Refuses an image of an architecture that the type's processors do not have.
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn check_architecture(
    instance_type: &InstanceType,
    architecture: &str,
) -> Result<(), Ec2Error> {
    if instance_type.runs(architecture) {
        return Ok(());
    }
    let message = format!(
        "The architecture '{}' of the specified instance type does not match the architecture '{architecture}' of the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to discover the architecture of the instance type or AMI.",
        instance_type.architectures.join(",")
    );
    Err(ErrorCode::InvalidParameterValue.with(message))
}
