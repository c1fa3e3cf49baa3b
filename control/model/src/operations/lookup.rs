//! Rows that a request names, or EC2's error for a row that does not exist.

use alloc::format;
use alloc::sync::Arc;
use core::fmt::Display;

use eni_types::{
    AttachmentId, IdErrors, InstanceId, NatGatewayId, NetworkInterfaceId, TypedId, VpcId,
};

use crate::resource::NetworkInterface;
use crate::{Ec2Error, ErrorCode, Indexed, Table, World};

/// The interface `id`, for a call that changes it or uses it for something else.
///
/// # Errors
/// As [`refuse_managed`], and for an id that nothing has.
pub(crate) fn own_interface(
    world: &World,
    id: NetworkInterfaceId,
) -> Result<&Arc<NetworkInterface>, Ec2Error> {
    let eni = world.network_interfaces.known(id)?;
    refuse_managed(eni)?;
    Ok(eni)
}

/// Refuses an interface that a service manages (EC2 User Guide, "Requester-managed network interfaces").
///
/// # Errors
/// `AuthFailure`.
pub(crate) fn refuse_managed(eni: &NetworkInterface) -> Result<(), Ec2Error> {
    if eni.is_managed() {
        let message = "You do not have permission to access the specified resource.";
        return Err(ErrorCode::AuthFailure.with(message));
    }
    Ok(())
}

/// The interface that has the attachment `id`.
pub(crate) fn attached(
    world: &World,
    id: AttachmentId,
) -> Result<&Arc<NetworkInterface>, Ec2Error> {
    world
        .network_interface_of_attachment(id)
        .ok_or_else(|| not_found(id))
}

impl<R: Indexed> Table<R>
where
    R::Id: TypedId,
{
    /// The row with this id, if calls show it.
    ///
    /// # Errors
    /// The kind's own for an id that no such row has.
    pub(crate) fn known(&self, id: R::Id) -> Result<&Arc<R>, Ec2Error> {
        let row = self.get(id).filter(|row| row.is_shown());
        row.ok_or_else(|| not_found(id))
    }
}

/// EC2's error for an id that nothing has.
pub(crate) fn not_found<I: TypedId>(id: I) -> Ec2Error {
    nothing_has(id, I::ERRORS)
}

/// As [`not_found`], for an id of the kind with these errors.
pub(crate) fn nothing_has(id: impl Display, errors: IdErrors) -> Ec2Error {
    let message = if errors.not_found == NatGatewayId::ERRORS.not_found {
        format!("NatGateway {id} was not found")
    } else {
        format!("The {} '{id}' does not exist", errors.noun)
    };
    Ec2Error::new(ErrorCode::of_id(errors.not_found), message)
}

/// EC2's error for a call that relies on the default VPC of a region that has none.
pub(crate) fn no_default_vpc() -> Ec2Error {
    ErrorCode::VpcIdNotSpecified.with("No default VPC for this user")
}

pub(crate) fn no_security_group_named(name: &str, vpc_id: VpcId) -> Ec2Error {
    let message = format!("The security group '{name}' does not exist in VPC '{vpc_id}'");
    ErrorCode::InvalidGroupNotFound.with(message)
}

/// EC2's error for an instance that stands for its interface where it has several.
pub(crate) fn several_interfaces(id: InstanceId) -> Ec2Error {
    let message = format!(
        "There are multiple interfaces attached to instance '{id}'. Please specify an interface ID for the operation instead."
    );
    ErrorCode::InvalidInstanceId.with(message)
}

/// EC2's refusal to delete the `noun` named `id`.
pub(crate) fn has_dependencies(noun: &str, id: impl Display) -> Ec2Error {
    let message = format!("The {noun} '{id}' has dependencies and cannot be deleted.");
    ErrorCode::DependencyViolation.with(message)
}
