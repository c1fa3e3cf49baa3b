//! The network interfaces of a launch.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use eni_types::{
    AttachmentId, AttachmentStatus, InstanceId, NetworkInterfaceId, NetworkInterfaceType,
    SecurityGroupId, TypedId,
};

use super::settings::tags_of;
use super::subnet_choice;
use crate::api::instance::{LaunchNetworkInterface, RunInstances};
use crate::instance_types::InstanceType;
use crate::operations::address::pool;
use crate::operations::claims::Claims;
use crate::operations::lookup;
use crate::operations::network_interface::attach::in_use;
use crate::operations::network_interface::ipv6_addresses::{Ipv6Parameters, Ipv6Request};
use crate::operations::network_interface::private_addresses::{
    PrivateAddressParameters, PrivateAddressRequest,
};
use crate::operations::network_interface::specification::{NetworkInterfaceSpecification, build};
use crate::operations::network_interface::{efa, limits};
use crate::resource::{Address, Attachment, ConnectionTracking, NetworkInterface, Subnet};
use crate::tags::Tags;
use crate::{Context, Ec2Error, ErrorCode, World};

/// The interfaces that each instance of a launch gets, checked.
pub(super) struct LaunchNetwork<'a> {
    /// By card and device index, so the primary one first.
    interfaces: Vec<PlannedInterface<'a>>,
    /// Tags for new interfaces.
    tags: Tags,
}

/// An interface of an instance that was just launched.
pub(super) struct LaunchedInterface {
    /// It, attaching.
    pub(super) eni: NetworkInterface,
    /// The public address that was lent to it.
    pub(super) lent: Option<Address>,
}

struct PlannedInterface<'a> {
    network_card_index: u8,
    device_index: u8,
    delete_on_termination: bool,
    interface_type: NetworkInterfaceType,
    subnet: &'a Subnet,
    source: Source<'a>,
}

enum Source<'a> {
    Existing(&'a Arc<NetworkInterface>),
    New(Box<NewInterface>),
}

struct NewInterface {
    description: String,
    group_ids: Vec<SecurityGroupId>,
    private_addresses: Option<PrivateAddressRequest>,
    ipv6: Ipv6Request,
    connection_tracking: ConnectionTracking,
    associate_public_ip_address: Option<bool>,
}

impl<'a> LaunchNetwork<'a> {
    /// Reads and checks what a launch of `count` instances says about their interfaces.
    ///
    /// # Errors
    /// EC2's for the first rule that is broken.
    pub(super) fn check(
        request: &RunInstances,
        count: u32,
        instance_type: &InstanceType,
        world: &'a World,
        context: &Context<'_>,
    ) -> Result<Self, Ec2Error> {
        let specified = specifications(request)?;
        check_slots(&specified, instance_type)?;
        check_public_addresses(&specified)?;
        if count > 1 {
            check_many(&specified)?;
        }
        let mut interfaces = specified
            .iter()
            .enumerate()
            .map(|(place, given)| {
                let planned =
                    PlannedInterface::check(request, given, instance_type, world, context)?;
                limits::check_addresses(instance_type, place, planned.address_counts())?;
                let is_ipv6_native = planned.subnet.is_ipv6_native();
                let has_blocks = planned.has_blocks();
                limits::check_hypervisor(instance_type, is_ipv6_native, has_blocks)?;
                Ok(planned)
            })
            .collect::<Result<Vec<_>, Ec2Error>>()?;
        interfaces.sort_by_key(|planned| (planned.network_card_index, planned.device_index));
        check_one_zone(&interfaces)?;
        check_adapters(&interfaces, instance_type)?;
        check_tags(request, &interfaces)?;
        Ok(Self {
            interfaces,
            tags: tags_of("network-interface", &request.tag_specifications)?,
        })
    }

    /// The subnet of the primary interface.
    pub(super) fn primary_subnet(&self) -> &'a Subnet {
        // `check_slots` refuses a launch without the interface at index 0 of card 0, which sorts first.
        self.interfaces[0].subnet
    }

    /// The interfaces of one instance. The only interface of an instance, if new, gets a public address where its
    /// subnet or the call says so.
    pub(super) fn launch(
        &self,
        instance_id: InstanceId,
        claims: &mut Claims,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<Vec<LaunchedInterface>, Ec2Error> {
        let is_only = self.interfaces.len() == 1;
        let mut launched = Vec::with_capacity(self.interfaces.len());
        for planned in &self.interfaces {
            let mut eni = planned.make(&self.tags, claims, world, context)?;
            eni.attachment = Some(Attachment {
                attachment_id: AttachmentId::generate(context.ids),
                instance_id,
                device_index: planned.device_index,
                network_card_index: planned.network_card_index,
                attach_time: context.now,
                status: AttachmentStatus::Attaching,
                delete_on_termination: planned.delete_on_termination,
            });
            let is_new = matches!(planned.source, Source::New(_));
            let lent = if is_only && is_new && eni.map_public_ip_on_launch {
                pool::lend(&eni, claims, world, context)?
            } else {
                None
            };
            launched.push(LaunchedInterface { eni, lent });
        }
        Ok(launched)
    }
}

