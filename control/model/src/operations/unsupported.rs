//! EC2's answer to what this region does not have.

use alloc::format;

use crate::{Ec2Error, ErrorCode};

/// Refuses the request if it asks for `feature`, such as `IPv6`, rather than ignoring that it does.
///
/// # Errors
/// `UnsupportedOperation`.
pub(crate) fn refuse(feature: &str, is_asked_for: bool) -> Result<(), Ec2Error> {
    if is_asked_for {
        let message = format!("{feature} is not supported in this region.");
        return Err(ErrorCode::UnsupportedOperation.with(message));
    }
    Ok(())
}
