//! `ModifyInstanceAttribute` and `ResetInstanceAttribute`.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_types::{InstanceId, InstanceState};

use super::description::image_of;
use super::settings::{check_choice, read_user_data};
use crate::api::instance::{BlockDeviceChange, ModifyInstanceAttribute, ResetInstanceAttribute};
use crate::instance_types::InstanceType;
use crate::operations::attribute::{
    AttributeBooleanValue, AttributeValue, only_one, unknown_attribute,
};
use crate::operations::network_interface::{efa, limits};
use crate::operations::security_group::membership;
use crate::operations::{instance_type, lookup, unsupported};
use crate::resource::{BlockDevice, Instance, NetworkInterface};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

impl BlockDeviceChange {
    /// Changes the device that it names, and nothing but what EC2 lets this call change.
    fn apply(&self, devices: &mut [BlockDevice]) -> Result<(), Ec2Error> {
        let name = self.device_name.as_deref().unwrap_or_default();
        let device = devices
            .iter_mut()
            .find(|device| device.device_name == name)
            .ok_or_else(|| {
                let message = format!("No device is currently mapped at {name}");
                ErrorCode::InvalidInstanceAttributeValue.with(message)
            })?;
        let others = self.no_device.is_some() || self.virtual_name.is_some();
        unsupported::refuse("Changing the devices of an instance", others)?;
        let given = self.ebs.as_ref().and_then(|ebs| ebs.delete_on_termination);
        device.delete_on_termination = given.unwrap_or(device.delete_on_termination);
        Ok(())
    }
}

/// Changes one attribute of an instance, given by its own parameter or as `Attribute` and `Value`.
impl Operation for ModifyInstanceAttribute {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let id = self.instance_id;
        let request = self.spelled_out()?;
        request.check_only_one()?;
        let instance = changeable(id, world)?;
        let mut changes = ChangeSet::none();
        if request.source_dest_check.is_some() || !request.groups.is_empty() {
            changes.put(request.changed_interface(instance, world)?);
        } else {
            changes.put(request.changed(instance, world)?);
        }
        Ok((changes, ReturnTrue::default()))
    }
}

impl ModifyInstanceAttribute {
    /// The request with `Attribute` and `Value` moved to the attribute's own parameter.
    fn spelled_out(mut self) -> Result<Self, Ec2Error> {
        let Some(name) = self.attribute.take() else {
            return Ok(self);
        };
        let value = self
            .value
            .take()
            .ok_or_else(|| Ec2Error::missing_parameter("value"))?;
        let flag = || match value.to_ascii_lowercase().as_str() {
            "true" => Ok(Some(AttributeBooleanValue { value: true })),
            "false" => Ok(Some(AttributeBooleanValue { value: false })),
            _ => {
                let message = format!("Value ({value}) for parameter value is invalid.");
                Err(ErrorCode::InvalidParameterValue.with(message))
            }
        };
        let text = || {
            Some(AttributeValue {
                value: value.clone(),
            })
        };
        match name.as_str() {
            "sourceDestCheck" => self.source_dest_check = flag()?,
            "disableApiTermination" => self.disable_api_termination = flag()?,
            "disableApiStop" => self.disable_api_stop = flag()?,
            "ebsOptimized" => self.ebs_optimized = flag()?,
            "enaSupport" => self.ena_support = flag()?,
            "instanceType" => self.instance_type = text(),
            "userData" => self.user_data = text(),
            "instanceInitiatedShutdownBehavior" => {
                self.instance_initiated_shutdown_behavior = text();
            }
            "sriovNetSupport" => self.sriov_net_support = text(),
            "kernel" => self.kernel = text(),
            "ramdisk" => self.ramdisk = text(),
            other => return Err(unknown_attribute(other)),
        }
        Ok(self)
    }

    fn check_only_one(&self) -> Result<(), Ec2Error> {
        only_one(&[
            ("sourceDestCheck", self.source_dest_check.is_some()),
            ("groupSet", !self.groups.is_empty()),
            ("blockDeviceMapping", !self.block_device_mappings.is_empty()),
            ("instanceType", self.instance_type.is_some()),
            ("userData", self.user_data.is_some()),
            (
                "disableApiTermination",
                self.disable_api_termination.is_some(),
            ),
            ("disableApiStop", self.disable_api_stop.is_some()),
            (
                "instanceInitiatedShutdownBehavior",
                self.instance_initiated_shutdown_behavior.is_some(),
            ),
            ("ebsOptimized", self.ebs_optimized.is_some()),
            ("enaSupport", self.ena_support.is_some()),
            ("sriovNetSupport", self.sriov_net_support.is_some()),
            ("kernel", self.kernel.is_some()),
            ("ramdisk", self.ramdisk.is_some()),
        ])
    }

    fn changed_interface(
        &self,
        instance: &Instance,
        world: &World,
    ) -> Result<NetworkInterface, Ec2Error> {
        let mut eni = NetworkInterface::clone(only_interface(instance, world)?);
        if let Some(check) = self.source_dest_check {
            eni.source_dest_check = check.value;
        }
        if !self.groups.is_empty() {
            eni.group_ids = membership::check(self.groups.clone(), eni.vpc_id, world)?;
        }
        Ok(eni)
    }