impl<'a> PlannedInterface<'a> {
    fn check(
        request: &RunInstances,
        given: &LaunchNetworkInterface,
        instance_type: &InstanceType,
        world: &'a World,
        context: &Context<'_>,
    ) -> Result<Self, Ec2Error> {
        let requested_type = efa::requested_type(given.interface_type.as_deref())?;
        let (subnet, interface_type, source) = match given.network_interface_id {
            Some(id) => {
                let eni = existing(id, given, world)?;
                let subnet: &Subnet = world.subnets.known(eni.subnet_id)?;
                subnet_choice::check_zone(subnet, request.placement.as_ref(), context)?;
                (subnet, eni.interface_type, Source::Existing(eni))
            }
            None => {
                let subnet = subnet_choice::choose(
                    given.subnet_id,
                    request.placement.as_ref(),
                    world,
                    context,
                )?;
                let group_ids = groups(request, given, subnet, world)?;
                let new = NewInterface::check(given, requested_type, subnet, group_ids)?;
                (subnet, requested_type, Source::New(Box::new(new)))
            }
        };
        let is_new = matches!(source, Source::New(_));
        Ok(Self {
            network_card_index: card_of(given, instance_type),
            device_index: given.device_index.unwrap_or(0),
            delete_on_termination: given.delete_on_termination.unwrap_or(is_new),
            interface_type,
            subnet,
            source,
        })
    }

    /// Whether blocks are delegated to it.
    fn has_blocks(&self) -> bool {
        match &self.source {
            Source::Existing(eni) => eni.has_blocks(),
            Source::New(new) => {
                let ipv4 = new.private_addresses.as_ref();
                ipv4.is_some_and(PrivateAddressRequest::has_blocks) || new.ipv6.has_blocks()
            }
        }
    }

    /// Of IPv4 and of IPv6.
    fn address_counts(&self) -> [usize; 2] {
        match &self.source {
            Source::Existing(eni) => [eni.ipv4_slots(), eni.ipv6_slots()],
            Source::New(new) => {
                let ipv4 = new.private_addresses.as_ref();
                let ipv4 = ipv4.map_or(0, PrivateAddressRequest::count);
                let carries_ip = self.interface_type.carries_ip();
                let ipv6 = new.ipv6.number(self.subnet);
                [ipv4, if carries_ip { ipv6 } else { 0 }]
            }
        }
    }

    fn make(
        &self,
        tags: &Tags,
        claims: &mut Claims,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<NetworkInterface, Ec2Error> {
        match &self.source {
            Source::Existing(eni) => Ok(NetworkInterface::clone(eni)),
            Source::New(new) => {
                let specification = NetworkInterfaceSpecification {
                    subnet: self.subnet,
                    interface_type: self.interface_type,
                    description: new.description.clone(),
                    group_ids: new.group_ids.clone(),
                    private_addresses: new.private_addresses.clone(),
                    ipv6: new.ipv6.clone(),
                    connection_tracking: new.connection_tracking,
                    associate_public_ip_address: new.associate_public_ip_address,
                    tags: tags.clone(),
                };
                build(specification, claims, world, context)
            }
        }
    }
}

impl NewInterface {
    fn check(
        given: &LaunchNetworkInterface,
        interface_type: NetworkInterfaceType,
        subnet: &Subnet,
        group_ids: Vec<SecurityGroupId>,
    ) -> Result<Self, Ec2Error> {
        if given.associate_public_ip_address == Some(true) && subnet.is_ipv6_native() {
            let message = format!(
                "The subnet '{}' is an IPv6-only subnet: a public IPv4 address cannot be associated.",
                subnet.subnet_id
            );
            return Err(ErrorCode::InvalidParameterCombination.with(message));
        }
        Ok(Self {
            description: given.description.clone().unwrap_or_default(),
            group_ids,
            private_addresses: PrivateAddressRequest::of(interface_type, subnet, ipv4_of(given))?,
            ipv6: Ipv6Request::of(interface_type, ipv6_of(given))?,
            connection_tracking: given
                .connection_tracking_specification
                .unwrap_or_default()
                .checked()?,
            associate_public_ip_address: given.associate_public_ip_address,
        })
    }
}

fn ipv4_of(given: &LaunchNetworkInterface) -> PrivateAddressParameters<'_> {
    PrivateAddressParameters {
        private_ip_address: given.private_ip_address,
        private_ip_addresses: &given.private_ip_addresses,
        secondary_count: given.secondary_private_ip_address_count,
        prefixes: &given.ipv4_prefixes,
        prefix_count: given.ipv4_prefix_count,
    }
}

