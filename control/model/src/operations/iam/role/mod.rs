//! Roles.

mod create;
mod describe;
mod policies;
mod update;

use alloc::sync::Arc;

use eni_types::iam::RoleName;

use super::error::no_role;
use crate::resource::Role;
use crate::{Ec2Error, World};

/// The role with this name.
///
/// # Errors
/// `NoSuchEntity`.
pub(super) fn known<'a>(world: &'a World, name: &RoleName) -> Result<&'a Arc<Role>, Ec2Error> {
    world.roles.get(name.clone()).ok_or_else(|| no_role(name))
}
