//! `ModifyNetworkInterfaceAttribute`, `DescribeNetworkInterfaceAttribute` and `ResetNetworkInterfaceAttribute`.

use eni_types::InstanceState;

use super::description::groups_of;
use super::efa;
use super::specification::{check_description, no_primary_ipv6};
use crate::api::network_interface::{
    AttachmentChanges, DescribeNetworkInterfaceAttribute,
    DescribeNetworkInterfaceAttributeResponse, ModifyNetworkInterfaceAttribute,
    NetworkInterfaceAttachmentDescription, ResetNetworkInterfaceAttribute,
};
use crate::describe::Scope;
use crate::operations::address::{pool, release};
use crate::operations::attribute::{
    AttributeBooleanValue, AttributeValue, only_one, unknown_attribute,
};
use crate::operations::claims::Claims;
use crate::operations::security_group::membership;
use crate::operations::{lookup, unsupported};
use crate::resource::{Attachment, NetworkInterface};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Changes one attribute of a network interface.
impl Operation for ModifyNetworkInterfaceAttribute {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.check_only_one()?;
        let mut eni =
            NetworkInterface::clone(lookup::own_interface(world, self.network_interface_id)?);
        let mut changes = ChangeSet::none();
        if let Some(description) = self.description {
            check_description(&description.value)?;
            eni.description = description.value;
        }
        if !self.group_ids.is_empty() {
            eni.group_ids = membership::check(self.group_ids, eni.vpc_id, world)?;
        }
        if let Some(check) = self.source_dest_check {
            eni.source_dest_check = check.value;
        }
        if let Some(attachment) = &self.attachment {
            attachment.apply(&mut eni)?;
        }
        if let Some(timeouts) = self.connection_tracking_specification {
            eni.connection_tracking = timeouts.checked()?;
        }
        if let Some(enable) = self.enable_primary_ipv6 {
            enable_primary_ipv6(&mut eni, enable)?;
        }
        if let Some(associate) = self.associate_public_ip_address {
            if associate {
                efa::check_carries_ip(&eni)?;
            }
            eni.map_public_ip_on_launch = associate;
            change_lent_address(&eni, world, context, &mut changes)?;
        }
        changes.put(eni);
        Ok((changes, ReturnTrue::default()))
    }
}

impl ModifyNetworkInterfaceAttribute {
    fn check_only_one(&self) -> Result<(), Ec2Error> {
        only_one(&[
            ("description", self.description.is_some()),
            ("groupSet", !self.group_ids.is_empty()),
            ("sourceDestCheck", self.source_dest_check.is_some()),
            ("attachment", self.attachment.is_some()),
            (
                "connectionTrackingSpecification",
                self.connection_tracking_specification.is_some(),
            ),
            (
                "associatePublicIpAddress",
                self.associate_public_ip_address.is_some(),
            ),
            ("enaSrdSpecification", self.ena_srd_specification.is_some()),
            ("enablePrimaryIpv6", self.enable_primary_ipv6.is_some()),
            (
                "associatedSubnetIds",
                !self.associated_subnet_ids.is_empty(),
            ),
        ])?;
        if let Some(specification) = &self.ena_srd_specification {
            specification.refuse()?;
        }
        unsupported::refuse(
            "An interface in several subnets",
            !self.associated_subnet_ids.is_empty(),
        )
    }
}

/// The first IPv6 address becomes the primary one. It cannot cease to be as long as the interface is attached.
fn enable_primary_ipv6(eni: &mut NetworkInterface, enable: bool) -> Result<(), Ec2Error> {
    if !enable && eni.has_primary_ipv6_address {
        let message = "The primary IPv6 address cannot be disabled once it is enabled.";
        return Err(ErrorCode::InvalidParameterValue.with(message));
    }
    if enable && eni.ipv6_addresses.is_empty() {
        return Err(no_primary_ipv6());
    }
    eni.has_primary_ipv6_address = enable;
    Ok(())
}

