//! Deleting what something else still needs.

use alloc::format;
use core::fmt::Display;

use crate::{Ec2Error, ErrorCode};

/// EC2's refusal to delete the `noun` named `id`.
pub(crate) fn has_dependencies(noun: &str, id: impl Display) -> Ec2Error {
    let message = format!("The {noun} '{id}' has dependencies and cannot be deleted.");
    ErrorCode::DependencyViolation.with(message)
}
