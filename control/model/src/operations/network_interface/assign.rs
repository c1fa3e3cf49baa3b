//! `AssignPrivateIpAddresses` and `UnassignPrivateIpAddresses`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use eni_types::{IpCidr, Ipv4Cidr, NetworkInterfaceId, quota};

use super::efa;
use super::ipv6_addresses::check_only_one;
use super::limits::check_hypervisor;
use super::prefixes::{PrefixRequest, delegated};
use super::private_addresses::{check_in_subnet, check_number, named_twice, take_free};
use crate::api::network_interface::{
    AssignPrivateIpAddresses, AssignPrivateIpAddressesResponse, AssignedPrivateIpAddress,
    Ipv4PrefixDescription, UnassignPrivateIpAddresses,
};
use crate::operations::address::release;
use crate::operations::claims::Claims;
use crate::operations::lookup;
use crate::resource::{Address, NetworkInterface};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Gives a network interface further private addresses: all that are asked for, or none.
impl Operation for AssignPrivateIpAddresses {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let count = self.check_parameters()?;
        let eni = lookup::own_interface(world, self.network_interface_id)?;
        efa::check_carries_ip(eni)?;
        let subnet = world.subnets.known(eni.subnet_id)?;
        if subnet.is_ipv6_native() {
            let message = format!(
                "The interface {} is in an IPv6-only subnet: private IPv4 addresses cannot be assigned.",
                eni.network_interface_id
            );
            return Err(ErrorCode::InvalidParameterCombination.with(message));
        }
        check_type(eni, self.prefixes().number() > 0, world)?;
        let mut moves = Moves::new(eni, self.allow_reassignment == Some(true));
        for address in &self.private_ip_addresses {
            check_in_subnet(*address, subnet)?;
            moves.add(*address, world)?;
        }
        let mut claims = Claims::default();
        let prefixes = self.prefixes();
        let block = subnet.cidr_block.map(IpCidr::V4);
        let prefixes = prefixes.take(subnet.vpc_id, block, &mut claims, world, context)?;
        let prefixes: Vec<Ipv4Cidr> = prefixes.into_iter().filter_map(IpCidr::ipv4).collect();
        let free = take_free(count, subnet, &mut claims, world, context)?;
        moves.to.private_ip_addresses.extend(free.iter().copied());
        moves.to.ipv4_prefixes.extend(&prefixes);
        check_number(moves.to.ipv4_slots(), limit_of(eni, world))?;
        let assigned = self.private_ip_addresses.into_iter().chain(free);
        let response = AssignPrivateIpAddressesResponse {
            network_interface_id: self.network_interface_id,
            assigned_private_ip_addresses_set: assigned
                .map(|private_ip_address| AssignedPrivateIpAddress { private_ip_address })
                .collect(),
            assigned_ipv4_prefix_set: prefixes
                .into_iter()
                .map(Ipv4PrefixDescription::of)
                .collect(),
            r#return: true,
        };
        Ok((moves.into_changes(), response))
    }
}

impl AssignPrivateIpAddresses {
    /// Gives the number of addresses to choose.
    fn check_parameters(&self) -> Result<usize, Ec2Error> {
        let named = !self.private_ip_addresses.is_empty();
        let delegates = self.prefixes().number();
        check_only_one(&[
            (
                "privateIpAddresses",
                named && self.secondary_private_ip_address_count.is_none(),
            ),
            (
                "secondaryPrivateIpAddressCount",
                self.secondary_private_ip_address_count.is_some(),
            ),
            ("ipv4Prefixes", !self.ipv4_prefixes.is_empty()),
            ("ipv4PrefixCount", self.ipv4_prefix_count.is_some()),
        ])?;
        check_number(delegates, quota::PRIVATE_ADDRESSES_PER_NETWORK_INTERFACE)?;
        match self.secondary_private_ip_address_count {
            Some(_) if named => {
                let message = "You may not specify both privateIpAddresses and secondaryPrivateIpAddressCount.";
                Err(ErrorCode::InvalidParameterCombination.with(message))
            }
            None if !named && delegates == 0 => {
                let message = "Either privateIpAddresses or secondaryPrivateIpAddressCount must be specified.";
                Err(ErrorCode::MissingParameter.with(message))
            }
            Some(0) => {
                let message = "Value (0) for parameter secondaryPrivateIpAddressCount is invalid. A positive number is expected.";
                Err(ErrorCode::InvalidParameterValue.with(message))
            }
            count => {
                let count = count.unwrap_or(0) as usize;
                // Before the search for free ones, which takes as long as there are.
                check_number(count, quota::PRIVATE_ADDRESSES_PER_NETWORK_INTERFACE)?;
                Ok(count)
            }
        }
    }
}

impl AssignPrivateIpAddresses {
    fn prefixes(&self) -> PrefixRequest {
        let named = self.ipv4_prefixes.iter().copied();
        PrefixRequest {
            named: named.map(IpCidr::V4).collect(),
            count: self.ipv4_prefix_count.unwrap_or(0) as usize,
        }
    }
}

