//! Security groups by name, as EC2's first versions knew them.

use alloc::sync::Arc;

use eni_types::SecurityGroupId;

use crate::operations::lookup;
use crate::resource::{GroupName, SecurityGroup};
use crate::{Ec2Error, ErrorCode, World};

/// The group that a call names by id, or by name in the default VPC.
///
/// # Errors
/// `MissingParameter` without either, `InvalidParameterCombination` with both, `InvalidGroup.NotFound`.
pub(crate) fn named<'a>(
    id: Option<SecurityGroupId>,
    name: Option<&str>,
    world: &'a World,
) -> Result<&'a Arc<SecurityGroup>, Ec2Error> {
    match (id, name) {
        (Some(id), None) => world.security_groups.known(id),
        (None, Some(name)) => in_default_vpc(name, world),
        (None, None) => Err(Ec2Error::missing_parameter("groupName or groupId")),
        (Some(_), Some(_)) => {
            let message = "The parameter groupName cannot be used with the parameter groupId";
            Err(ErrorCode::InvalidParameterCombination.with(message))
        }
    }
}

/// The group named `name` in the default VPC.
///
/// # Errors
/// `InvalidGroup.NotFound`; `VPCIdNotSpecified` without a default VPC.
pub(crate) fn in_default_vpc<'a>(
    name: &str,
    world: &'a World,
) -> Result<&'a Arc<SecurityGroup>, Ec2Error> {
    let vpc_id = world
        .default_vpc()
        .ok_or_else(lookup::no_default_vpc)?
        .vpc_id;
    let key = GroupName::new(vpc_id, name);
    world
        .security_groups
        .one(&key)
        .filter(|group| group.group_name == name)
        .ok_or_else(|| lookup::no_security_group_named(name, vpc_id))
}