fn ipv6_of(given: &LaunchNetworkInterface) -> Ipv6Parameters<'_> {
    Ipv6Parameters {
        addresses: &given.ipv6_addresses,
        address_count: given.ipv6_address_count,
        prefixes: &given.ipv6_prefixes,
        prefix_count: given.ipv6_prefix_count,
        enable_primary: given.primary_ipv6,
    }
}

/// Refuses tags for new interfaces where there are none.
fn check_tags(request: &RunInstances, interfaces: &[PlannedInterface<'_>]) -> Result<(), Ec2Error> {
    let has_new = interfaces
        .iter()
        .any(|planned| matches!(planned.source, Source::New(_)));
    let has_tags = request
        .tag_specifications
        .iter()
        .any(|given| given.resource_type.as_deref() == Some("network-interface"));
    if has_tags && !has_new {
        let message = "You cannot specify tags for network interfaces if there are no network interfaces being created by the request.";
        return Err(ErrorCode::InvalidParameterValue.with(message));
    }
    Ok(())
}

fn combination(message: impl Into<String>) -> Ec2Error {
    ErrorCode::InvalidParameterCombination.with(message)
}

/// The interfaces that the call describes, or the one that its other parameters do.
fn specifications(request: &RunInstances) -> Result<Vec<LaunchNetworkInterface>, Ec2Error> {
    if request.network_interfaces.is_empty() {
        return Ok(vec![LaunchNetworkInterface {
            device_index: Some(0),
            subnet_id: request.subnet_id,
            private_ip_address: request.private_ip_address,
            ipv6_address_count: request.ipv6_address_count,
            ipv6_addresses: request.ipv6_addresses.clone(),
            primary_ipv6: request.enable_primary_ipv6,
            group_ids: request.security_group_ids.clone(),
            ..LaunchNetworkInterface::default()
        }]);
    }
    let groups = !request.security_group_ids.is_empty() || !request.security_groups.is_empty();
    for (what, is_given) in [
        ("security groups", groups),
        ("subnet ID", request.subnet_id.is_some()),
        ("private IP address", request.private_ip_address.is_some()),
        ("IPv6 address count", request.ipv6_address_count.is_some()),
        ("IPv6 address", !request.ipv6_addresses.is_empty()),
        (
            "primary IPv6 address",
            request.enable_primary_ipv6 == Some(true),
        ),
    ] {
        if is_given {
            let message = format!(
                "Network interfaces and an instance-level {what} may not be specified on the same request"
            );
            return Err(combination(message));
        }
    }
    Ok(request.network_interfaces.clone())
}

fn card_of(given: &LaunchNetworkInterface, instance_type: &InstanceType) -> u8 {
    given
        .network_card_index
        .unwrap_or(instance_type.default_network_card_index)
}

/// Refuses interfaces without, or with the same, place; a launch without a primary one; and what the type cannot carry.
fn check_slots(
    specified: &[LaunchNetworkInterface],
    instance_type: &InstanceType,
) -> Result<(), Ec2Error> {
    let mut slots = BTreeSet::new();
    for given in specified {
        let device_index = given
            .device_index
            .ok_or_else(|| combination("Each network interface requires a device index."))?;
        if !slots.insert((card_of(given, instance_type), device_index)) {
            let message = "Each network interface requires a unique device index.";
            return Err(combination(message));
        }
    }
    check_cards(&slots, instance_type)?;
    if !slots.contains(&(0, 0)) {
        let message = "You must specify a network interface with device index 0.";
        return Err(combination(message));
    }
    Ok(())
}

fn check_cards(slots: &BTreeSet<(u8, u8)>, instance_type: &InstanceType) -> Result<(), Ec2Error> {
    for (index, _) in slots {
        let card = instance_type
            .network_card(*index)
            .ok_or_else(|| limits::no_card(index, instance_type))?;
        let on_card = slots.iter().filter(|(card, _)| card == index).count();
        let card_limit = card.maximum_network_interfaces;
        limits::check_interfaces(instance_type, slots.len(), on_card, card_limit)?;
    }
    Ok(())
}

/// Only the only interface, if it is new, can have a public address from the start.
fn check_public_addresses(specified: &[LaunchNetworkInterface]) -> Result<(), Ec2Error> {
    for given in specified {
        if given.associate_public_ip_address.is_none() {
            continue;
        }
        if given.network_interface_id.is_some() {
            let message = "The associatePublicIPAddress parameter cannot be specified for an existing network interface.";
            return Err(combination(message));
        }
        if given.associate_public_ip_address == Some(true) && specified.len() > 1 {
            let message = "The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces.";
            return Err(combination(message));
        }
    }
    Ok(())
}

/// Several instances cannot have one interface or one address.
fn check_many(specified: &[LaunchNetworkInterface]) -> Result<(), Ec2Error> {
    for given in specified {
        if given.network_interface_id.is_some() {
            let message = "You may only specify an existing network interface when launching a single instance.";
            return Err(combination(message));
        }
        if ipv4_of(given).names_any() || ipv6_of(given).names_any() {
            let message =
                "You may only specify private IP addresses when launching a single instance.";
            return Err(combination(message));
        }
    }
    Ok(())
}

/// The existing interface `id`, if it is free and nothing else is asked of it.
fn existing<'a>(
    id: NetworkInterfaceId,
    given: &LaunchNetworkInterface,
    world: &'a World,
) -> Result<&'a Arc<NetworkInterface>, Ec2Error> {
    let eni = lookup::own_interface(world, id)?;
    if eni.attachment.is_some() {
        return Err(in_use(id));
    }
    if given.delete_on_termination == Some(true) {
        let message = "A network interface may not specify a network interface ID and delete on termination as true";
        return Err(combination(message));
    }
    let describes_a_new_one = given.subnet_id.is_some()
        || !given.group_ids.is_empty()
        || given.description.is_some()
        || ipv4_of(given).is_any_given()
        || ipv6_of(given).is_any_given()
        || given.connection_tracking_specification.is_some()
        || given
            .interface_type
            .as_deref()
            .is_some_and(|given| given != eni.interface_type.as_str());
    if describes_a_new_one {
        let message = "A network interface may not specify both a network interface ID and attributes of a new network interface.";
        return Err(combination(message));
    }
    Ok(eni)
}

