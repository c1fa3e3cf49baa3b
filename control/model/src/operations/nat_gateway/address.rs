//! `AssociateNatGatewayAddress`, `DisassociateNatGatewayAddress`, `AssignPrivateNatGatewayAddress` and
//! `UnassignPrivateNatGatewayAddress`.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::ops::RangeInclusive;

use eni_types::{NatGatewayId, quota};

use super::create::{allocations, associated, check_address_number};
use super::describe::{address_set, addresses_of};
use crate::api::nat_gateway::{
    AssignPrivateNatGatewayAddress, AssignPrivateNatGatewayAddressResponse,
    AssociateNatGatewayAddress, AssociateNatGatewayAddressResponse, DisassociateNatGatewayAddress,
    DisassociateNatGatewayAddressResponse, UnassignPrivateNatGatewayAddress,
    UnassignPrivateNatGatewayAddressResponse,
};
use crate::operations::address::release;
use crate::operations::claims::Claims;
use crate::operations::lookup;
use crate::operations::network_interface::private_addresses::{take_free, take_named};
use crate::resource::{ConnectivityType, NatGateway, NatGatewayAddress, NetworkInterface};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Seconds that connections may be given to end (EC2 API reference, `MaxDrainDurationSeconds`).
const DRAIN_SECONDS: RangeInclusive<u32> = 1..=4000;

/// Gives a public NAT gateway further Elastic IP addresses, each at a private address of its own.
impl Operation for AssociateNatGatewayAddress {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        let (gateway, eni) = available(self.nat_gateway_id, ConnectivityType::Public, world)?;
        let allocations = allocations(self.allocation_ids.iter().copied(), world)?;
        if allocations.is_empty() {
            return Err(Ec2Error::missing_parameter("allocationIds"));
        }
        for address in &allocations {
            if let Some(association) = &address.association {
                let message = format!(
                    "resource {} is already associated with associate-id {}",
                    address.allocation_id, association.association_id
                );
                return Err(ErrorCode::ResourceAlreadyAssociated.with(message));
            }
        }
        let named = self.private_ip_addresses.len();
        if named > allocations.len() {
            let message = "There are more private IP addresses than allocation IDs.";
            return Err(ErrorCode::InvalidParameterCombination.with(message));
        }
        let number = allocations.len() - named;
        let most = quota::ELASTIC_IP_ADDRESSES_PER_NAT_GATEWAY;
        let added = take(
            eni,
            &self.private_ip_addresses,
            number,
            most,
            world,
            context,
        )?;
        let mut changes = ChangeSet::none();
        let pairs = allocations.iter().zip(&added);
        let new: Vec<_> = pairs
            .map(|(address, private)| associated(address, eni, *private, context))
            .collect();
        let shown: Vec<_> = new
            .iter()
            .map(|address| {
                let association = address.association.as_ref();
                NatGatewayAddress {
                    allocation_id: Some(address.allocation_id),
                    public_ip: Some(address.public_ip),
                    association_id: association.map(|association| association.association_id),
                    private_ip: association.map(|association| association.private_ip_address),
                    network_interface_id: Some(eni.network_interface_id),
                }
            })
            .collect();
        new.into_iter().for_each(|address| changes.put(address));
        changes.put(with_addresses(eni, &added));
        changes.answered(AssociateNatGatewayAddressResponse {
            nat_gateway_id: gateway.nat_gateway_id,
            nat_gateway_address_set: address_set(&shown, "associating", false),
        })
    }
}

/// Takes Elastic IP addresses away from a public NAT gateway, with their private ones. Its first one stays as long as it does.
impl Operation for DisassociateNatGatewayAddress {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        check_drain(self.max_drain_duration_seconds)?;
        let (gateway, eni) = available(self.nat_gateway_id, ConnectivityType::Public, world)?;
        let addresses = addresses_of(gateway, world);
        let mut gone = Vec::new();
        for id in &self.association_ids {
            let place = addresses
                .iter()
                .position(|address| address.association_id == Some(*id));
            match place {
                None => return Err(lookup::not_found(*id)),
                Some(0) => return Err(is_primary()),
                Some(place) => gone.extend(addresses.get(place).copied()),
            }
        }
        if gone.is_empty() {
            return Err(Ec2Error::missing_parameter("associationIds"));
        }
        let mut changes = without(eni, &gone);
        for address in gone.iter().filter_map(|address| address.allocation_id) {
            if let Some(address) = world.addresses.get(address) {
                release::disassociate(address, &mut changes);
            }
        }
        changes.answered(DisassociateNatGatewayAddressResponse {
            nat_gateway_id: gateway.nat_gateway_id,
            nat_gateway_address_set: address_set(&gone, "disassociating", false),
        })
    }
}