impl AttachmentChanges {
    fn apply(&self, eni: &mut NetworkInterface) -> Result<(), Ec2Error> {
        unsupported::refuse(
            "Setting the number of ENA queues",
            self.ena_queue_count.is_some(),
        )?;
        let missing = |name: &str| {
            let message = alloc::format!("The request must contain the parameter {name}");
            ErrorCode::MissingParameter.with(message)
        };
        let id = self
            .attachment_id
            .ok_or_else(|| missing("attachment.attachmentId"))?;
        let attachment = eni
            .attachment
            .as_mut()
            .filter(|attachment| attachment.attachment_id == id)
            .ok_or_else(|| lookup::not_found(id))?;
        match (self.delete_on_termination, self.default_ena_queue_count) {
            (Some(delete), _) => attachment.delete_on_termination = delete,
            (None, Some(_)) => {}
            (None, None) => return Err(missing("attachment.deleteOnTermination")),
        }
        Ok(())
    }
}

/// Lends a public address to the primary interface of a running instance that now asks for one, or takes it back.
fn change_lent_address(
    eni: &NetworkInterface,
    world: &World,
    context: &mut Context<'_>,
    changes: &mut ChangeSet,
) -> Result<(), Ec2Error> {
    let key = eni.network_interface_id;
    if !eni.map_public_ip_on_launch {
        for address in world.addresses.by(&key).filter(|address| address.lent) {
            release::disassociate(address, changes);
        }
    } else if is_primary_of_running(eni, world) && has_no_public_address(eni, world) {
        let lent = pool::lend(eni, &mut Claims::default(), world, context)?;
        lent.into_iter().for_each(|address| changes.put(address));
    }
    Ok(())
}

/// Whether `eni` is the primary interface of an instance that runs or is about to.
pub(crate) fn is_primary_of_running(eni: &NetworkInterface, world: &World) -> bool {
    let runs = |attachment: &Attachment| {
        world
            .instances
            .get(attachment.instance_id)
            .is_some_and(|instance| {
                matches!(
                    instance.state,
                    InstanceState::Pending | InstanceState::Running
                )
            })
    };
    eni.attachment.as_ref().is_some_and(|attachment| {
        (attachment.network_card_index, attachment.device_index) == (0, 0) && runs(attachment)
    })
}

/// Whether the primary private address of `eni` has no public one.
pub(crate) fn has_no_public_address(eni: &NetworkInterface, world: &World) -> bool {
    eni.primary_private_ip_address().is_some_and(|private| {
        world
            .public_address_of(eni.network_interface_id, private)
            .is_none()
    })
}

/// Describes one attribute of a network interface.
impl Operation for DescribeNetworkInterfaceAttribute {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let attribute = self.attribute.as_deref();
        only_one(&[("attribute", attribute.is_some())])?;
        let eni = world.network_interfaces.known(self.network_interface_id)?;
        let mut response = DescribeNetworkInterfaceAttributeResponse {
            network_interface_id: self.network_interface_id,
            attachment: None,
            description: None,
            group_set: None,
            source_dest_check: None,
            associate_public_ip_address: None,
        };
        match attribute.unwrap_or_default() {
            "attachment" => {
                let attachment = eni.attachment.as_ref();
                response.attachment = attachment.map(|attachment| {
                    NetworkInterfaceAttachmentDescription::new(attachment, context.region)
                });
            }
            "description" => {
                let value = eni.description.clone();
                response.description = Some(AttributeValue { value });
            }
            "groupSet" => response.group_set = Some(groups_of(eni, Scope::new(world, context))),
            "sourceDestCheck" => {
                let value = eni.source_dest_check;
                response.source_dest_check = Some(AttributeBooleanValue { value });
            }
            "associatePublicIpAddress" => {
                response.associate_public_ip_address = Some(eni.map_public_ip_on_launch);
            }
            other => return Err(unknown_attribute(other)),
        }
        Ok((ChangeSet::none(), response))
    }
}

/// Sets an attribute back: `sourceDestCheck` to true, EC2 resets no other.
impl Operation for ResetNetworkInterfaceAttribute {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        only_one(&[("sourceDestCheck", self.source_dest_check.is_some())])?;
        let eni = lookup::own_interface(world, self.network_interface_id)?;
        Ok((
            ChangeSet::putting(NetworkInterface {
                source_dest_check: true,
                ..NetworkInterface::clone(eni)
            }),
            ReturnTrue::default(),
        ))
    }
}
