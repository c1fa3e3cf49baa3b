//! `CreateNatGateway`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::{AllocationId, AssociationId, NatGatewayId, NetworkInterfaceType, TypedId, quota};

use super::describe::pending;
use crate::api::nat_gateway::{CreateNatGateway, CreateNatGatewayResponse};
use crate::operations::claims::Claims;
use crate::operations::create::{check_quota, create};
use crate::operations::network_interface::ipv6_addresses::Ipv6Request;
use crate::operations::network_interface::private_addresses::PrivateAddressRequest;
use crate::operations::network_interface::specification::{NetworkInterfaceSpecification, build};
use crate::operations::unsupported;
use crate::resource::{
    Address, AddressAssociation, ConnectionTracking, ConnectivityType, NatGateway,
    NatGatewayAddress, NatGatewayFailure, NatGatewayStatus, NetworkInterface, Subnet,
};
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Who has made the interface, as answers name the service.
const REQUESTER: &str = "amazon-aws";

/// Makes a NAT gateway in a subnet. What names nothing is refused; what cannot be brought about is answered like what can, and
/// has failed (EC2 API reference, `NatGateway`, `failureCode`).
impl Operation for CreateNatGateway {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        self.check_mode()?;
        let token = self.client_token.clone();
        let answer = |mut nat_gateway| {
            pending(&mut nat_gateway);
            CreateNatGatewayResponse {
                nat_gateway,
                client_token: token.clone(),
            }
        };
        let make = |context: &mut Context<'_>| self.make(world, context);
        let table = &world.nat_gateways;
        create::<Self, _>(table, token.as_deref(), world, context, make, answer)
    }
}

impl CreateNatGateway {
    fn check_mode(&self) -> Result<(), Ec2Error> {
        let mode = self.availability_mode.as_deref().unwrap_or("zonal");
        unsupported::refuse("A regional NAT gateway", mode == "regional")?;
        if mode == "zonal" {
            return Ok(());
        }
        Err(invalid("availabilityMode", mode))
    }

    fn connectivity_type(&self) -> Result<ConnectivityType, Ec2Error> {
        match self.connectivity_type.as_deref() {
            None | Some("public") => Ok(ConnectivityType::Public),
            Some("private") => Ok(ConnectivityType::Private),
            Some(other) => Err(invalid("connectivityType", other)),
        }
    }

    fn make(
        &self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(NatGateway, ChangeSet), Ec2Error> {
        let connectivity_type = self.connectivity_type()?;
        let subnet_id = self
            .subnet_id
            .ok_or_else(|| Ec2Error::missing_parameter("subnetId"))?;
        let subnet = world.subnets.known(subnet_id)?;
        let allocations = self.allocations(connectivity_type, world)?;
        let request = self.addresses(connectivity_type, subnet)?;
        let live = world.nat_gateways.iter().filter(|other| {
            other.interface().is_some() && other.availability_zone == subnet.availability_zone
        });
        let most = quota::NAT_GATEWAYS_PER_AVAILABILITY_ZONE;
        let code = ErrorCode::NatGatewayLimitExceeded;
        check_quota(live.count(), most, code, "NAT gateways")?;
        let nat_gateway_id = NatGatewayId::generate(context.ids);
        let mut gateway = NatGateway {
            nat_gateway_id,
            subnet_id,
            vpc_id: subnet.vpc_id,
            availability_zone: subnet.availability_zone.clone(),
            connectivity_type,
            status: NatGatewayStatus::Available,
            network_interface_id: None,
            create_time: context.now,
            end_time: None,
            last_addresses: Vec::new(),
            tags: Tags::for_created("natgateway", &self.tag_specifications)?,
        };
        let mut changes = ChangeSet::none();
        match interface(&gateway, subnet, request, &allocations, world, context)? {
            Ok(eni) => {
                gateway.network_interface_id = Some(eni.network_interface_id);
                for (address, private) in allocations.iter().zip(&eni.private_ip_addresses) {
                    changes.put(associated(address, &eni, *private, context));
                }
                changes.put(eni);
            }
            Err(failure) => {
                gateway.status = NatGatewayStatus::Failed(failure);
                gateway.end_time = Some(context.now);
                let asked_for = |address: &&Address| NatGatewayAddress {
                    allocation_id: Some(address.allocation_id),
                    public_ip: None,
                    association_id: None,
                    private_ip: None,
                    network_interface_id: None,
                };
                gateway.last_addresses = allocations.iter().map(asked_for).collect();
            }
        }
        Ok((gateway, changes))
    }

    /// The Elastic IP addresses that it is to have.
    fn allocations<'a>(
        &self,
        connectivity_type: ConnectivityType,
        world: &'a World,
    ) -> Result<Vec<&'a Address>, Ec2Error> {
        let ids: Vec<AllocationId> = self.allocation_id.into_iter().collect();
        match (connectivity_type, ids.is_empty()) {
            (ConnectivityType::Public, true) => Err(Ec2Error::missing_parameter("allocationId")),
            (ConnectivityType::Private, false) => Err(ErrorCode::InvalidParameterCombination
                .with("An Elastic IP address cannot be specified for a private NAT gateway.")),
            (ConnectivityType::Private, true) if !self.secondary_allocation_ids.is_empty() => {
                Err(ErrorCode::InvalidParameterCombination
                    .with("An Elastic IP address cannot be specified for a private NAT gateway."))
            }
            _ => {
                let all = ids.iter().chain(&self.secondary_allocation_ids);
                allocations(all.copied(), world)
            }
        }
    }

    /// The private addresses that it is to have: of a public gateway as many as it has Elastic IP addresses.
    fn addresses(
        &self,
        connectivity_type: ConnectivityType,
        subnet: &Subnet,
    ) -> Result<PrivateAddressRequest, Ec2Error> {
        let named = &self.secondary_private_ip_addresses;
        let asked_for = self.secondary_private_ip_address_count.unwrap_or(0) as usize;
        if asked_for != 0 && !named.is_empty() {
            let message = "You may not specify both secondaryPrivateIpAddresses and secondaryPrivateIpAddressCount.";
            return Err(ErrorCode::InvalidParameterCombination.with(message));
        }
        let (count, most) = match connectivity_type {
            ConnectivityType::Public => {
                let public = self.secondary_allocation_ids.len();
                if asked_for != 0 || named.len() > public {
                    let message = "A secondary private IPv4 address of a public NAT gateway needs a secondary Elastic IP address.";
                    return Err(ErrorCode::InvalidParameterCombination.with(message));
                }
                let most = quota::ELASTIC_IP_ADDRESSES_PER_NAT_GATEWAY;
                (public - named.len(), most)
            }
            ConnectivityType::Private => (asked_for, quota::PRIVATE_ADDRESSES_PER_NAT_GATEWAY),
        };
        check_address_number(1 + named.len() + count, most)?;
        if subnet.is_ipv6_native() {
            let message = format!("The subnet '{}' is an IPv6-only subnet.", subnet.subnet_id);
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        Ok(PrivateAddressRequest {
            primary: self.private_ip_address,
            secondary: named.clone(),
            secondary_count: count,
            ..PrivateAddressRequest::default()
        })
    }
}