/// Gives a private NAT gateway further addresses.
impl Operation for AssignPrivateNatGatewayAddress {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let (gateway, eni) = available(self.nat_gateway_id, ConnectivityType::Private, world)?;
        let named = &self.private_ip_addresses;
        let number = match (named.is_empty(), self.private_ip_address_count) {
            (false, Some(_)) => {
                let message =
                    "You may not specify both privateIpAddresses and privateIpAddressCount.";
                return Err(ErrorCode::InvalidParameterCombination.with(message));
            }
            (true, None) => return Err(Ec2Error::missing_parameter("privateIpAddresses")),
            (_, count) => count.unwrap_or(0) as usize,
        };
        let most = quota::PRIVATE_ADDRESSES_PER_NAT_GATEWAY;
        let added = take(eni, named, number, most, world, context)?;
        let shown: Vec<_> = added.iter().map(|private| at(eni, *private)).collect();
        let changes = ChangeSet::putting(with_addresses(eni, &added));
        changes.answered(AssignPrivateNatGatewayAddressResponse {
            nat_gateway_id: gateway.nat_gateway_id,
            nat_gateway_address_set: address_set(&shown, "assigning", false),
        })
    }
}

/// Takes addresses away from a private NAT gateway. Its first one stays as long as it does.
impl Operation for UnassignPrivateNatGatewayAddress {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        check_drain(self.max_drain_duration_seconds)?;
        let (gateway, eni) = available(self.nat_gateway_id, ConnectivityType::Private, world)?;
        let mut gone = Vec::new();
        for private in &self.private_ip_addresses {
            if eni.primary_private_ip_address() == Some(*private) {
                return Err(is_primary());
            }
            if !eni.private_ip_addresses.contains(private) {
                let message = format!("The address {private} is not assigned to the NAT gateway.");
                return Err(ErrorCode::InvalidParameterValue.with(message));
            }
            gone.push(at(eni, *private));
        }
        if gone.is_empty() {
            return Err(Ec2Error::missing_parameter("privateIpAddresses"));
        }
        let changes = without(eni, &gone);
        changes.answered(UnassignPrivateNatGatewayAddressResponse {
            nat_gateway_id: gateway.nat_gateway_id,
            nat_gateway_address_set: address_set(&gone, "unassigning", false),
        })
    }
}

/// The NAT gateway and its interface, if it is available and of this kind.
///
/// # Errors
/// `NatGatewayNotFound`; `IncorrectState`; `InvalidParameterCombination`.
fn available(
    id: NatGatewayId,
    wanted: ConnectivityType,
    world: &World,
) -> Result<(&Arc<NatGateway>, &Arc<NetworkInterface>), Ec2Error> {
    let gateway = world.nat_gateways.known(id)?;
    let eni = gateway.interface();
    let Some(eni) = eni.and_then(|eni| world.network_interfaces.get(eni)) else {
        let message = format!("The NAT gateway '{id}' is {}.", gateway.status.as_str());
        return Err(ErrorCode::IncorrectState.with(message));
    };
    if gateway.connectivity_type != wanted {
        let message = format!(
            "The NAT gateway '{id}' is {}: the operation is for {} ones.",
            gateway.connectivity_type.as_str(),
            wanted.as_str()
        );
        return Err(ErrorCode::InvalidParameterCombination.with(message));
    }
    Ok((gateway, eni))
}

/// Takes further private addresses for the gateway's interface.
fn take(
    eni: &NetworkInterface,
    named: &[Ipv4Addr],
    number: usize,
    most: usize,
    world: &World,
    context: &mut Context<'_>,
) -> Result<Vec<Ipv4Addr>, Ec2Error> {
    check_address_number(eni.private_ip_addresses.len() + named.len() + number, most)?;
    let subnet = world.subnets.known(eni.subnet_id)?;
    let mut claims = Claims::default();
    for address in named {
        take_named(*address, subnet, &mut claims, world)?;
    }
    let mut added = named.to_vec();
    added.extend(take_free(number, subnet, &mut claims, world, context)?);
    Ok(added)
}

fn with_addresses(eni: &NetworkInterface, added: &[Ipv4Addr]) -> NetworkInterface {
    let mut eni = eni.clone();
    eni.private_ip_addresses.extend(added);
    eni
}

fn without(eni: &NetworkInterface, gone: &[NatGatewayAddress]) -> ChangeSet {
    let mut eni = eni.clone();
    let is_gone = |own: &Ipv4Addr| gone.iter().any(|address| address.private_ip == Some(*own));
    eni.private_ip_addresses.retain(|own| !is_gone(own));
    ChangeSet::putting(eni)
}

fn at(eni: &NetworkInterface, private: Ipv4Addr) -> NatGatewayAddress {
    NatGatewayAddress {
        allocation_id: None,
        public_ip: None,
        association_id: None,
        private_ip: Some(private),
        network_interface_id: Some(eni.network_interface_id),
    }
}

fn is_primary() -> Ec2Error {
    let message = "The primary address of a NAT gateway cannot be taken away.";
    ErrorCode::InvalidParameterValue.with(message)
}

fn check_drain(seconds: Option<u32>) -> Result<(), Ec2Error> {
    match seconds {
        Some(seconds) if !DRAIN_SECONDS.contains(&seconds) => {
            let message = format!(
                "Value ({seconds}) for parameter maxDrainDurationSeconds is invalid. Valid values are from {} to {}.",
                DRAIN_SECONDS.start(),
                DRAIN_SECONDS.end()
            );
            Err(ErrorCode::InvalidParameterValue.with(message))
        }
        _ => Ok(()),
    }
}