    fn changed(self, instance: &Instance, world: &World) -> Result<Instance, Ec2Error> {
        let needs_stop = self.instance_type.is_some()
            || self.user_data.is_some()
            || self.ebs_optimized.is_some()
            || self.ena_support.is_some()
            || self.sriov_net_support.is_some()
            || self.kernel.is_some()
            || self.ramdisk.is_some();
        if needs_stop && instance.state != InstanceState::Stopped {
            let message = format!(
                "The instance '{}' is not in the 'stopped' state.",
                instance.instance_id
            );
            return Err(ErrorCode::IncorrectInstanceState.with(message));
        }
        let other_kernel = self.kernel.is_some() || self.ramdisk.is_some();
        unsupported::refuse("Changing the kernel or RAM disk", other_kernel)?;
        let no_ena = self.ena_support.is_some_and(|given| !given.value);
        unsupported::refuse("Turning ENA off", no_ena)?;
        if let Some(given) = &self.sriov_net_support {
            check_choice("sriovNetSupport", &given.value, &["simple"])?;
        }
        let mut changed = instance.clone();
        if let Some(given) = self.instance_type {
            changed.instance_type = checked_type(&given.value, instance, world)?;
        }
        if let Some(given) = self.user_data {
            changed.user_data = read_user_data(&given.value)?;
        }
        if let Some(given) = self.instance_initiated_shutdown_behavior {
            check_choice(
                "instanceInitiatedShutdownBehavior",
                &given.value,
                &["stop", "terminate"],
            )?;
            changed.instance_initiated_shutdown_behavior = given.value;
        }
        for given in &self.block_device_mappings {
            given.apply(&mut changed.block_devices)?;
        }
        if let Some(given) = self.disable_api_termination {
            changed.disable_api_termination = given.value;
        }
        if let Some(given) = self.disable_api_stop {
            changed.disable_api_stop = given.value;
        }
        if let Some(given) = self.ebs_optimized {
            changed.ebs_optimized = given.value;
        }
        Ok(changed)
    }
}

/// The only interface of an instance, which stands for it in calls that act on an interface.
///
/// # Errors
/// `InvalidInstanceID` where it has several; `IncorrectInstanceState` where it has none any more.
pub(super) fn only_interface<'a>(
    instance: &Instance,
    world: &'a World,
) -> Result<&'a Arc<NetworkInterface>, Ec2Error> {
    let mut interfaces = world.network_interfaces_of(instance.instance_id);
    match (interfaces.next(), interfaces.next()) {
        (Some(eni), None) => Ok(eni),
        (Some(_), Some(_)) => Err(lookup::several_interfaces(instance.instance_id)),
        (None, _) => Err(in_wrong_state(instance)),
    }
}

/// An instance that is not about to go, or gone.
///
/// # Errors
/// `IncorrectInstanceState`.
pub(super) fn changeable(id: InstanceId, world: &World) -> Result<&Arc<Instance>, Ec2Error> {
    let instance = world.instances.known(id)?;
    match instance.state {
        InstanceState::ShuttingDown | InstanceState::Terminated => Err(in_wrong_state(instance)),
        _ => Ok(instance),
    }
}

/// Of an instance in whose state nothing can be changed any more.
fn in_wrong_state(instance: &Instance) -> Ec2Error {
    let message = format!(
        "The instance '{}' is in the '{}' state.",
        instance.instance_id, instance.state
    );
    ErrorCode::IncorrectInstanceState.with(message)
}

/// The type named `name`, if the instance's image and interfaces fit it.
fn checked_type(
    name: &str,
    instance: &Instance,
    world: &World,
) -> Result<&'static InstanceType, Ec2Error> {
    let instance_type = instance_type::known(name)?;
    instance_type::check_architecture(instance_type, image_of(instance).architecture)?;
    let interfaces: Vec<_> = world.network_interfaces_of(instance.instance_id).collect();
    let card_of = |eni: &NetworkInterface| {
        eni.attachment
            .as_ref()
            .map_or(0, |attachment| attachment.network_card_index)
    };
    for eni in &interfaces {
        let index = card_of(eni);
        let card = instance_type
            .network_card(index)
            .ok_or_else(|| limits::no_card(index, instance_type))?;
        let on_card = interfaces
            .iter()
            .filter(|eni| card_of(eni) == index)
            .count();
        limits::check_interfaces(
            instance_type,
            interfaces.len(),
            on_card,
            card.maximum_network_interfaces,
        )?;
        limits::check_addresses(
            instance_type,
            limits::short_name(eni),
            [eni.ipv4_slots(), eni.ipv6_slots()],
        )?;
        let subnet = world.subnets.get(eni.subnet_id);
        let is_ipv6_native = subnet.is_some_and(|subnet| subnet.is_ipv6_native());
        let has_blocks = eni.prefixes().next().is_some();
        limits::check_hypervisor(instance_type, is_ipv6_native, has_blocks)?;
    }
    let with_adapter = interfaces.iter().filter(|eni| eni.interface_type.has_efa());
    efa::check_adapters(instance_type, with_adapter.map(|eni| card_of(eni)))?;
    Ok(instance_type)
}

/// Sets an attribute back to what it is at launch: `sourceDestCheck` to true.
impl Operation for ResetInstanceAttribute {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let instance = changeable(self.instance_id, world)?;
        let mut changes = ChangeSet::none();
        match self.attribute.as_str() {
            "sourceDestCheck" => changes.put(NetworkInterface {
                source_dest_check: true,
                ..NetworkInterface::clone(only_interface(instance, world)?)
            }),
            "kernel" | "ramdisk" => {}
            other => return Err(unknown_attribute(other)),
        }
        Ok((changes, ReturnTrue::default()))
    }
}
