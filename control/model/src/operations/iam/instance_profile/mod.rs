//! Instance profiles.

mod create;
mod describe;
mod role;

use alloc::sync::Arc;

use eni_types::iam::InstanceProfileName;

use super::error::no_instance_profile;
use crate::resource::InstanceProfile;
use crate::{Ec2Error, World};

/// The instance profile with this name.
///
/// # Errors
/// `NoSuchEntity`.
pub(super) fn known<'a>(
    world: &'a World,
    name: &InstanceProfileName,
) -> Result<&'a Arc<InstanceProfile>, Ec2Error> {
    world
        .instance_profiles
        .get(name.clone())
        .ok_or_else(|| no_instance_profile(name))
}
