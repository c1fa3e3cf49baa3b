//! IAM's errors, as it words them (IAM API reference, "Errors" of each action; texts as its clients meet them).

use alloc::format;
use core::fmt::Display;

use crate::{Ec2Error, ErrorCode};

pub(super) fn no_role(name: impl Display) -> Ec2Error {
    ErrorCode::NoSuchEntity.with(format!("The role with name {name} cannot be found."))
}

pub(super) fn no_instance_profile(name: impl Display) -> Ec2Error {
    ErrorCode::NoSuchEntity.with(format!("Instance Profile {name} cannot be found."))
}

pub(super) fn no_role_policy(name: impl Display) -> Ec2Error {
    ErrorCode::NoSuchEntity.with(format!("The role policy with name {name} cannot be found."))
}

pub(super) fn no_policy(arn: &str) -> Ec2Error {
    ErrorCode::NoSuchEntity.with(format!("Policy {arn} was not found."))
}

pub(super) fn no_policy_version(arn: &str, version: &str) -> Ec2Error {
    let message = format!("Policy {arn} version {version} does not exist or is not attachable.");
    ErrorCode::NoSuchEntity.with(message)
}

pub(super) fn exists(text: impl Display) -> Ec2Error {
    ErrorCode::EntityAlreadyExists.with(format!("{text} already exists."))
}

pub(super) fn conflict(why: &str) -> Ec2Error {
    ErrorCode::DeleteConflict.with(format!("Cannot delete entity, must {why} first."))
}

/// Refuses one more than `most` of what the quota counts.
///
/// # Errors
/// `LimitExceeded`.
pub(super) fn check_quota(count: usize, most: usize, quota: &str) -> Result<(), Ec2Error> {
    if count >= most {
        return Err(over_quota(quota, most));
    }
    Ok(())
}

pub(super) fn over_quota(quota: &str, most: usize) -> Ec2Error {
    ErrorCode::LimitExceeded.with(format!("Cannot exceed quota for {quota}: {most}"))
}

/// IAM's error for a value that breaks a constraint of its model.
pub(super) fn invalid(name: &str, value: impl Display, constraint: &str) -> Ec2Error {
    ErrorCode::ValidationError.with(format!(
        "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must {constraint}"
    ))
}
