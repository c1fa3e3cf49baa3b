//! What Elastic Fabric Adapters add to the rules of network interfaces.
//!
//! The rules are EC2's (EC2 User Guide, "Elastic Fabric Adapter for AI/ML and HPC workloads": "EFA limitations", "Create
//! and attach an EFA", "Detach and delete an EFA"). EC2 documents no codes for most of them; each function names the one
//! that is answered here.

use alloc::collections::BTreeSet;
use alloc::format;

use eni_types::{InstanceState, NetworkInterfaceType};

use crate::instance_types::InstanceType;
use crate::operations::unsupported;
use crate::resource::{Instance, NetworkInterface};
use crate::{Ec2Error, ErrorCode};

/// The type that a parameter `InterfaceType` asks for; a plain interface where it is absent.
///
/// # Errors
/// `UnsupportedOperation` for types of EC2 that this region does not have, `InvalidParameterValue` for any other text.
pub(crate) fn requested_type(given: Option<&str>) -> Result<NetworkInterfaceType, Ec2Error> {
    let text = given.unwrap_or(NetworkInterfaceType::Interface.as_str());
    let is_absent = matches!(text, "trunk" | "branch");
    unsupported::refuse(&format!("The interface type '{text}'"), is_absent)?;
    let parsed = text.parse().ok();
    // Services make theirs themselves.
    let of_users = parsed.filter(|given: &NetworkInterfaceType| !given.is_of_services());
    of_users.ok_or_else(|| {
        let message = format!("Value ({text}) for parameter interfaceType is invalid.");
        ErrorCode::InvalidParameterValue.with(message)
    })
}

/// Refuses IP addresses on an interface that is only an adapter, in the call that makes it.
///
/// # Errors
/// `InvalidParameterCombination`.
pub(crate) fn check_address_parameters(
    interface_type: NetworkInterfaceType,
    asks_for_addresses: bool,
) -> Result<(), Ec2Error> {
    if asks_for_addresses && !interface_type.carries_ip() {
        let message =
            format!("IP addresses cannot be specified for interfaces of type '{interface_type}'.");
        return Err(ErrorCode::InvalidParameterCombination.with(message));
    }
    Ok(())
}

/// Refuses what only an interface that carries IP can have or do.
///
/// # Errors
/// `UnsupportedOperation`.
pub(crate) fn check_carries_ip(eni: &NetworkInterface) -> Result<(), Ec2Error> {
    if eni.interface_type.carries_ip() {
        return Ok(());
    }
    let message = format!(
        "The network interface '{}' is of type '{}', which does not support IP addresses.",
        eni.network_interface_id, eni.interface_type
    );
    Err(ErrorCode::UnsupportedOperation.with(message))
}

/// Refuses to attach an adapter to, or detach it from, an instance that is not stopped: EC2 attaches adapters when it
/// launches an instance and while it is stopped, never to a running one.
///
/// # Errors
/// `IncorrectState`.
pub(crate) fn check_stopped(eni: &NetworkInterface, instance: &Instance) -> Result<(), Ec2Error> {
    if !eni.interface_type.has_efa() || instance.state == InstanceState::Stopped {
        return Ok(());
    }
    let message = format!(
        "The instance '{}' is '{}'. It must be 'stopped' to attach or detach an interface of type '{}'.",
        instance.instance_id, instance.state, eni.interface_type
    );
    Err(ErrorCode::IncorrectState.with(message))
}

/// Refuses an adapter alone as the primary interface, which must have an address.
///
/// # Errors
/// `InvalidParameterCombination`.
pub(crate) fn check_primary(interface_type: NetworkInterfaceType) -> Result<(), Ec2Error> {
    if interface_type.carries_ip() {
        return Ok(());
    }
    let message =
        format!("The primary network interface cannot be an interface of type '{interface_type}'.");
    Err(ErrorCode::InvalidParameterCombination.with(message))
}

/// Refuses adapters that an instance's type does not take. `cards` has the network card of each of the instance's
/// adapters.
///
/// # Errors
/// `UnsupportedOperation` where the type, or the card, takes none; `AttachmentLimitExceeded` for two on one card, or for
/// more than the type takes.
pub(crate) fn check_adapters(
    instance_type: &InstanceType,
    cards: impl IntoIterator<Item = u8>,
) -> Result<(), Ec2Error> {
    let name = instance_type.name;
    let limit = instance_type.maximum_efa_interfaces;
    let mut used = BTreeSet::new();
    for index in cards {
        let card = instance_type.network_card(index);
        let (code, message) = if limit == 0 {
            // The text that EC2's console has shown for a t2.micro.
            let message = format!("{name} instances do not support Elastic Fabric Adapters.");
            (ErrorCode::UnsupportedOperation, message)
        } else if !card.is_some_and(|card| card.efa) {
            let message =
                format!("Network card {index} of {name} does not support Elastic Fabric Adapters.");
            (ErrorCode::UnsupportedOperation, message)
        } else if !used.insert(index) {
            let message = format!(
                "EFA interface count 2 on network card {index} exceeds the limit for {name}"
            );
            (ErrorCode::AttachmentLimitExceeded, message)
        } else if used.len() > limit {
            let number = used.len();
            let message = format!("EFA interface count {number} exceeds the limit for {name}");
            (ErrorCode::AttachmentLimitExceeded, message)
        } else {
            continue;
        };
        return Err(Ec2Error::new(code, message));
    }
    Ok(())
}
