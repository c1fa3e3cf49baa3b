//! What an instance type lets be attached.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Display;

use crate::instance_types::InstanceType;
use crate::resource::NetworkInterface;
use crate::{Ec2Error, ErrorCode};

/// Refuses more interfaces on an instance, or on one of its cards, than its type has places for.
///
/// # Errors
/// `AttachmentLimitExceeded`.
pub(crate) fn check_interfaces(
    instance_type: &InstanceType,
    on_instance: usize,
    on_card: usize,
    card_limit: usize,
) -> Result<(), Ec2Error> {
    let number = if on_instance > instance_type.maximum_network_interfaces {
        on_instance
    } else if on_card > card_limit {
        on_card
    } else {
        return Ok(());
    };
    let message = format!(
        "Interface count {number} exceeds the limit for {}",
        instance_type.name
    );
    Err(ErrorCode::AttachmentLimitExceeded.with(message))
}

/// Refuses an interface with more addresses and delegated blocks, of IPv4 or of IPv6, than the instance's type lets it have.
/// `interface` names it in the error: its id without the prefix, or the place that it is launched at.
///
/// # Errors
/// `InvalidInterface.IpAddressLimitExceeded`.
pub(crate) fn check_addresses(
    instance_type: &InstanceType,
    interface: impl Display,
    [ipv4, ipv6]: [usize; 2],
) -> Result<(), Ec2Error> {
    let number = if ipv4 > instance_type.ipv4_addresses_per_interface {
        ipv4
    } else if ipv6 > instance_type.ipv6_addresses_per_interface {
        ipv6
    } else {
        return Ok(());
    };
    let message = format!(
        "Address count {number} on interface-{interface} exceeds the limit for {}",
        instance_type.name
    );
    Err(ErrorCode::InvalidInterfaceIpAddressLimitExceeded.with(message))
}

/// Refuses IPv6-only subnets and delegated blocks for types that are not built on the Nitro System (VPC User Guide, "Subnet
/// types"; EC2 User Guide, "Prefix delegation for Amazon EC2 network interfaces").
///
/// # Errors
/// `InvalidParameterCombination`.
pub(crate) fn check_hypervisor(
    instance_type: &InstanceType,
    is_ipv6_native: bool,
    has_blocks: bool,
) -> Result<(), Ec2Error> {
    let what = match (is_ipv6_native, has_blocks) {
        (true, _) => "an IPv6-only subnet",
        (false, true) => "prefix delegation",
        (false, false) => return Ok(()),
    };
    if !instance_type.is_nitro() {
        let message = format!(
            "The instance type {} does not support {what}: it is not built on the Nitro System.",
            instance_type.name
        );
        return Err(ErrorCode::InvalidParameterCombination.with(message));
    }
    Ok(())
}

/// An existing interface as [`check_addresses`] names it: `interface-087b…`.
pub(crate) fn short_name(eni: &NetworkInterface) -> String {
    let id = eni.network_interface_id.to_string();
    let digits = id.split_once('-').map(|(_, digits)| digits.into());
    digits.unwrap_or(id)
}

/// The error for a card that the instance's type does not have.
pub(crate) fn no_card(index: impl Display, instance_type: &InstanceType) -> Ec2Error {
    let message = format!(
        "The network card index {index} is not valid for the instance type {}.",
        instance_type.name
    );
    ErrorCode::InvalidParameterValue.with(message)
}
