//! `ModifyNetworkInterfaceAttribute`, `DescribeNetworkInterfaceAttribute` and `ResetNetworkInterfaceAttribute`.

use alloc::string::String;
use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::{AttachmentId, InstanceState, NetworkInterfaceId, SecurityGroupId, SubnetId};
use serde::Serialize;

use super::description::{AttachmentDescription, GroupIdentifier, groups_of};
use super::efa;
use super::ena_srd::EnaSrdSpecification;
use super::specification::{ConnectionTrackingSpecification, check_description};
use crate::describe::Scope;
use crate::operations::address::{pool, release};
use crate::operations::attribute::{
    AttributeBooleanValue, AttributeValue, only_one, unknown_attribute,
};
use crate::operations::claims::Claims;
use crate::operations::security_group::membership;
use crate::operations::{lookup, unsupported};
use crate::resource::{Attachment, NetworkInterface};
use crate::{
    ChangeSet, Context, Ec2Error, ErrorCode, IndexKey, ItemSet, Operation, ReturnTrue, World,
};

/// Changes one attribute of a network interface.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ModifyNetworkInterfaceAttribute {
    /// The interface.
    pub network_interface_id: NetworkInterfaceId,
    /// The new description.
    pub description: Option<AttributeValue>,
    /// The new security groups, in place of all that it has.
    #[query(name = "SecurityGroupId")]
    pub group_ids: Vec<SecurityGroupId>,
    /// Whether it may only send from, and receive for, its own addresses.
    pub source_dest_check: Option<AttributeBooleanValue>,
    /// A change of its attachment.
    pub attachment: Option<AttachmentChanges>,
    /// The new idle timeouts.
    pub connection_tracking_specification: Option<ConnectionTrackingSpecification>,
    /// Whether it gets a public address as the primary interface of a running instance.
    pub associate_public_ip_address: Option<bool>,
    /// Asks for ENA Express.
    pub ena_srd_specification: Option<EnaSrdSpecification>,
    /// Asks for a primary IPv6 address.
    pub enable_primary_ipv6: Option<bool>,
    /// Asks for further subnets.
    #[query(name = "AssociatedSubnetId")]
    pub associated_subnet_ids: Vec<SubnetId>,
}

/// `Attachment` of the request.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AttachmentChanges {
    /// The attachment, which must be the interface's.
    pub attachment_id: Option<AttachmentId>,
    /// Whether the interface goes when the instance is terminated.
    pub delete_on_termination: Option<bool>,
    /// Asks for a number of ENA queues.
    pub ena_queue_count: Option<u32>,
    /// Asks for the type's number of ENA queues, which is what there is.
    pub default_ena_queue_count: Option<bool>,
}

impl Operation for ModifyNetworkInterfaceAttribute {
    const NAME: &'static str = "ModifyNetworkInterfaceAttribute";
    type Response = ReturnTrue;

    fn plan(
        self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        self.check_only_one()?;
        let mut eni =
            NetworkInterface::clone(lookup::network_interface(world, self.network_interface_id)?);
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
        unsupported::refuse("IPv6", self.enable_primary_ipv6 == Some(true))?;
        unsupported::refuse(
            "An interface in several subnets",
            !self.associated_subnet_ids.is_empty(),
        )
    }
}

impl AttachmentChanges {
    fn apply(&self, eni: &mut NetworkInterface) -> Result<(), Ec2Error> {
        unsupported::refuse(
            "Setting the number of ENA queues",
            self.ena_queue_count.is_some(),
        )?;
        let missing = |name: &str| {
            let message = alloc::format!("The request must contain the parameter {name}");
            Ec2Error::new(ErrorCode::MissingParameter, message)
        };
        let id = self
            .attachment_id
            .ok_or_else(|| missing("attachment.attachmentId"))?;
        let attachment = eni
            .attachment
            .as_mut()
            .filter(|attachment| attachment.attachment_id == id)
            .ok_or_else(|| lookup::no_attachment(id))?;
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
    let key = IndexKey::NetworkInterface(eni.network_interface_id);
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
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeNetworkInterfaceAttribute {
    /// The interface.
    pub network_interface_id: NetworkInterfaceId,
    /// `description`, `groupSet`, `sourceDestCheck`, `attachment` or `associatePublicIpAddress`.
    pub attribute: Option<String>,
}

/// The answer: the id and the attribute asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeNetworkInterfaceAttributeResponse {
    network_interface_id: NetworkInterfaceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment: Option<AttachmentDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<AttributeValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_set: Option<ItemSet<GroupIdentifier>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_dest_check: Option<AttributeBooleanValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    associate_public_ip_address: Option<bool>,
}

impl Operation for DescribeNetworkInterfaceAttribute {
    const NAME: &'static str = "DescribeNetworkInterfaceAttribute";
    const MUTATES: bool = false;
    type Response = DescribeNetworkInterfaceAttributeResponse;

    fn plan(
        self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let attribute = self.attribute.as_deref();
        only_one(&[("attribute", attribute.is_some())])?;
        let eni = lookup::network_interface(world, self.network_interface_id)?;
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
                response.attachment = attachment
                    .map(|attachment| AttachmentDescription::new(attachment, context.region));
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
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ResetNetworkInterfaceAttribute {
    /// The interface.
    pub network_interface_id: NetworkInterfaceId,
    /// Given, whatever its value, to reset the check.
    #[query(keep_empty)]
    pub source_dest_check: Option<String>,
}

impl Operation for ResetNetworkInterfaceAttribute {
    const NAME: &'static str = "ResetNetworkInterfaceAttribute";
    type Response = ReturnTrue;

    fn plan(
        self,
        world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        only_one(&[("sourceDestCheck", self.source_dest_check.is_some())])?;
        let eni = lookup::network_interface(world, self.network_interface_id)?;
        let mut changes = ChangeSet::none();
        changes.put(NetworkInterface {
            source_dest_check: true,
            ..NetworkInterface::clone(eni)
        });
        Ok((changes, ReturnTrue::default()))
    }
}
