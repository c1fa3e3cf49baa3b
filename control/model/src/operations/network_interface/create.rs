//! `CreateNetworkInterface`.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use eni_query::FromQuery;
use eni_types::{NetworkInterfaceId, ResourceId, SecurityGroupId, SubnetId};
use serde::Serialize;

use super::description::NetworkInterfaceDescription;
use super::efa;
use super::private_addresses::{PrivateAddressRequest, PrivateIpAddressSpecification};
use super::specification::{ConnectionTrackingSpecification, NetworkInterfaceSpecification, build};
use crate::client_token::Replay;
use crate::describe::Scope;
use crate::operations::claims::Claims;
use crate::operations::{lookup, unsupported};
use crate::resource::NetworkInterface;
use crate::tags::{TagSpecification, Tags};
use crate::{ChangeSet, ClientToken, Context, Ec2Error, Operation, World};

/// Makes a network interface in a subnet, attached to nothing.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct CreateNetworkInterface {
    /// Where it is made.
    pub subnet_id: SubnetId,
    /// A description, up to 255 characters.
    pub description: Option<String>,
    /// The primary private address.
    pub private_ip_address: Option<Ipv4Addr>,
    /// Private addresses, one of which may be the primary one.
    pub private_ip_addresses: Vec<PrivateIpAddressSpecification>,
    /// Number of secondary private addresses to choose.
    pub secondary_private_ip_address_count: Option<u32>,
    /// Security groups; the VPC's default group where none is named.
    #[query(name = "SecurityGroupId")]
    pub group_ids: Vec<SecurityGroupId>,
    /// `interface` (where absent), `efa` or `efa-only`; EC2's other types are not supported.
    pub interface_type: Option<String>,
    /// Idle timeouts of tracked connections.
    pub connection_tracking_specification: Option<ConnectionTrackingSpecification>,
    /// Tags for the interface.
    #[query(name = "TagSpecification")]
    pub tag_specifications: Vec<TagSpecification>,
    /// Makes the call idempotent.
    pub client_token: Option<String>,
    /// Asks for IPv4 prefixes.
    #[query(name = "Ipv4Prefix")]
    pub ipv4_prefixes: Vec<Ipv4Prefix>,
    /// Asks for IPv4 prefixes.
    pub ipv4_prefix_count: Option<u32>,
    /// Asks for IPv6 prefixes.
    #[query(name = "Ipv6Prefix")]
    pub ipv6_prefixes: Vec<Ipv6Prefix>,
    /// Asks for IPv6 prefixes.
    pub ipv6_prefix_count: Option<u32>,
    /// Asks for IPv6 addresses.
    pub ipv6_addresses: Vec<Ipv6Address>,
    /// Asks for IPv6 addresses.
    pub ipv6_address_count: Option<u32>,
    /// Asks for a primary IPv6 address.
    pub enable_primary_ipv6: Option<bool>,
}

/// `Ipv4Prefix.N`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct Ipv4Prefix {
    /// The prefix.
    pub ipv4_prefix: Option<String>,
}

/// `Ipv6Prefix.N`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct Ipv6Prefix {
    /// The prefix.
    pub ipv6_prefix: Option<String>,
}

/// `Ipv6Addresses.N`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct Ipv6Address {
    /// The address.
    pub ipv6_address: Option<String>,
    /// Whether it is to be the primary one.
    pub is_primary_ipv6: Option<bool>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateNetworkInterfaceResponse {
    network_interface: NetworkInterfaceDescription,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<String>,
}

impl Operation for CreateNetworkInterface {
    const NAME: &'static str = "CreateNetworkInterface";
    type Response = CreateNetworkInterfaceResponse;

    fn plan(
        self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        self.refuse_what_is_absent()?;
        let token = self.client_token.clone();
        let answer =
            |eni: &NetworkInterface, context: &Context<'_>| CreateNetworkInterfaceResponse {
                network_interface: NetworkInterfaceDescription::new(
                    eni,
                    Scope::new(world, context),
                ),
                client_token: token.clone(),
            };
        if let Some(eni) = made_before(token.as_deref(), world, context)? {
            let made = lookup::network_interface(world, eni)?;
            return Ok((ChangeSet::none(), answer(made, context)));
        }
        let eni = self.build(world, context)?;
        let response = answer(&eni, context);
        let mut changes = ChangeSet::none();
        if let Some(token) = &token {
            let id = eni.network_interface_id;
            changes.put(ClientToken::record(Self::NAME, token, id, context));
        }
        changes.put(eni);
        Ok((changes, response))
    }
}

/// The interface that an earlier call with this token made.
fn made_before(
    token: Option<&str>,
    world: &World,
    context: &Context<'_>,
) -> Result<Option<NetworkInterfaceId>, Ec2Error> {
    match ClientToken::replay(CreateNetworkInterface::NAME, token, world, context)? {
        Replay::Yes(ResourceId::NetworkInterfaceId(id)) => Ok(Some(id)),
        Replay::Yes(_) | Replay::No => Ok(None),
    }
}

impl CreateNetworkInterface {
    fn build(self, world: &World, context: &mut Context<'_>) -> Result<NetworkInterface, Ec2Error> {
        let interface_type = efa::requested_type(self.interface_type.as_deref())?;
        let specification = NetworkInterfaceSpecification {
            subnet: lookup::subnet(world, self.subnet_id)?,
            interface_type,
            description: self.description.unwrap_or_default(),
            group_ids: self.group_ids,
            private_addresses: PrivateAddressRequest::of(
                interface_type,
                self.private_ip_address,
                &self.private_ip_addresses,
                self.secondary_private_ip_address_count,
            )?,
            connection_tracking: self
                .connection_tracking_specification
                .unwrap_or_default()
                .checked()?,
            associate_public_ip_address: None,
            tags: Tags::for_created("network-interface", &self.tag_specifications)?,
        };
        build(specification, &mut Claims::default(), world, context)
    }

    fn refuse_what_is_absent(&self) -> Result<(), Ec2Error> {
        let ipv6 = !self.ipv6_prefixes.is_empty()
            || self.ipv6_prefix_count.unwrap_or(0) > 0
            || !self.ipv6_addresses.is_empty()
            || self.ipv6_address_count.unwrap_or(0) > 0
            || self.enable_primary_ipv6 == Some(true);
        unsupported::refuse("IPv6", ipv6)?;
        let prefixes = !self.ipv4_prefixes.is_empty() || self.ipv4_prefix_count.unwrap_or(0) > 0;
        unsupported::refuse("Delegating prefixes", prefixes)
    }
}