/// Private addresses that one interface may have: as many as its instance's type says, or any type.
/// Refuses blocks for an interface on an instance whose type takes none.
pub(super) fn check_type(
    eni: &NetworkInterface,
    has_blocks: bool,
    world: &World,
) -> Result<(), Ec2Error> {
    let attachment = eni.attachment.as_ref();
    let instance = attachment.and_then(|attachment| world.instances.get(attachment.instance_id));
    instance.map_or(Ok(()), |instance| {
        check_hypervisor(instance.instance_type, false, has_blocks)
    })
}

fn limit_of(eni: &NetworkInterface, world: &World) -> usize {
    eni.attachment
        .as_ref()
        .and_then(|attachment| world.instances.get(attachment.instance_id))
        .map_or(quota::PRIVATE_ADDRESSES_PER_NETWORK_INTERFACE, |instance| {
            instance.instance_type.ipv4_addresses_per_interface
        })
}

/// Named addresses on their way to an interface, free ones and ones that other interfaces have.
struct Moves {
    to: NetworkInterface,
    allow_reassignment: bool,
    named: Vec<Ipv4Addr>,
    from: BTreeMap<NetworkInterfaceId, NetworkInterface>,
    public: Vec<Address>,
}

impl Moves {
    fn new(to: &NetworkInterface, allow_reassignment: bool) -> Self {
        Self {
            to: to.clone(),
            allow_reassignment,
            named: Vec::new(),
            from: BTreeMap::new(),
            public: Vec::new(),
        }
    }

    fn add(&mut self, address: Ipv4Addr, world: &World) -> Result<(), Ec2Error> {
        if self.named.contains(&address) {
            return Err(named_twice(address));
        }
        self.named.push(address);
        let vpc_id = self.to.vpc_id;
        if delegated(vpc_id, IpAddr::V4(address), &Claims::default(), world).is_some() {
            return Err(no_move(address));
        }
        let Some(owner) = world.owner_of_private_address(vpc_id, address) else {
            self.to.private_ip_addresses.push(address);
            return Ok(());
        };
        if !self.allow_reassignment {
            return Err(no_move(address));
        }
        if owner.primary_private_ip_address() == Some(address) {
            let message = format!("The primary private IP address {address} cannot be reassigned.");
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        let id = owner.network_interface_id;
        if id == self.to.network_interface_id {
            return Ok(());
        }
        let from = self
            .from
            .entry(id)
            .or_insert_with(|| NetworkInterface::clone(owner));
        from.private_ip_addresses.retain(|other| *other != address);
        self.to.private_ip_addresses.push(address);
        if let Some(public) = world.public_address_of(id, address) {
            let mut public = Address::clone(public);
            if let Some(association) = &mut public.association {
                association.network_interface_id = self.to.network_interface_id;
            }
            self.public.push(public);
        }
        Ok(())
    }

    fn into_changes(self) -> ChangeSet {
        let mut changes = ChangeSet::none();
        for (_, eni) in self.from {
            changes.put(eni);
        }
        changes.put(self.to);
        for address in self.public {
            changes.put(address);
        }
        changes
    }
}

/// The error for an address that is another's, or in a delegated block.
fn no_move(address: Ipv4Addr) -> Ec2Error {
    let message = format!("[{address}] assigned, but move is not allowed.");
    ErrorCode::InvalidParameterValue.with(message)
}

/// Takes secondary private addresses and delegated blocks away from a network interface. Their Elastic IP addresses stay allocated.
impl Operation for UnassignPrivateIpAddresses {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        if self.private_ip_addresses.is_empty() && self.ipv4_prefixes.is_empty() {
            return Err(Ec2Error::missing_parameter("privateIpAddresses"));
        }
        let id = self.network_interface_id;
        let mut eni = NetworkInterface::clone(lookup::own_interface(world, id)?);
        for address in &self.private_ip_addresses {
            let message = if eni.primary_private_ip_address() == Some(*address) {
                format!("The primary private IP address {address} cannot be unassigned.")
            } else if !eni.private_ip_addresses.contains(address) {
                format!("Some of the specified addresses are not assigned to interface {id}")
            } else {
                continue;
            };
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        let mut prefixes = self.ipv4_prefixes.iter();
        if !prefixes.all(|prefix| eni.ipv4_prefixes.contains(prefix)) {
            let message =
                format!("Some of the specified prefixes are not assigned to interface {id}");
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        eni.private_ip_addresses
            .retain(|address| !self.private_ip_addresses.contains(address));
        eni.ipv4_prefixes
            .retain(|prefix| !self.ipv4_prefixes.contains(prefix));
        let mut changes = ChangeSet::none();
        for address in world.addresses.by(&id) {
            let goes = address.association.as_ref().is_some_and(|association| {
                self.private_ip_addresses
                    .contains(&association.private_ip_address)
            });
            if goes {
                release::disassociate(address, &mut changes);
            }
        }
        changes.put(eni);
        Ok((changes, ReturnTrue::default()))
    }
}
