//! `AssignPrivateIpAddresses` and `UnassignPrivateIpAddresses`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use eni_types::{NetworkInterfaceId, quota};

use super::efa;
use super::private_addresses::{check_in_subnet, check_number, named_twice, take_free};
use crate::api::network_interface::{
    AssignPrivateIpAddresses, AssignPrivateIpAddressesResponse, AssignedPrivateIpAddress,
    UnassignPrivateIpAddresses,
};
use crate::operations::address::release;
use crate::operations::claims::Claims;
use crate::resource::{Address, NetworkInterface};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Gives a network interface further private addresses: all that are asked for, or none.
impl Operation for AssignPrivateIpAddresses {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        let count = self.check_parameters()?;
        let eni = world.network_interfaces.known(self.network_interface_id)?;
        efa::check_carries_ip(eni)?;
        let subnet = world.subnets.known(eni.subnet_id)?;
        let mut moves = Moves::new(eni, self.allow_reassignment == Some(true));
        for address in &self.private_ip_addresses {
            check_in_subnet(*address, subnet)?;
            moves.add(*address, world)?;
        }
        let free = take_free(count, subnet, &mut Claims::default(), world, context)?;
        moves.to.private_ip_addresses.extend(free.iter().copied());
        check_number(moves.to.private_ip_addresses.len(), limit_of(eni, world))?;
        let assigned = self.private_ip_addresses.into_iter().chain(free);
        let response = AssignPrivateIpAddressesResponse {
            network_interface_id: self.network_interface_id,
            assigned_private_ip_addresses_set: assigned
                .map(|private_ip_address| AssignedPrivateIpAddress { private_ip_address })
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
        match self.secondary_private_ip_address_count {
            Some(_) if named => {
                let message = "You may not specify both privateIpAddresses and secondaryPrivateIpAddressCount.";
                Err(ErrorCode::InvalidParameterCombination.with(message))
            }
            None if !named => {
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

/// Private addresses that one interface may have: as many as its instance's type says, or any type.
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
        let Some(owner) = world.owner_of_private_address(self.to.vpc_id, address) else {
            self.to.private_ip_addresses.push(address);
            return Ok(());
        };
        if !self.allow_reassignment {
            let message = format!("[{address}] assigned, but move is not allowed.");
            return Err(ErrorCode::InvalidParameterValue.with(message));
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

/// Takes secondary private addresses away from a network interface. Their Elastic IP addresses stay allocated.
impl Operation for UnassignPrivateIpAddresses {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        if self.private_ip_addresses.is_empty() {
            return Err(Ec2Error::missing_parameter("privateIpAddresses"));
        }
        let id = self.network_interface_id;
        let mut eni = NetworkInterface::clone(world.network_interfaces.known(id)?);
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
        eni.private_ip_addresses
            .retain(|address| !self.private_ip_addresses.contains(address));
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
