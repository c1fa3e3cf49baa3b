//! Where an endpoint is: its interfaces.

use alloc::format;
use alloc::string::ToString;

use eni_types::{NetworkInterfaceType, SubnetId};

use crate::operations::claims::Claims;
use crate::operations::network_interface::ipv6_addresses::Ipv6Request;
use crate::operations::network_interface::private_addresses::PrivateAddressRequest;
use crate::operations::network_interface::specification::{NetworkInterfaceSpecification, build};
use crate::operations::unsupported;
use crate::resource::{
    ConnectionTracking, NetworkInterface, Subnet, VpcEndpoint, VpcEndpointPlace,
};
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, RegionSettings, World};

/// Who has made the interfaces, as answers name the service.
const REQUESTER: &str = "amazon-aws";

/// Gives the endpoint an interface in each of these subnets.
///
/// # Errors
/// `InvalidSubnetID.NotFound`; `InvalidParameter` for a subnet of another VPC; `DuplicateSubnetsInSameZone`; and what may be
/// wrong with a new interface.
pub(super) fn add_places(
    endpoint: &mut VpcEndpoint,
    subnet_ids: &[SubnetId],
    changes: &mut ChangeSet,
    world: &World,
    context: &mut Context<'_>,
) -> Result<(), Ec2Error> {
    let mut claims = Claims::default();
    for id in subnet_ids {
        let subnet = world.subnets.known(*id)?;
        if subnet.vpc_id != endpoint.vpc_id {
            let message = format!("Subnet {id} does not belong to VPC {}", endpoint.vpc_id);
            return Err(ErrorCode::InvalidParameter.with(message));
        }
        let mut places = endpoint.places.iter();
        if places.any(|place| place.availability_zone == subnet.availability_zone) {
            let message = "Found another VPC endpoint subnet in the availability zone of this one.";
            return Err(ErrorCode::DuplicateSubnetsInSameZone.with(message));
        }
        let eni = interface(endpoint, subnet, &mut claims, world, context)?;
        endpoint.places.push(VpcEndpointPlace {
            subnet_id: *id,
            availability_zone: subnet.availability_zone.clone(),
            network_interface_id: eni.network_interface_id,
        });
        changes.put(eni);
    }
    Ok(())
}

fn interface(
    endpoint: &VpcEndpoint,
    subnet: &Subnet,
    claims: &mut Claims,
    world: &World,
    context: &mut Context<'_>,
) -> Result<NetworkInterface, Ec2Error> {
    if subnet.is_ipv6_native() {
        let message = format!("The subnet '{}' is an IPv6-only subnet.", subnet.subnet_id);
        return Err(ErrorCode::InvalidParameter.with(message));
    }
    let specification = NetworkInterfaceSpecification {
        subnet,
        interface_type: NetworkInterfaceType::VpcEndpoint,
        description: format!("VPC Endpoint Interface {}", endpoint.vpc_endpoint_id),
        group_ids: endpoint.group_ids.clone(),
        private_addresses: Some(PrivateAddressRequest::default()),
        ipv6: Ipv6Request::default(),
        connection_tracking: ConnectionTracking::default(),
        associate_public_ip_address: Some(false),
        tags: Tags::default(),
    };
    let eni = build(specification, claims, world, context)?;
    Ok(NetworkInterface {
        requester_id: Some(REQUESTER.to_string()),
        ..eni
    })
}

/// Refuses private names of the service where they cannot be, or are another endpoint's.
///
/// # Errors
/// `InvalidParameter`.
pub(super) fn check_private_dns(
    endpoint: &VpcEndpoint,
    world: &World,
    region: &RegionSettings,
) -> Result<(), Ec2Error> {
    let (vpc_id, service) = (endpoint.vpc_id, endpoint.service);
    let vpc = world.vpcs.known(vpc_id)?;
    if !vpc.has_dns_hostnames() {
        let message = format!(
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {vpc_id}"
        );
        return Err(ErrorCode::InvalidParameter.with(message));
    }
    let mut others = world.vpc_endpoints.by(&vpc_id).filter(|other| {
        other.vpc_endpoint_id != endpoint.vpc_endpoint_id && other.service == service
    });
    if others.any(|other| other.private_dns_enabled) {
        let name = service.private_dns_name(&region.region);
        let message = format!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {name} in the VPC {vpc_id}"
        );
        return Err(ErrorCode::InvalidParameter.with(message));
    }
    Ok(())
}

/// Endpoints have addresses of IPv4.
///
/// # Errors
/// `UnsupportedOperation`, `InvalidParameter`.
pub(super) fn check_ip_address_type(given: Option<&str>) -> Result<(), Ec2Error> {
    match given {
        None | Some("ipv4") => Ok(()),
        Some(other @ ("dualstack" | "ipv6")) => {
            unsupported::refuse(&format!("A VPC endpoint of address type {other}"), true)
        }
        Some(other) => {
            let message = format!("Value ({other}) for parameter ipAddressType is invalid.");
            Err(ErrorCode::InvalidParameter.with(message))
        }
    }
}
