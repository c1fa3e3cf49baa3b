//! `AssociateAddress`, `DisassociateAddress` and `ReleaseAddress`.

use alloc::format;
use core::net::Ipv4Addr;

use eni_types::{AssociationId, InstanceId, InstanceState, TypedId};

use super::named::{by_public_ip, named};
use super::{pool, release};
use crate::api::address::{
    AssociateAddress, AssociateAddressResponse, DisassociateAddress, ReleaseAddress,
};
use crate::operations::lookup;
use crate::resource::{Address, AddressAssociation, NetworkInterface};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Translates an Elastic IP address to a private address, in place of what it translated to before.
impl Operation for AssociateAddress {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let address = named(self.allocation_id, self.public_ip, world)?;
        let eni = self.interface(world)?;
        let private = self.private_address(eni)?;
        if let Some(association) = &address.association {
            check_own(association, world)?;
        }
        if world.internet_gateway_of(eni.vpc_id).is_none() {
            let message = format!(
                "Network {} is not attached to any internet gateway",
                eni.vpc_id
            );
            return Err(ErrorCode::GatewayNotAttached.with(message));
        }
        let answer = |association_id| AssociateAddressResponse {
            r#return: true,
            association_id,
        };
        let before = address.association.as_ref();
        if let Some(same) = before.filter(|association| {
            (
                association.network_interface_id,
                association.private_ip_address,
            ) == (eni.network_interface_id, private)
        }) {
            return Ok((ChangeSet::none(), answer(same.association_id)));
        }
        let in_place = world.public_address_of(eni.network_interface_id, private);
        if self.allow_reassociation == Some(false) {
            let own = in_place.filter(|address| !address.lent);
            own.into_iter()
                .chain([address])
                .try_for_each(|address| refuse_associated(address))?;
        }
        let mut changes = ChangeSet::none();
        if let Some(in_place) = in_place {
            release::disassociate(in_place, &mut changes);
        }
        if let Some(before) = before {
            pool::lend_again(before, world, context, &mut changes);
        }
        let association_id = AssociationId::generate(context.ids);
        changes.put(Address {
            association: Some(AddressAssociation {
                association_id,
                network_interface_id: eni.network_interface_id,
                private_ip_address: private,
            }),
            ..Address::clone(address)
        });
        Ok((changes, answer(association_id)))
    }
}

impl AssociateAddress {
    fn interface<'a>(&self, world: &'a World) -> Result<&'a NetworkInterface, Ec2Error> {
        match (self.instance_id, self.network_interface_id) {
            (None, Some(id)) => Ok(lookup::own_interface(world, id)?),
            (Some(id), None) => only_interface(id, world),
            (None, None) => {
                let message = "Either instance ID or network interface ID must be specified.";
                Err(ErrorCode::MissingParameter.with(message))
            }
            (Some(_), Some(_)) => {
                let message = "You may specify instance ID or network interface ID, but not both in the same call.";
                Err(ErrorCode::InvalidParameterCombination.with(message))
            }
        }
    }

    fn private_address(&self, eni: &NetworkInterface) -> Result<Ipv4Addr, Ec2Error> {
        let id = eni.network_interface_id;
        let found = match self.private_ip_address {
            Some(given) => eni
                .private_ip_addresses
                .iter()
                .find(|own| **own == given)
                .copied(),
            None => eni.primary_private_ip_address(),
        };
        found.ok_or_else(|| {
            let message = match self.private_ip_address {
                Some(given) => {
                    format!("The private IP address {given} is not mapped to the interface {id}")
                }
                None => format!("The network interface '{id}' has no private IP address."),
            };
            ErrorCode::InvalidParameterValue.with(message)
        })
    }
}

/// The only interface of an instance that can have an address now.
fn only_interface(id: InstanceId, world: &World) -> Result<&NetworkInterface, Ec2Error> {
    let instance = world.instances.known(id)?;
    let wrong_state = || {
        let state = instance.state;
        let message =
            format!("The {state} instance '{id}' is not in a valid state for this operation.");
        ErrorCode::IncorrectInstanceState.with(message)
    };
    match instance.state {
        InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped => {}
        InstanceState::Pending | InstanceState::ShuttingDown | InstanceState::Terminated => {
            return Err(wrong_state());
        }
    }
    let mut interfaces = world.network_interfaces_of(id);
    match (interfaces.next(), interfaces.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(lookup::several_interfaces(id)),
        (None, _) => Err(wrong_state()),
    }
}

/// Refuses to end what a service has made of an address.
fn check_own(association: &AddressAssociation, world: &World) -> Result<(), Ec2Error> {
    let eni = world
        .network_interfaces
        .get(association.network_interface_id);
    eni.map_or(Ok(()), |eni| lookup::refuse_managed(eni))
}

fn refuse_associated(address: &Address) -> Result<(), Ec2Error> {
    let Some(association) = &address.association else {
        return Ok(());
    };
    let message = format!(
        "resource {} is already associated with associate-id {}",
        address.allocation_id, association.association_id
    );
    Err(ErrorCode::ResourceAlreadyAssociated.with(message))
}

/// Ends the translation of an Elastic IP address, which stays allocated.
impl Operation for DisassociateAddress {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let address = match (self.association_id, self.public_ip) {
            (Some(id), None) => world
                .addresses
                .one(&id)
                .filter(|address| !address.lent)
                .ok_or_else(|| lookup::not_found(id))?,
            (None, Some(public_ip)) => {
                by_public_ip(public_ip, world)?;
                let message = "You must specify an association id when unmapping an address from a VPC instance";
                return Err(ErrorCode::InvalidParameterValue.with(message));
            }
            (None, None) => {
                let message = "Either public IP or association ID must be specified.";
                return Err(ErrorCode::MissingParameter.with(message));
            }
            (Some(_), Some(_)) => {
                let message =
                    "You may specify public IP or association ID, but not both in the same call.";
                return Err(ErrorCode::InvalidParameterCombination.with(message));
            }
        };
        let mut changes = ChangeSet::none();
        if let Some(association) = &address.association {
            check_own(association, world)?;
            release::disassociate(address, &mut changes);
            pool::lend_again(association, world, context, &mut changes);
        }
        Ok((changes, ReturnTrue::default()))
    }
}

/// Gives an Elastic IP address back to the pool.
impl Operation for ReleaseAddress {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let address = named(self.allocation_id, self.public_ip, world)?;
        if self.allocation_id.is_none() {
            let message =
                "You must specify an allocation id when releasing a VPC elastic IP address";
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        let mut changes = ChangeSet::none();
        if let Some(association) = &address.association {
            check_own(association, world)?;
            check_releasable(address, association, world)?;
            pool::lend_again(association, world, context, &mut changes);
        }
        changes.delete(address.allocation_id);
        Ok((changes, ReturnTrue::default()))
    }
}

/// In a default VPC the release ends the association, elsewhere the association forbids it (EC2 API reference).
fn check_releasable(
    address: &Address,
    association: &AddressAssociation,
    world: &World,
) -> Result<(), Ec2Error> {
    let is_in_default_vpc = world
        .network_interfaces
        .get(association.network_interface_id)
        .and_then(|eni| world.vpcs.get(eni.vpc_id))
        .is_some_and(|vpc| vpc.is_default);
    if is_in_default_vpc {
        return Ok(());
    }
    let message = format!("Address {} is in use.", address.public_ip);
    Err(ErrorCode::InvalidIpAddressInUse.with(message))
}