/// The security groups of a new interface: named by id, or (for a launch without interfaces of its own) by name.
fn groups(
    request: &RunInstances,
    given: &LaunchNetworkInterface,
    subnet: &Subnet,
    world: &World,
) -> Result<Vec<SecurityGroupId>, Ec2Error> {
    let mut group_ids = given.group_ids.clone();
    if !request.security_groups.is_empty() && request.subnet_id.is_some() {
        let message = "The parameter groupName cannot be used with the parameter subnet";
        return Err(combination(message));
    }
    for name in &request.security_groups {
        let group = world
            .security_group_named(subnet.vpc_id, name)
            .ok_or_else(|| {
                let message = format!(
                    "The security group '{name}' does not exist in VPC '{}'",
                    subnet.vpc_id
                );
                ErrorCode::InvalidGroupNotFound.with(message)
            })?;
        group_ids.push(group.group_id);
    }
    for id in &group_ids {
        if world.security_groups.known(*id)?.vpc_id != subnet.vpc_id {
            let message = format!(
                "Security group {id} and subnet {} belong to different networks.",
                subnet.subnet_id
            );
            return Err(ErrorCode::InvalidParameter.with(message));
        }
    }
    Ok(group_ids)
}

/// Refuses adapters that the type does not take, and a primary interface that is only an adapter.
fn check_adapters(
    interfaces: &[PlannedInterface<'_>],
    instance_type: &InstanceType,
) -> Result<(), Ec2Error> {
    for planned in interfaces {
        if (planned.network_card_index, planned.device_index) == (0, 0) {
            efa::check_primary(planned.interface_type)?;
        }
    }
    let with_adapter = interfaces
        .iter()
        .filter(|planned| planned.interface_type.has_efa());
    efa::check_adapters(
        instance_type,
        with_adapter.map(|planned| planned.network_card_index),
    )
}

fn check_one_zone(interfaces: &[PlannedInterface<'_>]) -> Result<(), Ec2Error> {
    let mut zones = interfaces
        .iter()
        .map(|planned| &planned.subnet.availability_zone);
    let first = zones.next();
    if zones.any(|zone| Some(zone) != first) {
        let message = "You may not attach a network interface to an instance if they are not in the same availability zone";
        return Err(combination(message));
    }
    let mut existing = BTreeSet::new();
    for planned in interfaces {
        if let Source::Existing(eni) = &planned.source
            && !existing.insert(eni.network_interface_id)
        {
            return Err(in_use(eni.network_interface_id));
        }
    }
    Ok(())
}
