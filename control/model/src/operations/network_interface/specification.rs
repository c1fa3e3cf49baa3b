//! What a new network interface is to be.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use eni_types::{
    MacAddress, NetworkInterfaceId, NetworkInterfaceType, SecurityGroupId, TypedId, quota,
};

use super::ipv6_addresses::{Ipv6Request, TakenIpv6};
use super::private_addresses::{PrivateAddressRequest, TakenIpv4};
use crate::api::network_interface::ConnectionTrackingSpecification;
use crate::operations::claims::Claims;
use crate::operations::security_group::membership;
use crate::resource::{ConnectionTracking, NetworkInterface, Subnet};
use crate::tags::Tags;
use crate::{Context, Ec2Error, ErrorCode, World};

impl ConnectionTrackingSpecification {
    /// The timeouts, each in EC2's range.
    ///
    /// # Errors
    /// `InvalidParameterValue`.
    pub(crate) fn checked(self) -> Result<ConnectionTracking, Ec2Error> {
        for (name, value, range) in [
            (
                "tcpEstablishedTimeout",
                self.tcp_established_timeout,
                60..=432_000,
            ),
            ("udpStreamTimeout", self.udp_stream_timeout, 60..=180),
            ("udpTimeout", self.udp_timeout, 30..=60),
        ] {
            if let Some(value) = value.filter(|value| !range.contains(value)) {
                let message = format!(
                    "Value ({value}) for parameter {name} is invalid. Valid values are from {} to {}.",
                    range.start(),
                    range.end()
                );
                return Err(ErrorCode::InvalidParameterValue.with(message));
            }
        }
        Ok(ConnectionTracking {
            tcp_established_timeout: self.tcp_established_timeout,
            udp_stream_timeout: self.udp_stream_timeout,
            udp_timeout: self.udp_timeout,
        })
    }
}

/// A network interface to be made, by `CreateNetworkInterface` or with an instance by `RunInstances`.
pub(crate) struct NetworkInterfaceSpecification<'a> {
    /// Its subnet.
    pub(crate) subnet: &'a Subnet,
    /// Its type.
    pub(crate) interface_type: NetworkInterfaceType,
    /// Its description.
    pub(crate) description: String,
    /// Its security groups; the VPC's default group where none is named.
    pub(crate) group_ids: Vec<SecurityGroupId>,
    /// Its private IPv4 addresses; none where it carries no IPv4.
    pub(crate) private_addresses: Option<PrivateAddressRequest>,
    /// Its IPv6 addresses.
    pub(crate) ipv6: Ipv6Request,
    /// Idle timeouts.
    pub(crate) connection_tracking: ConnectionTracking,
    /// Whether it gets a public address as the primary interface of a running instance; the subnet's setting where
    /// absent.
    pub(crate) associate_public_ip_address: Option<bool>,
    /// Its tags.
    pub(crate) tags: Tags,
}

/// Makes the row of a network interface that is attached to nothing. Its addresses are taken in `claims`, so that one
/// plan can make several.
///
/// # Errors
/// EC2's for the subnet's addresses, the groups, the description and the region's quota.
pub(crate) fn build(
    specification: NetworkInterfaceSpecification<'_>,
    claims: &mut Claims,
    world: &World,
    context: &mut Context<'_>,
) -> Result<NetworkInterface, Ec2Error> {
    if world.network_interfaces.len() >= quota::NETWORK_INTERFACES_PER_REGION {
        let message = "The maximum number of network interfaces has been reached.";
        return Err(ErrorCode::NetworkInterfaceLimitExceeded.with(message));
    }
    check_description(&specification.description)?;
    let subnet = specification.subnet;
    let group_ids = membership::check(specification.group_ids, subnet.vpc_id, world)?;
    let ipv4 = match &specification.private_addresses {
        Some(request) => request.take(subnet, claims, world, context)?,
        None => TakenIpv4::default(),
    };
    let carries_ip = specification.interface_type.carries_ip();
    let ipv6 = if carries_ip {
        specification.ipv6.take(subnet, claims, world, context)?
    } else {
        TakenIpv6::default()
    };
    let has_primary_ipv6_address = specification.ipv6.has_primary;
    if has_primary_ipv6_address && ipv6.addresses.is_empty() {
        return Err(no_primary_ipv6());
    }
    Ok(NetworkInterface {
        network_interface_id: NetworkInterfaceId::generate(context.ids),
        subnet_id: subnet.subnet_id,
        vpc_id: subnet.vpc_id,
        availability_zone: subnet.availability_zone.clone(),
        interface_type: specification.interface_type,
        mac_address: take_mac(claims, world, context),
        description: specification.description,
        private_ip_addresses: ipv4.addresses,
        ipv6_addresses: ipv6.addresses,
        has_primary_ipv6_address,
        ipv4_prefixes: ipv4.prefixes,
        ipv6_prefixes: ipv6.prefixes,
        group_ids,
        source_dest_check: true,
        attachment: None,
        connection_tracking: specification.connection_tracking,
        map_public_ip_on_launch: carries_ip
            && specification
                .associate_public_ip_address
                .unwrap_or(subnet.map_public_ip_on_launch),
        requester_id: None,
        created_by: context.caller.session_id(),
        tags: specification.tags,
    })
}

/// The error for a primary IPv6 address of an interface that has none.
pub(crate) fn no_primary_ipv6() -> Ec2Error {
    let message =
        "A primary IPv6 address can be enabled only on a network interface with an IPv6 address.";
    ErrorCode::InvalidParameterValue.with(message)
}

/// Refuses a description longer than EC2 takes.
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn check_description(description: &str) -> Result<(), Ec2Error> {
    let limit = quota::NETWORK_INTERFACE_DESCRIPTION_CHARACTERS;
    if description.chars().count() > limit {
        let message = format!("Description exceeds the maximum length of {limit} characters.");
        return Err(ErrorCode::InvalidParameterValue.with(message));
    }
    Ok(())
}

/// A MAC address that no interface of the region has. Of 2⁴⁰ addresses at most 10⁵ are taken, so that one draw is
/// enough but for one in ten million.
fn take_mac(claims: &mut Claims, world: &World, context: &mut Context<'_>) -> MacAddress {
    loop {
        let mac = MacAddress::locally_administered(context.rng.next_u64());
        let key = mac;
        if world.network_interfaces.count(&key) == 0 && claims.take(key) {
            return mac;
        }
    }
}