/// Refuses more addresses than a NAT gateway may have.
///
/// # Errors
/// `PrivateIpAddressLimitExceeded`: EC2 documents no code.
pub(super) fn check_address_number(number: usize, most: usize) -> Result<(), Ec2Error> {
    if number <= most {
        return Ok(());
    }
    let message = format!("The maximum number of IP addresses of a NAT gateway is {most}.");
    Err(ErrorCode::PrivateIpAddressLimitExceeded.with(message))
}

/// Elastic IP addresses that a call names, each once.
///
/// # Errors
/// `InvalidAllocationID.NotFound`; `InvalidParameterValue` for one that is named twice.
pub(super) fn allocations(
    ids: impl Iterator<Item = AllocationId>,
    world: &World,
) -> Result<Vec<&Address>, Ec2Error> {
    let mut found: Vec<&Address> = Vec::new();
    for id in ids {
        if found.iter().any(|address| address.allocation_id == id) {
            let message = format!("The allocation ID '{id}' is specified more than once.");
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        found.push(world.addresses.known(id)?);
    }
    Ok(found)
}

/// The Elastic IP address `address`, translated to a private one of `eni`.
pub(super) fn associated(
    address: &Address,
    eni: &NetworkInterface,
    private_ip_address: core::net::Ipv4Addr,
    context: &mut Context<'_>,
) -> Address {
    Address {
        association: Some(AddressAssociation {
            association_id: AssociationId::generate(context.ids),
            network_interface_id: eni.network_interface_id,
            private_ip_address,
        }),
        ..address.clone()
    }
}

/// The interface of a new gateway, or why there can be none.
fn interface(
    gateway: &NatGateway,
    subnet: &Subnet,
    request: PrivateAddressRequest,
    allocations: &[&Address],
    world: &World,
    context: &mut Context<'_>,
) -> Result<Result<NetworkInterface, NatGatewayFailure>, Ec2Error> {
    let is_public = gateway.connectivity_type == ConnectivityType::Public;
    if is_public && world.internet_gateway_of(subnet.vpc_id).is_none() {
        return Ok(Err(NatGatewayFailure::GatewayNotAttached));
    }
    let is_taken = |address: &&&Address| address.association.is_some();
    if let Some(taken) = allocations.iter().find(is_taken) {
        let failure = NatGatewayFailure::AlreadyAssociated(taken.allocation_id);
        return Ok(Err(failure));
    }
    let specification = NetworkInterfaceSpecification {
        subnet,
        interface_type: NetworkInterfaceType::NatGateway,
        description: description_of(gateway.nat_gateway_id),
        group_ids: Vec::new(),
        private_addresses: Some(request),
        ipv6: Ipv6Request::default(),
        connection_tracking: ConnectionTracking::default(),
        associate_public_ip_address: Some(false),
        tags: Tags::default(),
    };
    match build(specification, &mut Claims::default(), world, context) {
        Ok(eni) => Ok(Ok(NetworkInterface {
            group_ids: Vec::new(),
            source_dest_check: false,
            requester_id: Some(REQUESTER.to_string()),
            ..eni
        })),
        Err(error) if error.code == ErrorCode::InsufficientFreeAddressesInSubnet => {
            Ok(Err(NatGatewayFailure::InsufficientFreeAddresses))
        }
        Err(error) => Err(error),
    }
}

fn description_of(id: NatGatewayId) -> String {
    format!("Interface for NAT Gateway {id}")
}

fn invalid(name: &str, value: &str) -> Ec2Error {
    let message = format!("Value ({value}) for parameter {name} is invalid.");
    ErrorCode::InvalidParameterValue.with(message)
}
